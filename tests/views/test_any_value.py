"""No value that a run can have makes a view raise, and no frame is wider than its terminal."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st

from harness.record.events import RunStatus
from harness.record.live import Live, LiveTier
from harness.record.run_view import RunView
from harness.record.state import Current, Failure, State
from harness.record.summary import Ledger, LostTo, Summary, Waiting
from harness.session.planning import ListOnly, Plan
from harness.views.frame import DOINGS, frame
from harness.views.plan import before_start, plan_text
from harness.views.progress import Progress, plain_line
from harness.views.runs import RunRow, runs_text
from harness.views.screen import Screen
from harness.views.show import show_text
from harness.views.summary import summary_text
from tests.views.samples import seen
from tests.views.test_screen import Terminal

seconds = st.one_of(st.sampled_from([0.0, 1e-9, 59.96, 1e18, 1e308, math.inf]), st.floats(0, 1e9))
signed_s = st.one_of(seconds, seconds.map(lambda s: -s))
counts = st.one_of(st.sampled_from([0, 1, 2, 10**9, 10**30]), st.integers(0, 10**6))
shares = st.one_of(st.just(1.0), st.floats(0, 1), seconds)
texts = st.one_of(st.sampled_from(["", "500/20s", "日本語", "a{b}", "[red]", "\x1b[31m"]), st.text(max_size=60))
statuses = st.sampled_from(list(RunStatus))
screens = st.builds(Screen, st.one_of(st.none(), st.integers(1, 200)), st.booleans(), st.booleans())


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


tiers = st.builds(LiveTier, texts, counts, counts, counts, maybe(seconds), texts)
doings = st.one_of(st.sampled_from(sorted(DOINGS)), texts)
lives = st.builds(
    Live, seconds, signed_s, counts, counts, doings, maybe(signed_s), maybe(texts),
    st.lists(tiers, max_size=3).map(tuple), maybe(seconds), counts, maybe(signed_s), maybe(signed_s), maybe(seconds),
)  # fmt: skip
waits = st.lists(st.builds(Waiting, texts, seconds, counts), max_size=4).map(tuple)
summaries = st.builds(
    Summary, texts, statuses, texts, maybe(counts), counts, counts, counts, counts,
    st.dictionaries(texts, counts, max_size=4), counts, counts, counts, counts, counts, seconds, seconds, seconds,
    waits, counts, texts, texts, texts, counts, counts, maybe(seconds), maybe(seconds), st.booleans(), maybe(seconds),
    maybe(counts), maybe(shares), maybe(st.builds(LostTo, seconds, seconds, seconds, seconds)), maybe(seconds),
    maybe(seconds), maybe(seconds), maybe(seconds), maybe(seconds), seconds, maybe(shares),
    maybe(st.builds(Ledger, counts, counts, st.booleans())),
)  # fmt: skip
keys = st.one_of(counts, texts)
failures = st.builds(
    Failure, st.sampled_from(["list", "item"]), keys, counts, signed_s, maybe(counts), texts, texts, maybe(signed_s)
)
list_only = st.builds(ListOnly, counts, counts, maybe(seconds))
plans = st.builds(
    Plan, counts, maybe(counts), maybe(counts), texts, texts, maybe(seconds), maybe(seconds), maybe(seconds), counts,
    maybe(counts), maybe(list_only),
)  # fmt: skip
rows = st.builds(RunRow, texts, statuses, counts, maybe(counts), counts, counts, counts, seconds, maybe(shares))
many = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def states(draw: st.DrawFn) -> State:
    """A state with any figures, whether or not a run can come to them."""
    state = State(total=draw(maybe(counts)), refused=draw(counts), limits=draw(texts), status=draw(statuses))
    for name in state.items.counts:
        state.items.counts[name] = draw(counts)
    for item in range(draw(st.integers(0, 5))):
        state.items.add(item)
    state.earlier_s = draw(seconds)
    state.session = Current(
        1, draw(seconds), draw(maybe(seconds)), draw(maybe(seconds)), draw(maybe(seconds)), draw(seconds)
    )
    return state


@many
@given(states(), lives, texts, st.integers(1, 200))
def test_a_frame_is_never_wider_than_its_terminal(state: State, live: Live, run: str, width: int) -> None:
    """At any width from 1 to 200 columns, every line fits and says something."""
    lines = frame(seen(state, live, run), width)
    assert max(line.cell_len for line in lines) <= width
    assert any(line.plain.strip() for line in lines)


@many
@given(states(), lives)
def test_a_log_line_is_one_line(state: State, live: Live) -> None:
    """Whatever the figures, a line for a log is one line of printable characters."""
    line = plain_line(seen(state).summary, live)
    assert line.isprintable()
    assert " state=" in line


@many
@given(states(), lives, texts, st.sampled_from(["utf-8", "ascii"]))
def test_the_bar_shows_anything(state: State, live: Live, run: str, encoding: str) -> None:
    """Any figures reach a terminal of any encoding."""
    stream = Terminal(encoding)
    with Progress("bar", stream) as shown:
        shown.update(seen(state, live, run))
    assert b"in flight" in stream.buffer.getvalue()  # type: ignore[attr-defined]


@many
@given(summaries, screens, st.lists(failures, max_size=25), st.dictionaries(texts, texts, max_size=3), signed_s)
def test_summaries_show_anything(
    summary: Summary, screen: Screen, failed: list[Failure], configured: dict[str, str], now_utc_s: float
) -> None:
    """Any summary, failures and settings can be shown on any screen."""
    text = show_text(RunView(summary, failures=tuple(failed)), screen, settings=configured, now_utc_s=now_utc_s)
    assert text.startswith(summary_text(summary, screen, commands=()).split("\n")[0])
    assert screen.unicode or text.isascii()


@many
@given(plans, screens, maybe(seconds), counts, maybe(counts), maybe(seconds))
def test_plans_show_anything(
    plan: Plan, screen: Screen, best_s: float | None, requests: int, limit: int | None, period_s: float | None
) -> None:
    """Any plan can be shown on any screen."""
    assert "best possible" in plan_text(plan, screen)
    words = before_start(best_s, requests, limit, period_s, "the bar")
    assert words == "" if best_s is None else words.endswith(".")


@many
@given(st.lists(rows, max_size=5), screens)
def test_tables_show_anything(runs: list[RunRow], screen: Screen) -> None:
    """Any runs can be listed on any screen, one mark each."""
    text = runs_text(runs, screen)
    assert len(text.splitlines()) >= len(runs)
    assert screen.unicode or text.isascii()
