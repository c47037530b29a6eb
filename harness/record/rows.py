"""Reading the rows of a folder of parts in order, while somebody may be adding to them or compacting them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from harness.errors import RecordError
from harness.record.parts import Gone, list_parts, opened, read_group, writer_order

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
    """All rows in `folder` in order of writing, piece by piece, those of `after` (writer, number) and before left out.

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
        """What has not been read yet, by a new list of the parts."""
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
        """From the part on in which the next row lies, or which follows on it."""
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
    """The number of the last row of each writer in `folder`."""
    last: dict[str, tuple[int, Path]] = {name: (first, path) for name, first, path in list_parts(folder)}
    found = {}
    for name, (first, path) in last.items():
        with opened(path) as file:
            found[name] = first + file.metadata.num_rows - 1
    return found
