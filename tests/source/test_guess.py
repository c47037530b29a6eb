"""What can be told of an API from its first answers, exactly; and what cannot."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from harness.source.guess import Answer, Guess, guess
from harness.source.guess_fields import path_of
from harness.spec.paths import Path
from harness.spec.source import LinkPaging, Paging, Resource, Source
from tests.source.recorded import RECORDED, Recorded

PAGING: TypeAdapter[Paging] = TypeAdapter(Paging)
URL = "https://api.example.test/v2/orders"


def source_of(one: Recorded) -> Source:
    body = None if one.sent is None else dict(one.sent)
    return Source(resource=Resource(url=one.url, method="POST" if one.method == "POST" else "GET", body=body))


def guessed(one: Recorded, *more: Answer) -> Guess:
    first = Answer(one.url, one.body, one.headers, method=one.method, body=one.sent)
    return guess([first, *more], source_of(one))


def of(value: Any, *more: Answer, url: str = URL, headers: dict[str, str] | None = None) -> Guess:
    return guess([Answer(url, value, headers or {}), *more], Source(resource=Resource(url=url)))


@pytest.mark.parametrize("name", RECORDED)
def test_what_a_first_page_shows_of_an_api(name: str) -> None:
    """Records, id, way on, item URL, page size and end: each right, or said to be unknown."""
    one = RECORDED[name]
    found = guessed(one)
    told = found.source.resource
    assert (told.records, told.id) == (one.records, one.id)
    assert told.paging == (None if one.paging is None else PAGING.validate_python(one.paging))
    assert (None if told.item is None else told.item.url) == one.item
    assert (told.size_param, found.ended) == (one.size, one.ended)
    assert tuple(unknown.what for unknown in found.unknown) == one.unknown


@pytest.mark.parametrize("name", RECORDED)
def test_each_finding_has_evidence_and_each_gap_a_flag(name: str) -> None:
    """Nothing is guessed in silence; what is unknown says which flag says it."""
    found = guessed(RECORDED[name])
    assert all(one.found and one.evidence for one in found.findings)
    assert all(one.why and one.flag.startswith("--") for one in found.unknown)
    told = {one.what for one in found.findings} | {one.what for one in found.unknown}
    assert "records" in told
    assert told >= {"id", "paging", "items"} or "records" in {one.what for one in found.unknown}


@pytest.mark.parametrize("name", [name for name, one in RECORDED.items() if one.item_answer is not None])
def test_an_item_shows_its_envelope(name: str) -> None:
    """The object that carries the id: an order in `order`; none where that is the answer itself."""
    one = RECORDED[name]
    first = one.body if isinstance(one.body, list) else guess_rows(one)
    item = first[0][one.id[0]]
    found = guessed(one, Answer("u", one.item_answer, item=item))
    assert found.source.resource.item is not None
    assert found.source.resource.item.records == one.envelope


def guess_rows(one: Recorded) -> list[Any]:
    assert one.records is not None
    rows: list[Any] = one.body[one.records]
    return rows


def test_what_is_declared_is_kept() -> None:
    """Only open parts are guessed, and only they are said."""
    first = Answer(URL, {"data": [{"id": 1, "no": "a"}, {"id": 2, "no": "b"}], "meta": {"next": "x"}})
    known = Source(resource=Resource(url=URL, id=("no",), detail=False))
    found = guess([first], known)
    assert found.source.resource.id == ("no",)
    assert [one.what for one in found.findings] == ["records", "paging", "end"]
    assert found.assumed == "records data, next meta.next -> cursor"


@pytest.mark.parametrize(
    "key", ["id (main)", " id ", "id[0", "the id, of it", "header:id", "a..id", 'an "id"', "i\nd id"]
)
def test_a_key_of_any_name_may_be_the_id(key: str) -> None:
    """A column of a CSV may be called anything: a guess names it so that it is found there."""
    rows = [{key: "a", "n": 1}, {key: "b", "n": 1}]
    assert [Path(path_of((key,))).find(row) for row in rows] == ["a", "b"]
    assert Path(path_of(("meta", key))).find({"meta": rows[0]}) == "a"
    found = of({"data": rows})
    assert [Path(path).find(rows[0]) for path in found.source.resource.id] in ([], ["a"])


@pytest.mark.parametrize("link", ["https://[::1/v2", "http://[", "https://\u2100.test/"])
def test_what_is_no_url_leads_nowhere(link: str) -> None:
    """Neither as the next page, which is then refused when it is followed, nor as a record's own address."""
    rows: list[Any] = [{"id": n, "self": f"{link}/{n}"} for n in (1, 2)]
    assert of({"data": rows, "next": link}).source.resource.paging == LinkPaging(next="next")
    assert of({"data": rows}).source.resource.item is None or "{id}" in str(of({"data": rows}).source.resource.item)


def test_a_next_link_may_hold_the_spaces_of_a_filter() -> None:
    """As some OData servers write it."""
    found = of({"value": [{"id": 1}], "@odata.nextLink": f"{URL}?$filter=name eq 'a'&$skip=5"})
    assert isinstance(found.source.resource.paging, LinkPaging)
