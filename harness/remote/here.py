"""What this machine knows of a run's copy, and who may touch the run's folder here.

    copies/<URL>/<run>/                  the folder of the run, as anywhere
    copies/<URL>/.known/<run>.json       whose lease it was written under, and which objects it holds
    copies/<URL>/.known/<run>.claim      locked by the process that writes the run
    copies/<URL>/.known/<run>.fetch      locked while the folder is brought up to the copy
    copies/<URL>/.aside/<run>-<time>     what was not copied before another machine went on with the run

A folder that was written under the newest lease holds all there is, and more than the copy where that broke off. Any
other is brought up to the copy before it is read.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import RecordError, RunLocked
from harness.record.clock import local_stamp, utc_s
from harness.record.files import make_folder, read_json, write_json
from harness.remote.bucket import Bucket
from harness.remote.copy import ABOUT, Known, Need, fetch
from harness.remote.lease import Seen, look

_log = logging.getLogger("harness")


@dataclass
class Here:
    """owner: under whose lease the folder was written here, None where it was fetched. whole: all of it is copied."""

    owner: str | None = None
    whole: bool = True
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    @property
    def known(self) -> Known:
        return Known(dict(self.versions), dict(self.held))


def read_here(folder: Path) -> Here:
    """Return what is known of the copy of the run in `folder`; nothing where that is lost."""
    try:
        said: dict[str, Any] = read_json(_beside(folder, ".json"))
        return Here(**said)
    except (RecordError, TypeError):
        return Here()


def note_here(folder: Path, here: Here) -> None:
    """Keep what is known."""
    make_folder(folder.parent / ".known")
    write_json(_beside(folder, ".json"), asdict(here))


def as_here(known: Known, owner: str | None = None, *, whole: bool = True) -> Here:
    """Return what to keep of `known`."""
    return Here(owner, whole, {name: dict(version) for name, version in known.versions.items()}, dict(known.held))


def _beside(folder: Path, ending: str) -> Path:
    return folder.parent / ".known" / f"{folder.name}{ending}"


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold the right to write a run here; RunLocked names the process that has it."""
    make_folder(folder.parent / ".known")
    with open(_beside(folder, ".claim"), "a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise RunLocked(f"run {folder.name} is running in process {pid}; wait for it, or stop it") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_claimed(folder: Path) -> bool:
    """Return whether a process here writes the run, or is about to."""
    try:
        with open(_beside(folder, ".claim"), encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def fetching(folder: Path) -> Iterator[None]:
    """Keep others from fetching the same run; waits for those who are."""
    make_folder(folder.parent / ".known")
    with open(_beside(folder, ".fetch"), "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_newest(folder: Path, seen: Seen | None) -> bool:
    """Return whether the folder here was written under the newest lease, and so lacks nothing."""
    owner = read_here(folder).owner
    return owner is not None and seen is not None and seen.lease.owner == owner and (folder / ABOUT).exists()


def bring(bucket: Bucket, folder: Path, need: Need) -> Seen | None:
    """Bring the run's folder here up to its copy, for reading; answer its lease, as it was found.

    A run that is written here is left alone. RecordError where there is no such run, StoreUnavailable.
    """
    with fetching(folder):
        seen = look(bucket, folder.name)
        if not (is_claimed(folder) or is_newest(folder, seen)):
            refill(bucket, folder, need)
    return seen


def refill(bucket: Bucket, folder: Path, need: Need) -> Known:
    """Bring the folder up to the copy, whatever it held. Nobody else may write or fetch it meanwhile."""
    here = read_here(folder)
    if here.owner is not None and not here.whole and folder.exists():
        set_aside(folder)
        here = Here()
    # Whoever is killed over it leaves a folder that claims nothing.
    note_here(folder, as_here(here.known))
    known = fetch(bucket, folder, need, here.known)
    note_here(folder, as_here(known))
    return known


def set_aside(folder: Path) -> None:
    """Put away what was never copied, where another machine has gone on with the run: that one's record counts."""
    kept = folder.parent / ".aside" / f"{folder.name}-{local_stamp(utc_s())}"
    make_folder(kept.parent)
    with suppress(FileNotFoundError):
        os.rename(folder, kept)
        what = "what was not copied before is no part of it, and is kept in"
        _log.warning("another machine has gone on with run %s; %s %s", folder.name, what, kept)
