"""How the pages of a list follow on each other: told from what its first page says of itself, or not told.

In order of what an API means by it: a link to the next page (Link header, or a field with a URL), a cursor (a field
that is to be sent back, under a name that its own name suggests), `has_more` alone (the last id is to be sent back),
the place in the list that the answer repeats (`offset`, `startAt`), the number of pages. A few APIs do not say how they
are to be asked, and are known by the fields they have together.

Which parameter takes a cursor back is a guess by name, so there may be several candidates; the first is assumed, and
the second page shows whether it is right. `flags_of` says how a way on is declared, once it is believed.
"""

from __future__ import annotations

from dataclasses import replace

from harness.source.guess_counted import dialect, has_more, numbered, offset
from harness.source.guess_cursors import page_header, token
from harness.source.guess_fields import path_of, plain_fields
from harness.source.guess_links import link_header, linked
from harness.source.guess_seen import Seen, Way
from harness.spec.source import CursorPaging, OffsetPaging, Paging


def find_paging(seen: Seen) -> Way | None:
    """Return the way on, None where the page does not tell one."""
    for look in (link_header, linked, dialect, token, page_header, has_more, offset, numbered):
        found = look(seen)
        if found is not None:
            return _with_body(found, seen)
    return None


def no_way(seen: Seen) -> str:
    """Say in words that the page does not say how it goes on."""
    names = ", ".join(path_of(keys) for keys, _ in list(plain_fields(dict(seen.about)))[:5])
    beside = f"beside the records it has {names}" if names else "it holds nothing but records"
    return f"the page does not say how it goes on: {beside}"


def _with_body(way: Way, seen: Seen) -> Way:
    """Put the cursor of a POST into its JSON body, where the parameters of such a request are."""
    paging = way.paging
    if seen.method != "POST" or not isinstance(paging, (CursorPaging, OffsetPaging)) or paging.param is None:
        return way
    place = "{cursor}" if isinstance(paging, CursorPaging) else "{offset}"
    body = {**(seen.body or {}), paging.param: place}
    if isinstance(paging, CursorPaging):
        paging = paging.model_copy(update={"param": None})
    return replace(way, paging=paging, shown=f"{way.shown} in the body", body=body)


def flags_of(paging: Paging) -> tuple[tuple[str, str], ...]:
    """Return the flat settings that declare a paging."""
    names = {
        "page": {"param": "page_param", "first": "first_page"},
        "offset": {"param": "offset_param"},
        "cursor": {"param": "cursor_param"},
        "keyset": {"param": "cursor_param"},
    }.get(paging.type, {})
    said = paging.model_dump(exclude_defaults=True, exclude={"type"})
    told: list[tuple[str, str]] = [("paging", paging.type)]
    for name, value in said.items():
        told.append((names.get(name, name), "true" if value is True else str(value)))
    return tuple(told)


def kind_of(paging: Paging) -> str:
    """Return what a paging is called, for people."""
    return {"page": "pages", "keyset": "last id"}.get(paging.type, paging.type)


def flag_of(paging: Paging) -> str:
    """Return the flag by which another way on of the same kind is named."""
    return {
        "page": "--page-param NAME",
        "offset": "--offset-param NAME",
        "cursor": "--cursor-param NAME",
        "keyset": "--cursor-param NAME",
        "link": "--next PATH",
    }.get(paging.type, "--paging TYPE")
