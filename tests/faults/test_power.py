"""The power fails at any step

A process that is ended before or after any rename, unlink, mkdir or rmdir of any command, with half a file on disk, or
with the last steps undone as by a power cut; then what its user does next.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness import ImportConfig, open_run
from harness.cli.main import main as harness_main
from harness.errors import NoSuchRun
from harness.record.events import canonical_id
from harness.record.items import export
from harness.record.run import Run, list_runs
from harness.session.importing import config_of, forget, reopen
from harness.session.reader import view_ended
from harness.session.retry_failed import settle
from tests.faults.power import WHENS, Switch, When, World, session, settings, switched

BROKEN = {3, 7}


@dataclass(frozen=True)
class Command:
    """`before` makes what there is, `act` is killed. forgotten: items that need not come; grown: ids listed by then.

    again: its user gives it again afterwards.
    """

    before: Callable[[Path], object]
    act: Callable[[Path, World], object]
    broken: frozenset[int] = frozenset()
    forgotten: frozenset[int] = frozenset()
    grown: int = 10
    again: bool = False


def complete(results: Path) -> None:
    session(settings(results), World())


def with_failures(results: Path) -> None:
    session(settings(results), World(broken=set(BROKEN)))


def stopped(results: Path) -> None:
    # Not at the moment of an answer: of what happens at once any may come first, and 7 must have been asked for.
    run = session(settings(results), World(broken=set(BROKEN)), stop_s=0.6)
    assert (run.status, run.state().failed) == ("stopped", len(BROKEN))


def three(results: Path) -> None:
    for name in ("a", "b", "r"):
        session(settings(results, run=name), World())
        run = Run(results / name)
        run.note(created_utc_s={"a": 1.0, "b": 2.0, "r": 3.0}[name])


def unsettled(results: Path) -> None:
    """Killed after its last event and before its results."""
    with switched(Switch()) as counted:
        session(settings(results), World())
    at = next(at for at, step in enumerate(counted.steps) if "items.parquet" in step)
    shutil.rmtree(results / "r")
    with switched(Switch(at, "before")):
        session(settings(results), World())
    assert (Run(results / "r").status, Run(results / "r").settled) == ("complete", False)


def retry(results: Path, world: World) -> None:
    run = open_run("r", results)
    world.broken.clear()
    if reopen(run):
        session(config_of(run), world)


def resume(results: Path, world: World) -> None:
    """As the command does."""
    run = open_run("r", results)
    settle(run)
    if not run.status.startswith("complete"):
        session(config_of(run), world)


def prune(results: Path, world: World) -> None:
    called("prune", "--keep", "1", "--yes", "--results", str(results))


KINDS = ("csv", "jsonl", "parquet")


def exported(results: Path) -> None:
    complete(results)
    for kind in KINDS:
        (results / f"items.{kind}").write_text("of yesterday")


def to_file(results: Path, world: World) -> None:
    for kind in KINDS:
        path = results / f"items.{kind}"
        assert path.read_bytes() == b"of yesterday" or _rows(path) == 10  # a kill left the old file or the new one
        export(open_run("r", results), path)
        assert _rows(path) == 10


def _rows(path: Path) -> int:
    if path.suffix == ".parquet":
        return int(pq.read_metadata(path).num_rows)
    return path.read_text().count("item ")


COMMANDS = {
    "import": Command(lambda _: None, lambda results, world: session(settings(results), world)),
    "resume": Command(stopped, resume, forgotten=frozenset(BROKEN)),
    "resume of a run whose results are missing": Command(unsettled, resume),
    "failed retry": Command(with_failures, retry),
    "failed forget": Command(
        with_failures,
        lambda results, world: forget(open_run("r", results)),
        broken=frozenset(BROKEN),
        forgotten=frozenset(BROKEN),
    ),
    "audit": Command(
        complete, lambda results, world: session(config_of(open_run("r", results)), world, relist=True), grown=13
    ),
    "--fresh": Command(with_failures, lambda results, world: session(settings(results, fresh=True), world)),
    "prune": Command(three, prune),
    "export": Command(exported, to_file, again=True),
}


def called(*args: str) -> int:
    """The exit code of a command; 0 where there is none. Anything but an exit is a defect."""
    with pytest.raises(SystemExit) as ended:
        harness_main(list(args))
    return int(ended.value.code or 0)


def killed(command: Command, base: Path, results: Path, at: int | None, when: When, really: bool = False) -> Switch:
    """The command on a copy of what there was, killed at a step."""
    shutil.copytree(base, results)
    world = World(list(range(1, command.grown + 1)), set(command.broken))
    switch = Switch(at, when, really)
    with switched(switch):
        command.act(results, world)
    return switch


def steps_of(command: Command, base: Path, results: Path) -> list[str]:
    command.before(base)
    return killed(command, base, results, None, "before").steps


def finish(command: Command, results: Path) -> None:
    """What a user does next, until the run is complete; nothing that was recorded is asked for again."""
    world = World(list(range(1, command.grown + 1)), set(command.broken))
    known = _recorded(results / "r")
    try:
        run = open_run("r", results)
    except NoSuchRun:
        run = session(settings(results), world)
    resume(results, world)
    if run.status == "complete with failures":
        if command.forgotten:
            forget(run)
        else:
            retry(results, world)
    if len(run.state().items) < command.grown:  # an audit that had recorded nothing yet
        session(config_of(run), world, relist=True)
    if command.again:
        command.act(results, world)
    assert known & {key for role, key in world.asked if role == "item"} == set()


def _recorded(folder: Path) -> set[object]:
    if not (folder / "run.json").exists():
        return set()
    rows = Run(folder).events().to_pylist()
    return {canonical_id(row["key"]) for row in rows if row["event"] in ("ItemImported", "ItemAdopted")}


def look(results: Path) -> None:
    """`runs` and `show` work, and every view says the same of each run."""
    assert called("runs", "--results", str(results)) == 0
    for run in list_runs(results):
        assert run.status == view_ended(run).status
        assert called("show", run.name, "--results", str(results)) == 0


def whole(command: Command, results: Path) -> None:
    """Every item is there once, as it came, and nothing else is left."""
    run = open_run("r", results)
    assert (run.status, run.settled) == ("complete", True)
    rows = run.items().to_pylist()
    wanted = set(range(1, command.grown + 1)) - set(command.forgotten)
    assert sorted(row["id"] for row in rows) == sorted(wanted)
    assert {row["name"] for row in rows} == {f"item {item}" for item in wanted}
    read = [row["key"] for row in run.events().to_pylist() if row["event"] in ("ItemImported", "ItemAdopted")]
    assert len(read) == len(set(read))
    session(settings(results, run="another"), World([1]))
    left = [path.name for path in results.rglob("*") if path.name.startswith(".") or path.name.endswith(".tmp")]
    assert left == []


def check(command: Command, base: Path, folder: Path, at: int, when: When) -> None:
    step = killed(command, base, folder / "results", at, when).steps[-1]
    after(command, folder / "results", f"killed {when} step {at}: {step}")


def after(command: Command, results: Path, how: str) -> None:
    """What is to be true after a kill; `how` it came to it is told where it is not."""
    try:
        look(results)
        finish(command, results)
        look(results)
        whole(command, results)
    except BaseException as error:
        error.add_note(how)
        raise
    finally:
        shutil.rmtree(results)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of imports sync their files, and here no power cut is real."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def campaign(name: str, folder: Path, every: int) -> int:
    """Kill a command at each of its steps, in the `every`-th of the ways in which it can be; answers how often."""
    command, base = COMMANDS[name], folder / "before"
    base.mkdir()
    steps = steps_of(command, base, folder / "counted")
    assert len(steps) >= 3
    points = [(at, when) for at in range(len(steps)) for when in WHENS][::every]
    for at, when in points:
        check(command, base, folder, at, when)
    return len(points)


@pytest.mark.parametrize("name", COMMANDS)
def test_at_some_steps(name: str, tmp_path: Path) -> None:
    """0 items lost, doubled, stranded or fetched again that were recorded; no name stuck; each view tells the truth."""
    assert campaign(name, tmp_path, 7) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_at_every_step(name: str, tmp_path: Path) -> None:
    """The same in every way at every step."""
    assert campaign(name, tmp_path, 1) >= 12


# A fork of it starts in milliseconds where a new interpreter takes more than a second.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.test_power"])


def _in_a_child(name: str, base: Path, results: Path, at: int, when: When) -> None:
    killed(COMMANDS[name], base, results, at, when, really=True)


@pytest.mark.realtime
@pytest.mark.parametrize("name", ["import", "failed retry"])
def test_a_process_that_really_dies(name: str, tmp_path: Path) -> None:
    """At steps spread over the command, in a process of its own that ends there and then: the same holds."""
    command, base = COMMANDS[name], tmp_path / "before"
    base.mkdir()
    steps = steps_of(command, base, tmp_path / "counted")
    for turn, at in enumerate(range(1, len(steps), 8)):
        child = _FORKS.Process(target=_in_a_child, args=(name, base, tmp_path / "results", at, WHENS[turn % 3]))
        child.start()
        child.join(120)
        assert child.exitcode == 9
        after(command, tmp_path / "results", f"died {WHENS[turn % 3]} step {at}: {steps[at]}")


def test_a_retry_that_was_recorded_and_not_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D1: killed between the event and run.json: `resume` fetches the items and does not call the run complete."""
    with_failures(tmp_path)
    run, world = open_run("r", tmp_path), World()
    with switched(Switch()) as counted:
        reopen(run)
    run = session(settings(tmp_path, fresh=True), World(broken=set(BROKEN)))
    at = next(at for at, step in enumerate(counted.steps) if "/events/s1-1-" in step)
    with switched(Switch(at, "after")):
        reopen(run)
    told = json.loads((run.folder / "run.json").read_text())
    assert (told["status"], run.status, view_ended(run).status) == ("complete with failures", "stopped", "stopped")

    async def import_now(config: ImportConfig) -> int:
        resumed.append(config)
        return 0

    resumed: list[ImportConfig] = []
    monkeypatch.setattr("harness.cli.run.import_now", import_now)
    assert called("resume", "r", "--results", str(tmp_path)) == 0
    session(resumed[0], world)
    assert (run.status, run.items().num_rows) == ("complete", 10)
    assert {key for role, key in world.asked if role == "item"} == BROKEN
