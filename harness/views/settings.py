"""The settings of a run in words: those in force, and beside them those of the start where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Settings of one session, or of the terminal it was started in, which say nothing of the run.
NOT_OF_A_RUN = ("results", "run", "resume", "fresh", "progress", "quiet", "as_json", "header_names")


def settings_text(
    start: Mapping[str, Any], in_force: Mapping[str, Any], names: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """(name, `100/1s (500/20s at the start)`) of each of `names`."""
    for name in dict.fromkeys(names):
        now, then = in_force.get(name), start.get(name)
        words = _words(now)
        yield name, words if now == then or name not in start else f"{words} ({_words(then)} at the start)"


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_words(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)
