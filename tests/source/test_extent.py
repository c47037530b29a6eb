"""How much a list says there is, wherever APIs say so."""

from __future__ import annotations

from typing import Any

import pytest

from harness.source.extent import Number, declared

SENT = "https://api.test/items?page=1&perPage=25"


def said(about: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, tuple[int, str]]:
    return {kind: (found.value, found.by) for kind, found in declared(about, headers or {}, SENT).items()}


@pytest.mark.parametrize(
    ("about", "total", "pages"),
    [
        ({"meta": {"total": 60, "last_page": 20}}, (60, "meta.total"), (20, "meta.last_page")),
        ({"pagination": {"total": 60, "pages": 3}}, (60, "pagination.total"), (3, "pagination.pages")),
        ({"page": {"totalElements": 60, "totalPages": 3}}, (60, "page.totalElements"), (3, "page.totalPages")),
        ({"paging": {"total": 60, "count": 10}}, (60, "paging.total"), None),
        ({"_meta": {"totalCount": 60, "pageCount": 3}}, (60, "_meta.totalCount"), (3, "_meta.pageCount")),
        ({"info": {"count": 826, "pages": 42}}, (826, "info.count"), (42, "info.pages")),
        ({"meta": {"pagination": {"total": "60"}}}, (60, "meta.pagination.total"), None),
        ({"meta": {"page": {"total": 60.0, "last": 3}}}, (60, "meta.page.total"), (3, "meta.page.last")),
        ({"total": {"value": 60, "relation": "eq"}}, (60, "total.value"), None),
        ({"totalItems": 60, "number_of_pages": 3}, (60, "totalItems"), (3, "number_of_pages")),
        ({"recordsTotal": 60, "recordsFiltered": 20}, (60, "recordsTotal"), None),
        ({"total": 3, "meta": {"total": 60}}, (60, "meta.total"), None),
        ({"links": {"last": "?page=20"}}, None, (20, "links.last")),
        ({"links": {"last": "?page%5Bnumber%5D=20&page%5Bsize%5D=99"}}, None, (20, "links.last")),
        ({"_links": {"last": {"href": "/items?perPage=50&page=20"}}}, None, (20, "_links.last.href")),
        ({"links": [{"rel": "last", "href": "?page=20"}]}, None, (20, "links.last")),
        ({"last_page_url": "https://x/y?page=20"}, None, (20, "last_page_url")),
    ],
)
def test_in_the_body(about: dict[str, Any], total: tuple[int, str] | None, pages: tuple[int, str] | None) -> None:
    """In objects about the list, in any spelling, as text too; of several the largest."""
    found = said(about)
    assert (found.get("total"), found.get("pages")) == (total, pages)


@pytest.mark.parametrize(
    ("name", "value", "kind", "number"),
    [
        ("x-total-count", "60", "total", 60),
        ("x-total", "60", "total", 60),
        ("x-wp-total", "60", "total", 60),
        ("x-pagination-total-count", " 60 ", "total", 60),
        ("total-count", "60", "total", 60),
        ("x-total-pages", "3", "pages", 3),
        ("x-wp-totalpages", "3", "pages", 3),
        ("x-pages", "3", "pages", 3),
        ("x-pagination-page-count", "3", "pages", 3),
        ("x-pagination", '{"totalCount": 60}', "total", 60),
        ("content-range", "items 0-24/500", "total", 500),
        ("content-range", "0-24/500", "total", 500),
        ("link", '<https://api.test/items?page=1>; rel="first", </items?page=9>; rel="last"', "pages", 9),
    ],
)
def test_in_headers(name: str, value: str, kind: str, number: int) -> None:
    """Each by the name that a person would look for."""
    title = "-".join(part.capitalize() for part in name.split("-"))
    assert said({}, {name: value}) == {kind: (number, f"header {title}")}


@pytest.mark.parametrize(
    ("about", "headers"),
    [
        ({"meta": {"total": 0, "pages": 0}}, {}),
        ({"meta": {"total": None, "last_page": True}}, {}),
        ({"meta": {"total": "many", "pages": "3 of 9"}}, {}),
        ({"meta": {"total": 2**53}}, {}),
        ({"meta": {"count": 25}}, {}),  # what was asked for
        ({"order": {"total": 60}}, {}),
        ({"totalPrice": 60, "total_ms": 7, "last": True, "page": 3, "size": 25, "number": 2}, {}),
        ({"paging": {"count": 10, "limit": 10}}, {}),
        ({"links": {"first": "?page=7", "next": "?page=7", "last": "?cursor=60", "last_month": 4}}, {}),
        ({}, {"x-ratelimit-total": "60", "x-count": "60", "content-length": "60", "x-page": "7", "x-per-page": "25"}),
        ({}, {"content-range": "bytes 0-24/500", "x-pagination": "{", "x-total": "-1"}),
        ({}, {"content-range": "items 0-24/*", "link": "<?page=x>; rel=last"}),
    ],
)
def test_what_declares_nothing(about: dict[str, Any], headers: dict[str, str]) -> None:
    """Zero, what is no number, what was asked for, and what counts something else."""
    assert said(about, headers) == {}


def test_the_largest_is_named() -> None:
    """A number of the body beside one of a header."""
    found = declared({"meta": {"total": 20}}, {"x-total-count": "60"}, SENT)
    assert found == {"total": Number(60, "header X-Total-Count")}
