"""For every generated ending, loop, repeat and lie that leaves a trace: complete implies every record.

A server is drawn: how many records, how they are cut into pages, how a page names the next, what it declares, what
comes behind the last page, and in which way it is broken. It is imported by Rest and Core without IO.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import event, given, settings, strategies as st

from harness.record import events as e
from harness.record.discovery import MOST_REPEATS
from harness.record.fold import fold
from tests.core.lists import Answers, Reply, importing, pages_asked, records
from tests.core.play import Play
from tests.core.test_listing import NOT_PAST, PAST

# How a page names the next: by nothing, by a link that counts pages, by a cursor, in a header, by has_more and `after`,
# or in a field that nobody follows.
WAYS = ("none", "page link", "cursor link", "Link", "has_more", "unread")
BROKEN = ("", "ignores page", "loops", "repeats", "depth", "hole")


@dataclass(frozen=True)
class Server:
    """One list: `answer` is what it says. total, last_page: how far off what it declares is; None: not declared.

    told_in: where it declares them. counts: each page has a `count` of its own records.
    """

    pages: tuple[tuple[int, ...], ...]
    way: str
    start: int
    total: int | None
    last_page: int | None
    end: str  # how the last page says that it is the last: null, empty or gone
    past: str
    broken: str
    at: int  # the page (from 0) from which on it is broken
    told_in: str = "body"
    counts: bool = False

    @property
    def ids(self) -> set[int]:
        return {name for page in self.pages for name in page}

    def answer(self, query: dict[str, str]) -> Reply:
        index = self.index(query)
        if self.broken == "ignores page":
            index = 0
        if self.broken == "depth" and index >= self.at > 0:
            return self.behind(query)
        if not 0 <= index < len(self.pages):
            return self.behind(query)
        ids = self.pages[index]
        if self.broken == "repeats" and index >= self.at > 0:
            ids = self.pages[0]
        if self.broken == "hole" and index == self.at > 0:
            ids = ()
        return self.page(index, ids)

    def index(self, query: dict[str, str]) -> int:
        if self.way == "cursor link":
            return int(query.get("cursor", "c0")[1:])
        if self.way == "unread":
            return int(query.get("token", "t0")[1:])
        if self.way == "has_more":
            if "after" not in query:
                return 0
            after = int(query["after"])
            return next((at for at, page in enumerate(self.pages) if page and page[-1] > after), len(self.pages))
        return int(query["page"]) - self.start

    @property
    def declared(self) -> int | None:
        return None if self.total is None else max(0, len(self.ids) + self.total)

    def page(self, index: int, ids: tuple[int, ...]) -> Reply:
        said: dict[str, int] = {}
        if self.declared is not None:
            said["total"] = self.declared
        if self.last_page is not None:
            said["last_page"] = max(0, len(self.pages) + self.last_page)
        body: dict[str, Any] = {"data": records(*ids)}
        if self.counts:
            body["count"] = len(ids)
        if self.told_in == "meta":
            body["meta"] = said
        elif self.told_in == "body":
            body |= said
        reply = self.following(index, body)
        if self.told_in != "header":
            return reply
        names = {"total": "x-total-count", "last_page": "x-total-pages"}
        return Reply(reply.body, headers={**reply.headers, **{names[name]: str(n) for name, n in said.items()}})

    def following(self, index: int, body: dict[str, Any]) -> Reply:
        more = index + 1 < len(self.pages)
        target = index + 1 if self.broken != "loops" or index < self.at else index // 2
        more = more or (self.broken == "loops" and index >= self.at)
        if self.way == "Link":
            link = f'<?page={target + self.start}>; rel="next"' if more else '<?page=1>; rel="first"'
            return Reply(body, headers={"link": link})
        if self.way == "has_more":
            return Reply({**body, "has_more": more})
        name, value = {
            "page link": ("next", f"?page={target + self.start}"),
            "cursor link": ("next", f"?cursor=c{target}"),
            "unread": ("nextToken", f"t{target}"),
            "none": ("", ""),
        }[self.way]
        if more and name:
            body[name] = value
        elif name and self.end != "gone":
            body[name] = {"null": None, "empty": ""}[self.end]
        return Reply(body)

    def behind(self, query: dict[str, str]) -> Reply:
        if self.past == "clamps":
            return self.page(len(self.pages) - 1, self.pages[-1] if self.pages else ())
        if self.past == "empty page":
            return self.page(len(self.pages), ())
        return {**PAST, **NOT_PAST}[self.past]


def cut(count: int, sizes: list[int]) -> tuple[tuple[int, ...], ...]:
    """Records 1 to `count` in pages of these sizes, over and over."""
    pages, first, at = [], 1, 0
    while first <= count:
        size = sizes[at % len(sizes)]
        pages.append(tuple(range(first, min(count, first + size - 1) + 1)))
        first, at = first + size, at + 1
    return tuple(pages) or ((),)


def starting_empty(pages: tuple[tuple[int, ...], ...], empty: bool) -> tuple[tuple[int, ...], ...]:
    return ((), *pages) if empty else pages


SIZES = st.one_of(st.integers(1, 4).map(lambda size: [size]), st.lists(st.integers(1, 4), min_size=2, max_size=4))
OFF = st.sampled_from((None, 0, 0, -1, -3, 1, 4))
SERVERS = st.builds(
    Server,
    st.builds(starting_empty, st.builds(cut, st.integers(0, 17), SIZES), st.sampled_from((False, False, False, True))),
    st.sampled_from(WAYS),
    st.integers(0, 1),
    OFF,
    OFF,
    st.sampled_from(("null", "empty", "gone")),
    st.sampled_from(("clamps", "empty page", *PAST, *NOT_PAST)),
    st.sampled_from(BROKEN),
    st.integers(1, 5),
    st.sampled_from(("body", "body", "meta", "header")),
    st.booleans(),
)
HONEST = st.builds(
    Server,
    st.builds(cut, st.integers(0, 17), SIZES),
    st.sampled_from(WAYS[:-1]),
    st.integers(0, 1),
    st.sampled_from((None, 0)),
    st.sampled_from((None, 0)),
    st.sampled_from(("null", "empty", "gone")),
    st.sampled_from(("empty page", *PAST)),
    st.just(""),
    st.just(1),
    st.sampled_from(("body", "meta", "header")),
    st.booleans(),
)


def goes_on(replies: list[Reply]) -> bool:
    """Whether the page that named the last record says that there are more."""
    pages = [reply for reply in replies if isinstance(reply.body, dict) and isinstance(reply.body.get("data"), list)]
    ids = [[record["id"] for record in page.body["data"]] for page in pages]
    last = max((name for names in ids for name in names), default=None)
    found = next((page for page, names in zip(pages, ids, strict=True) if last is None or last in names), Reply({}))
    fields = ("next", "nextToken", "has_more")
    return any(found.body.get(name) for name in fields) or 'rel="next"' in found.headers.get("link", "")


def leaves_no_trace(server: Server, play: Play, replies: list[Reply]) -> bool:
    """Whether this server could only have contradicted the evidence by saying something else.

    A total that is exactly what was read, and is not the size of a page that says that there are more; two numbers
    that agree; a guessed page that is empty or not there and that no field speaks against.
    """
    found, read = play.of(e.ListEnded)[-1], play.core.state.imported
    declared = server.declared
    if declared is not None and declared > read:
        return False
    if read and found.reason == "total" and "as declared" in found.evidence:
        return declared == read or server.counts
    followed = server.way != "unread" and any(
        words in found.evidence for words in ("is empty", "names no next page", "is missing", "no more")
    )
    if goes_on(replies) and not followed:
        if found.reason == "total":
            return declared == read and declared != len(server.pages[0])
        numbers = {page for page in pages_asked(play) if isinstance(page, int)}
        return server.way == "unread" and found.reason in ("empty", "past end", "pages") and len(numbers) > 2
    if found.reason == "total" and declared == read:
        return True
    hidden = server.broken in ("hole", "depth") or (server.broken == "repeats" and not server.pages[0])
    if server.broken == "repeats" and server.pages[0]:
        # Records that move fill a page or a few with known ones. And counted from 0, page 0 may well repeat page 1.
        return server.start == 0 or len(server.pages) - server.at < MOST_REPEATS
    if server.broken == "ignores page" and not server.pages[0]:
        return True  # nothing but an empty page
    if found.reason == "total":  # a count of the page's own records, and nothing says that there are more
        return server.counts and (hidden or server.broken == "ignores page")
    return found.reason in ("empty", "past end", "link", "pages", "has_more") and hidden


def heard(server: Server) -> tuple[Answers, list[Reply]]:
    """The server, and what it will have answered."""
    replies: list[Reply] = []

    def answer(query: dict[str, str]) -> Reply:
        replies.append(server.answer(query))
        return replies[-1]

    return answer, replies


@given(SERVERS)
@settings(max_examples=500, deadline=None, derandomize=True)
def test_complete_implies_every_record(server: Server) -> None:
    """Or the evidence that deceived is named. Whatever a server does, reading it comes to an end."""
    answer, replies = heard(server)
    play = importing(answer)
    assert play.done is not None
    event(play.done.status)
    assert len(pages_asked(play)) < 60
    if play.done.status != "complete":
        assert play.done.reason
        return
    imported = {key for _, role, key, _ in play.sent if role == "item"}
    assert play.core.state.listing.evidence
    if imported != server.ids:
        assert leaves_no_trace(server, play, replies), (imported, play.of(e.ListEnded))
        event("deceived: " + play.of(e.ListEnded)[-1].reason)


@given(HONEST)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_an_honest_list_is_complete_at_a_fair_price(server: Server) -> None:
    """Every record, and besides the pages that hold them at most one behind the end, and page 0.

    Where the last page is not shorter than the others, the one behind the end may be a hole, and costs one more.
    """
    if server.start == 0 and len(server.pages) == 1 and server.past != "empty page":
        return  # its only page is page 0, and page 1, which is asked for first, is not there
    if server.start == 0 and server.past == "empty body" and server.last_page is not None:
        return  # the last page has another number than was told, and what comes there may be half an answer
    if server.way == "cursor link" and (server.end, len(server.pages), server.total) == ("gone", 1, None):
        return  # it ignores `page`, and says nothing of a next one
    play = importing(server.answer)
    assert play.done is not None
    assert (play.done.status, play.core.state.imported) == ("complete", len(server.ids)), play.done.reason
    if server.total is None or server.last_page is not None:  # else as many pages as the first one's size implies
        sizes = [len(page) for page in server.pages]
        is_full = len(sizes) > 1 and sizes[-1] >= min(sizes[:-1])
        assert len(set(pages_asked(play))) <= len(server.pages) + 2 + is_full


@given(SERVERS, st.integers(1, 40))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_crash_never_makes_a_list_complete(server: Server, moment: int) -> None:
    """Killed at any moment and resumed: complete implies every record then too."""
    answer, replies = heard(server)
    whole = importing(answer)
    first = Play(whole.server, whole.rules).run(until=0.03 * moment)
    again = Play(whole.server, whole.rules, state=fold(first.events)).run()
    assert again.done is not None
    if again.done.status == "complete" and again.core.state.imported != len(server.ids):
        assert leaves_no_trace(server, again if again.of(e.ListEnded) else first, replies)


@given(SERVERS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_what_is_accepted_is_not_fetched_again(server: Server) -> None:
    """A run whose list was not understood, resumed with --accept-list: complete, without a request for a page read."""
    first = importing(server.answer)
    assert first.done is not None
    state = fold(first.events)
    if first.done.status == "complete" or state.failed_pages:
        return
    again = importing(server.answer, state=state, accept_list=True)
    assert again.done is not None
    assert (again.done.status, again.sent) == ("complete", [])
