"""Which headers are believed, and why not: a ledger that is written once and read by everyone."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.pacing.base import RETRY_AFTER, Notice

# Longer than any quota: real servers have said 10^9. Beyond it a header is noise.
ABSURD_S = 366 * 86400.0


@dataclass(slots=True)
class Trust:
    """Headers that were caught, each with the reason. slack_s: added to what a header rounds down, by header."""

    dropped: dict[str, str] = field(default_factory=dict)
    slack_s: dict[str, float] = field(default_factory=dict)

    def drop(self, header: str, why: str) -> bool:
        """Stop believing `header`; True where that is new."""
        if header in self.dropped:
            return False
        self.dropped[header] = why
        return True

    def believes(self, header: str) -> bool:
        return header not in self.dropped

    def too_short(self, header: str) -> bool:
        """`header` promised an end, and it was refused again. First it is taken to be rounded down by up to a second,
        then no longer believed. True where that is new to people.
        """
        if header not in self.slack_s:
            self.slack_s[header] = 1.0
            return True
        return self.drop(header, "it named an end, and the limit was still shut then, even a second later")

    def weigh(self, notice: Notice | None) -> str | None:
        """The header that a refusal's own words belie, where that is new: a Retry-After of 0, below, or of decades, or
        one that the body contradicts.
        """
        if notice is None or notice.retry_after_s is None:
            return None
        header, told, more = notice.waited_by, notice.retry_after_s, ""
        if notice.header_s is not None:
            header, told, more = RETRY_AFTER, notice.header_s, f", its body {notice.retry_after_s:g} s"
        if told == 0 and notice.retry_after_s <= 1.0:  # rounded down, perhaps
            return header if header not in self.slack_s and self.too_short(header) else None
        if told <= 0 or told > ABSURD_S:
            why = f"a refusal said {told:g} s" + (", longer than any quota" if told > 0 else more)
            return header if self.drop(header, why) else None
        return None

    def wait_s(self, header: str, seconds: float) -> float | None:
        """The wait that `header` asks for; None where it is not believed or means nothing."""
        wait_s = seconds + self.slack_s.get(header, 0.0)
        return wait_s if self.believes(header) and 0 <= seconds <= ABSURD_S and wait_s > 0 else None

    def sentences(self) -> tuple[str, ...]:
        dropped = [f"{header} is no longer trusted: {why}" for header, why in self.dropped.items()]
        rounded = [f"{header} is rounded down: a second is added" for header in self.slack_s if self.believes(header)]
        return (*dropped, *rounded)


def says_why(notice: Notice) -> bool:
    """Does an answer name a limit as its reason, in any header?"""
    return notice.retry_after_s is not None or any(quota.remaining == 0 for quota in notice.quotas)
