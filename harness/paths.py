"""Paths as people type them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def as_path(value: str | Path) -> str | Path:
    """A path as it came, if files can be looked for there and its name shown; else ValueError."""
    printable_path(value)
    try:
        os.lstat(value)
    except (FileNotFoundError, NotADirectoryError):
        pass  # it may be about to be made; whoever cannot says so
    except OSError as error:
        raise ValueError(f"{quoted(str(value))} cannot be reached ({error.strerror}); choose another path") from None
    return value


def printable_path(value: str | Path) -> str | Path:
    """A path as it came, if its name can be shown; else ValueError. Looks at the text alone."""
    if not str(value).isprintable():
        raise ValueError(f"{quoted(str(value))} holds a character that no screen shows; choose another path")
    return value


def quoted(value: Any) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
