"""Rows of a file served instead of the generated catalogue."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from harness_test_api import Ask, BadConfig, ServerConfig, Service

ROWS = [{"id": f"sku-{n}", "name": f"thing {n}", "price": n / 4, "made": None} for n in range(1, 13)]


def write(folder: Path, kind: str) -> str:
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        pa.parquet.write_table(pa.Table.from_pylist(ROWS), path)
    elif kind == "csv":
        path.write_text("id,name,price\n" + "".join(f"{row['id']},{row['name']},{row['price']}\n" for row in ROWS))
    else:
        import json

        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(path)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_each_format_is_served_row_by_row(tmp_path: Path, kind: str) -> None:
    """The list shows id and name in the file's order; an item is its whole row."""
    service = Service(ServerConfig(data=write(tmp_path, kind), limit="none", paging="keyset"))
    first = service.handle(0.0, Ask("list")).body()
    assert (first["total"], first["has_more"]) == (12, True)
    assert first["data"][0] == {"id": "sku-1", "name": "thing 1"}
    rest = service.handle(0.0, Ask("list", query={"after": "sku-10"})).body()
    assert [record["id"] for record in rest["data"]] == ["sku-11", "sku-12"]
    item = service.handle(0.0, Ask("item", "sku-3")).body()
    assert (item["id"], item["price"]) == ("sku-3", 0.75)
    assert service.handle(0.0, Ask("item", "sku-99")).status == 404
    assert service.handle(0.0, Ask("list", query={"after": "sku-99"})).status == 422


def test_values_json_does_not_know_are_told_in_words(tmp_path: Path) -> None:
    """Times in ISO 8601, not-a-number as null, row numbers for ids where there are none."""
    path = tmp_path / "rows.parquet"
    when = datetime(2026, 11, 23, 15, 52, tzinfo=UTC)
    pa.parquet.write_table(pa.table({"at": [when], "x": [float("nan")], "tags": [["a", "b"]]}), path)
    item = Service(ServerConfig(data=str(path), limit="none")).handle(0.0, Ask("item", "1")).body()
    assert item == {"id": 1, "at": "2026-11-23T15:52:00+00:00", "x": None, "tags": ["a", "b"]}


def test_files_that_cannot_be_served_are_refused(tmp_path: Path) -> None:
    """Missing, of no known kind, unreadable, or with an id twice: one sentence each."""
    twice = tmp_path / "twice.csv"
    twice.write_text("id,name\n1,a\n1,b\n")
    broken = tmp_path / "broken.parquet"
    broken.write_text("no parquet")
    text = tmp_path / "rows.txt"
    text.write_text("hello")
    for path, word in (
        (tmp_path / "none.csv", "no file"),
        (text, "has an unsupported extension"),
        (broken, "read"),
        (twice, "unique"),
    ):
        with pytest.raises(BadConfig, match=word) as caught:
            Service(ServerConfig(data=str(path)))
        assert "\n" not in str(caught.value)
    with pytest.raises(BadConfig, match="drift"):
        ServerConfig(data=str(twice), drift="delete=1/s")
