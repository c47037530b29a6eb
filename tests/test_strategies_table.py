"""The committed table of strategies is what playing them gives, and the mark in it is where it belongs."""

from __future__ import annotations

import re

import pytest

from benchmarks.strategies import DECLARED, HEAD, SERVERS, TABLE, Row, behind, clients, measure, table

pytestmark = pytest.mark.matrix

TEXT = TABLE.read_text()


def committed(server: str) -> list[str]:
    part = TEXT.split(f"### {server}\n", 1)[1].split("###")[0]
    return [line for line in part.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("at", [8, pytest.param(7, marks=pytest.mark.slow)])
def test_rows_played_again_are_the_committed_ones(at: int) -> None:
    """Two of the servers, with every strategy and every library: a strict leaky bucket and a window of a second."""
    server = SERVERS[at]
    again = table(measure([server])).splitlines()
    assert [line for line in again if line.startswith("| ")][1:] == committed(server.title)


@pytest.mark.slow
def test_the_whole_table_played_again_is_the_committed_one() -> None:
    """Word for word."""
    assert HEAD + table(measure()) == TEXT


def test_the_table_has_a_row_for_every_strategy_and_library_on_every_server() -> None:
    """None is left out because it looks bad."""
    for server in SERVERS:
        assert [line.split("|")[1].strip() for line in committed(server.title)] == list(clients())


@pytest.mark.parametrize(
    ("ratio", "refused", "says"),
    [
        (1.1, 0, ""),
        (1.1003, 0, ""),
        (1.2, 3, ""),
        (1.0, 3, "faster"),
        (1.1, -1, "fewer 429s"),
        (1, -1, "faster and fewer 429s"),
    ],
)
def test_who_is_ahead_is_marked(ratio: float, refused: int, says: str) -> None:
    """In either number; a tie in makespan is none."""
    assert behind(Row("s", DECLARED, 1.1, 0), Row("s", "lib", ratio, refused)) == says


def test_ahead_of_every_library_on_every_server() -> None:
    """The aim of the table: no mark, alone or with other tenants."""
    for server in SERVERS:
        assert not [line for line in committed(server.title) if re.search(r"\*\*", line)], server.title
