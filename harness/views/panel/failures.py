"""Failures by their reason: which there are, how many, and in the server's own words.

Words that name the item or a request, such as `order 4711 was not found`, would make a group of every failure. So those
that hold a digit, and the id itself, do not count when failures are compared; where all of a group say the same, it is
shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from harness.record.events import ItemId, Role, fetch_name
from harness.record.state import Failure
from harness.views.text import UNKNOWN, clock, count, plural, printable, time_of_day

# A group opened shows its latest; `failed list` shows all.
MOST_ITEMS = 100
MOST_GROUPS = 12
_LONGEST_WORDS = 160
_LONGEST_NAME = 60
_WORD = re.compile(r"[\w…][\w.:…-]*")
_SHORTEST_ID = 3  # a shorter one is a part of any word


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one reason, the latest first. key: the same for as long as there are such. final: not tried again."""

    key: str
    role: Role
    status: int | None
    words: str
    final: bool
    failures: tuple[Failure, ...]

    @property
    def title(self) -> str:
        """`3 × 503`, `1 × no answer`; what failed is said where it is a page."""
        what = "no answer" if self.status is None else str(self.status)
        return f"{count(len(self.failures))} × {what}" + (", page of the list" if self.role == "list" else "")

    @property
    def items(self) -> list[ItemId]:
        """The items that can be retried or forgotten: none of those that are tried again anyway."""
        return [failure.item for failure in self.failures if self.final and failure.role == "item"]

    def chosen(self, keys: Iterable[str] | None) -> list[ItemId]:
        """Return those of `items` with these keys (see `cells`); None: all."""
        wanted = None if keys is None else set(keys)
        return [item for item in self.items if wanted is None or repr(item) in wanted]

    @property
    def again(self) -> str:
        """Say when they are tried again, or that they are not."""
        if self.final:
            return "failed for good"
        times = [failure.retry_at_utc_s for failure in self.failures if failure.retry_at_utc_s is not None]
        return f"tried again at {clock(min(times))}" + (f" to {clock(max(times))}" if max(times) > min(times) else "")


def grouped(failures: Sequence[Failure]) -> list[FailureGroup]:
    """Return the groups: those that failed for good first, then the largest."""
    found: dict[tuple[bool, Role, int | None, str], list[Failure]] = {}
    for failure in failures:
        words = _alike(_said(failure))
        found.setdefault((failure.retry_at_utc_s is None, failure.role, failure.status, words), []).append(failure)
    groups = [_group(*which, members) for which, members in found.items()]
    return sorted(groups, key=lambda group: (not group.final, -len(group.failures), group.key))


def _said(failure: Failure) -> str:
    """Return the words of a failure without the id of its item."""
    words = f"{failure.reason}: {failure.detail}" if failure.detail else failure.reason
    name = str(failure.key) if failure.role == "item" else ""
    return words.replace(name, "…") if len(name) >= _SHORTEST_ID else words


@lru_cache(maxsize=4096)
def _alike(words: str) -> str:
    return _WORD.sub(lambda found: "…" if any(c.isdigit() or c == "…" for c in found[0]) else found[0], words)


def _group(final: bool, role: Role, status: int | None, alike: str, members: list[Failure]) -> FailureGroup:
    latest = sorted(members, key=lambda failure: failure.at_utc_s, reverse=True)
    said = {(failure.reason, failure.detail) for failure in latest}
    words = f"{latest[0].reason}: {latest[0].detail}".removesuffix(": ") if len(said) == 1 else alike
    key = f"{'failed' if final else 'again'} {role} {status} {alike}"
    return FailureGroup(key, role, status, printable(words)[:_LONGEST_WORDS], final, tuple(latest))


def cells(group: FailureGroup, now_utc_s: float) -> list[tuple[str, str, str]]:
    """Return (key, name, what happened) of the latest failures of a group.

    A name may be cut, and 7 and "7" look alike; a key is of one item only.
    """
    return [
        (repr(failure.key), _name(failure), _happened(failure, now_utc_s)) for failure in group.failures[:MOST_ITEMS]
    ]


def _name(failure: Failure) -> str:
    name = fetch_name("list", failure.key) if failure.role == "list" else str(failure.key)
    return printable(name)[:_LONGEST_NAME]


def _happened(failure: Failure, now_utc_s: float) -> str:
    when = time_of_day(failure.at_utc_s, now_utc_s, seconds=True)
    again = failure.retry_at_utc_s
    then = "" if again is None else f", again at {clock(again)}"
    said = f": {failure.detail}" if failure.detail else ""
    tried = f"{plural(failure.attempts, 'attempt')}, last at {when}" if when != UNKNOWN else "not tried"
    return printable(f"{tried}{then}{said}")[:_LONGEST_WORDS]


def as_data(groups: Sequence[FailureGroup], opened: Sequence[str], now_utc_s: float) -> list[dict[str, Any]]:
    """Return the groups as the browser gets them: the failures themselves only of those that are opened."""
    return [
        {
            "key": group.key,
            "title": group.title,
            "words": group.words,
            "again": group.again,
            "acts": bool(group.items),
            "names": cells(group, now_utc_s) if group.key in opened else [],
            "more": max(0, len(group.failures) - MOST_ITEMS) if group.key in opened else 0,
        }
        for group in groups[:MOST_GROUPS]
    ]
