"""What is done to runs that somebody chose in the table; each answers what came of it, in a sentence."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.notebook.downloads import made_folder
from harness.record.files import replace_file
from harness.record.formats import Options
from harness.record.items import export
from harness.record.run import Run
from harness.record.tags import change_tags
from harness.reporting import report_of
from harness.session.control import Asked, RemoteHandle
from harness.views.text import plural

_COMMANDS: dict[str, Callable[[RemoteHandle], Asked]] = {
    "pause": RemoteHandle.pause,
    "resume": RemoteHandle.resume,
    "stop": RemoteHandle.stop,
    "retry": RemoteHandle.retry,
}
# What belongs to one run, or to the moment it was started in.
_NOT_CLONED = ("run", "results", "resume", "fresh", "header_names", "declaration", "seed")


class RunActions:
    """Call it with an action, the runs, and what else was said. offer: has a file sent to the browser."""

    def __init__(self, results: Path, offer: Callable[[Path], str]) -> None:
        self._results = results
        self._offer = offer

    def __call__(self, action: str, runs: Sequence[Run], said: Mapping[str, Any]) -> str:
        """Do it, and return what came of it. HarnessError or OSError says why not."""
        if action in _COMMANDS:
            return self.steer(runs, action)
        if action == "tag":
            return self.tag(runs, _texts(said.get("add")), _texts(said.get("remove")))
        if action == "download":
            return self.download(runs, str(said.get("what")), safe=said.get("safe") is True)
        if action == "delete":
            return self.delete(runs)
        return ""

    def steer(self, runs: Sequence[Run], command: str) -> str:
        """Ask the sessions of those that are under way, in whatever process; the others are passed over."""
        heard = [run for run in runs if run.writer_pid is not None]
        for run in heard:
            _COMMANDS[command](RemoteHandle(run))
        return f"asked {plural(len(heard), 'run')} to {command}" if heard else ""

    def tag(self, runs: Sequence[Run], add: Sequence[str], remove: Sequence[str]) -> str:
        """Change the tags of runs, under way or not."""
        for run in runs:
            change_tags(run.folder, add, remove)
        done = [f"tagged {', '.join(add)}"] * bool(add) + [f"no longer tagged {', '.join(remove)}"] * bool(remove)
        return f"{_named(runs)}: {', '.join(done)}" if done else ""

    def delete(self, runs: Sequence[Run]) -> str:
        """Remove runs with all their files; where one of them is under way, none."""
        busy = [run.name for run in runs if run.writer_pid is not None]
        if busy:
            raise BadInput(f"nothing was deleted: {', '.join(busy)} still runs; stop it first")
        for run in runs:
            run.remove()
        return f"deleted {_named(runs)}"

    def download(self, runs: Sequence[Run], what: str, *, safe: bool = False) -> str:
        """Write the items or a report to `exports/`, and have that sent; several files go as one archive."""
        if what == "report":
            return self._offer(self._report(runs))
        if what not in ("csv", "parquet"):
            raise BadInput(f"unknown download {what!r}; use csv, parquet or report")
        folder = made_folder(self._results)
        paths = []
        for run in runs:
            path = folder / f"{run.name}.{what}"
            export(run, path, options=Options.of(run.in_force, safe_cells=safe and what == "csv"))
            paths.append(path)
        return self._offer(paths[0] if len(paths) == 1 else _archive(paths, folder / f"{len(paths)}-runs-{what}.zip"))

    def _report(self, runs: Sequence[Run]) -> Path:
        page = report_of(runs).html
        name = runs[0].name if len(runs) == 1 else f"{len(runs)}-runs"
        path = made_folder(self._results) / f"{name}-report.html"
        replace_file(path, lambda temporary: temporary.write_text(page, encoding="utf-8"))
        return path


def clone_of(run: Run) -> dict[str, Any]:
    """Return the settings that start another run like `run`: as in force in its last session, by their flat names.

    None where one is the default, so that a form does not keep what was in it. Secrets are none of them.
    """
    default = ImportConfig().as_written()
    told = {name: value for name, value in run.in_force.items() if name not in _NOT_CLONED}
    return {name: None if value == default.get(name) else _typed(value) for name, value in told.items()}


def _typed(value: Any) -> Any:
    """Return numbers in a list as they are typed, `30,60`."""
    if isinstance(value, list) and value and not any(isinstance(one, str) for one in value):
        return ",".join(f"{one:g}" for one in value)
    return value


def _archive(paths: Sequence[Path], to: Path) -> Path:
    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as file:
            for path in paths:
                file.write(path, path.name)

    replace_file(to, write)
    return to


def _named(runs: Sequence[Run]) -> str:
    names = ", ".join(run.name for run in runs[:5])
    return f"{names} and {len(runs) - 5} more" if len(runs) > 5 else names


def _texts(given: Any) -> list[str]:
    return [text for text in given if isinstance(text, str)] if isinstance(given, list) else []
