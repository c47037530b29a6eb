"""A folder that one process at a time writes: it appears whole, is locked by the kernel, and goes in one step.

A new folder is filled and locked under a hidden name and then renamed, so that nobody ever meets one that is half made;
the rename also decides who gets a name that two want. A folder that is removed is renamed out of sight first. What a
kill leaves under a hidden name is no folder of anybody's, and the next to make or remove one beside it clears it away.

A run is such a folder (`harness.record.run`), and so is a sweep (`harness.lab.sweeps`).
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from harness.errors import BadInput, NoSuchRun, RecordError, RunLocked
from harness.record.files import make_folder, sync_folder, unwritable
from harness.record.tags import TAGS, TAGS_NEW

LOCK = "lock"
_NEW, _REMOVED = ".new-", ".removed-"
# A look at the lock lasts microseconds; one that outlasts this many tries is no look.
_LOOKS = 1000
# How often a folder may be replaced under somebody who wants its lock. Twice has never been seen.
_REPLACED = 100
# All that a process of an older revision can leave of a run whose run.json (or sweep.json) it had not written yet.
_HUSK = frozenset({LOCK, "run.json.tmp", "sweep.json.tmp"})
# All that a run's folder ever holds.
_REMAINS = _HUSK | {
    *("run.json", "events", "items", "snapshots", "control", "sent", "live.json", "live.json.tmp", "shards"),
    *("summary.json", "summary.json.tmp", "items.parquet", "items.parquet.tmp", TAGS, TAGS_NEW),
}
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


class NameTaken(BadInput):
    """Every name that a new folder could have had is taken."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that one process at a time writes. what: its name for people."""

    what: ClassVar[str] = "folder"
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def writer_pid(self) -> int | None:
        """The process that is writing here, by the lock it holds; None where nobody is."""
        try:
            with open(self.folder / LOCK, encoding="ascii") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return int(lock.read().strip() or 0)
        except (OSError, ValueError):
            return None
        return None

    @property
    def is_husk(self) -> bool:
        """Return True if it holds nothing but what a killed start leaves; an empty folder does."""
        return _holds_only(self.folder, _HUSK)

    @property
    def is_remains(self) -> bool:
        """Return True if it was a run whose run.json is lost: it has the lock, and only files of a run."""
        return (self.folder / LOCK).is_file() and _holds_only(self.folder, _REMAINS)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold its lock. RunLocked names the process that has it; NoSuchRun where the folder is gone.

        The lock is the kernel's, so that it ends with its process, however that ends.
        """
        with self._lock():
            yield

    def _lock(self) -> IO[str]:
        """Return the lock file of the folder that lies here now, open and locked."""
        folder, named = self.folder, f"{self.what} {self.name}"
        for _ in range(_REPLACED):
            try:
                lock = open(folder / LOCK, "a+", encoding="ascii")  # noqa: SIM115
            except (FileNotFoundError, NotADirectoryError):
                gone = f"{folder} does not exist any more: it was deleted meanwhile"
                raise NoSuchRun(f"{gone}; see which there are") from None
            except OSError as error:
                raise unwritable(folder, error) from None
            if not _taken(lock):
                with lock:
                    lock.seek(0)
                    pid = lock.read().strip() or "unknown"
                raise RunLocked(f"{named} is running in process {pid}; wait for it, or stop it")
            # Between open and lock the folder may have been removed, and another put in its place: then this is the
            # lock of a folder that nobody can see, and would keep nobody out.
            if _lies_at(lock, folder / LOCK):
                lock.truncate(0)
                lock.write(str(os.getpid()))
                lock.flush()
                return lock
            lock.close()
        raise RunLocked(f"{named} is replaced again and again by another process; stop that one")

    def remove(self) -> None:
        """Remove it with all its files, and what was left half removed beside it; RunLocked while a process writes."""
        with self.locked():
            self.discard()
        clear_leftovers(self.folder.parent)

    def discard(self) -> None:
        """Remove it where its lock is held already; RecordError where the disk refuses."""
        folder = self.folder
        gone = folder.with_name(f"{_REMOVED}{folder.name}-{secrets.token_hex(4)}")
        try:
            # Out of sight in one step, so that nobody meets half a run.
            os.rename(folder, gone)
            sync_folder(folder.parent)
        except OSError as error:
            raise _not_removed(folder, error) from None
        for tries in range(_REPLACED):
            try:
                shutil.rmtree(gone)
                return
            except FileNotFoundError:  # another process clears it away as well
                if not gone.exists():
                    return
            except OSError as error:
                if error.errno not in _TAKEN or tries == _REPLACED - 1:
                    raise _not_removed(gone, error) from None


def _taken(lock: IO[str]) -> bool:
    """Take the write lock; retry while a reader briefly shares it."""
    for _ in range(_LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return False


def _lies_at(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


@contextmanager
def created(parent: Path, names: Iterable[str], fill: Callable[[Path, str], None]) -> Iterator[Path]:
    """Make a new folder in `parent` under the first free name of `names`, locked for as long as the block runs.

    fill: gets the folder, not yet visible, and the name that it is about to have; it may be called again for the next.
    An empty folder counts as free. NameTaken where no name is; BadInput where no folder can be made there.
    """
    try:
        make_folder(parent)
        clear_leftovers(parent)
        hidden, lock = _hidden(parent)
    except OSError as error:
        at = parent / next(iter(names), "")
        raise BadInput(f"{at} cannot be made ({error.strerror}); choose another folder with --results") from None
    with lock:
        try:
            folder = _named(hidden, parent, names, fill)
        except BaseException:
            shutil.rmtree(hidden, ignore_errors=True)
            raise
        yield folder


def _hidden(parent: Path) -> tuple[Path, IO[str]]:
    """Make a new folder under a hidden name, and lock it."""
    for _ in range(_REPLACED):
        hidden = parent / f"{_NEW}{secrets.token_hex(8)}"
        hidden.mkdir()
        with suppress(NoSuchRun, RunLocked):  # cleared away by another process before it was locked
            return hidden, Folder(hidden)._lock()
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _named(hidden: Path, parent: Path, names: Iterable[str], fill: Callable[[Path, str], None]) -> Path:
    name = ""
    for name in names:
        folder = parent / name
        if folder.exists() and not _is_empty(folder):
            continue
        fill(hidden, name)
        try:
            os.rename(hidden, folder)
        except OSError as error:
            if error.errno in _TAKEN:
                continue
            raise unwritable(folder, error) from None
        sync_folder(parent)
        return folder
    raise NameTaken(f"{parent / name} already exists; choose another name, or another folder with --results")


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        return False


def _holds_only(folder: Path, names: frozenset[str]) -> bool:
    try:
        return not folder.is_symlink() and {path.name for path in folder.iterdir()} <= names
    except OSError:
        return False


def _not_removed(folder: Path, error: OSError) -> RecordError:
    return RecordError(f"{folder} cannot be removed ({error.strerror}); remove it by hand")


def clear_leftovers(parent: Path) -> None:
    """Remove what was being made or removed in `parent` by processes that were killed over it."""
    for path in [*parent.glob(f"{_NEW}*"), *parent.glob(f"{_REMOVED}*")]:
        if path.is_symlink() or not path.is_dir():
            continue
        with suppress(NoSuchRun, RunLocked, RecordError), Folder(path).locked():
            shutil.rmtree(path, ignore_errors=True)
