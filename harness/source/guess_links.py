"""A way on by a link: the Link header, or a field that holds a URL or a path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from harness.source.extent import NO_NEXT, link_targets
from harness.source.guess_cursors import token
from harness.source.guess_fields import Keys, at, path_of, plain_fields
from harness.source.guess_seen import (
    Seen,
    Way,
    is_empty,
    is_link,
    is_onward,
    more_of,
    says_end,
    total_of,
)
from harness.source.way_on import words_of
from harness.spec.source import LinkPaging


def link_header(seen: Seen) -> Way | None:
    header = seen.headers.get("link") or ""
    more, total = more_of(seen.about)[0], total_of(seen)
    if link_targets(header, "next"):
        paging = LinkPaging(more=more, total=total)
        return Way(paging, "Link header, rel next", "the header names the next page", "no rel next any more")
    pages = [rel for rel in ("prev", "previous", "first", "last", NO_NEXT) if link_targets(header, rel)]
    if pages and not any(is_onward(keys) for keys, _ in plain_fields(dict(seen.about))):
        why = f"the Link header names {', '.join(rel for rel in pages if rel != NO_NEXT) or 'others'} and no next"
        return Way(LinkPaging(total=total), "Link header", why, "no rel next", ended=True)
    return None


def linked(seen: Seen) -> Way | None:
    onward = [(keys, value) for keys, value in plain_fields(dict(seen.about)) if is_onward(keys)]
    links = [(path_of(keys), value) for keys, value in onward if is_link(value)] + list(_by_relation(seen.about))
    more, says = more_of(seen.about)
    if links:
        path, value = min(links, key=lambda one: not one[1].startswith("http"))
        if _is_elsewhere(value, seen.url) and token(seen) is not None:
            return None  # behind a gateway links name another host; the cursor beside them asks here
        kind = "URL" if value.startswith("http") else "path"
        if says is False:  # Zendesk names a next page even on the last
            end = f"{more} is false"
            return Way(LinkPaging(next=path, more=more), path, f"it holds a {kind}", end, ended=True)
        end = f"{path} is null or absent" if more is None else f"{says_end(more)}"
        known = {"absent_is_end": True} if "odata" in path.lower() else {}
        return Way(LinkPaging(next=path, more=more, total=total_of(seen), **known), path, f"it holds a {kind}", end)
    empty = [keys for keys, value in onward if is_empty(value) and _may_be_link(keys)]
    if empty and says is not True and not any(not is_empty(value) for _, value in onward):
        path = path_of(empty[0])
        said = "null" if at(dict(seen.about), empty[0]) is None else "empty"
        paging = LinkPaging(next=path, more=more, total=total_of(seen))
        return Way(paging, path, "it is there, for the next page", f"{path} is {said}", ended=True)
    return None


def _is_elsewhere(link: str, url: str) -> bool:
    try:
        there, here = urlsplit(urljoin(url, link)), urlsplit(url)
    except ValueError:  # no URL, which is said when it is followed
        return False
    return there.hostname != here.hostname


def _may_be_link(keys: Keys) -> bool:
    own = "".join(words_of(keys[-1]))
    return own in ("next", "nextlink", "odatanextlink", "href") or own.endswith(("url", "uri", "link", "href"))


def _by_relation(about: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield next links of arrays such as `link: [{"relation": "next", "url": …}]` (FHIR) and `links` with `rel`."""
    for name, links in about.items():
        for link in links if isinstance(links, list) else ():
            for rel in ("relation", "rel"):
                if isinstance(link, dict) and str(link.get(rel)).lower() == "next":
                    to = next((to for to in ("url", "href", "uri") if is_link(link.get(to))), None)
                    if to is not None:
                        yield f"{name}[?{rel}=='{link[rel]}'].{to} | [0]", link[to]
