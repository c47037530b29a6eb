"""Gather what a run's record tells of limits: who was let through and refused, and what was believed and held."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from harness.errors import BadLimits
from harness.pacing import parse_tiers
from harness.pacing.tiers import Tier
from harness.record import events as e
from harness.record.arrow import from_table
from harness.record.parts import read_rows

# Strategies that hold what they are told, so that the record's limits were declared.
_HOLD = ("window", "spaced")
_TOLD = ["SessionStarted", "LimitsSet", "Refused", "Learned"]
_ACCEPTED = ["PageListed", "ItemImported", "AttemptFailed"]


@dataclass(slots=True)
class Session:
    """One session as the server saw it: accepted requests in order of answers, and refusals in order of answers."""

    answered: array[float] = field(default_factory=lambda: array("d"))
    sent: array[float] = field(default_factory=lambda: array("d"))
    refused: list[e.Refused] = field(default_factory=list)

    def accept(self, answered_s: float, sent_s: float) -> None:
        self.answered.append(answered_s)
        self.sent.append(sent_s)

    def sort(self) -> None:
        order = sorted(range(len(self.answered)), key=lambda at: (self.answered[at], self.sent[at]))
        self.answered = array("d", (self.answered[at] for at in order))
        self.sent = array("d", (self.sent[at] for at in order))
        self.refused.sort(key=lambda refusal: refusal.answered_s)


@dataclass(slots=True)
class Evidence:
    """The part of a run's events that tells of limits. held: limits that were declared and held, in any session."""

    sessions: list[Session] = field(default_factory=list)
    learned: dict[str, e.Learned] = field(default_factory=dict)
    believed: str = ""
    held: dict[Tier, None] = field(default_factory=dict)

    def take(self, event: e.Event) -> None:
        """Take in one event; they come in order."""
        if isinstance(event, e.SessionStarted):
            self.sessions.append(Session())
            if event.strategy in _HOLD:
                self._hold(event.limits)
        elif isinstance(event, e.LimitsSet):
            self._hold(event.limits)
        elif isinstance(event, e.Refused):
            self.sessions[-1].refused.append(event)
        elif isinstance(event, e.Learned):
            self.believed = event.limits
            if event.tier is not None:
                self.learned[event.tier] = event
        elif (
            isinstance(event, (e.PageListed, e.ItemImported, e.AttemptFailed))
            and event.answered_s is not None
            and not getattr(event, "along", False)
        ):
            self.sessions[-1].accept(event.answered_s, event.sent_s)

    def _hold(self, limits: str) -> None:
        try:
            self.held |= dict.fromkeys(parse_tiers(limits) if limits else ())
        except BadLimits:  # of another version: then it is not known
            return


def read_evidence(folder: Path) -> Evidence:
    """Return the evidence of the run in `folder`. Of the many accepted requests only two times each are read."""
    import pyarrow.compute as pc  # takes a while, and most of what reads a run has no use for it

    evidence = Evidence()
    for rows in read_rows(folder / "events"):
        names = rows.table.column("event")
        for event in from_table(rows.table.filter(pc.is_in(names, pa.array(_TOLD)))):
            evidence.take(event)
        accepted = pc.and_(pc.is_in(names, pa.array(_ACCEPTED)), pc.is_valid(rows.table.column("answered_s")))
        if "along" in rows.table.schema.names:
            accepted = pc.and_(accepted, pc.invert(pc.fill_null(rows.table.column("along"), False)))
        times = rows.table.filter(accepted).select(["session", "answered_s", "sent_s"])
        for number, answered_s, sent_s in zip(*(column.to_pylist() for column in times.columns), strict=True):
            evidence.sessions[min(number, len(evidence.sessions)) - 1].accept(answered_s, sent_s)
    return evidence
