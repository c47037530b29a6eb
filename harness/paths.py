"""Paths as people type them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def as_path(value: str | Path) -> str | Path:
    """A path as it came, if files can be looked for there and its name shown; else ValueError."""
    text = str(value)
    if not text.isprintable():
        raise ValueError(f"{quoted(text)} holds a character that no screen shows; choose another path")
    try:
        os.lstat(text)
    except (FileNotFoundError, NotADirectoryError):
        pass  # it may be about to be made; whoever cannot says so
    except OSError as error:
        raise ValueError(f"{quoted(text)} cannot be reached ({error.strerror}); choose another path") from None
    return value


def quoted(value: Any) -> str:
    """A value as an error shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
