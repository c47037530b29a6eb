"""The fields in which lists usually speak of their next page and of how much there is, where nothing is declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.source.extent import NO_NEXT, declared, link_targets, whole

# Ten million pages of one item are still a list; more is a number gone wrong.
MOST_PAGES = 10_000_000
# Fields that are read for what they are: the others are searched for a way on.
_NEXT = ("next_page_url", "next")


def spoken(about: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields in which a body speaks of the next page, whatever they hold."""
    yield from ((name, about[name]) for name in _NEXT if name in about)
    links = about.get("links")
    if isinstance(links, dict) and "next" in links:
        yield "links.next", links["next"]


def lost_link(header: str) -> list[str]:
    """Name the Link header, in a list, where it speaks of a next page in a form that cannot be read."""
    speaks = "next" in header.lower().replace('"', " ").replace("=", " ").split()
    return ["header Link"] if speaks and not link_targets(header, NO_NEXT) else []


def followed(about: dict[str, Any]) -> set[str]:
    """Return the fields that `_way` reads for what they are: text or nothing, but no number or object."""
    return {name for name, link in spoken(about) if not link or isinstance(link, str)}


def _count(about: dict[str, Any], *names: str) -> int | None:
    return whole(next((about[name] for name in names if name in about), None))


def extent(
    about: dict[str, Any], headers: Mapping[str, str], url: str, *, numbered: bool
) -> tuple[int | None, int | None, str]:
    """Return (last page, total, the fields that say so where they are not the usual ones of the body).

    numbered: pages are read by number. A count of pages that is said elsewhere is nothing to pages that are linked.
    """
    last_page, total = _count(about, "last_page", "total_pages"), _count(about, "total", "total_count", "count")
    said, by = declared(about, headers, url), []
    if "total" in said and said["total"].value > (total or 0):
        total, by = said["total"].value, [said["total"].by]
    if numbered and "pages" in said and (last_page or 0) < said["pages"].value <= MOST_PAGES:
        last_page, by = said["pages"].value, [*by, said["pages"].by]
    return last_page, total, ", ".join(by)
