"""The fold: one state from one history, wherever it is cut, and no move that no run can make."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from harness.errors import RecordError
from harness.record import events as e
from harness.record.fold import apply, fold, latency_bucket, latency_quantile
from harness.record.history import read_events, read_state
from harness.record.snapshot import freeze, latest_snapshot, write_snapshot
from harness.record.state import ITEM_STATES, MOVES, State
from harness.record.summary import Waiting, summarise
from tests.record.samples import facts, history, imported, listed, on_disk, started

QUICK = settings(max_examples=30, deadline=None, derandomize=True)


@given(st.integers(0, 10**6), st.floats(0, 1))
@QUICK
def test_snapshot_and_tail_are_the_full_fold(seed: int, part: float) -> None:
    """Cut anywhere: a snapshot of what was before and the events after it give what all events give."""
    events = history(seed)
    cut = round(part * len(events))
    with tempfile.TemporaryDirectory() as name:
        write_snapshot(Path(name), freeze(fold(events[:cut]), "s1", cut))
        found = latest_snapshot(Path(name))
    assert found is not None
    state, writer, seq = found
    assert (writer, seq) == ("s1", cut)
    assert facts(fold(events[cut:], state)) == facts(fold(events))


@given(st.integers(0, 10**6), st.floats(0, 1), st.integers(1, 60))
@settings(QUICK, max_examples=12)
def test_what_is_on_disk_folds_to_what_was_in_memory(seed: int, part: float, size: int) -> None:
    """Through parts of any size, with a snapshot in the middle of one, resume sees what the import saw."""
    events = history(seed, sessions=1)
    cut = round(part * len(events))
    parts = [events[at : at + size] for at in range(0, len(events), size)]
    with tempfile.TemporaryDirectory() as name:
        folder = on_disk(Path(name) / "r", [parts])
        assert list(read_events(folder)) == events
        assert facts(read_state(folder)) == facts(fold(events))
        write_snapshot(folder, freeze(fold(events[:cut]), "s1", cut))
        assert list(read_events(folder, ("s1", cut))) == events[cut:]
        assert facts(read_state(folder)) == facts(fold(events))


def test_histories_hold_every_kind_of_event_a_run_can_record() -> None:
    """The property tests above are no better than their histories: between them they hold nearly every class."""
    seen = {type(event).__name__ for seed in range(60) for event in history(seed)}
    # Of several processes only: see tests/scale.
    of_shards = {"Fed", "Gathered"}
    assert set(e.EVENT_CLASSES) - seen <= {"LimitsSet", "ItemAdopted", "WaitBegan", "Charged", *of_shards}


def test_a_snapshot_is_a_copy() -> None:
    """What is frozen does not change while the import goes on: it is written in another thread."""
    state = fold(history(3))
    frozen = freeze(state, "s1", 1)
    before = repr(frozen)
    fold([started(9), listed(*range(100, 150), page=9), *(imported(item) for item in range(100, 150))], state)
    assert repr(frozen) == before


@pytest.mark.parametrize("was", [None, *ITEM_STATES])
@pytest.mark.parametrize("to", ["imported", "waiting", "failed", "forgotten", "pending"])
def test_moves_that_are_not_in_the_table_are_refused(was: str | None, to: str) -> None:
    """The fold makes the moves of MOVES and no other; a refused one changes no count of items."""

    def move(state: State, to: str) -> None:
        again = {"waiting": 5.0, "failed": None}
        if to == "imported":
            apply(state, imported(1))
        elif to == "forgotten":
            apply(state, e.Forgotten(1.2, 1))
        elif to == "pending":
            apply(state, e.Retried(1.2, "item", 1))
        else:
            what = (1.2, "item", 1, 1, 1.0, 1.1, 503, "status 503", "", True)
            apply(state, e.AttemptFailed(*what, again[to]))

    state = fold([started(), listed(*([] if was is None else [1]))])
    if was == "forgotten":
        move(state, "failed")
    if was not in (None, "pending"):
        move(state, was)
    counts = dict(state.items.counts)
    if was is not None and to in MOVES[was]:  # type: ignore[index]
        move(state, to)
        assert state.items.state(1) == to
        return
    with pytest.raises(RecordError, match=f"item 1 cannot become {to}: it is {was or 'not listed'}; the record"):
        move(state, to)
    assert state.items.counts == counts


@given(st.lists(st.floats(1e-4, 3600), min_size=1, max_size=50))
@QUICK
def test_quantiles_are_within_two_percent(latencies: list[float]) -> None:
    """The buckets give p50 and p95 of any latencies to 2 %, the highest included."""
    counts: dict[int, int] = {}
    for latency in latencies:
        bucket = latency_bucket(latency)
        counts[bucket] = counts.get(bucket, 0) + 1
    ordered = sorted(latencies)
    for q in (0.5, 0.95, 1.0):
        exact = ordered[max(0, -int(-q * len(ordered) // 1) - 1)]
        found = latency_quantile(counts, q)
        assert found == pytest.approx(exact, rel=0.0205)
    assert latency_quantile({}, 0.5) is None


def test_time_paused_by_a_person_is_no_duration() -> None:
    """First request to last answer, less the pause from the last answer before it to its end, summed over sessions."""
    first = [started(1), listed(1, 2), imported(1, 1.0), e.Paused(5.0), e.Resumed(65.0), imported(2, 66.0)]
    assert fold(first).duration_s == pytest.approx(66.2 - 60.0)
    second = [*first, started(2), listed(3, page=2), imported(3, 10.0)]
    assert fold(second).duration_s == pytest.approx(6.2 + 10.2)
    assert fold(second).ended_utc_s == started(2).utc_s + 10.2


def test_a_probes_answer_is_waited_for_as_part_of_its_pause() -> None:
    """Two parts of one pause are told as one; a probe without a pause of that kind stands for itself."""
    waits = {"500/20s": (19.0, 1), "refused": (12.0, 1), "probe": (0.5, 0)}
    assert summarise("r", State(waits=waits), None).waits == (Waiting("500/20s", 19.0, 1), Waiting("refused", 12.5, 1))
    assert summarise("r", State(waits={"probe": (0.5, 0)}), None).waits == (Waiting("probe", 0.5, 0),)
    assert waits["probe"] == (0.5, 0)
