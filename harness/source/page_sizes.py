"""Find the largest page that an API hands out, with as few requests as possible. Pure.

Fewer pages are fewer requests, and nothing else saves so many of them so cheaply. Where a size is declared, or
documented by a preset, it is believed and this module has nothing to do. Else page 1 is asked for with `MOST` records,
and what comes tells:

    as many as were asked for      honoured; no request was spent
    fewer, and the list goes on    capped at what came, or ignored. Of less than 100, these are asked for, once, where
                                   that could save more than it costs (which nobody knows of a list that says neither
                                   how long it is nor how it calls its page size). As many came: the API gives its
                                   usual size to those who ask for too much, and 250 are tried. No more came: that is
                                   all it gives
    the way on names another       a next link with `limit=20`, or an answer that is surely Stripe's: `MOST` are asked
    parameter                      for by that name, once; also where the usual name has just been refused
    100 or more of a list by       one less is asked for, so that one that was all there leads on (see below)
    cursor that does not say
    whether it goes on
    400, 413, 414 or 422           refused: the number that its words name is asked for, then 100, then no size at all;
                                   where nobody declared the parameter, no size follows at once
    a body beyond --max-body       100

**What is asked for from then on** is what came, not what was asked for: a server that counts by the size asked for and
cuts by its own would leave out records in between. Where a size is honoured, capped or ignored, asking for as many as
came brings the same pages as before. So pages of numbers and offsets can be read side by side, and a run that is
resumed asks for the same ones: what was found is kept in run.json before the first page is recorded.

Whether a list ends because a page is *shorter than asked for* must not be read from a size that may not be honoured:
a page of a cursor list that holds fewer than 100 counts as short, as ever; one of 100 or more does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from harness.core.answers import PageRead
from harness.source.extent import whole
from harness.source.paging import USUAL_SIZE
from harness.spec.source import Resource, Source

# More are hardly worth it: a page then costs a thousandth of a request per record, and its body may be refused.
MOST = 1000
# What most APIs allow at most, after USUAL_SIZE.
_NEXT_USUAL = 250
# What a server answers to a size that it does not like, or to a parameter that it does not know.
_NO = frozenset({400, 413, 414, 422})
# So many requests must be there to save before one is spent on a size that is rarely honoured where more was not.
_WORTH = 10
# APIs whose usual page is smaller are rare, lists that are that short are not.
_LEAST_USUAL = 10
_NUMBER = re.compile(r"(?<![\w.])\d{1,6}(?![\w.]*\d)")
_PLACED = "{per_page}"


@dataclass(frozen=True, slots=True)
class Sized:
    """What was found. size: asked for from here on, by the parameter `param` (None: as the source says; "": none)."""

    size: int | None
    param: str | None = None

    def on(self, source: Source) -> Source:
        """Return `source` with that size."""
        return _with(source, self.size, self.param)

    def as_noted(self) -> dict[str, Any]:
        """Return what run.json keeps."""
        return {"size": self.size, "param": self.param}

    @classmethod
    def from_noted(cls, noted: Any) -> Sized | None:
        """Read back what run.json has; None where it has none."""
        if not isinstance(noted, dict):
            return None
        size, param = noted.get("size"), noted.get("param")
        if not (size is None or (isinstance(size, int) and size > 0)) or not (param is None or isinstance(param, str)):
            return None
        return cls(size, param)


def is_open(source: Source) -> bool:
    """Return whether nothing says how many records a page is asked for, though that could be said to the API."""
    resource = source.resource
    if resource.per_page is not None or resource.most_per_page is not None or _said_in(resource):
        return False
    by_rules = resource.paging is None and resource.size_param is None and resource.method == "GET"
    return bool(resource.size_param) or _is_placed(resource) or by_rules


def asked_size(source: Source, placed: frozenset[str]) -> int | None:
    """Return the page size that is asked for; None where it is not said to the server."""
    resource = source.resource
    if resource.per_page is not None and (resource.paging is None or resource.size_param or "per_page" in placed):
        return resource.per_page
    said = _said_size(source)
    if said is not None:
        return said
    asks = resource.size_param or "per_page" in placed or (resource.paging is None and resource.size_param is None)
    return USUAL_SIZE if asks else None


def _said_size(source: Source) -> int | None:
    """Return the page size that the URL or a parameter says by itself."""
    resource = source.resource
    if not resource.size_param:
        return None
    said = [*parse_qsl(urlsplit(resource.url).query), *source.list_params.items()]
    return next((whole(value) or None for name, value in said if name == resource.size_param), None)


def _is_placed(resource: Resource) -> bool:
    return _PLACED in resource.url or _PLACED in str(resource.body) or _PLACED in str(resource.params)


def is_said(source: Source, param: str) -> bool:
    """Return whether the URL or a parameter says `param`, so that nothing else can be asked for by it."""
    said = [*parse_qsl(urlsplit(source.resource.url).query), *source.list_params.items()]
    return any(name == param and _PLACED not in value for name, value in said)


def _said_in(resource: Resource) -> bool:
    """Return whether the URL or a parameter says the size by itself."""
    named = {name for name, value in parse_qsl(urlsplit(resource.url).query) if _PLACED not in value}
    named |= {name for name, value in resource.params.items() if _PLACED not in value}
    return (resource.size_param or "perPage") in named


def _with(source: Source, size: int | None, param: str | None) -> Source:
    changes: dict[str, Any] = {"per_page": size} if param is None else {"per_page": size, "size_param": param}
    return source.model_copy(update={"resource": source.resource.model_copy(update=changes)})


class PageSizes:
    """The search on page 1 of one list. Told each answer to it, it says why to ask again, or what was `found`."""

    def __init__(self, source: Source) -> None:
        resource = source.resource
        self._declared = bool(resource.size_param) or _is_placed(resource)
        self._param: str | None = None
        self._named: str | None = None  # what page 1 calls the parameter, once it was asked for by that
        self._asked: int | None = MOST
        self._tried: list[int | None] = [MOST]
        self._is_usual = False  # who asks for too much is given the usual size
        self._unsaid = False  # less is asked for, to see whether the list goes on
        self.best = 0  # the most records that came so far
        self.usual: int | None = None  # records of a page whose size is not heard
        self.found: Sized | None = None

    @property
    def refused_name(self) -> str | None:
        """What page 1 seemed to call its size, and the API refused; None where it has not."""
        return self._named if self.found is not None and self.found.param == "" else None

    def on(self, source: Source) -> Source:
        """Return `source` with what is asked for now."""
        return self.found.on(source) if self.found is not None else _with(source, self._asked, self._param)

    def off(self, source: Source) -> Source:
        """Return `source` as somebody guesses who knows of no size: one whose usual name was refused has another."""
        if self._declared or source.resource.size_param != "":
            return source
        return source.model_copy(update={"resource": source.resource.model_copy(update={"size_param": None})})

    def refused(self, status: int, words: str) -> str | None:
        """Take in a refusal of page 1; return why to ask for it again, None where the refusal stands."""
        asked = self._asked
        if status not in _NO or asked is None or self.found is not None:
            return None
        if self.best:
            self._settle(self.best)
        else:
            smaller = max((int(one) for one in _NUMBER.findall(words) if 1 < int(one) < asked), default=None)
            smaller = smaller if _speaks_of_size(words) and smaller not in self._tried else None
            if smaller is None and self._declared and USUAL_SIZE not in self._tried:
                smaller = USUAL_SIZE
            if smaller is None:
                self._param = ""
            self._ask(smaller)
        return f"{asked:,} records a page are refused"

    def too_much(self) -> str | None:
        """Take in that page 1 was too large, or did not come in time; return why to ask for fewer, None: no fewer."""
        asked = self._asked
        if self.found is not None or asked is None or asked <= USUAL_SIZE:
            return None
        self._ask(USUAL_SIZE)
        return f"{asked:,} records a page are too many"

    def read(self, page: PageRead, param: str | None, *, numbered: bool, sure: bool = False) -> str | None:
        """Take in page 1; return why to ask for it again, None where it settles the size (`found`).

        page: as read by what came, so that it is not short of anything. param: the parameter that sets the size, as
        page 1 makes believe; None where it does not. sure: it is sent with the way on, or such an API's own. numbered:
        pages are asked for by number or offset.
        """
        got, asked, most = len(page.ids), self._asked, self.best
        self.best = max(got, most)
        if asked is None and sure and param is not None and not self._declared and _goes_on(page, got):
            return self._by_name(param, got)
        if asked is None or (got >= asked and not self._is_usual) or (self._unsaid and got):
            self._settle(asked)
        elif got >= asked and asked < _NEXT_USUAL and _is_worth(page, got, _NEXT_USUAL):
            self._ask(_NEXT_USUAL)
            return f"{got:,} records a page are honoured: {_NEXT_USUAL} may be"
        elif most or got >= asked:
            self._settle(self.best)
        else:
            return self._came_short(page, got, asked, param, numbered)
        return None

    def _came_short(self, page: PageRead, got: int, asked: int, param: str | None, numbered: bool) -> str | None:
        """Say what fewer records than were asked for mean, the first time."""
        goes_on = _goes_on(page, got)
        if goes_on and not self._declared and self._param is None and param is not None and param != "perPage":
            return self._by_name(param, got)
        known = self._declared or param is not None or page.total is not None or page.last_page is not None
        if known and goes_on and asked > USUAL_SIZE > got >= _LEAST_USUAL and _is_worth(page, got, USUAL_SIZE):
            self.usual, self._is_usual = got, True
            self._ask(USUAL_SIZE)
            return f"{got:,} records came of {asked:,}: {USUAL_SIZE} may be honoured"
        if goes_on is None and not numbered and USUAL_SIZE <= got < asked:
            self._unsaid, self.best = True, 0
            self._ask(got - 1)
            return f"{got:,} records came, and nothing says whether more follow"
        # A few records, and nothing says that others follow: they are all there is, and no size that anybody honours.
        self._settle(got if numbered and (goes_on or got >= _LEAST_USUAL) else max(got, USUAL_SIZE))
        return None

    def _by_name(self, param: str, got: int) -> str:
        """Ask for as many as ever by the name that page 1 has for it, and forget what came by another."""
        self._param, self._named, self._declared, self.best = param, param, True, 0
        self._asked, self._tried = MOST, [MOST]
        return f"{got:,} records came, and {param} sets how many"

    def _ask(self, size: int | None) -> None:
        self._asked = size
        self._tried.append(size)

    def _settle(self, size: int | None) -> None:
        self.found = Sized(size, self._param)


def _speaks_of_size(words: str) -> bool:
    return any(word in words.lower() for word in ("size", "limit", "per", "most", "max", "than", "between", "number"))


def _goes_on(page: PageRead, got: int) -> bool | None:
    """Return whether page 1 says that others follow; None where it says neither."""
    if page.next_page is not None and not page.guessed:
        return True
    if page.last_page is not None or page.total is not None:
        return (page.last_page or 0) > 1 or (page.total or 0) > got
    if page.more is not None:
        return page.more
    return True if page.unread else False if page.way is not None else None


def _is_worth(page: PageRead, got: int, size: int) -> bool:
    """Return whether pages of `size` may save more requests than finding out costs."""
    total = page.total if page.total is not None else (page.last_page or 0) * got
    return not total or -(-total // got) - -(-total // size) >= _WORTH
