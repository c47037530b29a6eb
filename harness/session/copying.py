"""Copy a run to an object store while it is imported: the lease, the task that copies, and what is said of both.

The import never waits for the store. What is durable in the run's folder is copied about a second later by a task
beside it; the backlog lies on the disk, and one part of it in memory. A store that is gone is said once and tried again
with growing pauses. At the end the command waits until everything has arrived, or says how to finish it.
"""

from __future__ import annotations

import logging
import os
import platform
import secrets
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import trio

from harness.config import ImportConfig
from harness.errors import BadInput, CopyIncomplete, NoSuchRun, RunLocked, StoreUnavailable
from harness.paths import program, results_url
from harness.record.clock import boot, local_stamp, utc_s
from harness.record.history import recorded
from harness.record.parts import KINDS
from harness.record.run import Run
from harness.remote.bucket import Bucket, open_bucket
from harness.remote.copy import ABOUT, Copy, Known, Need, erase, listed
from harness.remote.here import as_here, claimed, fetching, is_newest, note_here, read_here, refill
from harness.remote.lease import LENGTH_S, NAME as LEASE, RENEW_SHARE, Held, Lease, Lost, Seen, locked, look, take
from harness.session.retry_failed import settle
from harness.session.session import Session
from harness.speed import by_the_wall

T = TypeVar("T")
OnStart = Callable[[Session, str], None]

# How often the folder is looked through: as often as a part is written.
EVERY_S = 1.0
# The longest pause before a store that failed is tried again.
LONGEST_PAUSE_S = 30.0
# How long a command whose import is over tries a store that fails.
PATIENCE_S = 30.0
# How often a lease that is not renewed is looked at.
LOOKS = 12

_log = logging.getLogger("harness")


class Copying:
    """The copy of one run while a command writes it; of a run in a folder of its own there is nothing to do.

    config: the settings, with the run's name.
    """

    def __init__(self, config: ImportConfig) -> None:
        self.config = config
        self._session: Session | None = None
        self._there = trio.Event()  # the run's folder
        self._one_at_a_time = trio.Lock()
        self._trouble = ""  # why the store was last tried in vain
        self._lost: str | None = None

    def watching(self, on_start: OnStart | None) -> OnStart:
        """Return `on_start`, so that copying begins with the session and can stop it."""

        def started(session: Session, url: str) -> None:
            self._session = session
            self._there.set()
            if on_start is not None:
                on_start(session, url)

        return started

    async def keep(self, held: Held) -> None:
        """Renew the lease until it is lost or this is cancelled."""
        while self._lost is None:
            await trio.sleep(by_the_wall(RENEW_SHARE * held.lease.length_s))
            await self._tried(held.renew)

    async def follow(self, copy: Copy) -> None:
        """Copy what is new, again and again."""
        await self._there.wait()
        failed = 0
        while self._lost is None:
            async with self._one_at_a_time:
                done = await self._tried(copy.push)
            failed = 0 if done else failed + 1
            await trio.sleep(by_the_wall(min(EVERY_S * 2**failed, LONGEST_PAUSE_S)))

    async def finish(self, copy: Copy, held: Held) -> None:
        """Copy the rest; CopyIncomplete where the store does not take it, or somebody else writes the run."""

        def rest() -> None:
            if not held.fresh:
                held.renew()
            copy.push()

        tried_s = 0.0
        async with self._one_at_a_time:
            while self._lost is None and not await self._tried(rest):
                if tried_s >= PATIENCE_S:
                    raise CopyIncomplete(self._unfinished(copy.folder))
                await trio.sleep(by_the_wall(EVERY_S))
                tried_s += EVERY_S
        if self._lost is not None:
            raise CopyIncomplete(self._lost)
        note_here(copy.folder, as_here(copy.known, held.lease.owner))

    def _unfinished(self, folder: Path) -> str:
        again = f"{program()} resume {folder.name} --results {shlex.quote(str(results_url(folder.parent)))}"
        what = f"the copy of run {folder.name} is incomplete ({self._trouble})"
        return f"{what}; everything is in {folder}, and this finishes the copy: {again}"

    async def _tried(self, what: Callable[[], object]) -> bool:
        """Do something with the store, in a thread; False where it fails, which is said once."""
        under_way = self._session is not None and self._session.state.status.is_open
        try:
            await trio.to_thread.run_sync(what)
        except StoreUnavailable as error:
            if not self._trouble and under_way:
                _log.warning("%s; the import goes on, and the copy is tried again", error)
            self._trouble = str(error)
            return False
        except Lost as error:
            self._lose(error)
            return False
        if self._trouble and under_way:
            _log.warning("the object store answers again; the copy goes on")
        self._trouble = ""
        return True

    def _lose(self, error: Lost) -> None:
        folder = self.config.run.results / str(self.config.run.name)
        what = f"run {folder.name} is written by {error.by} now, so this import has stopped"
        self._lost = f"{what}; what it recorded is in {folder}"
        if self._session is not None and self._session.state.status.is_open:
            self._session.stop("another process has taken the run over")


@asynccontextmanager
async def copied(config: ImportConfig) -> AsyncIterator[Copying]:
    """Yield what copies the run that `config` names, new or to be resumed, for as long as the block runs.

    Where the results are a folder nothing happens. Before the block the lease is taken and, to resume, the folder here
    is brought up to the copy. BadInput where the store cannot be used, RunLocked where another process writes the run,
    NoSuchRun where it is there already or is not. After the block everything is copied: else CopyIncomplete.
    """
    url = results_url(config.run.results)
    if url is None:
        yield Copying(config)
        return
    if config.pacing.shards > 1 and config.source.details:
        raise BadInput(f"--shards works in a folder of runs, not in {url}; leave out --shards, or name a folder")
    bucket = open_bucket(url)
    if config.run.name is None:
        config = config.with_settings(run=local_stamp(utc_s()))
    folder = config.run.results / str(config.run.name)
    copying = Copying(config)
    with claimed(folder):
        there, seen = await _usable(lambda: _looked(bucket, config))
        there, seen = await _outlived_by(bucket, config, there, seen)
        held = await _taken(bucket, folder, seen)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(copying.keep, held)
                known = await _usable(lambda: _begun(bucket, config, held, seen if there else None))
                copy = Copy(bucket, folder, held, known)
                note_here(folder, as_here(known, held.lease.owner, whole=False))
                _log.warning("run %s: working in %s, copied to %s", folder.name, folder, bucket.at(folder.name))
                async with _followed(copying, copy, held):
                    yield copying
                nursery.cancel_scope.cancel()
        finally:
            with trio.CancelScope(shield=True), suppress(StoreUnavailable, Lost):
                await trio.to_thread.run_sync(_give_back, bucket, folder, held)


def is_unfinished(run: Run) -> bool:
    """Return whether the copy of a run that is over here may lack some of it."""
    return not read_here(run.folder).whole or not run.settled


async def finish_copy(config: ImportConfig) -> None:
    """Copy what is missing of a run that is complete here; the errors are those of `copied`."""
    try:
        async with copied(config):
            settle(Run(config.run.results / str(config.run.name)))
    except BaseExceptionGroup as group:
        while isinstance(error := group.exceptions[0], BaseExceptionGroup):
            group = error
        raise error from None


@asynccontextmanager
async def _followed(copying: Copying, copy: Copy, held: Held) -> AsyncIterator[None]:
    """Copy beside the block, and behind it the rest."""
    following = trio.CancelScope()

    async def follow() -> None:
        with following:
            await copying.follow(copy)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        try:
            yield
        except BaseException:
            following.cancel()
            if (copy.folder / ABOUT).exists():  # else nothing came of a new run, and nothing is left of it
                with trio.CancelScope(shield=True):
                    await _finish_quietly(copying, copy, held)
            raise
        following.cancel()
        await copying.finish(copy, held)


async def _finish_quietly(copying: Copying, copy: Copy, held: Held) -> None:
    """Copy the rest where an error has ended the import: that one is raised."""
    try:
        await copying.finish(copy, held)
    except CopyIncomplete as error:
        _log.warning("%s", error)


async def _usable(ask: Callable[[], T]) -> T:
    """Ask the store in a thread; BadInput where it cannot be used, RunLocked where somebody has the run by now."""
    try:
        return await trio.to_thread.run_sync(ask)
    except StoreUnavailable as error:
        raise BadInput(f"--results {error}") from None
    except Lost as error:
        raise RunLocked(f"the run is written by {error.by} now; wait for it, or stop it there") from None


def _looked(bucket: Bucket, config: ImportConfig) -> tuple[bool, Seen | None]:
    """Return whether the run is there, and its lease; NoSuchRun where that does not fit what is asked for."""
    name, results = str(config.run.name), config.run.results
    bucket.folders()  # of a bucket that is not there, or may not be read, an object is only missing
    # Before what it stands for: whoever changes that meanwhile has changed the lease, and it is not taken over then.
    seen = look(bucket, name)
    there = bucket.get(f"{name}/{ABOUT}") is not None
    if there and not (config.run.resume or config.run.fresh):
        ask = f"add --resume to continue it or --fresh to replace it, or choose another --run than {name}"
        raise NoSuchRun(f"the run {name} exists in {bucket.url}; {ask}")
    if config.run.resume and not there and not _begun_here(results / name):
        raise NoSuchRun(f"no run named {name!r} in {bucket.url}; see which there are with: runs --results {bucket.url}")
    return there, seen


def _begun_here(folder: Path) -> bool:
    """Return whether the run was begun here, and the store was gone before any of it arrived."""
    return read_here(folder).owner is not None and (folder / ABOUT).exists()


async def _taken(bucket: Bucket, folder: Path, seen: Seen | None) -> Held:
    """Take the lease; RunLocked where it belongs to another process that may be alive."""
    clock = lambda: boot().at_s  # noqa: E731
    mine = Lease(secrets.token_hex(8), platform.node(), os.getpid(), 1, LENGTH_S)
    return await _usable(lambda: take(bucket, folder.name, seen, mine, clock))


async def _outlived_by(
    bucket: Bucket, config: ImportConfig, there: bool, seen: Seen | None
) -> tuple[bool, Seen | None]:
    """Return what `_looked` does, once the lease may be taken over; RunLocked where its owner may be alive.

    It is looked again then: the other one may have made the run, whole, while it was watched.
    """
    folder = config.run.results / str(config.run.name)
    # The last owner here is gone, for we hold its claim.
    if seen is None or seen.lease.released or seen.lease.owner == read_here(folder).owner:
        return there, seen
    seen = await _outlived(bucket, folder.name, seen)
    there, now = await _usable(lambda: _looked(bucket, config))
    if now is None or now.version != seen.version:
        raise locked(bucket, folder.name, None if now is None else now.lease)
    return there, now


async def _outlived(bucket: Bucket, run: str, seen: Seen) -> Seen:
    """Return the lease once it has run out, or was given back; RunLocked where its owner renews it."""
    length_s = seen.lease.length_s
    _log.warning("run %s was begun by %s; watching for %g s whether it is alive", run, seen.lease.whose, length_s)
    until_s = trio.current_time() + by_the_wall(length_s)
    while trio.current_time() < until_s:
        await trio.sleep(by_the_wall(length_s / LOOKS))
        now = await _usable(lambda: look(bucket, run))
        if now is not None and now.lease.released:
            return now
        if now is None or now.version != seen.version:
            raise locked(bucket, run, None if now is None else now.lease)
    return seen


def _begun(bucket: Bucket, config: ImportConfig, held: Held, seen: Seen | None) -> Known:
    """Return what is known of the run's objects once it may be written. seen: the lease before ours, of a run there."""
    folder = config.run.results / str(config.run.name)
    if not config.run.resume:
        erase(bucket, folder.name)
        held.renew(ends={})  # its sessions have the names of those of the run that it replaces
        return Known()
    if seen is None or is_newest(folder, seen):
        return Known(listed(bucket, folder.name, held.lease.ends))
    with fetching(folder):
        known = refill(bucket, folder, Need.ALL)
    held.renew(ends=_reach(folder))
    return known


def _reach(folder: Path) -> dict[str, dict[str, int]]:
    """Return how far each writer's rows reach: what arrives behind that comes from an owner who had lost the lease."""
    found = recorded(folder)
    writers = sorted({writer for kind in KINDS for writer in found[kind]})
    return {kind: {writer: found[kind].get(writer, 0) for writer in writers} for kind in KINDS}


def _give_back(bucket: Bucket, folder: Path, held: Held) -> None:
    """Let the next writer have the run; of a new one of which nothing came, leave nothing."""
    if (folder / ABOUT).exists():
        held.release()
        return
    held.renew()
    erase(bucket, folder.name)
    bucket.delete([f"{folder.name}/{LEASE}"])
