"""Files replaced in one step, whatever is killed and whenever; and JSON in them. Imports no Parquet."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import RecordError

TEMPORARY = ".tmp"


def unwritable(path: Path, error: OSError) -> RecordError:
    """The error for a disk that does not take what is to be recorded."""
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
    """The value in a small JSON file; RecordError naming it where there is none."""
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
    """A rename survives a power cut only once its directory is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
