"""The parts in a folder, by their names alone: no file is opened, and Parquet is not needed.

A part is named after its writer and its first row, `s1-000001001.parquet`; a compacted one after its last as well,
`s1-000000001_000123456.parquet`. Its name says which it stands for: those are no parts any more, though a crash or
a moment may have left them there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.record.files import TEMPORARY


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


def writer_order(writer: str) -> tuple[int, int, str]:
    """Writers are named after their session, s1, s2, s2-1, s2-2, … s2-10, s10: by number, not by letter."""
    digits, _, later = writer[1:].partition("-")
    return (int(digits) if digits.isdecimal() else 0, int(later) if later.isdecimal() else 0, writer)
