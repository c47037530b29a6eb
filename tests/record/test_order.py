"""The rows of items.parquet and of exports stand in the order of the list, whatever order the answers came in."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from harness.errors import RecordError
from harness.record import events as e
from harness.record.items import export, write_items
from harness.record.order import in_list_order
from harness.record.parts import compact
from harness.record.recorder import Recorder
from harness.record.run import Run, create_run
from tests.record.samples import imported, listed, started


def recorded(
    folder: Path, events: Iterable[e.Event], items: Iterable[e.ItemId], session: int = 1, part: int = 100
) -> None:
    """A session with these events, and the payloads of these items in the order of writing."""
    recorder = Recorder(folder, "r", session)
    for number, item in enumerate(items):
        recorder.put(item, json.dumps({"id": item}))
        if number % part == part - 1:
            recorder.flush()
    for event in events:
        recorder.record(event)
    recorder.flush()


def order(folder: Path) -> list[e.ItemId]:
    """The ids of items.parquet, row by row."""
    ids = pq.read_table(write_items(folder)).column("id").to_pylist()
    return [e.canonical_id(item) for item in ids]


def paged(page: e.PageRef, *ids: e.ItemId, following: e.PageRef | None = None) -> e.PageListed:
    return e.PageListed(0.2, page, 1, 0.0, 0.1, 200, ids, None, None, following)


def test_numbered_pages_by_number_whenever_they_came(tmp_path: Path) -> None:
    """Page 3 before page 2, page 0 at last, answers in any order."""
    pages = [listed(4, 3, page=1), listed(8, page=3), listed(6, 5, page=2), listed(9, page=0)]
    recorded(tmp_path, pages, [5, 8, 9, 3, 4, 6])
    assert order(tmp_path) == [9, 4, 3, 6, 5, 8]


def test_parts_in_their_order_whichever_was_read_first(tmp_path: Path) -> None:
    """Then page by page; what two of them name stands in the first."""

    def page(kind: e.PageKind, value: int | str, part: int) -> e.PageRef:
        return e.PageRef(kind, value, part)

    pages = [
        e.ListSplit(0.0, ("until=3", "since=2, until=5", "since=4")),
        paged(page("number", 1, 0), 1, 2, following=page("cursor", "c", 0)),
        paged(page("number", 1, 2), 6, 5, following=page("cursor", "c", 2)),
        paged(page("cursor", "c", 2), 7),
        paged(page("number", 1, 1), 3, 4, 5, following=page("cursor", "c", 1)),
        paged(page("cursor", "c", 0), 3),
        paged(page("cursor", "c", 1), 8),
    ]
    recorded(tmp_path, pages, [8, 7, 6, 5, 4, 3, 2, 1])
    assert order(tmp_path) == [1, 2, 3, 4, 5, 8, 6, 7]


def test_linked_pages_in_the_order_of_their_links(tmp_path: Path) -> None:
    """A list by cursor after its first page, and a second chain that was read beside the first."""
    a, b, x, y = (e.linked(f"https://a.example/{name}") for name in "abxy")
    pages = [
        paged(e.FIRST_PAGE, 1, following=a),
        paged(x, 10, following=y),  # a chain that no page named
        paged(a, 2, following=b),
        paged(y, 11),
        paged(b, 3),
    ]
    recorded(tmp_path, pages, [11, 3, 10, 2, 1])
    assert order(tmp_path) == [1, 2, 3, 10, 11]


def test_an_offset_that_is_no_whole_page_stands_behind_the_page_that_named_it(tmp_path: Path) -> None:
    """A server that gives 2 where 4 were asked for: pages 1, offset 2, 2, offset 6, 3."""
    second, fourth = e.PageRef("offset", 2), e.PageRef("offset", 6)
    pages = [
        paged(e.numbered(1), 1, 2, following=second),
        paged(second, 3, 4, following=e.numbered(2)),
        paged(e.numbered(2), 5, 6, following=fourth),
        paged(fourth, 7, 8, following=e.numbered(3)),
        paged(e.numbered(3), 9),
    ]
    recorded(tmp_path, pages, [9, 8, 7, 6, 5, 4, 3, 2, 1])
    assert order(tmp_path) == list(range(1, 10))


def test_what_an_audit_found_comes_last(tmp_path: Path) -> None:
    """The list is read again: known items stay where they were, new ones stand behind all of them."""
    first = [started(), listed(1, 2, page=1), listed(3, page=2)]
    recorded(tmp_path, first, [3, 1, 2])
    again = [started(2), e.Relisted(0.0), listed(7, 2, page=2), listed(3, 8, 1, page=1)]
    recorded(tmp_path, again, [7, 8], session=2)
    assert order(tmp_path) == [1, 2, 3, 8, 7]


def test_an_item_on_two_pages_stands_at_the_first_of_them(tmp_path: Path) -> None:
    """Records moved while the list was read: the same place whichever of the pages came first."""
    recorded(tmp_path / "a", [listed(1, 2, page=1), listed(2, 3, page=2)], [2, 3, 1])
    recorded(tmp_path / "b", [listed(2, 3, page=2), listed(1, 2, page=1)], [1, 2, 3])
    assert order(tmp_path / "a") == order(tmp_path / "b") == [1, 2, 3]


def test_exports_have_the_same_order_and_only_what_is_imported(tmp_path: Path) -> None:
    """CSV, JSON lines, Parquet of a run that goes on."""
    run = create_run(tmp_path, "r", {"config": {}}, 0.0)
    events = [started(), listed(30, "b", page=1), listed("a", 20, 10, page=2)]
    recorded(run.folder, [*events, *(imported(item) for item in (10, "a", "b", 30))], [10, "a", "b", 30, 20])
    wanted = ["30", "b", "a", "10"]
    for kind in ("csv", "jsonl", "parquet"):
        assert export(run, tmp_path / f"x.{kind}") == 4
    assert [line.strip('"') for line in (tmp_path / "x.csv").read_text().split()[1:]] == wanted
    assert [str(json.loads(line)["id"]) for line in (tmp_path / "x.jsonl").read_text().splitlines()] == wanted
    assert pq.read_table(tmp_path / "x.parquet").column("id").to_pylist() == wanted


IDS = st.integers(0, 30) | st.sampled_from(["a", "b", "7", "x/y", "ä", "\0", "' OR 1"])


@given(
    st.lists(st.lists(st.lists(IDS, max_size=4), max_size=5), min_size=1, max_size=3),
    st.randoms(use_true_random=False),
    st.booleans(),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_order_is_that_of_reading_page_and_place(
    readings: list[list[list[e.ItemId]]], rng: random.Random, compacted: bool
) -> None:
    """Any pages with any ids, read in any order, in up to three sessions; each item once, its last payload."""
    expected: dict[e.ItemId, None] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for session, pages in enumerate(readings, 1):
            named = [[e.canonical_id(item) for item in page] for page in pages]
            expected |= dict.fromkeys(item for page in named for item in page)
            events: list[e.Event] = [listed(*page, page=number) for number, page in enumerate(named, 1)]
            rng.shuffle(events)
            items = [item for page in named for item in page]
            rng.shuffle(items)
            recorded(folder, [*([e.Relisted(0.0)] if session > 1 else []), *events], items, session, part=3)
        if compacted:
            compact(folder)
        assert order(folder) == list(expected)


def test_a_killed_sort_leaves_nothing_behind(tmp_path: Path) -> None:
    """While it is read, its file has no name any more: kill -9 frees its room by itself."""
    recorded(tmp_path, [listed(2, 1)], [1, 2])
    before = sorted(tmp_path.rglob("*"))
    with in_list_order(tmp_path, beside=tmp_path) as items:
        assert sorted(tmp_path.rglob("*")) == before
        assert [kept.item for kept in items] == [2, 1]
        assert [kept.item for kept in items] == [2, 1]


def test_what_a_kill_left_is_removed_by_the_next_who_sorts(tmp_path: Path) -> None:
    """A file that was made and not unlinked yet; files of other names stay."""
    recorded(tmp_path, [listed(2, 1)], [1, 2])
    left, other = tmp_path / ".abcdefgh.sorting.tmp", tmp_path / "sorting.tmp"
    left.touch()
    other.touch()
    with in_list_order(tmp_path, beside=tmp_path) as items:
        assert [kept.item for kept in items] == [2, 1]
    assert (left.exists(), other.exists()) == (False, True)


def test_two_sort_in_one_folder_at_once(tmp_path: Path) -> None:
    """The second begins amid the first, which needs the name of its file no more."""
    recorded(tmp_path, [listed(2, 1)], [1, 2])
    with in_list_order(tmp_path, beside=tmp_path) as first, in_list_order(tmp_path, beside=tmp_path) as second:
        assert [kept.item for kept in second] == [kept.item for kept in first] == [2, 1]


def test_where_nothing_can_be_sorted_it_is_said(tmp_path: Path) -> None:
    """No such folder, or no room: one sentence, as for any file of the record."""
    recorded(tmp_path, [listed(1)], [1])
    said = r"the items cannot be sorted in .*no.*; make room there"
    with pytest.raises(RecordError, match=said), in_list_order(tmp_path, beside=tmp_path / "no"):
        pass


def test_large_payloads_come_back_as_they_were(tmp_path: Path) -> None:
    """They are compressed on the way; characters of several bytes count as bytes."""
    payloads = {1: json.dumps({"id": 1, "t": "ä😀" * 9_000}, ensure_ascii=False), 2: '{"id":2}', 3: "[]" + " " * 600}
    recorder = Recorder(tmp_path, "r", 1)
    for item in (3, 1, 2):
        recorder.put(item, payloads[item])
    recorder.record(listed(1, 2, 3))
    recorder.flush()
    with in_list_order(tmp_path, beside=tmp_path) as items:
        assert {kept.item: kept.payload for kept in items} == payloads


def test_the_moment_of_an_item_is_that_of_its_last_answer(tmp_path: Path) -> None:
    """In its own session; taken back and fetched again, it is the later one; nothing where that is not asked for."""
    recorded(tmp_path, [started(), listed(1, 2, 3), imported(1), imported(2)], [1, 2])
    later = [started(2), e.ItemAdopted(0.5, 2), e.ItemListed(0.25, 3)]
    recorded(tmp_path, later, [3], session=2)
    begun = [started(number).utc_s for number in (1, 2)]
    wanted = [begun[0] + 1.2, begun[1] + 0.5, begun[1] + 0.25]
    with in_list_order(tmp_path, beside=tmp_path, moments=True) as items:
        assert [kept.read_us for kept in items] == [round(at_s * 1e6) for at_s in wanted]
    with in_list_order(tmp_path, beside=tmp_path) as items:
        assert [kept.read_us for kept in items] == [None, None, None]


def test_a_run_of_another_reading_order(tmp_path: Path) -> None:
    """`Run.items` shows the same order."""
    run: Run = create_run(tmp_path, "r", {"config": {}, "status": "stopped"}, 0.0)
    recorded(run.folder, [started(), listed(5, 4, 6)], [6, 5, 4])
    write_items(run.folder)
    assert run.items().column("id").to_pylist() == [5, 4, 6]
