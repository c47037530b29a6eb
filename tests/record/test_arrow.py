"""Events survive the table, and tables that are not ours are refused."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from harness.core.answers import Fetch
from harness.core.budgets import budget_name, shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.errors import RecordError
from harness.pacing import Budget, Unpaced
from harness.record import events as e
from harness.record.arrow import EVENT_SCHEMA, as_current, from_table, to_table
from harness.record.events import PageListed
from harness.record.fold import fold
from harness.source.rest import Rest
from tests.record.samples import EVENTS, IDS, TEXTS, events_of, imported, listed, started

QUICK = settings(max_examples=200, deadline=None, derandomize=True)


@pytest.mark.parametrize("name", e.EVENT_CLASSES)
@given(data=st.data())
@settings(QUICK, max_examples=20)
def test_every_event_class_comes_back_exactly(name: str, data: st.DataObject) -> None:
    """Whatever an event holds, ids as numbers or text, None, any script, it reads back equal and of the same types."""
    event = data.draw(events_of(e.EVENT_CLASSES[name]))
    (back,) = from_table(to_table([event], "r", 3, "s3", 1))
    assert back == event
    assert repr(back) == repr(event)


@given(st.lists(EVENTS, max_size=20), st.integers(1, 2**40))
@settings(QUICK, max_examples=60)
def test_a_part_keeps_order_and_numbers_without_gaps(events: list[e.Event], first: int) -> None:
    """Mixed events come back in order; the envelope counts from the first number given, one by one."""
    table = to_table(events, "a run", 3, "s3", first)
    assert table.schema.equals(EVENT_SCHEMA, check_metadata=True)
    assert from_table(table) == events
    assert table.column("seq").to_pylist() == list(range(first, first + len(events)))
    assert set(table.column("run").to_pylist()) <= {"a run"}


@given(IDS | TEXTS.filter(bool))
@QUICK
def test_an_id_and_its_text_are_the_same_item(raw: e.ItemId) -> None:
    """The record keeps ids as text: an id that reads back as another would be fetched a second time on resume."""
    item = e.canonical_id(raw)
    assert e.canonical_id(str(item)) == item
    assert type(e.canonical_id(str(item))) is type(item)
    assert str(item) == str(raw)


@pytest.mark.parametrize(
    ("raw", "item"),
    [("17", 17), ("0", 0), ("-5", -5), (-5, -5), ("017", "017"), ("-0", "-0"), ("-", "-"), ("٣", "٣"), ("1.0", "1.0")],
)
def test_what_reads_as_a_plain_integer_is_one(raw: e.ItemId, item: e.ItemId) -> None:
    """Only texts that no other text means: no leading zeros, no other scripts, no fractions."""
    assert e.canonical_id(raw) == item
    assert type(e.canonical_id(raw)) is type(item)


def test_a_newer_schema_is_refused_by_name() -> None:
    """Events of a version to come are not half understood."""
    table = to_table([started()], "r", 1, "s1", 1)
    newer = table.set_column(0, "schema", pa.array([e.SCHEMA_VERSION + 1], pa.int16()))
    with pytest.raises(RecordError, match=r"run r were written with schema 7, .* reads up to 6; update the harness"):
        from_table(newer)


def as_version_1(table: pa.Table) -> pa.Table:
    """As the version before wrote it: without the columns that came later."""
    since = ["headers", "body", "carried", "way", "more", "unread", "new", "past", "said_by", "remarks"]
    since += ["resource", "endpoint", "parent", "credential", "key_kind", "next_page_kind"]
    at = table.schema.names.index("role")
    kinds = ["page" if role == "list" else role for role in table.column("role").to_pylist()]
    older = table.set_column(at, "kind", pa.array(kinds, pa.string())).drop_columns(since)
    older = older.rename_columns(["strikes" if name == "consecutive_refusals" else name for name in older.schema.names])
    return older.set_column(0, "schema", pa.array([1] * older.num_rows, pa.int16()))


def test_what_the_version_before_wrote_is_read() -> None:
    """Every event that there was comes back, with nothing in what it did not know; only what it must have is missed."""
    failed = e.AttemptFailed(1.2, "item", 1, 1, 1.0, 1.1, 503, "status 503", "", True, None)
    events: list[e.Event] = [started(), listed(1, 2), imported(2), failed]
    older = as_version_1(to_table(events, "r", 1, "s1", 1))
    assert from_table(older) == events
    assert as_current(older).schema.equals(EVENT_SCHEMA)
    with pytest.raises(RecordError, match="have no column detail"):
        from_table(older.drop_columns(["detail"]))
    with pytest.raises(RecordError, match="have no column body"):
        from_table(to_table(events, "r", 1, "s1", 1).drop_columns(["body"]))


def test_an_unknown_event_is_refused_by_name() -> None:
    """An event that this version does not know may matter, so it is not skipped."""
    table = to_table([started()], "r", 1, "s1", 1)
    at = table.schema.names.index("event")
    with pytest.raises(RecordError, match="unknown event 'ItemSold'; update the harness"):
        from_table(table.set_column(at, "event", pa.array(["ItemSold"])))


def test_an_unknown_status_is_refused_by_name() -> None:
    """How a run ended is one of a few words, or the record is not understood."""
    table = to_table([e.SessionEnded(1.0, e.RunStatus.STOPPED, "")], "r", 1, "s1", 1)
    at = table.schema.names.index("status")
    with pytest.raises(RecordError, match="the events hold an unknown status 'sold' of a session; update the harness"):
        from_table(table.set_column(at, "status", pa.array(["sold"])))


def test_a_table_of_something_else_is_no_record() -> None:
    """Somebody's own Parquet file in the folder is named for what it is."""
    with pytest.raises(RecordError, match="have no column session"):
        from_table(to_table([imported(1)], "r", 1, "s1", 1).drop_columns(["session"]))


@pytest.mark.parametrize("link", ["?after=17", "17", "https://api.test/items/17"])
def test_a_page_is_the_same_from_the_client_to_a_resumed_core(link: str) -> None:
    """Parsed once: the reference that the client made is what is recorded, read back, folded, and asked for."""
    rest = Rest("https://api.test/items", 10)
    (first, _) = rest.page_of(e.FIRST_PAGE, {"data": [{"id": 1}], "next": link})
    told = PageListed(0.2, e.FIRST_PAGE, 1, 0.0, 0.1, 200, first.ids, None, None, first.next_page, first.way, new=1)
    events = from_table(to_table([started(), told], "r", 1, "s1", 1))
    assert events[1] == told
    core = Core(Rules(), shared(Budget("api", Unpaced())), lambda _: None, 0.0, fold(events))
    core.start(number=2)
    asked = core.next(0.0)
    assert isinstance(asked, Fetch)
    assert asked.page == first.next_page
    assert asked.page.kind == "url"
    assert rest.page_url(asked.page) == {
        "?after=17": "https://api.test/items?after=17",
        "17": "https://api.test/17",
    }.get(link, link)


def test_what_a_request_asked_is_recorded_with_it() -> None:
    """By name: the resource and its endpoint, whose credential, and which budget paid; one object for all alike."""
    budget = Budget(budget_name("API_TOKEN"), Unpaced())
    (of_list, of_item) = shared(budget, "API_TOKEN")
    page = replace(listed(1, 2), endpoint=of_list)
    items = [replace(imported(item), endpoint=of_item) for item in (1, 2)]
    table = to_table([started(), page, *items], "r", 1, "s1", 1)
    asked = ("resource", "endpoint", "role", "parent", "credential", "budget")
    rows = [tuple(row[name] for name in asked) for row in table.to_pylist()]
    assert rows[0] == (None,) * 6
    assert rows[1:] == [("records", role, role, None, "API_TOKEN", "API_TOKEN *") for role in ("list", "item", "item")]
    back = from_table(table)
    assert back[1:] == [page, *items]
    assert back[2].endpoint is back[3].endpoint  # type: ignore[union-attr]
