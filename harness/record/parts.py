"""Parquet parts: whole or not there at all, whatever is killed and whenever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RecordError
from harness.record.files import replace_file
from harness.record.listing import clear_temporary as clear_temporary
from harness.record.listing import is_compacted as is_compacted
from harness.record.listing import list_parts as list_parts
from harness.record.listing import part_path as part_path
from harness.record.listing import replaced_parts as replaced_parts
from harness.record.listing import writer_order as writer_order

# A row group is what a reader holds at once: bounded in rows and in bytes, whatever the rows hold.
GROUP_ROWS = 5_000
GROUP_BYTES = 8_000_000


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` to `path`, so that after a crash or power cut it is either complete or absent."""

    def write(temporary: Path) -> None:
        # zstd finds what repeats: dictionaries made a part of 1000 events a quarter larger and took a third longer.
        pq.write_table(table, temporary, compression="zstd", use_dictionary=False)

    replace_file(path, write)


def write_tables(path: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    """The same for tables that are made as they are needed, a row group each.

    Without statistics: of a payload of 30 MB those take 180 MB while it is written, and nobody asks for them.
    """

    def write(temporary: Path) -> None:
        plain: dict[str, Any] = {"use_dictionary": False, "write_statistics": False}
        with pq.ParquetWriter(temporary, schema, compression="zstd", **plain) as file:
            for table in tables:
                file.write_table(table)

    replace_file(path, write)


def grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer tables, each to be a row group."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        del table
        if sum(part.num_rows for part in held) >= GROUP_ROWS or sum(part.nbytes for part in held) >= GROUP_BYTES:
            held = [pa.concat_tables(held)]
            yield held.pop()
    if held:
        yield pa.concat_tables(held)


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The file at `path`; RecordError naming it where it cannot be read."""
    with opened(path) as file:
        return file.read(columns, use_threads=False)


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The Parquet file at `path`, to be read in pieces; RecordError naming it where it, or a piece, cannot be read."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        unreadable = Gone if isinstance(error, FileNotFoundError) else RecordError
        raise unreadable(f"{path} cannot be read ({what}); restore it from a copy, or remove the run") from None


class Gone(RecordError):
    """A part that was listed is not there any more: a compacted one may stand for it by now."""


def read_group(file: pq.ParquetFile, group: int, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """The rows of one row group, in pieces of about GROUP_BYTES: other versions wrote groups of any size."""
    about = file.metadata.row_group(group)
    if about.total_byte_size <= 2 * GROUP_BYTES:
        yield file.read_row_group(group, columns, use_threads=False)
        return
    rows = max(1, about.num_rows * GROUP_BYTES // about.total_byte_size)
    for batch in file.iter_batches(rows, [group], columns, use_threads=False):
        yield pa.Table.from_batches([batch])
