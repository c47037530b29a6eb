"""The course of a run from its events, for who was not there: a million of them in about a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from harness.record.parts import read_rows
from harness.record.tape import MOST_BINS, Tape

_COLUMNS = ["event", "session", "t_s", "sent_s", "sent", "began_s", "ended_s", "asleep_s", "tier", "reason"]
_FINEST_S = 0.5


def tape_of(folder: Path) -> Tape:
    """What a tape would hold that had been running along; sessions follow on one another without a gap."""
    parts = [rows.table for rows in read_rows(folder / "events", columns=_COLUMNS)]
    if not parts:
        return Tape()
    sessions = list(_sessions(pa.concat_tables(parts)))
    until_s = sum(span_s for _, span_s in sessions)
    tape = Tape(bin_s=_bin_s(until_s))
    ended_s = 0.0
    for number, (events, span_s) in enumerate(sessions):
        if number:
            tape.until_s = ended_s
            tape.session()
        _add(tape, events, until_s)
        ended_s += span_s
    tape.until_s = until_s
    return tape


def _sessions(events: pa.Table) -> Iterator[tuple[pa.Table, float]]:
    """The events of each session, and how long it was."""
    for number in sorted(pc.unique(events["session"]).to_pylist()):
        of_it = events.filter(pc.equal(events["session"], number))
        yield of_it, float(pc.max(of_it["t_s"]).as_py())


def _bin_s(until_s: float) -> float:
    bin_s = _FINEST_S
    while until_s / bin_s >= MOST_BINS:
        bin_s *= 2
    return bin_s


def _add(tape: Tape, events: pa.Table, until_s: float) -> None:
    # A request has a time at which it was sent, and went unless the record says that it did not.
    went = pc.and_(pc.is_valid(events["sent_s"]), pc.fill_null(events["sent"], True))
    refused = pc.equal(events["event"], "Refused")
    for which, is_refused in ((went, False), (refused, True)):
        bins = pc.cast(pc.floor(pc.divide(pc.add(events.filter(which)["t_s"], tape.began_s), tape.bin_s)), pa.int64())
        for found in pc.value_counts(bins).to_pylist():
            number = found["counts"]
            t_s = (found["values"] + 0.5) * tape.bin_s - tape.began_s
            tape.add(t_s, 0 if is_refused else number, number if is_refused else 0)
    # What is too short to see is left out: a strategy that spaces requests evenly waits before each.
    long = pc.greater(pc.fill_null(events["asleep_s"], 0.0), until_s / (2 * MOST_BINS))
    waited = events.filter(pc.and_(pc.equal(events["event"], "Waited"), long))
    for row in waited.to_pylist():
        tape.wait(row["began_s"], row["ended_s"], row["tier"] or row["reason"])
