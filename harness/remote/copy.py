"""Copy a run's folder to its place in a bucket and back; what lies there is at every moment a run that can be read.

The order is that in which the folder is written (harness.record.recorder): items before the events that call them
imported, events before the snapshot that counts them, and run.json, which tells how far all of it reaches, after what
it tells of. What is copied is listed the other way round, so that nothing is copied of which a part that it rests on
was not there yet. A copy that breaks off is therefore what a kill leaves in the folder, and is resumed by the same
rules. Parts for which a compacted one stands are removed after that one has arrived.

A part is written only where there is none, and everything else only over the version that this process wrote or has
found there once it had the lease: a process that has lost the lease cannot change what its successor goes by.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from harness.errors import RecordError, StoreUnavailable
from harness.record.about import written_status
from harness.record.files import TEMPORARY, all_parts, make_folder, named_parts, replace_file, replaced_names
from harness.record.parts import KINDS
from harness.record.tags import TAGS
from harness.remote.bucket import Bucket, Conflict, Version
from harness.remote.lease import NAME as LEASE, Held, Lost, look

ABOUT = "run.json"
# What else lies in a run's folder and means something elsewhere, in the order in which it is copied.
BESIDE = ("items.parquet", "summary.json", TAGS, "sent")
# Downloads at once: one waits for the store most of the time.
_AT_ONCE = 8
# How often a reader looks again where the copy changed under its eyes.
_LOOKS = 5


class Need(IntEnum):
    """How much of a run is wanted: enough for its figures, for all that its events tell, or all of it."""

    FIGURES = 0
    EVENTS = 1
    ALL = 2


@dataclass
class Known:
    """What is known of a run's objects: the version of each, and of those that change what they held."""

    versions: dict[str, Version] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    def names(self, under: str) -> list[str]:
        """Return the names of the objects in a folder of the run, without that."""
        return [name.rpartition("/")[2] for name in self.versions if name.startswith(f"{under}/")]


class Copy:
    """A run's folder and its copy; the one who has the lease writes it. Calls block, one thread at a time."""

    def __init__(self, bucket: Bucket, folder: Path, held: Held, known: Known | None = None) -> None:
        self.folder = folder
        self.known = Known() if known is None else known
        self._bucket, self._run, self._held = bucket, folder.name, held
        self._tried: dict[str, set[str]] = {}  # of files that change: what was sent since the last answer

    def push(self) -> None:
        """Copy what the bucket lacks; afterwards it has all that the folder had when this began.

        StoreUnavailable breaks it off; Lost where somebody else writes the run now.
        """
        about = (self.folder / ABOUT).read_bytes()
        snapshots, events, items = (_parquet(self.folder / kind) for kind in ("snapshots", "events", "items"))
        if ABOUT not in self.known.versions and not events:
            self._replace(ABOUT, about)  # a new run is seen from its first moment on
        for kind, names in (("items", items), ("events", events), ("snapshots", snapshots)):
            for name in names:
                self._add(f"{kind}/{name}")
        for name in BESIDE:
            with suppress(FileNotFoundError):
                self._replace(name, self.folder / name)
        self._replace(ABOUT, about)
        self._clear(snapshots)

    def _add(self, name: str) -> None:
        """Copy a file that never changes."""
        if name in self.known.versions:
            return
        path = self.folder / name
        try:
            self.known.versions[name] = self._put(name, path, None, new=True)
        except FileNotFoundError:
            return  # a compacted part stands for it by now, or a newer snapshot
        except Conflict:
            found = self._bucket.get(f"{self._run}/{name}")
            if found is None or found.content != path.read_bytes():
                raise Lost("another process, which has written the same part otherwise") from None
            self.known.versions[name] = found.version  # ours, by a try whose answer was lost

    def _replace(self, name: str, content: bytes | Path) -> None:
        """Copy a file that changes, where it has."""
        held = _digest(content)
        if self.known.held.get(name) == held:
            return
        if isinstance(content, Path) and content.stat().st_size <= _SMALL:
            content = content.read_bytes()  # it may change while it is sent
        tried = self._tried.setdefault(name, set())
        if isinstance(content, bytes):
            tried.add(_digest(content))
        try:
            version = self._put(name, content, self.known.versions.get(name))
        except Conflict:
            version = self._over_ours(name, content, tried)
        tried.clear()
        self.known.versions[name], self.known.held[name] = version, held

    def _over_ours(self, name: str, content: bytes | Path, tried: set[str]) -> Version:
        """Write over what is there, where it is ours by a try whose answer was lost; Lost where it is another's."""
        found = self._bucket.get(f"{self._run}/{name}")
        here = content if isinstance(content, bytes) else content.read_bytes()
        if found is not None and found.content == here:
            return found.version
        if found is not None and _digest(found.content) in tried:
            with suppress(Conflict):
                return self._put(name, content, found.version)
        raise Lost("another process, which has written the run meanwhile") from None

    def _put(self, name: str, content: bytes | Path, over: Version | None, *, new: bool = False) -> Version:
        if not self._held.fresh:
            raise StoreUnavailable(f"{self._bucket.url}: the lease could not be renewed in time; it is tried again")
        return self._bucket.put(f"{self._run}/{name}", content, over=over, new=new or over is None)

    def _clear(self, snapshots: list[str]) -> None:
        """Remove parts for which a compacted one stands, and snapshots that are older than those here."""
        gone = [f"{kind}/{name}" for kind in KINDS for name in replaced_names(self.known.names(kind))]
        gone += [f"snapshots/{name}" for name in self.known.names("snapshots") if snapshots and name not in snapshots]
        if gone:
            # Nothing makes a removal conditional, so the lease is proved to be ours right before.
            self._held.renew()
            self._bucket.delete(f"{self._run}/{name}" for name in gone)
            for name in gone:
                del self.known.versions[name]


def erase(bucket: Bucket, run: str) -> None:
    """Remove a run's copy but for its lease, which the caller holds; out of sight first."""
    names = [entry.name for entry in bucket.entries(run)]
    bucket.delete(name for name in names if name == f"{run}/{ABOUT}")
    bucket.delete(name for name in names if name not in (f"{run}/{ABOUT}", f"{run}/{LEASE}"))


def _parquet(folder: Path) -> list[str]:
    """Return the names of the files of a folder that count, in order of writing."""
    try:
        names = [path.name for path in folder.iterdir() if not path.name.endswith(TEMPORARY)]
    except FileNotFoundError:
        return []
    return [name for *_, name in named_parts(names)]


# A file up to this size is told by what it holds, a larger one by when it was replaced.
_SMALL = 100_000


def _digest(content: bytes | Path) -> str:
    """Return what tells one content of a file from another."""
    if isinstance(content, Path):
        about = content.stat()
        if about.st_size > _SMALL:
            return f"{about.st_ino} {about.st_size} {about.st_mtime_ns}"
        content = content.read_bytes()
    return hashlib.sha256(content).hexdigest()


# --- the way back -----------------------------------------------------------------------------------------------


def fetch(bucket: Bucket, folder: Path, need: Need, known: Known | None = None) -> Known:
    """Bring `folder` up to the copy, as far as `need` asks, and answer what is known of the copy's objects.

    known: what the folder holds already, by an earlier fetch. Hold what keeps others from writing the folder.
    RecordError where there is no such run; StoreUnavailable where the bucket does not answer.
    """
    known = Known() if known is None else known
    for looks in range(_LOOKS):
        try:
            return _fetch(bucket, folder, need, known)
        except FileNotFoundError:  # it was compacted, or replaced, while we read
            if looks == _LOOKS - 1:
                raise StoreUnavailable(f"{bucket.at(folder.name)} changes faster than it can be read") from None
    raise AssertionError("it returns or raises")


def _fetch(bucket: Bucket, folder: Path, need: Need, known: Known) -> Known:
    run = folder.name
    about = bucket.get(f"{run}/{ABOUT}")
    if about is None:
        raise RecordError(f"{bucket.at(run)} holds no {ABOUT}; restore it from a copy, or remove what is there")
    seen = look(bucket, run)
    there = listed(bucket, run, {} if seen is None else seen.lease.ends)
    if need is Need.FIGURES and not _tells_all(about.content, there):
        need = Need.EVENTS
    wanted = {name: version for name, version in there.items() if _wanted(name, need)}
    make_folder(folder)
    _download(bucket, folder, {name: at for name, at in wanted.items() if not _is_there(folder, name, at, known)})
    replace_file(folder / ABOUT, lambda temporary: temporary.write_bytes(about.content))
    _drop(folder, there)
    after = bucket.get(f"{run}/{ABOUT}")
    if after is None or after.version != about.version:
        raise FileNotFoundError(ABOUT)  # a session began or ended meanwhile
    earlier = {name: at for name, at in known.versions.items() if name in there}
    held = {name: _digest(folder / name) for name in BESIDE if name in wanted}
    return Known(earlier | wanted | {ABOUT: about.version}, held | {ABOUT: _digest(about.content)})


def listed(bucket: Bucket, run: str, ends: Ends) -> dict[str, Version]:
    """List a run's objects by their names within it, what rests on others before those.

    ends: what was written behind them comes from owners who had lost their lease, and is passed over.
    """
    entries = [entry for under in ("snapshots", "events", "items") for entry in bucket.entries(f"{run}/{under}")]
    entries += bucket.entries(run, deep=False)
    found = {entry.name.removeprefix(f"{run}/"): entry.version for entry in entries}
    late = {f"{kind}/{name}" for kind in KINDS for name in _late(found, kind, ends.get(kind, {}))}
    return {name: version for name, version in found.items() if name not in late and name != LEASE}


Ends = Mapping[str, Mapping[str, int]]


def _late(found: Iterable[str], kind: str, ends: Mapping[str, int]) -> list[str]:
    names = [name.partition("/")[2] for name in found if name.startswith(f"{kind}/")]
    return [name for writer, _, last, name in all_parts(names) if last > ends.get(writer, last)]


def _wanted(name: str, need: Need) -> bool:
    if name == ABOUT:
        return False  # it comes last
    if name.startswith("items/") or name in ("items.parquet", "sent"):
        return need is Need.ALL
    return need >= Need.EVENTS or "/" not in name


def _tells_all(about: bytes, there: Iterable[str]) -> bool:
    """Return whether run.json and summary.json tell all of a run, so that its events need not be read."""
    try:
        said = json.loads(about)
        reach = said["recorded"]["events"]
        parts = all_parts(name.partition("/")[2] for name in there if name.startswith("events/"))
        return bool(
            not written_status(said).is_open
            and said.get("settled", True)
            and all(first <= reach.get(writer, 0) for writer, first, _, _ in parts)
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False  # whoever reads it says what is wrong


def _download(bucket: Bucket, folder: Path, wanted: Iterable[str]) -> None:
    """Download files in the order in which they are written: what a kill leaves is a run."""
    for kind in ("items", "events", "snapshots", ""):
        some = [name for name in wanted if name.rpartition("/")[0] == kind]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda name: bucket.fetch(f"{folder.name}/{name}", folder / name), some))


def _is_there(folder: Path, name: str, version: Version, known: Known) -> bool:
    return known.versions.get(name) == version and (folder / name).exists()


def _drop(folder: Path, there: Iterable[str]) -> None:
    """Remove what the copy does not have: parts that were compacted, old snapshots, a summary of an earlier end."""
    names = set(there)
    for kind in ("snapshots", *KINDS):
        for path in list((folder / kind).glob("*.parquet")):
            if f"{kind}/{path.name}" not in names:
                path.unlink(missing_ok=True)
    for name in BESIDE:
        if name not in names:
            (folder / name).unlink(missing_ok=True)
