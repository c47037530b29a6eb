"""A switch that ends a process at any step by which its files change, and a small world to import from.

The process is this one: from the step on at which it is to die, every further step raises `Killed`, which nothing
catches, so that no cleaning up gets through to the disk, as after a kill -9.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import trio
import trio.testing

from harness import ImportConfig
from harness.core.answers import Failed, ItemRead, PageRead
from harness.pacing import Notice
from harness.record.events import Key, PageRef, Role
from harness.record.run import Run
from harness.session.importing import import_into, prepared
from harness.session.session import Session
from harness.source.base import Got, OnHeaders

# before, after: the step has not or has been done. torn: a file that is to be renamed is only half on disk. power: it
# has been done, but no step since the last sync of its folder reached the disk.
When = Literal["before", "after", "torn", "power"]
WHENS: tuple[When, ...] = ("before", "after", "torn", "power")
STEPS = ("rename", "replace", "unlink", "remove", "mkdir", "rmdir")
_REAL: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in (*STEPS, "fsync")}


class Killed(BaseException):
    """The process is dead from here on."""


@dataclass
class Switch:
    """Counts the steps; dies at the `at`-th (from 0), or never. really: the whole process does, at once."""

    at: int | None = None
    when: When = "before"
    really: bool = False
    steps: list[str] = field(default_factory=list)
    dead: bool = False
    _unsynced: list[tuple[Path, Callable[[], None]]] = field(default_factory=list)

    def step(self, name: str, *args: Any, **kwargs: Any) -> None:
        if self.dead:
            raise Killed
        number = len(self.steps)
        self.steps.append(f"{name} {' '.join(str(arg) for arg in args if isinstance(arg, (str, Path)))}")
        if number != self.at:
            self._do(name, *args, **kwargs)
            return
        self.dead = True
        if self.when in ("after", "power"):
            self._do(name, *args, **kwargs)
        if self.when == "torn" and name in ("rename", "replace") and os.path.isfile(args[0]):
            os.truncate(args[0], os.path.getsize(args[0]) // 2)
        if self.when == "power":
            for _, undo in reversed(self._unsynced):
                undo()
        if self.really:
            os._exit(9)
        raise Killed

    def sync(self, handle: int) -> None:
        """What was done in a folder is on disk once that is synced."""
        if self.dead:
            raise Killed
        folder = Path(os.readlink(f"/proc/self/fd/{handle}"))
        self._unsynced = [(where, undo) for where, undo in self._unsynced if where != folder]

    def _do(self, name: str, *args: Any, **kwargs: Any) -> None:
        undo = None if kwargs.get("dir_fd") is not None else _undo(name, *args)
        _REAL[name](*args, **kwargs)
        if undo is not None:
            self._unsynced.append((Path(args[-1] if name in ("rename", "replace") else args[0]).parent, undo))


def _undo(name: str, *args: Any) -> Callable[[], None]:
    path = Path(args[0])
    if name == "mkdir":
        return lambda: shutil.rmtree(path, ignore_errors=True)
    if name in ("unlink", "remove"):
        held = path.read_bytes() if path.is_file() else None
        return lambda: None if held is None or not path.parent.is_dir() else _write(path, held)
    if name == "rmdir":
        return lambda: path.mkdir(exist_ok=True)
    target = Path(args[1])
    before = target.read_bytes() if target.is_file() else None

    def back() -> None:
        if target.exists() and path.parent.is_dir():
            _REAL["rename"](target, path)
            if before is not None:
                _write(target, before)

    return back


def _write(path: Path, held: bytes) -> None:
    path.write_bytes(held)


@contextmanager
def switched(switch: Switch) -> Iterator[Switch]:
    """Let `switch` see every step of what the block does; the block ends quietly where it dies."""
    with pytest.MonkeyPatch.context() as patched:
        for name in STEPS:
            patched.setattr(os, name, _seen(switch, name))
        patched.setattr(os, "fsync", switch.sync)
        try:
            yield switch
        except BaseException:
            if not switch.dead:
                raise


def _seen(switch: Switch, name: str) -> Callable[..., None]:
    return lambda *args, **kwargs: switch.step(name, *args, **kwargs)


# --- what is imported -------------------------------------------------------------------------------------------------

PER_PAGE = 4


@dataclass
class World:
    """A server with items; `broken` ones are gone until they are mended. asked: for what, in order."""

    ids: list[int] = field(default_factory=lambda: list(range(1, 11)))
    broken: set[int] = field(default_factory=set)
    asked: list[tuple[Role, Key]] = field(default_factory=list)

    async def fetch(self, role: Role, key: Key, on_headers: OnHeaders) -> Got | None:
        self.asked.append((role, key))
        await trio.sleep(0.4)
        on_headers(Notice(200))
        if role == "item":
            if key in self.broken:
                return Got(Failed("gone", "Not Found", passing=False))
            assert not isinstance(key, PageRef)
            return Got(ItemRead(9), ((key, payload(key)),))
        assert isinstance(key, PageRef)
        number = key.number or 0
        ids = tuple(self.ids[(number - 1) * PER_PAGE : number * PER_PAGE])
        return Got(PageRead(ids, len(self.ids), max(1, -(-len(self.ids) // PER_PAGE))))


def payload(key: Key) -> str:
    return json.dumps({"id": key, "name": f"item {key}"})


def settings(results: Path, **more: Any) -> ImportConfig:
    named = {"url": "http://127.0.0.1:9/items", "results": results, "run": "r", "limit": "100/1s", "workers": 2}
    return ImportConfig(**{**named, **more})


def session(config: ImportConfig, world: World, relist: bool = False, stop_s: float | None = None) -> Run:
    """One session in virtual time, as `run_import` runs it; stopped by a person after `stop_s`."""

    async def main() -> Run:
        with prepared(config) as run:
            async with trio.open_nursery() as nursery:

                async def person(session: Session) -> None:
                    await trio.sleep(0.9)
                    session.set_workers(3)
                    session.pause()
                    await trio.sleep(0.2)
                    session.resume()
                    if stop_s is not None:
                        await trio.sleep(stop_s)
                        session.stop()

                begin = lambda session, _: nursery.start_soon(person, session)  # noqa: E731
                await import_into(run, config, world, config.source.url or "", begin, inline=True, relist=relist)
                nursery.cancel_scope.cancel()
        return run

    with suppress_group():
        return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    raise AssertionError("unreachable")


@contextmanager
def suppress_group() -> Iterator[None]:
    """Nurseries wrap what ends them: a kill is to be seen as it is."""
    try:
        yield
    except BaseExceptionGroup as group:
        killed = group.subgroup(Killed)
        raise (Killed if killed is not None else group) from None
