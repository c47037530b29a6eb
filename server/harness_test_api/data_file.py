"""The rows of a Parquet, CSV or JSON Lines file, served instead of the generated catalogue."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from harness_test_api.catalogue import Record, Truth
from harness_test_api.errors import BadConfig

_READERS: dict[str, Callable[[Path], pa.Table]] = {
    ".parquet": pa.parquet.read_table,
    ".csv": pa.csv.read_csv,
    ".jsonl": pa.json.read_json,
    ".ndjson": pa.json.read_json,
}


class DataCatalogue:
    """Rows in the file's order. Ids are the `id` column's values, or row numbers from 1 where there is none."""

    def __init__(self, path: str) -> None:
        """Read the whole file; raises BadConfig when it cannot be, or when its ids are not unique."""
        self._table = _read(Path(path))
        ids = self._table["id"].to_pylist()
        self._position = {str(value): position for position, value in enumerate(ids)}
        if len(self._position) != len(ids) or None in ids:
            raise BadConfig(f"data: the ids in {path} are not all there and unique; make the id column so, or drop it")
        listed = [name for name in ("id", "name") if name in self._table.column_names]
        self._list = self._table.select(listed)

    def total(self, now: float) -> int:
        return int(self._table.num_rows)

    def slice(self, now: float, offset: int, count: int) -> list[Record]:
        return _records(self._list.slice(min(offset, self._table.num_rows), count))

    def after(self, now: float, key: str | None, count: int) -> list[Record] | None:
        if key is None:
            return self.slice(now, 0, count)
        position = self._position.get(key)
        return None if position is None else self.slice(now, position + 1, count)

    def find(self, now: float, item_id: str) -> Callable[[], Record] | None:
        position = self._position.get(item_id)
        return None if position is None else lambda: _records(self._table.slice(position, 1))[0]

    def missing(self, item_id: str) -> int:
        return 404

    def truth(self, now: float) -> Truth:
        """Tell that nothing happened: a file does not drift."""
        return Truth(int(self._table.num_rows))


def _read(path: Path) -> pa.Table:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadConfig(f"data: {path} has an unsupported extension; use one of {', '.join(_READERS)}")
    try:
        table = reader(path)
        if "id" not in table.column_names:
            table = table.add_column(0, "id", pa.array(range(1, table.num_rows + 1), pa.int64()))
        table.validate(full=True)  # a damaged file may be found out only when its values are looked at
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0][:200]
        raise BadConfig(f"data: {path} cannot be read ({reason}); check the path and the contents") from error
    return table


def _records(table: pa.Table) -> list[Record]:
    return [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]


def _plain(value: Any) -> Any:
    """Make JSON of a value: numbers, text, lists and objects; times in ISO 8601; not a number as null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, str | int):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
