"""items.parquet of records that are wide, long or sparse: bounded, and every value is still there (D2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.record import columns, kinds, parts, recorder
from harness.record.columns import MOST_FIELDS
from harness.record.formats import batches
from harness.record.items import write_items
from harness.record.kinds import WIDEST
from harness.record.order import in_list_order
from harness.record.parts import compact, read_rows
from harness.record.recorder import FLUSH_BYTES, MOST_UNWRITTEN_BYTES, Recorder
from tests.record.samples import listed


def written(tmp_path: Path, records: list[dict[str, Any]]) -> pa.Table:
    """items.parquet of these records, by its own reader."""
    make = Recorder(tmp_path, "r", 1)
    for at, record in enumerate(records):
        make.put(record.get("id", at), json.dumps(record))
    make.flush()
    return pq.read_table(write_items(tmp_path))


def test_fields_beyond_the_most_are_text_in_one_column(tmp_path: Path) -> None:
    """D2: fields that every item has are columns; of a thousand a day that no other has, what has no room is JSON."""
    records = [{"id": at, **{f"k{at}_{n}": n for n in range(1_000)}, "name": f"n{at}"} for at in range(4)]
    table = written(tmp_path, records)
    assert len(table.column_names) == MOST_FIELDS
    assert table.column_names[0] == "id"
    assert {"name", "k0_0", "other_fields"} < set(table.column_names)
    for record, row in zip(records, table.to_pylist(), strict=True):
        others = json.loads(row.pop("other_fields") or "{}")
        assert {name: value for name, value in row.items() if value is not None} | others == record
        assert others.keys().isdisjoint(row)


def test_a_name_that_is_taken_is_left_to_the_api(tmp_path: Path) -> None:
    """A record with a field `other_fields` keeps it."""
    record = {"id": 1, "other_fields": "mine", **{f"k{n}": n for n in range(1_200)}}
    (row,) = written(tmp_path, [record]).to_pylist()
    assert row["other_fields"] == "mine"
    assert len(json.loads(row["other_fields_"])) == 1_202 - (MOST_FIELDS - 1)


def test_names_are_remembered_in_a_bounded_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for 8 names, what every item has stays, whatever came before it; nothing is lost."""
    monkeypatch.setattr(columns, "_REMEMBERED", 8)
    monkeypatch.setattr("harness.record.formats.BATCH", 1)
    records = [{"id": at, **{f"k{at}_{n}": [n] for n in range(6)}, "name": at} for at in range(5)]
    records[4]["k0_0"] = "late"  # of another type than the forgotten one
    table = written(tmp_path, records)
    assert table.column("name").to_pylist() == [0, 1, 2, 3, 4]
    for record, row in zip(records, table.to_pylist(), strict=True):
        others = json.loads(row.pop("other_fields") or "{}")
        kept = {name: json.loads(v) if isinstance(v, str) and v[0] == "[" else v for name, v in row.items()}
        assert {name: value for name, value in kept.items() if value is not None} | others == record


@pytest.mark.parametrize(
    "values",
    [
        [{f"d{n}": n for n in range(WIDEST + 1)}],
        [{f"d{at}_{n}": n for n in range(WIDEST - 1)} for at in range(2)],
        [{"a": [{f"d{n}": 1} for n in range(WIDEST + 1)]}],
    ],
)
@pytest.mark.parametrize("batch", [1, 100])
def test_an_object_with_too_many_fields_is_text(
    values: list[Any], batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D2: an object by day or by id, whether one item has them all or each others."""
    monkeypatch.setattr("harness.record.formats.BATCH", batch)
    found = written(tmp_path, [{"x": value} for value in values]).column("x")
    assert (str(found.type), [json.loads(value) for value in found.to_pylist()]) == ("string", values)


def test_a_table_of_nothing_is_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects with one field each out of a hundred: as columns they take a hundred times as much."""
    monkeypatch.setattr(kinds, "PLACES", 1_000)
    sparse = [{"x": [{f"d{n % 100}": 1} for n in range(200)]}]
    dense = [{"x": [{f"d{n}": 1 for n in range(50)} for _ in range(200)]}]
    assert str(written(tmp_path / "a", sparse).column("x").type) == "string"
    assert pa.types.is_list(written(tmp_path / "b", dense).column("x").type)


def test_nested_columns_become_text_the_widest_first(tmp_path: Path) -> None:
    """Ten objects of 150 fields are more than a file is to have: the first five or so of them are text."""
    record = {"id": 1, **{f"o{at}": {f"f{n}": n for n in range(150 + at)} for at in range(10)}, "small": {"a": 1}}
    table = written(tmp_path, [record])
    kinds = [str(field.type) == "string" for field in table.schema]
    assert kinds == [False, *[False] * 6, *[True] * 4, False]
    assert sum(columns._fields(field.type) for field in table.schema) <= MOST_FIELDS


def test_batches_are_bounded_in_what_they_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of items of 1,000 characters, with room for 3,500: four at a time. Of many columns: few rows."""
    monkeypatch.setattr("harness.record.formats.BATCH_BYTES", 3_500)
    written(tmp_path, [{"id": at, "text": "x" * 980} for at in range(10)])
    with in_list_order(tmp_path, beside=tmp_path) as items:
        assert [len(records) for records, _ in batches(items)] == [4, 4, 2]
        assert [len(records) for records, _ in batches(items, rows=3)] == [3, 3, 3, 1]


def test_long_texts_are_compared_by_nobody(tmp_path: Path) -> None:
    """The file says the least and most of short columns only: of long ones that took six times their size."""
    written(tmp_path, [{"id": 1, "name": "n", "text": "x" * 2_000, "o": {"a": 1}, "a.b": 1}])
    group = pq.read_metadata(tmp_path / "items.parquet").row_group(0)
    has = {group.column(at).path_in_schema: group.column(at).is_stats_set for at in range(group.num_columns)}
    assert has == {"id": True, "name": True, "text": False, "o.a": False, "a.b": False}


def test_a_part_is_due_for_what_it_holds() -> None:
    """D2: one large payload, or a page of many ids, is a part; four are too much to go on."""
    make = Recorder.__new__(Recorder)
    make.unwritten = make.unwritten_bytes = make._size_bytes = make.seq = 0
    make._events, make._items = [], []
    make.put(1, "x" * (FLUSH_BYTES - 1))
    assert not make.due
    make.record(listed(1))
    assert (make.due, make.behind) == (True, False)
    make.put(2, "x" * (MOST_UNWRITTEN_BYTES - FLUSH_BYTES))
    assert make.behind


def groups(path: Path) -> list[int]:
    """Rows of each row group of the only part in a folder."""
    (part,) = path.glob("*.parquet")
    about = pq.read_metadata(part)
    return [about.row_group(at).num_rows for at in range(about.num_row_groups)]


def test_row_groups_are_bounded_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As written, as compacted, and as read where an older version wrote one group of everything."""
    monkeypatch.setattr(recorder, "FLUSH_BYTES", 2_500)
    monkeypatch.setattr(parts, "GROUP_BYTES", 4_000)
    make = Recorder(tmp_path, "r", 1)
    for half in (range(5), range(5, 10)):
        for at in half:
            make.put(at, f'{{"id": {at}, "t": "{at * 1_000}"}}'.ljust(1_000))
        make.flush()
    assert [row.table.num_rows for row in read_rows(tmp_path / "items")] == [3, 2, 3, 2]
    compact(tmp_path)
    assert groups(tmp_path / "items") == [5, 5]
    (part,) = (tmp_path / "items").glob("*.parquet")
    pq.write_table(pq.read_table(part), part)
    assert groups(tmp_path / "items") == [10]
    pieces = list(read_rows(tmp_path / "items", after=("s1", 1)))
    assert [piece.first for piece in pieces] == [2, 4, 7, 10]
    assert list(ids(pieces)) == [str(at) for at in range(1, 10)]


def ids(pieces: list[Any]) -> Iterator[str]:
    for piece in pieces:
        yield from piece.table.column("id").to_pylist()
