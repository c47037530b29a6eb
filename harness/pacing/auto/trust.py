"""Which headers are believed, and why not: a ledger that is written once and read by everyone."""

from __future__ import annotations

from dataclasses import dataclass, field

# Longer than any quota; FIELD: 10^9 was seen. Beyond it a header is noise.
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

    def wait_s(self, header: str, seconds: float) -> float | None:
        """The wait that `header` asks for; None where it is not believed or means nothing."""
        wait_s = seconds + self.slack_s.get(header, 0.0)
        return wait_s if self.believes(header) and 0 <= seconds <= ABSURD_S and wait_s > 0 else None

    def sentences(self) -> tuple[str, ...]:
        dropped = [f"{header} is no longer trusted: {why}" for header, why in self.dropped.items()]
        rounded = [f"{header} is rounded down: a second is added" for header in self.slack_s if self.believes(header)]
        return (*dropped, *rounded)
