"""Pages that were read, as intervals: the same as a set of them, in a few numbers (D10)."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, strategies as st

from harness.core.list_reader import known_pages
from harness.core.work import Work
from harness.record import events as e
from harness.record.fold import fold
from harness.record.pages import PageSet, PageTurn, without
from tests.record.samples import listed, started

NUMBERS = st.integers(-2, 12)
LINKS = st.sampled_from(["c1", "?page=2", "x"]).map(e.linked)
PAGES = st.lists(NUMBERS.map(e.numbered) | LINKS, max_size=25)


def spelt(turns: list[PageTurn]) -> list[e.PageRef]:
    """Every page of some turns, one by one."""
    return [page for turn in turns for page in (map(e.numbered, turn) if isinstance(turn, range) else [turn])]


@given(PAGES)
def test_it_is_a_set_of_pages(pages: list[e.PageRef]) -> None:
    """Whatever is added in whatever order: members, length, the pages that are missing, and JSON and back."""
    found, plain = PageSet(pages), set(pages)
    assert (set(found), len(found), bool(found)) == (plain, len(plain), bool(plain))
    assert [page in found for page in map(e.numbered, range(-3, 14))] == [
        page in plain for page in map(e.numbered, range(-3, 14))
    ]
    assert spelt(found.missing(9)) == [page for page in map(e.numbered, range(1, 10)) if page not in plain]
    back = PageSet.from_json(json.loads(json.dumps(found.as_json())))
    assert (back, len(back)) == (found, len(found))
    for page in (e.numbered(3), e.linked("c1")):
        back.add(page)
        assert set(back) == plain | set(back)
    back.clear()
    assert back == PageSet()


@given(
    st.lists(st.tuples(NUMBERS, st.integers(1, 5)), max_size=3),
    st.sets(NUMBERS.map(e.numbered) | LINKS),
)
def test_pages_that_wait_are_left_out(pieces: list[tuple[int, int]], waiting: set[e.PageRef]) -> None:
    """In their order, and without an empty range."""
    turns: list[PageTurn] = [*(range(at, at + count) for at, count in pieces), e.linked("c1")]
    found = list(without(turns, waiting))
    assert spelt(found) == [page for page in spelt(turns) if page not in waiting]
    assert all(turn != range(0) for turn in found)


def test_work_hands_out_a_range_page_by_page() -> None:
    """What is put back comes first, and a range that is used up is gone."""
    work = Work()
    work.add("list", [range(2, 4), e.linked("x")])
    first = work.take("list")
    work.put_back(first)
    assert [work.take("list").key for _ in range(3)] == [e.numbered(2), e.numbered(3), e.linked("x")]
    assert work.empty()


def test_a_list_that_declares_ten_million_pages_is_a_few_numbers() -> None:
    """D10: after pages 1, 2 and 5 the rest is two ranges, in memory and from the record alike."""
    pages = [replace(listed(n, page=n), last_page=10_000_000) for n in (1, 2, 5)]
    state = fold([started(1), *pages])
    assert known_pages(state) == [range(3, 5), range(6, 10_000_001)]
    assert state.pages.as_json() == [[1, 2], [5, 5]]
