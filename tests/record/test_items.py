"""items.parquet: every imported item once, in columns that hold what the API sent."""

from __future__ import annotations

import json
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from harness.record import formats
from harness.record.items import write_items
from harness.record.recorder import Recorder

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.sampled_from([2**53 + 1, 2**63, -(2**63) - 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


def table_of(payloads: list[str], folder: Path, *, batch: int = 10_000, parts: int = 1) -> pa.Table:
    """items.parquet of items 0, 1, 2 … with these payloads, written `parts` to a part and read `batch` at a time."""
    recorder = Recorder(folder, "r", 1)
    for item, payload in enumerate(payloads):
        recorder.put(item, payload)
        if item % parts == 0:
            recorder.flush()
    recorder.flush()
    before, formats.BATCH = formats.BATCH, batch
    try:
        return pq.read_table(write_items(folder))
    finally:
        formats.BATCH = before


def column(values: list[Any], tmp_path: Path, batch: int = 1) -> tuple[str, list[Any]]:
    """The type and values of a field `x` that holds `values` in one item each."""
    found = table_of([json.dumps({"x": value}) for value in values], tmp_path, batch=batch).column("x")
    return str(found.type), found.to_pylist()


@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, 2.5, None], "double", [1.0, 2.5, None]),
        ([None, None], "null", [None, None]),
        ([None, "a"], "string", [None, "a"]),
        ([True, None], "bool", [True, None]),
        ([1, "a"], "string", ["1", "a"]),
        ([True, 1.5], "string", ["true", "1.5"]),
        ([{"b": 1}, "a"], "string", ['{"b": 1}', "a"]),
        ([{"b": 1}, {"b": "a"}], "string", ['{"b": 1}', '{"b": "a"}']),
        ([{}, {}], "string", ["{}", "{}"]),
        ([{"b": {}}], "string", ['{"b": {}}']),
        ([[{}]], "string", ["[{}]"]),
        ([2**53 + 1, 0.5], "decimal128(17, 1)", [Decimal(2**53 + 1), Decimal("0.5")]),
        ([[2**53 + 1], [0.5]], "list<element: decimal128(17, 1)>", [[Decimal(2**53 + 1)], [Decimal("0.5")]]),
        ([2**63, -1], "decimal128(19, 0)", [Decimal(2**63), Decimal(-1)]),
        ([10**400, 1], "string", ["1" + "0" * 400, "1"]),
    ],
)
def test_a_column_has_one_type_that_loses_nothing(
    values: list[Any], kind: str, kept: list[Any], batch: int, tmp_path: Path
) -> None:
    """Whether seen together or one after the other: numbers stay numbers, a mixture is kept as JSON text."""
    assert column(values, tmp_path, batch) == (kind, kept)


def test_nested_objects_are_nested_columns(tmp_path: Path) -> None:
    """A field that comes late is null before; lists keep their values' type."""
    table = table_of(['{"a": {"b": 1}, "t": ["x"]}', '{"a": {"c": 2.5}, "t": []}'], tmp_path, batch=1)
    assert table.column("a").to_pylist() == [{"b": 1, "c": None}, {"b": None, "c": 2.5}]
    assert table.column("t").to_pylist() == [["x"], []]


@pytest.mark.parametrize("nest", ['{"x": ' + "[" * 900 + "]" * 900 + "}", '{"x": ' * 900 + "1" + "}" * 900])
def test_deep_nesting_is_text(nest: str, tmp_path: Path) -> None:
    """Parquet readers refuse a hundred levels; nothing that an API sends makes a file that cannot be read."""
    assert json.loads(table_of([nest], tmp_path).column("x").to_pylist()[0]) == json.loads(nest)["x"]


def test_every_item_has_its_id(tmp_path: Path) -> None:
    """Also an item whose payload does not repeat it, or is no object at all; a row for each."""
    table = table_of(['{"n": 1}', "{}", "5", '{"id": 3, "n": 2}'], tmp_path)
    assert table.column("id").to_pylist() == [0, 1, 2, 3]
    assert table.column("n").to_pylist() == [1, None, None, 2]
    assert table.column("value").to_pylist() == [None, None, 5, None]


def test_an_empty_run_has_an_empty_file(tmp_path: Path) -> None:
    """Zero items are a file of zero rows with an id column, which any reader opens."""
    table = table_of([], tmp_path)
    assert (table.num_rows, table.schema.names) == (0, ["id"])


def test_each_item_once_in_the_order_of_arrival(tmp_path: Path) -> None:
    """An item fetched twice (a crash fell between payload and event) is one item: the last payload stays."""
    for session, rows in ((1, [(5, "a"), (3, "b")]), (2, [(3, "late"), ("x", "c"), (5, "late")]), (10, [(1, "d")])):
        recorder = Recorder(tmp_path, "r", session)
        for item, name in rows:
            recorder.put(item, json.dumps({"id": item, "name": name}))
        recorder.flush()
    table = pq.read_table(write_items(tmp_path))
    assert table.column("name").to_pylist() == ["late", "c", "late", "d"]
    assert table.column("id").to_pylist() == ["3", "x", "5", "1"]


def test_half_a_surrogate_pair_is_stored_as_a_replacement_character(tmp_path: Path) -> None:
    """JSON can escape half a character; UTF-8 and Parquet cannot hold it, and the import must not end there."""
    table = table_of(['{"n": "\\ud800", "\\udc00k": {"m": ["\\uD83D\\uDE00"]}}'], tmp_path)
    assert table.to_pylist() == [{"id": 0, "n": "\ufffd", "\ufffdk": {"m": ["😀"]}}]


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "", "a.b"]), JSON, max_size=3), max_size=6), st.booleans())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_whatever_the_api_sends_can_be_read_back(records: list[dict[str, Any]], together: bool) -> None:
    """Any JSON: the file is written, opens, has a row for each item, and holds each value or its JSON text."""
    with tempfile.TemporaryDirectory() as name:
        table = table_of([json.dumps(record) for record in records], Path(name), batch=100 if together else 1, parts=3)
    assert table.num_rows == len(records)
    for record, row in zip(records, table.to_pylist(), strict=True):
        for field, value in record.items():
            assert row[field] == _text(value) or _same(value, row[field]), (field, value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _same(sent: Any, kept: Any) -> bool:
    """Equal, but that a field which other items have is null where this one lacks it."""
    if isinstance(sent, dict):
        return isinstance(kept, dict) and all(_same(sent.get(name), value) for name, value in kept.items())
    if isinstance(sent, list):
        return isinstance(kept, list) and len(sent) == len(kept) and all(map(_same, sent, kept))
    if isinstance(kept, Decimal):
        return Decimal(repr(sent)) == kept
    return bool(sent == kept)
