"""Parquet parts: whole or not there at all, whatever is killed and whenever."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` to `path`, so that after a crash or power cut it is either complete or absent."""

    def write(temporary: Path) -> None:
        # zstd finds what repeats: dictionaries made a part of 1000 events a quarter larger and took a third longer.
        pq.write_table(table, temporary, compression="zstd", use_dictionary=False)

    replace_file(path, write)


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
