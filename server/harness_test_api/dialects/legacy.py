"""`X-RateLimit-*` as servers wrote it before there was a draft: an honest one, Laravel's and GitHub's."""

from __future__ import annotations

import math

from harness_test_api.dialects.base import Headers, Level, Refusal, Situation, reset_epoch, retry_after, too_many


def _x_rate_limit(level: Level, reset: int) -> Headers:
    return [
        ("X-RateLimit-Limit", str(level.tier.limit)),
        ("X-RateLimit-Remaining", str(level.remaining)),
        ("X-RateLimit-Reset", str(reset)),
    ]


class Honest:
    """The default: the tier that binds first, all true; Reset is the epoch second of its end, rounded up."""

    def headers(self, situation: Situation) -> Headers:
        level = situation.level
        return _x_rate_limit(level, reset_epoch(situation, level)) + retry_after(situation)

    def refusal(self, situation: Situation) -> Refusal:
        return too_many(situation)


class Laravel:
    """The reference system: the tier written last, Reset always a whole window away except on a refusal.

    Its Retry-After is rounded down, so it may be 0 or up to a second short.
    """

    def headers(self, situation: Situation) -> Headers:
        if not situation.refused:
            level = situation.levels[-1]
            return _x_rate_limit(level, math.floor(situation.epoch_s + level.tier.period_s))
        wait_s = situation.retry_after_s or 0.0
        headers = _x_rate_limit(situation.level, math.floor(situation.epoch_s + wait_s))
        return [*headers, ("Retry-After", str(math.floor(wait_s)))]

    def refusal(self, situation: Situation) -> Refusal:
        return Refusal(429, {"message": "Too Many Attempts."})


class GitHub:
    """403 instead of 429. The first tier is the primary limit, told in headers; the others are secondary.

    A primary refusal has Remaining 0 and no Retry-After: the client reads Reset. A secondary one has Retry-After, and a
    Remaining that looks like room.
    """

    def headers(self, situation: Situation) -> Headers:
        primary = situation.levels[0]
        headers = [(name.lower(), value) for name, value in _x_rate_limit(primary, reset_epoch(situation, primary))]
        headers.append(("x-ratelimit-used", str(max(0, primary.tier.limit - primary.remaining))))
        headers.append(("x-ratelimit-resource", "core"))
        return headers + (retry_after(situation) if situation.binding else [])

    def refusal(self, situation: Situation) -> Refusal:
        if situation.binding:
            return Refusal(
                403, {"message": "You have exceeded a secondary rate limit. Please wait before you try again."}
            )
        return Refusal(403, {"message": f"API rate limit exceeded for {situation.client}."})
