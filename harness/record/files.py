"""Files replaced in one step, whatever is killed and whenever; and JSON in them. Imports no Parquet."""

from __future__ import annotations

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
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # half a file only takes the room that is short
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from None


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as JSON: after a crash or power cut it is either complete or as it was."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read ({error}); restore it from a copy, or remove the run") from None


def _sync_folder(folder: Path) -> None:
    """A rename survives a power cut only once its directory is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
