"""Each benchmark runs, at sizes that say nothing about speed, and yields figures that a table can show."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from benchmarks import (
    account,
    core,
    importer,
    lab,
    large,
    learn,
    memory,
    million,
    pacer,
    panel,
    resume,
    runs_table,
    shards,
    static,
)
from benchmarks.__main__ import main
from benchmarks.libraries import LIBRARIES
from benchmarks.measure import Figure, alone, beside, table, turns


def positive(figures: list[Figure]) -> bool:
    """Has every figure a value, and every ratio too?"""
    return all(figure.ours > 0 and (figure.ratio is None or figure.ratio > 0) for figure in figures)


def test_the_pacer_beside_aiolimiter() -> None:
    """Three ways of using the pacer, each beside aiolimiter, and one beside every library; one tier has an aim."""
    figures = pacer.measure(rounds=1, decisions=50, outstanding=5)
    assert positive(figures)
    assert [bool(figure.aim) for figure in figures] == [True] + [False] * (2 + len(LIBRARIES))


def test_the_core_alone() -> None:
    """Recording off and on have aims; everything is imported, or the bench itself would fail."""
    figures = core.measure(rounds=1, items=230, slow_items=30)
    assert positive(figures)
    assert [figure.aim for figure in figures] == [">= 25,000", ">= 15,000", "", ""]


@pytest.mark.parametrize("row", [learn.ROWS[1], learn.ROWS[13], learn.ROWS[24]], ids=lambda row: row.name)
def test_what_auto_learns_beside_what_is_told(row: learn.Row) -> None:
    """A window of 11 s without a hint, one on the clock, and two tiers by Retry-After: each reaches its aim."""
    reached, refused = learn.measure(rounds=1, rows=(row,))
    assert reached.met is True
    assert reached.other == row.before
    assert 0 < refused.ours < 40


@pytest.mark.slow
def test_what_auto_learns_in_every_row() -> None:
    """Every aim is met."""
    assert [figure.name for figure in learn.measure(rounds=1) if figure.met is False] == []


@pytest.mark.realtime
def test_the_importer_beside_a_bare_loop() -> None:
    """Over real sockets, against a server of its own."""
    figures = importer.measure(rounds=1, items=12, workers=3)
    assert positive(figures)
    assert sum(figure.met is not None for figure in figures) == 2


@pytest.mark.realtime
def test_several_processes_beside_one() -> None:
    """By the command line, against the static server: every item comes, or the bench itself would fail."""
    figures = shards.measure(rounds=1, items=60, workers=3)
    assert positive(figures)
    assert [bool(figure.aim) for figure in figures] == [True, False, False, False]


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        (b"GET /items?page=2&perPage=2 HTTP/1.1", {"data": [{"id": 3}, {"id": 4}], "total": 5}),
        (b"GET /items?perPage=2&page=3 HTTP/1.1", {"data": [{"id": 5}], "total": 5}),
        (b"GET /items/3 HTTP/1.1", {"id": 3, "name": "item 3", "value": 1.5, "tags": ["a", "b"]}),
    ],
)
def test_what_the_static_server_answers(asked: bytes, body: object) -> None:
    head, _, text = static.answer(asked, 5).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"content-length: %d" % len(text) in head
    assert json.loads(text) == body


@pytest.mark.realtime
def test_how_long_a_killed_import_takes_to_go_on() -> None:
    """Two figures, each with its aim, from a run that is really read."""
    resumed, watched = resume.measure(rounds=1, items=1000)
    assert (resumed.unit, watched.unit) == ("processor s", "processor ms")
    assert resumed.ours
    assert watched.ours


@pytest.mark.realtime
def test_grants_of_a_shared_account_beside_limiters_on_redis() -> None:
    """On both stores, at three sizes of a lease, beside two libraries; on Valkey each has an aim."""
    figures = account.measure(rounds=1, keys=1)
    assert positive(figures)
    aims = [figure.aim for figure in figures if figure.aim]
    assert aims == [f">= {times} of it" for times in (1, 1, 5, 5, 20, 20)]
    assert len(figures) == 3 * 2 * 2 + 2


def test_the_memory_of_an_import() -> None:
    """Each peak is that of a process of its own."""
    figures = memory.measure(items=300)
    assert positive(figures)
    assert [figure.aim for figure in figures] == ["", "<= 300", "<= 300"]


@pytest.mark.slow
def test_a_million_items_are_sorted_and_written_within_300_mb() -> None:
    """Pages and answers in any order at all; what is written is in the order of the list."""
    figures = memory.measure()
    assert [figure for figure in figures if figure.aim and not figure.met] == []


@pytest.mark.slow
@pytest.mark.realtime
def test_large_records_take_no_more_memory_than_small_ones() -> None:
    """D2, D10: each peak is that of a process of its own; far under what they took, so that no machine is near it."""
    cases = tuple(name for name in large.CASES if name != "3 items of 30 MB")
    figures = large.measure(cases=cases)
    assert [figure for figure in figures if not figure.met] == []
    assert {figure.aim for figure in figures} == {"<= 300"}


@pytest.mark.realtime
def test_the_lab() -> None:
    """Simulated beside HTTP in virtual time, and a sweep on one process and on two."""
    figures = lab.measure(rounds=1, items=40, asgi_items=20, points=2, point_items=5)
    assert positive(figures)
    assert [figure.aim for figure in figures] == [">= 20 of it", ">= 1,000", "", ""]


@pytest.mark.realtime
def test_a_million_items() -> None:
    """Time and memory of a process of its own."""
    figures = million.measure(items=300)
    assert positive(figures)
    assert [figure.aim for figure in figures] == ["<= 60", "<= 300"]


@pytest.mark.realtime
def test_what_watching_costs() -> None:
    """In a real kernel, with the board and the table and without; watching may cost 5 %."""
    figures = panel.measure(rounds=1, items=40)
    assert positive(figures)
    assert [figure.aim for figure in figures] == [">= 0.95 of it", ""]


def test_the_table_of_runs() -> None:
    """It is read and looked at again, at no size that says anything; each figure has its aim."""
    figures = runs_table.measure(rounds=2, runs=12)
    assert positive(figures)
    assert [figure.aim for figure in figures] == ["<= 1,000", "<= 20", "<= 20"]


def test_turns_go_back_and_forth() -> None:
    """Nobody always comes first, and neighbours in time are compared."""
    assert list(turns(["a", "b", "c"], 2)) == ["a", "b", "c", "c", "b", "a"]


def test_figures_are_medians_of_rounds_and_say_whether_the_aim_was_met() -> None:
    """A ratio is the median of the rounds' ratios, not the ratio of the medians."""
    figure = beside("us : them", "x/s", [10.0, 20.0, 90.0], [10.0, 40.0, 100.0], at_least=0.9)
    assert (figure.ours, figure.other, figure.ratio, figure.met) == (20.0, 40.0, 0.9, True)
    assert alone("us", "x/s", [1.0, 3.0, 2.0], at_least=2.5).met is False
    assert alone("us", "MB", [300.0], at_most=300).met is True
    assert alone("us", "MB", [300.0]).met is None


def test_the_table_shows_every_figure_with_its_aim() -> None:
    """Text in columns: names to the left, numbers to the right."""
    shown = table([beside("us : them", "x/s", [1234.5], [2469.0], 0.85), alone("alone", "ms", [7.5])])
    assert shown.splitlines() == [
        "figure     unit   ours  other  ratio  aim",
        "us : them  x/s   1,234  2,469   0.50  >= 0.85 of it  MISSED",
        "alone      ms     7.50",
    ]


def test_a_bench_that_is_none_is_refused() -> None:
    """The names that there are come with the refusal."""
    refused = CliRunner().invoke(main, ["speed"])
    assert refused.exit_code == 2
    assert "memory" in refused.output
