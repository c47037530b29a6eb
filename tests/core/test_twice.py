"""An end that would rest on one odd answer is asked for once more: CASES.md A6, A11, by Rest and Core without IO."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.core.answers import Fetch, ItemRead, PageRead, Result
from harness.core.rules import Rules
from harness.pacing import Notice
from harness.record import events as e
from harness.record.discovery import is_page_size
from harness.source.answer_reader import unsaid_end
from harness.source.rest import Rest
from harness.spec.source import CursorPaging, LinkPaging, OffsetPaging, Resource, Source
from tests.core.lists import URL, Answers, Reply, importing, numbered, pages_asked, records
from tests.core.play import Play
from tests.core.test_listing import ended

TWENTIES = [list(range(n, n + 20)) for n in range(1, 181, 20)]  # 9 full pages
ODD = {
    "404": Reply("<html><title>404 no backend</title></html>", 404),
    "410": Reply("gone", 410),
    "204": Reply("", 204),
    "{}": Reply({}),
    "null": Reply(None),
    "[]": Reply([]),
    "data": Reply({"data": []}),
    "": Reply(""),
}


def once(page: str, odd: Reply, answers: Answers, name: str = "page") -> Answers:
    """Answer `odd` the first time that `page` is asked for."""
    left = [odd]
    return lambda query: left.pop() if query.get(name) == page and left else answers(query)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("page", [2, 3, 9])
def test_one_odd_answer_behind_a_full_page_loses_nothing(odd: str, page: int) -> None:
    """Wherever it comes, the last page included: it is asked for again, and what it holds then counts."""
    play = importing(once(str(page), ODD[odd], numbered(TWENTIES)))
    assert ended(play) == ("complete", 180, "empty: page 10 is empty, asked twice, and page 11 is empty")
    assert [key for key in pages_asked(play) if key == page] == [page, page]


@pytest.mark.parametrize("odd", ["404", "410", "204", "{}", "null", ""])
def test_an_end_that_is_said_twice_is_believed(odd: str) -> None:
    """A11: it costs one request more, and the evidence says so."""
    play = importing(numbered(TWENTIES, past=ODD[odd]))
    status, items, why = ended(play)
    assert (status, items) == ("complete", 180)
    assert why.startswith("past end: page 10 ")
    assert why.endswith(", asked twice")
    assert pages_asked(play) == [*range(1, 10), 10, 10, *([10] if odd == "" else []), 0]


@pytest.mark.parametrize("past", [None, *(ODD[odd] for odd in ("404", "204", "{}", "null"))])
def test_behind_a_short_page_nothing_is_asked_twice(past: Reply | None) -> None:
    """The fewest requests: the page before shows that the list was over."""
    play = importing(numbered([*TWENTIES, [181, 182]], past=past))
    assert (ended(play)[:2], pages_asked(play)) == (("complete", 182), [*range(1, 12), 0])
    play = importing(numbered([[1, 2, 3]], past=past))
    assert (ended(play)[:2], pages_asked(play)) == (("complete", 3), [1, 2, 0])


@pytest.mark.parametrize(
    "about",
    [
        lambda n: {"total": 180},
        lambda n: {"has_next": n < 9},
        lambda n: {"next": f"?page={n + 1}" if n < 9 else None},
        lambda n: {"last_page": 9, "total": 180},
    ],
)
def test_nothing_is_asked_twice_where_the_list_says_that_it_is_over(about: Callable[[int], dict[str, Any]]) -> None:
    """A total that was reached, no more, a next link that is null."""
    asked = pages_asked(importing(numbered(TWENTIES, about)))
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("hole", [1, 2, 8])
def test_a_hole_behind_a_full_page_is_no_end(hole: int) -> None:
    """A6: an empty page in the middle, each time that it is asked for."""
    pages = [*TWENTIES[:hole], [], *TWENTIES[hole:]]
    play = importing(numbered(pages))
    assert ended(play)[:2] == ("complete", 180)
    assert [key for key in pages_asked(play) if key == hole + 1] == [hole + 1] * 2


def test_an_empty_body_behind_a_short_page_is_tried_once_more() -> None:
    """As at a page that a link or a cursor names: the body was cut off rather than that the list is over."""
    pages = [*TWENTIES[:2], [41, 42], *TWENTIES[3:]]
    play = importing(once("4", Reply(""), numbered(pages)))
    assert ended(play)[:2] == ("complete", 162)
    assert [failed.reason for failed in play.of(e.AttemptFailed)] == ["malformed"]


def rest_of(paging: Any, url: str = URL) -> Rest:
    return Rest(Source(resource=Resource(url=url, per_page=20, size_param="limit", paging=paging)))


def test_an_offset_behind_a_full_page_is_asked_twice() -> None:
    """What is guessed by offset is guessed as numbers are."""

    def answer(query: dict[str, str]) -> Reply:
        offset = int(query.get("offset", 0))
        return Reply({"data": records(*range(offset, min(offset + 20, 180)))})

    rest = rest_of(OffsetPaging())
    assert ended(importing(answer, rest))[2] == "empty: the page at offset 180 is empty, asked twice"
    assert ended(importing(once("40", Reply({"data": []}), answer, "offset"), rest))[:2] == ("complete", 180)


def chained(query: dict[str, str], way: str) -> Reply:
    """Pages of 20 that lead on by `c`: in a Link header, or in a field that the last page lacks, or has as null."""
    begin = int(query.get("c", 0))
    following, found = (begin + 20 if begin < 160 else None), records(*range(begin, begin + 20))
    if way == "Link":
        return Reply(found, headers={"link": f'<{URL}?c={following}>; rel="next"'} if following else {})
    return Reply({"data": found, **({"next_cursor": following} if following or way == "null" else {})})


@pytest.mark.parametrize("way", ["Link", "null", "absent"])
@pytest.mark.parametrize("page", ["20", "100", "160"])
def test_a_named_page_that_says_nothing_is_asked_twice(way: str, page: str) -> None:
    """It brings nothing and does not say where the list ends, though the list led to it."""
    rest = rest_of(LinkPaging() if way == "Link" else CursorPaging(next="next_cursor", param="c"))
    odd = Reply([] if way == "Link" else {"data": []})
    play = importing(once(page, odd, lambda query: chained(query, way), "c"), rest)
    assert ended(play)[:2] == ("complete", 180)
    assert len(pages_asked(play)) == 10


def test_a_named_page_that_says_nothing_twice_is_the_end() -> None:
    """Some lists lead on to an empty last page."""
    rest = rest_of(CursorPaging(next="next_cursor", param="c"))
    gone = lambda query: Reply({"data": []}) if query.get("c") == "40" else chained(query, "null")  # noqa: E731
    play = importing(gone, rest)
    assert (ended(play)[:2], len(pages_asked(play))) == (("complete", 40), 4)


def test_a_named_page_that_is_empty_and_says_that_it_is_the_last_is_asked_once() -> None:
    """A cursor that is null there is the list's own word."""
    rest = rest_of(CursorPaging(next="next_cursor", param="c"))
    last = Reply({"data": [], "next_cursor": None})
    play = importing(lambda query: last if query.get("c") == "40" else chained(query, "null"), rest)
    assert (ended(play)[:2], len(pages_asked(play))) == (("complete", 40), 3)


@pytest.mark.parametrize(
    ("records", "usual"), [(3, False), (10, True), (99, False), (100, True), (5000, True), (512, True)]
)
def test_what_is_a_page_size(records: int, usual: bool) -> None:
    """By these a single page is told from one of many."""
    assert is_page_size(records) is usual


@pytest.mark.parametrize("detail", [True, False])
def test_an_id_that_is_another_record_fails_its_page_where_records_are_kept(detail: bool) -> None:
    """Else the second of them would be lost; where items are fetched by id, rows may differ."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        if fetch.role == "item":
            return 0.01, Notice(200), ItemRead(1)
        other = 1 if fetch.page.number == 2 else None
        return 0.01, Notice(200), PageRead((1, 2) if fetch.page.is_first else (3, 1), 3, 2, other=other)

    play = Play(serve, Rules(retry_delays_s=(1.0,), detail=detail)).run()
    status, items, why = ended(play)
    assert (status, items) == (("complete", 3) if detail else ("failed", 2))
    named = "the page names the id 1 with another record than an earlier page: ids are not unique here"
    assert (named in why) is not detail


def test_a_file_that_comes_again_is_the_evidence_of_its_end() -> None:
    """Nobody declared it as a list of one page, so nothing says so; and what its end rests on is said."""

    def serve(fetch: Fetch, now: float) -> tuple[float, Notice | None, Result]:
        past = f"is the same file as page 1{unsaid_end({'content-type': 'text/csv'})}"
        read = PageRead(tuple(range(20))) if fetch.page.is_first else PageRead((), paging="single", past=past)
        return 0.01, Notice(200), read

    play = Play(serve, Rules(retry_delays_s=(1.0,), detail=False)).run()
    evidence = "page 2 is the same file as page 1, and only the close of its connection shows where it ends"
    assert (ended(play), pages_asked(play)) == (("complete", 20, f"single: {evidence}"), [1, 2])
    assert unsaid_end({"content-length": "7"}) == unsaid_end({"transfer-encoding": "chunked"}) == ""
