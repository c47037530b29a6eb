"""Pages that were read, as intervals: the same as a set of them, in a few numbers (D10)."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from harness.core.list_reader import known_pages
from harness.core.work import Work
from harness.record import events as e
from harness.record.fold import fold
from harness.record.pages import PageSet, Turn, without
from tests.record.samples import listed, started

NUMBERS = st.integers(-2, 12)
PAGES = st.lists(NUMBERS | st.sampled_from(["c1", "?page=2", "x"]), max_size=25)


def spelt(turns: list[Turn]) -> list[e.Key]:
    """Every page of some turns, one by one."""
    return [page for turn in turns for page in (turn if isinstance(turn, range) else [turn])]


@given(PAGES)
def test_it_is_a_set_of_pages(pages: list[e.Key]) -> None:
    """Whatever is added in whatever order: members, length, the pages that are missing, and JSON and back."""
    found, plain = PageSet(pages), set(pages)
    assert (set(found), len(found), bool(found)) == (plain, len(plain), bool(plain))
    assert [page in found for page in range(-3, 14)] == [page in plain for page in range(-3, 14)]
    assert spelt(found.missing(9)) == [page for page in range(1, 10) if page not in plain]
    back = PageSet.from_json(json.loads(json.dumps(found.as_json())))
    assert (back, len(back)) == (found, len(found))
    for page in (3, "c1"):
        back.add(page)
        assert set(back) == plain | set(back)
    back.clear()
    assert back == PageSet()


@given(st.lists(st.tuples(NUMBERS, st.integers(1, 5)), max_size=3), st.sets(NUMBERS | st.sampled_from(["c1", "x"])))
def test_pages_that_wait_are_left_out(pieces: list[tuple[int, int]], waiting: set[e.Key]) -> None:
    """In their order, and without an empty range."""
    turns: list[Turn] = [*(range(at, at + count) for at, count in pieces), "c1"]
    found = list(without(turns, waiting))
    assert spelt(found) == [page for page in spelt(turns) if page not in waiting]
    assert all(turn != range(0) for turn in found)


def test_work_hands_out_a_range_page_by_page() -> None:
    """What is put back comes first, and a range that is used up is gone."""
    work = Work()
    work.add("list", [range(2, 4), "x"])
    first = work.take("list")
    work.put_back(first)
    assert [work.take("list").key for _ in range(3)] == [2, 3, "x"]
    assert work.empty()


def test_a_list_that_declares_ten_million_pages_is_a_few_numbers() -> None:
    """D10: after pages 1, 2 and 5 the rest is two ranges, in memory and from the record alike."""
    pages = [replace(listed(n, page=n), last_page=10_000_000) for n in (1, 2, 5)]
    state = fold([started(1), *pages])
    assert known_pages(state) == [range(3, 5), range(6, 10_000_001)]
    assert state.pages.as_json() == [[1, 2], [5, 5]]
