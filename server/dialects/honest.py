"""The default: `X-RateLimit-*` of the tier that binds first, all true; Retry-After in whole seconds, rounded up.

RFC 6585 section 4 (429), RFC 9110 section 10.2.3 (Retry-After).
"""

from __future__ import annotations

import math

from server.dialects.base import Headers, Refusal, Situation


class Honest:
    """True headers: Reset is the epoch second at which the whole limit is there again, rounded up."""

    def headers(self, situation: Situation) -> Headers:
        level = situation.levels[situation.binding]
        headers = [
            ("X-RateLimit-Limit", str(level.tier.limit)),
            ("X-RateLimit-Remaining", str(level.remaining)),
            ("X-RateLimit-Reset", str(math.ceil(situation.epoch_s + level.reset_s))),
        ]
        if situation.refused and situation.retry_after_s is not None:
            headers.append(("Retry-After", str(whole_seconds(situation.retry_after_s))))
        return headers

    def refusal(self, situation: Situation) -> Refusal:
        body: dict[str, object] = {"message": "Too Many Requests"}
        if situation.retry_after_s is not None:
            body["retry_after"] = whole_seconds(situation.retry_after_s)
        return Refusal(429, body)


def whole_seconds(seconds: float) -> int:
    """Rounded up, at least 1: a client that waits so long is let in."""
    return max(1, math.ceil(seconds))
