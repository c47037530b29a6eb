"""Parquet parts: whole or not there at all, whatever is killed and whenever."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import RecordError

_TEMPORARY = ".tmp"


def unwritable(path: Path, error: OSError) -> RecordError:
    """The error for a disk that does not take what is to be recorded."""
    return RecordError(f"{path} cannot be written ({error}); make room or fix the folder, then resume")


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file and put it in `path`'s place; RecordError where the disk does not."""
    temporary = path.with_name(path.name + _TEMPORARY)
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # half a file only takes the room that is short
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from None


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` to `path`, so that after a crash or power cut it is either complete or absent."""

    def write(temporary: Path) -> None:
        # zstd finds what repeats: dictionaries made a part of 1000 events a quarter larger and took a third longer.
        pq.write_table(table, temporary, compression="zstd", use_dictionary=False)

    replace_file(path, write)


def write_json(path: Path, value: Any) -> None:
    """The same for a small JSON file."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read ({error}); restore it from a copy, or remove the run") from None


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The part at `path`; RecordError naming it where it cannot be read."""
    try:
        return pq.read_table(path, columns=columns, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise RecordError(f"{path} cannot be read ({what}); restore it from a copy, or remove the run") from None


def list_parts(folder: Path) -> list[tuple[str, int, Path]]:
    """(writer, first sequence number, path) of each complete part in `folder`, in order of writing."""
    return sorted(_parts(folder), key=lambda part: (_writer_order(part[0]), part[1]))


def clear_temporary(folder: Path) -> None:
    """Remove what a crash left half-written. Only the holder of the run's lock may."""
    for path in folder.rglob(f"*{_TEMPORARY}"):
        path.unlink(missing_ok=True)


def _parts(folder: Path) -> Iterator[tuple[str, int, Path]]:
    for path in folder.glob("*.parquet"):
        writer, _, number = path.stem.rpartition("-")
        if writer and number.isdecimal():
            yield writer, int(number), path


def _writer_order(writer: str) -> tuple[int, str]:
    """Writers are named after their session, s1, s2, … s10: by number, not by letter."""
    digits = writer[1:].partition("-")[0]
    return (int(digits) if digits.isdecimal() else 0, writer)


def _sync_folder(folder: Path) -> None:
    """A rename survives a power cut only once its directory is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
