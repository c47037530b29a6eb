"""Events of every class with any values, plausible histories of whole runs, and runs on disk."""

from __future__ import annotations

import random
import types
from dataclasses import fields, replace
from enum import EnumType
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from harness.core.answers import Failed, Fetch, ItemRead, PageRead, Result
from harness.core.rules import Rules
from harness.pacing import AutoPacer, Notice, Unpaced
from harness.record import events as e
from harness.record.recorder import Recorder
from harness.record.state import State
from harness.session import retry_failed
from tests.core.play import OK, UTC_S, Play, catalogue

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
IDS = st.one_of(
    st.integers(-(10**24), 10**24),
    TEXTS.filter(bool),
    st.from_regex(r"-?0?[0-9]{1,22}", fullmatch=True),
).map(e.canonical_id)
PAGES = st.builds(e.numbered, st.integers(-5, 10**15)) | st.builds(e.linked, TEXTS)
_OF: dict[Any, st.SearchStrategy[Any]] = {
    float: st.floats(-1e15, 1e15),
    int: st.integers(-(2**31), 2**31 - 1),
    str: TEXTS,
    bool: st.booleans(),
    type(None): st.none(),
    e.ItemId: IDS,
    e.ItemId | None: st.none() | IDS,
    e.Key: IDS | PAGES | st.builds(e.Batch, st.lists(IDS, min_size=1, max_size=4).map(tuple)),
    e.PageRef: PAGES,
    e.Endpoint: st.builds(e.Endpoint, *[TEXTS] * 2, st.sampled_from(["list", "item"]), st.none() | TEXTS, TEXTS),
}
# Columns of the table are wider than counts of 2^31 where a run may need it.
_WIDE = {"size_bytes": st.integers(0, 2**63 - 1), "total": st.none() | st.integers(0, 2**63 - 1)}


def _values(kind: Any) -> st.SearchStrategy[Any]:
    if kind in _OF:
        return _OF[kind]
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is tuple:
        return st.lists(_values(get_args(kind)[0]), max_size=4).map(tuple)
    if isinstance(kind, EnumType):
        return st.sampled_from(list(kind))
    assert get_origin(kind) in (Union, types.UnionType), kind
    return st.one_of([_values(option) for option in get_args(kind)])


def events_of(cls: type[e.Event]) -> st.SearchStrategy[e.Event]:
    """Any event of one class."""
    hints = get_type_hints(cls)
    # The number of a session is in the envelope too.
    wide = {**_WIDE, "number": st.just(3)}
    names = [field.name for field in fields(cls)]
    named = {name: wide[name] if name in wide else _values(hints[name]) for name in names}
    return st.builds(cls, **named).map(_of_one_role)


def _of_one_role(event: e.Event) -> e.Event:
    """An endpoint is asked in the role that its event says."""
    endpoint = getattr(event, "endpoint", None)
    role = "list" if isinstance(event, e.PageListed) else getattr(event, "role", "item")
    return event if endpoint is None else replace(event, endpoint=endpoint._replace(role=role))  # type: ignore[call-arg]


EVENTS = st.one_of([events_of(cls) for cls in e.EVENT_CLASSES.values()])


def history(seed: int, sessions: int = 3) -> list[e.Event]:
    """What a run's record may hold: failures, refusals, losses, pauses, kills, several sessions, a list in parts."""
    rng = random.Random(seed)
    ranges = ("to 5", "5 to 9", "from 9") if seed % 5 == 4 else ()
    base = catalogue(rng.randrange(0, 40), rng.choice((1, 3, 10)), 0.05)

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        latency_s, notice, result = base(fetch, now)
        latency_s *= rng.expovariate(1)
        if isinstance(result, PageRead) and fetch.page.part:
            result = replace(result, ids=tuple(int(item) + 1000 * fetch.page.part for item in result.ids))
        if isinstance(result, PageRead) and rng.random() < 0.3:
            result = PageRead((*result.ids, 7, "x-1"), None, result.last_page)
        if isinstance(result, ItemRead) and seed % 4 == 3:  # of most APIs every item carries its id, or none does
            result = ItemRead(10, rng.random() < 0.5)
        return (latency_s, *_outcome(rng, notice, result))

    events: list[e.Event] = []
    state: State | None = None
    for number in range(sessions):
        rules = Rules(rng.randrange(1, 6), (0.5, 1.0), rng.random() < 0.3, rng.random() < 0.8, parts=ranges)
        pacer = AutoPacer() if number == 1 else Unpaced()
        play = Play(serve, rules, pacer, state=state, utc_s=UTC_S + 1000.0 * number, relist=number == 2)
        play.predicts = True
        play.at = [(0.1, lambda core, now: core.pause(now)), (0.3, lambda core, now: core.resume(now))]
        play.at += [(0.4, lambda core, now: core.set_workers(4, now)), (0.6, retry_failed.retry_failed)]
        play.at += [(0.55, lambda core, now: retry_failed.forget_failed(core, now, range(20)))]
        play.run(until=rng.choice((0.2, 0.5, 1e6)))
        events += play.events
        state = play.core.state
    return events


def _outcome(rng: random.Random, notice: Notice | None, result: Result) -> tuple[Notice | None, Result]:
    return rng.choices(
        [
            (notice, result),
            (Notice(429, rng.choice((None, 0.0, 0.2)), (), True), result),
            (Notice(404), Failed("gone", "Not Found", passing=False)),
            (Notice(503), Failed("status 503", "Service Unavailable")),
            (None, Failed("timed out", "no complete answer within 30 s")),
            (None, Failed("connection reset", "", stale=True)),
            (None, Failed("could not connect", "refused", sent=False)),
            (OK, Failed("malformed", "the body is not JSON")),
        ],
        [12, 1, 1, 1, 1, 1, 1, 1],
    )[0]


def facts(state: State) -> dict[str, Any]:
    """All that a state holds, to be compared."""
    known = {field.name: getattr(state, field.name) for field in fields(State) if field.name != "items"}
    return {**known, "items": state.items.columns(), "counts": state.items.counts, "order": list(state.failures)}


def on_disk(folder: Path, sessions: list[list[list[e.Event]]]) -> Path:
    """A run's folder with one part per innermost list, the sessions' writers named as they are."""
    for number, parts in enumerate(sessions, 1):
        recorder = Recorder(folder, folder.name, number)
        for part in parts:
            for event in part:
                recorder.record(event)
            recorder.flush()
    return folder


def started(number: int = 1) -> e.SessionStarted:
    return e.SessionStarted(0.0, number, UTC_S + 1000.0 * number, 10, "500/20s", "window", "here")


def listed(*ids: e.ItemId, page: int = 1) -> e.PageListed:
    return e.PageListed(0.2, e.numbered(page), 1, 0.0, 0.1, 200, ids, len(ids), 1, None)


def imported(item: e.ItemId, sent_s: float = 1.0) -> e.ItemImported:
    return e.ItemImported(sent_s + 0.2, item, 1, sent_s, sent_s + 0.1, 200, 10)
