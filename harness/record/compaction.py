"""Compaction: the many parts of a run that is over become one per writer, at a moment that no reader notices.

The compacted part is written whole beside the others, and its name says for which rows it stands; from its rename on
they are no parts any more, and are removed. A crash in between leaves files that readers pass over.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from harness.record.files import replace_file
from harness.record.parts import grouped, list_parts, part_path, replaced_parts
from harness.record.rows import last_rows, read_rows

KINDS = ("events", "items")


def compact(folder: Path) -> None:
    """Compact the parts of the run in `folder`. Only the holder of its lock may; RecordError where the disk refuses."""
    for kind in KINDS:
        of: dict[str, list[Path]] = {}
        for writer, _, path in list_parts(folder / kind):
            of.setdefault(writer, []).append(path)
        for writer, paths in of.items():
            if len(paths) > 1:
                _compact(folder / kind, writer, paths)
        clear_replaced(folder / kind)


def clear_replaced(folder: Path) -> None:
    """Remove parts for which a compacted one stands. Only the holder of the run's lock may."""
    for path in replaced_parts(folder):
        with suppress(OSError):  # they only take room
            path.unlink(missing_ok=True)


def _compact(folder: Path, writer: str, paths: list[Path]) -> None:
    first, last = int(paths[0].stem.rpartition("-")[2].partition("_")[0]), last_rows(folder)[writer]
    names = json.dumps([path.name for path in paths])

    def write(temporary: Path) -> None:
        schema = pq.read_schema(paths[0])
        schema = schema.with_metadata({**(schema.metadata or {}), b"harness.replaces": names.encode()})
        # Statistics of forty columns in every group are held until the file is closed, and a page of the usual 1 MB is
        # held for each column: without the one and with smaller ones of the other it takes 20 MB less.
        small: dict[str, Any] = {"write_statistics": False, "data_page_size": 64 * 1024}
        with pq.ParquetWriter(temporary, schema, compression="zstd", use_dictionary=False, **small) as file:
            for table in grouped(
                rows.table for rows in read_rows(folder, (writer, first - 1)) if rows.writer == writer
            ):
                file.write_table(table.replace_schema_metadata(schema.metadata))

    replace_file(part_path(folder, writer, first, last), write)
