"""Say where a redirect leads, and remember those that only add an ending to every address. Pure.

A redirect is followed within the list's origin alone: what proves who we are goes nowhere else. Where people say that
other names are the same service (`--same-host`), an address of another origin is asked at the list's own.

Many services want `/items/17/` where `/items/17` is asked for, and say so with a permanent redirect, for each item
anew. The ending is remembered for the run, so that only the first costs two requests. Should another item not be there
with the ending, it is asked for without, and nothing is added from then on.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

from harness.record.events import Role
from harness.source.credentials import origin

FOLLOWED = frozenset({301, 302, 303, 307, 308})
# These send the same method and body again (RFC 9110 15.4); with the others a POST would become a GET.
KEEPS_METHOD = frozenset({307, 308})
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
