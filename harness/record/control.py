"""Leave commands to a running import in its run's folder, and read its replies.

results/<run>/control/<session>/<number>-<id>.json  and, once obeyed, <number>-<id>.reply

A session makes its own folder when it begins, and renames it to `<session>.over` when it ends; a sender still finds its
reply there. So a command never reaches a later session: it can only be left in the folder of the session that the
sender saw running.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from harness.errors import BadInput, NotRunning
from harness.record.files import unwritable
from harness.record.run import Run

Command = Literal["pause", "resume", "stop", "set", "retry", "forget"]

# A person waits no longer than this to see a key obeyed; looking costs 20 microseconds.
POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Posted:
    """A command in its file: `command` with its `values`, at `path`."""

    command: Command
    values: dict[str, Any]
    path: Path


def ask(run: Run, command: Command, **values: Any) -> Path:
    """Leave a command for the session that writes `run`; return its path, for `reply`.

    NotRunning where no process writes the run. values: of set `workers` and `limit` (text), of retry and forget `items`
    (a list of ids, or nothing for all that failed).
    """
    if command not in get_args(Command):
        raise BadInput(f"{command!r} is not a command for a run; use one of {', '.join(get_args(Command))}")
    folders = [folder for folder in (run.folder / "control").glob("*/") if folder.name.isdecimal()]
    sessions = sorted(folders, key=lambda folder: int(folder.name))
    if run.writer_pid is None:
        instead = "" if run.status.is_complete else "; to continue it, use resume"
        raise NotRunning(f"run {run.name} is not running ({run.status}){instead}")
    if not sessions:
        raise NotRunning(f"run {run.name} is still starting and cannot {command} yet; try again in a moment")
    before = [path.name for path in sessions[-1].iterdir()]
    number = 1 + max((int(name.partition("-")[0]) for name in before), default=0)
    path = sessions[-1] / f"{number:06d}-{secrets.token_hex(4)}.json"
    try:
        _write(path, {"command": command, **values})
    except FileNotFoundError:
        raise NotRunning(f"run {run.name} has just ended; look at it with show") from None
    except OSError as error:
        raise unwritable(path, error) from None
    return path


def reply(posted: Path) -> dict[str, Any] | None:
    """Return the session's reply to the command at `posted`: `{}`, or with a `count` or an `error`; None as yet.

    NotRunning where the session ended before it read the command.
    """
    there = posted.exists()  # before the answers are looked for: it is removed after its answer is there
    for folder in (posted.parent, _over(posted.parent)):
        answer = (folder / posted.name).with_suffix(".reply")
        with suppress(OSError):
            said: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
            answer.unlink(missing_ok=True)
            return said
    if not there:
        raise NotRunning("the run ended before it got the command; look at it, and resume it if needed")
    return None


class Inbox:
    """The commands to one session; make it with the run locked."""

    def __init__(self, folder: Path, session: int) -> None:
        shutil.rmtree(folder / "control", ignore_errors=True)  # of sessions that were killed
        self.run_folder = folder
        self._folder = folder / "control" / str(session)
        try:
            self._folder.mkdir(parents=True)
        except OSError as error:
            raise unwritable(self._folder, error) from None

    def commands(self) -> Iterator[Posted]:
        """Yield the commands not answered yet, in the order in which they were left; answer a file that is none."""
        with suppress(OSError):
            names = sorted(name for name in os.listdir(self._folder) if name.endswith(".json"))
            for name in names:
                path = self._folder / name
                try:
                    values = json.loads(path.read_text(encoding="utf-8"))
                    command = values.pop("command")
                    if command not in get_args(Command):
                        raise KeyError
                except (ValueError, KeyError, AttributeError, TypeError):
                    self.answer(path, error="is no command")
                    continue
                yield Posted(command, values, path)

    def answer(self, path: Path, **said: Any) -> None:
        """Write the reply to the command at `path`, and remove the command."""
        with suppress(OSError):  # the sender may look at the run instead
            _write(path.with_suffix(".reply"), said)
        with suppress(OSError):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Rename the folder, so that no more commands come."""
        with suppress(OSError):
            os.replace(self._folder, _over(self._folder))


def _over(folder: Path) -> Path:
    return folder.with_name(folder.name + ".over")


def _write(path: Path, value: dict[str, Any]) -> None:
    """Write it in one step for a reader; not for a power cut, which ends the session as well."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, default=str), encoding="utf-8")
    os.replace(temporary, path)
