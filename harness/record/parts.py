"""Parquet parts: whole or not there at all, whatever is killed and whenever.

A part is named after its writer and its first row, `s1-000001001.parquet`; a compacted one after its last as well,
`s1-000000001_000123456.parquet`. Its name says which it stands for: those are no parts any more, though a crash or
a moment may have left them there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RecordError
from harness.record.files import TEMPORARY, replace_file

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


def part_path(folder: Path, writer: str, first: int, last: int | None = None) -> Path:
    """Where the part of `writer` from its row `first` on lies; with `last`, a compacted one."""
    return folder / (f"{writer}-{first:09d}" + ("" if last is None else f"_{last:09d}") + ".parquet")


def list_parts(folder: Path) -> list[tuple[str, int, Path]]:
    """(writer, first row, path) of each complete part in `folder`, in order of writing."""
    return [(writer, first, path) for writer, first, _, path in _standing(folder)]


def is_compacted(path: Path) -> bool:
    return "_" in path.stem.rpartition("-")[2]


def replaced_parts(folder: Path) -> list[Path]:
    """Parts for which a compacted one stands."""
    kept = {path for _, _, path in list_parts(folder)}
    return [path for _, _, _, path in _parts(folder) if path not in kept]


def _standing(folder: Path) -> Iterator[tuple[str, int, int, Path]]:
    """Those for which no other stands: of two that begin together, or one within another, the longer."""
    through: dict[str, int] = {}
    parts = sorted(_parts(folder), key=lambda part: (writer_order(part[0]), part[1], -part[2]))
    for writer, first, last, path in parts:
        if first > through.get(writer, -1):
            yield writer, first, last, path
            through[writer] = last


def clear_temporary(folder: Path) -> None:
    """Remove what a crash left half-written. Only the holder of the run's lock may."""
    for path in folder.rglob(f"*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def _parts(folder: Path) -> Iterator[tuple[str, int, int, Path]]:
    """(writer, first row, last, path); of a part whose name does not tell the last, the first."""
    for path in folder.glob("*.parquet"):
        writer, _, numbers = path.stem.rpartition("-")
        first, _, last = numbers.partition("_")
        if writer and first.isdecimal() and (last or first).isdecimal():
            yield writer, int(first), int(last or first), path


def writer_order(writer: str) -> tuple[int, str]:
    """Writers are named after their session, s1, s2, … s10: by number, not by letter."""
    digits = writer[1:].partition("-")[0]
    return (int(digits) if digits.isdecimal() else 0, writer)
