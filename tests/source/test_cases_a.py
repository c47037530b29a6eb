"""CASES A and their neighbours by guessing alone: every record, or failed with the field and the flag named.

Each server is played twice: by an import that is told nothing but the address, and by `check`. Whatever they say, an
import is never complete without all records; and where it is not complete its reason names what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from harness.config import ImportConfig
from harness.record.run import Run
from harness.session.importing import import_into, prepared
from harness.source.client import HttpApi
from tests.core.lists import REST, URL, Reply, records
from tests.session.test_shapes import IDS, SIZE, by_offset, by_page, checked, handling, imported, window

Query = dict[str, str]


@dataclass(frozen=True)
class Case:
    """A server. words: of the reason where an import cannot be complete; "": it is, with all seven records."""

    answers: Callable[[Query], Reply]
    words: str = ""


def once(**about: Any) -> Callable[[Query], Reply]:
    """The same three records, whatever is asked for."""
    return lambda query: Reply({"items": window(0), **about})


def stripe(query: Query) -> Reply:
    after = int(query.get("starting_after", 0))
    rows = records(*[n for n in IDS if n > after][:SIZE])
    return Reply({"data": rows, "has_more": after + SIZE < len(IDS)})


def from_0(query: Query) -> Reply:
    return Reply({"data": window(SIZE * int(query.get("page", 0)))})


def empty_first(query: Query) -> Reply:
    if "c" not in query:
        return Reply({"data": [], "next": "?c=0"})
    first = int(query["c"])
    following = f"?c={first + SIZE}" if first + SIZE < len(IDS) else None
    return Reply({"data": window(first), "next": following})


def upper_case(query: Query) -> Reply:
    rows, number, more = by_page(query)
    return Reply(rows, headers={"link": f'<{URL}?page={number + 1}>; REL="NEXT"'} if more else {})


def past(status: int, body: Any) -> Callable[[Query], Reply]:
    def answer(query: Query) -> Reply:
        rows = by_page(query)[0]
        return Reply(rows) if rows else Reply(body, status)

    return answer


def strict(known: tuple[str, ...], answers: Callable[[Query], Reply]) -> Callable[[Query], Reply]:
    """The same, but what it does not know is a 400."""
    return lambda query: Reply({"error": "unknown parameter"}, 400) if set(query) - set(known) else answers(query)


def linked(write: Callable[[int], dict[str, Any]]) -> Callable[[Query], Reply]:
    """A list that leads on by an offset, as `write` says it; {} at the end."""

    def answer(query: Query) -> Reply:
        rows, following, more = by_offset(query, "from")
        return Reply({"entries": rows, **(write(following) if more else {})})

    return answer


def counted(write: Callable[[int], dict[str, Any]]) -> Callable[[Query], Reply]:
    def answer(query: Query) -> Reply:
        rows, number, _ = by_page(query)
        return Reply({"entries": rows, **write(number)})

    return answer


def offsets(query: Query) -> Reply:
    rows, following, _ = by_offset(query, "offset")
    return Reply({"rows": rows, "offset": following - SIZE, "limit": SIZE, "total": len(IDS)})


def ranged(query: Query) -> Reply:
    return Reply(by_page(query)[0], headers={"content-range": f"items 0-2/{len(IDS)}"})


def in_header(query: Query) -> Reply:
    rows, following, more = by_offset(query, "cursor")
    return Reply(rows, headers={"x-next-cursor": f"k{following}"} if more else {})


CASES = {
    "A1 ignores the token": Case(once(nextPageToken="t25"), "--cursor-param"),
    "A2 has_more, starting_after": Case(stripe),
    "A2 has_more, nothing is read": Case(once(has_more=True), "--cursor-param"),
    "A2 has_more, strict": Case(strict(("starting_after",), stripe)),
    "A3 the same array again": Case(lambda query: Reply(window(0)), "--accept-list"),
    "A4 counted from 0": Case(from_0),
    "A5 page 1 is empty": Case(empty_first),
    "A7 REL is NEXT": Case(upper_case),
    "A9 a total too high": Case(lambda query: Reply({"data": by_page(query)[0], "total": 75}), "--accept-list"),
    "A10 cursors without end": Case(once(next_cursor="again"), "--accept-list"),
    "A11 404": Case(past(404, {"detail": "Invalid page."})),
    "A11 400 that says so": Case(past(400, {"message": "The page requested does not exist"})),
    "A11 users: null": Case(past(200, {"users": None})),
    "A11 500": Case(past(500, "busy"), "page 4 of the list"),
    "next, a path": Case(linked(lambda at: {"next": f"/items?from={at}"})),
    "next, nested": Case(linked(lambda at: {"links": {"next": {"href": f"{URL}?from={at}"}}})),
    "next, in an array": Case(linked(lambda at: {"links": [{"rel": "next", "href": f"{URL}?from={at}"}]})),
    "another host": Case(linked(lambda at: {"next": f"https://evil.test/items?from={at}"}), "--allow-host evil.test"),
    "nextPage: 2": Case(counted(lambda n: {"nextPage": n + 1 if n < 3 else None})),
    "meta.pagination.next_page": Case(
        counted(lambda n: {"meta": {"pagination": {"next_page": n + 1 if n < 3 else None}}})
    ),
    "page.totalPages": Case(counted(lambda n: {"page": {"number": n, "totalPages": 3}})),
    "offset, limit, total": Case(offsets),
    "offset, strict": Case(strict(("offset", "limit"), offsets)),
    "Content-Range": Case(ranged),
    "X-Total-Count": Case(lambda query: Reply(by_page(query)[0], headers={"x-total-count": "7"})),
    "a cursor in a header": Case(in_header),
}


@pytest.mark.parametrize("name", CASES)
def test_complete_means_all_records(name: str, tmp_path: Path) -> None:
    """An import told nothing; then `check`, which never says that it can be where it cannot."""
    case = CASES[name]
    run = imported(case.answers, tmp_path)
    reason = run.about.get("reason") or ""
    if case.words:
        assert (run.status, case.words in reason) == ("failed", True), reason
    else:
        got = sorted(run.items().column("id").to_pylist()) if run.status == "complete" else reason
        assert got == IDS
    found = checked(case.answers)
    if found is not None and not found.problem and run.status != "complete":
        assert "A11" in name or "A9" in name or "A10" in name  # what a check of two pages cannot see


# --- what was assumed holds for the run -------------------------------------------------------------------------------


def test_what_was_assumed_is_kept_for_a_resume(tmp_path: Path) -> None:
    """The second page is a 503 at first: resumed, the run goes by what page 1 showed, and asks for it no more."""
    asked: list[Query] = []
    down = [True]

    def answers(query: Query) -> Reply:
        asked.append(query)
        if "from" in query and down[0]:
            return Reply("down", 500)
        return strict(("from",), linked(lambda at: {"way": {"next_href": f"/items?from={at}"}}))(query)

    first = imported(answers, tmp_path)
    assert first.status == "failed"
    noted = first.about["assumed"]
    assert (noted["source"]["resource"]["paging"]["next"], noted["refused"]) == ("way.next_href", ["page", "size"])
    down[0], before = False, len(asked)
    again = imported_again(answers, tmp_path)
    assert (again.status, sorted(again.items().column("id").to_pylist())) == ("complete", IDS)
    assert again.about["assumed"] == noted
    assert all("from" in query for query in asked[before:])


def imported_again(answers: Callable[[Query], Reply], folder: Path) -> Run:
    """Resume the run."""

    async def main() -> Run:
        config = ImportConfig(
            url=URL, results=folder / "results", run="r", resume=True, retry_delays="1", pacing="retry-after"
        )
        with prepared(config) as run:
            async with HttpApi(REST, workers=4, timeout_s=30.0, transport=handling(answers)) as api:
                return await import_into(run, config, api, URL, inline=True)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_page_that_is_not_as_page_1_made_believe_fails_with_both(tmp_path: Path) -> None:
    """Its records stand elsewhere: what was assumed, what came, and that `check` names the flags."""

    def answers(query: Query) -> Reply:
        rows, following, more = by_offset(query, "from")
        where = "entries" if following == SIZE else "others"
        return Reply({where: rows, **({"next": f"/items?from={following}"} if more else {})})

    run = imported(answers, tmp_path)
    assert run.status == "failed"
    (failed,) = [failure for failure in run.failed() if failure.role == "list"]
    assert "the body holds nothing at entries, where the records are declared" in failed.detail
    assert "page 1 made believe: records entries" in failed.detail
