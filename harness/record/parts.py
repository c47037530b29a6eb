"""Write and read the Parquet parts of a run: each is whole or not there at all, whatever is killed and whenever.

A writer adds parts named `<writer>-<first row>.parquet`. Readers take the rows of a folder in order of writing, while
somebody may be adding parts or compacting them, and notice where rows are missing.

When a run is over its parts are compacted: one file per writer, written whole beside the others, whose name says for
which rows it stands. From its rename on the others are no parts any more, and are removed; a crash in between leaves
files that readers pass over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RecordError
from harness.record.files import (
    clear_temporary as clear_temporary,
    is_compacted as is_compacted,
    list_parts as list_parts,
    part_path as part_path,
    replace_file,
    replaced_parts as replaced_parts,
    writer_order as writer_order,
)

# A row group is what a reader holds at once: bounded in rows and in bytes, whatever the rows hold.
GROUP_ROWS = 5_000
GROUP_BYTES = 8_000_000


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` to `path`, so that after a crash or power cut it is either complete or absent."""

    def write(temporary: Path) -> None:
        # zstd finds what repeats: dictionaries made a part of 1000 events a quarter larger and took a third longer.
        # Statistics, which nobody asks for, would be 4 % of a part of 1000 events.
        plain: dict[str, Any] = {"use_dictionary": False, "write_statistics": False}
        pq.write_table(table, temporary, compression="zstd", **plain)

    replace_file(path, write)


def write_tables(path: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
    """Write tables that are made as they are needed, a row group each.

    Without statistics: of a payload of 30 MB those take 180 MB while it is written, and nobody asks for them.
    """

    def write(temporary: Path) -> None:
        plain: dict[str, Any] = {"use_dictionary": False, "write_statistics": False}
        with pq.ParquetWriter(temporary, schema, compression="zstd", **plain) as file:
            for table in tables:
                file.write_table(table)

    replace_file(path, write)


def grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield the same rows in fewer tables, each to be a row group."""
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
    """Read the file at `path`; RecordError naming it where it cannot be read."""
    with opened(path) as file:
        return file.read(columns, use_threads=False)


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open the Parquet file at `path`, to be read in pieces; RecordError naming it where a piece cannot be read."""
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
    """Yield the rows of one row group, in pieces of about GROUP_BYTES: other versions wrote groups of any size."""
    about = file.metadata.row_group(group)
    if about.total_byte_size <= 2 * GROUP_BYTES:
        yield file.read_row_group(group, columns, use_threads=False)
        return
    rows = max(1, about.num_rows * GROUP_BYTES // about.total_byte_size)
    for batch in file.iter_batches(rows, [group], columns, use_threads=False):
        yield pa.Table.from_batches([batch])


# A list of files made while they change may miss one that is new and one that is gone. The next will not.
_TRIES = 5


class Rows(NamedTuple):
    """Some rows of `writer`, from its `first` on, as they stand in the part at `path`."""

    writer: str
    first: int
    table: pa.Table
    path: Path


class Hole(RecordError):
    """Rows are missing."""


def read_rows(
    folder: Path,
    after: tuple[str, int] | None = None,
    columns: list[str] | None = None,
    ends: Mapping[str, int] | None = None,
) -> Iterator[Rows]:
    """Yield the rows of `folder` in order of writing, in pieces, without those up to `after` (writer, number).

    ends: how far the rows of some writers are known to reach. RecordError where a part cannot be read, or where rows
    are missing: before a part, at `after`, or before a writer's end.
    """
    reader = _Reader(folder, after, columns, ends or {})
    for tries in range(_TRIES):
        try:
            yield from reader.rest()
            return
        except (Hole, Gone):
            if tries == _TRIES - 1:
                raise


class _Reader:
    """Remembers what it has read: `next` is the number of the next row, by writer."""

    def __init__(
        self, folder: Path, after: tuple[str, int] | None, columns: list[str] | None, ends: Mapping[str, int]
    ) -> None:
        self.next: dict[str, int] = {} if after is None else {after[0]: after[1] + 1}
        self._folder, self._after, self._columns, self._ends = folder, after, columns, ends

    def rest(self) -> Iterator[Rows]:
        """Yield the rows not read yet, by a new list of the parts."""
        parts = self._parts()
        for writer, first, path in parts:
            if first > self.next.setdefault(writer, 1):
                what = f"{self._folder.name} before {path} are missing"
                raise Hole(f"{what}; restore the parts of {writer}, or remove the run")
            yield from self._read(writer, first, path)
        for writer, last in self._ends.items():
            asked = self._after is None or writer_order(writer) >= writer_order(self._after[0])
            if asked and self.next.get(writer, 1) <= last:
                raise missing(self._folder, writer, last)

    def _parts(self) -> list[tuple[str, int, Path]]:
        """List the parts from the one in which the next row lies, or which follows on it."""
        parts = list_parts(self._folder)
        if self._after is None:
            return parts
        writer, number = self._after
        at = [at for at, (name, first, _) in enumerate(parts) if name == writer and first <= number + 1]
        if not at:
            raise missing(self._folder, writer, number)
        return parts[at[-1] :]

    def _read(self, writer: str, first: int, path: Path) -> Iterator[Rows]:
        number = first
        with opened(path) as file:
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if number + count <= self.next[writer]:
                    number += count
                    continue
                for table in read_group(file, group, self._columns):
                    rows = table.slice(max(0, self.next[writer] - number))
                    number += table.num_rows
                    if rows.num_rows:
                        self.next[writer] = number
                        yield Rows(writer, number - rows.num_rows, rows, path)
        if self._after is not None and writer == self._after[0] and first <= self._after[1] >= number:
            raise missing(self._folder, writer, self._after[1])


def missing(folder: Path, writer: str, number: int) -> Hole:
    what = f"{folder} lacks the part with {folder.name.removesuffix('s')} {number} of {writer}"
    return Hole(f"{what}; restore the parts of {writer}, or remove the run")


def last_rows(folder: Path) -> dict[str, int]:
    """Return the number of the last row of each writer in `folder`."""
    last: dict[str, tuple[int, Path]] = {name: (first, path) for name, first, path in list_parts(folder)}
    found = {}
    for name, (first, path) in last.items():
        with opened(path) as file:
            found[name] = first + file.metadata.num_rows - 1
    return found


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
