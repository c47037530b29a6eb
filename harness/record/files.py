"""Replace files in one step, read JSON, and list the parts of a folder by name; imports no Parquet.

A part is named after its writer and its first row, `s1-000001001.parquet`; a compacted one after its last as well,
`s1-000000001_000123456.parquet`. A compacted part replaces those that its name covers: a reader passes
over them, though they may still be there for a while, or after a crash.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import RecordError

TEMPORARY = ".tmp"


def unwritable(path: Path, error: OSError) -> RecordError:
    """Return the error for a disk that does not take what is to be recorded."""
    return RecordError(f"{path} cannot be written ({error}); make room or fix the folder, then resume")


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file and put it in `path`'s place; RecordError where the disk does not."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # half a file only takes the room that is short
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from None


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON: after a crash or power cut it is either complete or as it was."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
    # Half a surrogate pair, which JSON can escape and UTF-8 cannot hold, is escaped again.
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8", errors="backslashreplace"))


# A million sessions would not make a run.json of this size: it is something else, and memory is for better things.
_MOST_JSON = 64_000_000


def read_json(path: Path) -> Any:
    """Read the value in a small JSON file; RecordError naming it where there is none."""
    try:
        if path.stat().st_size > _MOST_JSON:
            raise ValueError(f"it has {path.stat().st_size:,} bytes")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"{path} cannot be read ({error}); restore it from a copy, or remove the run") from None


def make_folder(path: Path) -> None:
    """Make the folder `path`, and those above it, so that a power cut does not take it away with what is put in it."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error
    for folder in reversed(missing):
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Sync the directory: a rename survives a power cut only once its directory is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def part_path(folder: Path, writer: str, first: int, last: int | None = None) -> Path:
    """Return the path of the part of `writer` that begins at row `first`; with `last`, of a compacted one."""
    return folder / (f"{writer}-{first:09d}" + ("" if last is None else f"_{last:09d}") + ".parquet")


def list_parts(folder: Path) -> list[tuple[str, int, Path]]:
    """(writer, first row, path) of each complete part in `folder`, in order of writing."""
    return [(writer, first, folder / name) for writer, first, _, name in named_parts(_names(folder))]


def is_compacted(path: Path) -> bool:
    return "_" in path.stem.rpartition("-")[2]


def replaced_parts(folder: Path) -> list[Path]:
    """Parts for which a compacted one stands."""
    return [folder / name for name in replaced_names(_names(folder))]


def replaced_names(names: Iterable[str]) -> list[str]:
    """Of the names of the files in a folder, those of parts for which a compacted one stands."""
    parts = list(all_parts(names))
    kept = {name for *_, name in _standing(parts)}
    return [name for *_, name in parts if name not in kept]


def named_parts(names: Iterable[str]) -> list[tuple[str, int, int, str]]:
    """Return the parts that count among the names of files in a folder, in order of writing.

    (writer, first row, last row, name); of a part whose name does not tell the last row, the first.
    """
    return list(_standing(all_parts(names)))


def _standing(parts: Iterable[tuple[str, int, int, str]]) -> Iterator[tuple[str, int, int, str]]:
    """Yield those for which no other stands: of two that begin together, or one within another, the longer."""
    through: dict[str, int] = {}
    for writer, first, last, name in sorted(parts, key=lambda part: (writer_order(part[0]), part[1], -part[2])):
        if first > through.get(writer, -1):
            yield writer, first, last, name
            through[writer] = last


def clear_temporary(folder: Path) -> None:
    """Remove what a crash left half-written. Only the holder of the run's lock may."""
    for path in folder.rglob(f"*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def all_parts(names: Iterable[str]) -> Iterator[tuple[str, int, int, str]]:
    """Yield (writer, first row, last row, name) of each part; where the name does not tell the last row, the first."""
    for name in names:
        stem, ending = os.path.splitext(name)
        writer, _, numbers = stem.rpartition("-")
        first, _, last = numbers.partition("_")
        if ending == ".parquet" and writer and first.isdecimal() and (last or first).isdecimal():
            yield writer, int(first), int(last or first), name


def writer_order(writer: str) -> tuple[int, int, str]:
    """Sort writers by number, not by letter: s1, s2, s2-1, s2-2, … s2-10, s10."""
    digits, _, later = writer[1:].partition("-")
    return (int(digits) if digits.isdecimal() else 0, int(later) if later.isdecimal() else 0, writer)
