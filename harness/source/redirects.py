"""Say where a redirect leads, and remember those that only add an ending to every address. Pure.

A redirect is followed within the list's origin alone: what proves who we are goes nowhere else. Where people say that
other names are the same service (`--same-host`), an address of another origin is asked at the list's own. That of a
token's address is not followed at all, for a client's secret goes where people said and nowhere else.

A POST stays a POST, with its body, but after 303 (RFC 9110 15.4). Browsers make a GET of it after 301 and 302 too, as
the RFC allows; here the body holds the cursor, and without it each page would be the first one again. Where a server
meant a GET it answers such a POST with an error, which is said.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from harness.core.answers import Failed, Redirected, failed_status
from harness.record.events import Key, Role
from harness.source.base import Got
from harness.source.credentials import Credentials, origin
from harness.source.evidence import TOLD_SECRET
from harness.source.rest import Request

FOLLOWED = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER = 303  # the answer is to be had with a GET there
_ADDRESS = re.compile(r"[!-~]+")  # RFC 9110 10.2.2
_PERMANENT = frozenset({301, 308})
_ENDING = re.compile(r"/|\.[A-Za-z0-9]{1,10}/?")
_NOT_THERE = frozenset({400, 404, 405, 410})


def leads_to(asked: str, location: str, *, same_host: bool = False) -> str | None:
    """Return the address within the origin of `asked` that a redirect leads to; None where it leads elsewhere."""
    if not _ADDRESS.fullmatch(location) or location == "//":
        return None
    try:
        target = urlsplit(urljoin(asked, location))
        here = urlsplit(asked)
        is_here = origin(urlunsplit(target)) == origin(asked)
    except ValueError:
        return None
    if target.scheme not in ("http", "https") or not (is_here or same_host):
        return None
    return urlunsplit((here.scheme, here.netloc, target.path or "/", target.query, ""))


def not_followed(role: Role, status: int, location: str | None) -> Failed:
    """Return the failure of an answer that redirects, where nothing follows it. location: where to, without secrets."""
    if not location:
        return failed_status(status)
    to = location.partition("?")[0][:200]
    if role == "token":
        why = f"redirects are not followed with a secret; it points to {to}; if you trust that address, use it as"
        return Failed("redirected", f"{why} --token-url", passing=False)
    flag = "--url" if role == "list" else "--item"
    why = f"redirects to other hosts are not followed; it points to {to}; if you trust that address, use it as {flag}"
    return Failed("redirected", f"{why}, or, if it is another name of this service, add --same-host", passing=False)


class Endings:
    """What a permanent redirect adds to every address of a role."""

    def __init__(self) -> None:
        self._added: dict[Role, str] = {}
        self._proven: set[Role] = set()  # another address was there with it
        self._given_up: set[Role] = set()

    def learn(self, status: int, role: Role, asked: str, target: str) -> None:
        """Take in a redirect; only a permanent one that adds an ending to the path tells of others."""
        before, after = urlsplit(asked), urlsplit(target)
        added = after.path.removeprefix(before.path)
        only_added = after.path.startswith(before.path) and before.query == after.query
        if status in _PERMANENT and only_added and _ENDING.fullmatch(added) and role not in self._given_up:
            self._added.setdefault(role, added)

    def with_ending(self, role: Role, url: str) -> str:
        """Return `url` as it is to be asked for."""
        ending = self._added.get(role)
        parts = urlsplit(url)
        if ending is None or parts.path.endswith(ending):
            return url
        return urlunsplit(parts._replace(path=parts.path + ending))

    def is_wrong(self, role: Role, status: int) -> bool:
        """Take in the answer to an address with an ending; True: ask without, and none is added any more."""
        if 200 <= status < 300:
            self._proven.add(role)
        if status not in _NOT_THERE or role in self._proven:
            return False
        self._given_up.add(role)
        self._added.pop(role, None)
        return True


class Sent(NamedTuple):
    """A request as it is sent: what it asks for, the request that is its own, and the address that is asked instead.

    ended: its own address was given the ending that others needed.
    """

    role: Role
    key: Key
    own: Request
    url: str
    ended: bool


class Addresses:
    """The address at which each request is sent, by the redirects that came. known: what no address may show."""

    def __init__(self, known: Credentials, *, same_host: bool) -> None:
        self._known = known
        self._same_host = same_host
        self._endings = Endings()
        self._to_get: set[tuple[Role, Key]] = set()  # redirected to what is to be had with a GET

    def sent(self, role: Role, key: Key, own: Request, target: str | None) -> Sent:
        """Return a request as it is to be sent. target: where it was redirected to."""
        if target is None:
            self._to_get.discard((role, key))
        elif (role, key) in self._to_get:
            own = replace(own, method="GET", json=None)
        url = target or self._endings.with_ending(role, own.url)
        return Sent(role, key, own, url, target is None and url != own.url)

    def redirected(self, sent: Sent, status: int, location: str | None) -> Got | None:
        """Take in an answer; return where it leads, None where it leads nowhere that may be asked."""
        if sent.ended and self._endings.is_wrong(sent.role, status):
            return Got(Redirected(sent.own.url, sent.url))
        if status not in FOLLOWED or not location:
            return None
        target = leads_to(sent.url, location, same_host=self._same_host)
        if target is None:
            return None
        shown = self._known.restore_placeholders(target)
        if shown is None:
            return TOLD_SECRET
        if status == _SEE_OTHER and sent.own.method != "GET":
            self._to_get.add((sent.role, sent.key))
        self._endings.learn(status, sent.role, sent.url, shown)
        return Got(Redirected(shown, sent.url))
