"""Sweeps on a real Dask cluster: the same table, whatever dies."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.errors import BadInput, SweepBroken
from harness.lab.grid import Grid
from harness.lab.sweeping import Pool, run_sweep
from harness.lab.sweeps import Row, Sweep, create_sweep
from harness.record.run import list_runs
from harness.scale.cluster import Cluster, connected
from tests.patience import PATIENCE_S
from tests.scale.clusters import PYTHONPATH, LocalCluster, local_cluster, until

pytestmark = pytest.mark.realtime

GRID = Grid({"items": 30, "limit": "20/2s"}, {"workers": [1, 2, 3, 4]}, 2)
FLAGS = ("--items", "30", "--limit", "20/2s", "--grid", "workers=1,2,3,4", "--repeat", "2")

# On a worker: a point says that it has begun, then waits for the file `go`.
HELD = """
import time
from pathlib import Path
from harness.lab import sweeping
here = Path({folder!r})
sweeping.made = sweeping.run_point
def held(job):
    (here / f"begun-{{job.place['point']}}-{{job.place['repeat']}}-{worker}").touch()
    while not (here / "go").exists():
        time.sleep(0.01)
    return sweeping.made(job)
sweeping.run_point = held
"""
# On a worker: the point with 13 workers kills it.
DEADLY = """
import os, signal
from harness.lab import sweeping
sweeping.made = sweeping.run_point
def deadly(job):
    if job.config.pacing.workers == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return sweeping.made(job)
sweeping.run_point = deadly
"""
# On a worker: another version of this package.
OLD = """
from harness import installation
installation.version = lambda: "0.0.9"
"""


def on(cluster: Cluster) -> Pool:
    return Pool(cluster.executor, elsewhere=True, threads=lambda: cluster.threads, look_s=0.1)


def in_threads(folder: Path, grid: Grid = GRID) -> list[Row]:
    """What the sweep `s` of that grid comes to without a cluster."""
    with ThreadPoolExecutor(2) as threads:
        return run_sweep(create_sweep(folder, "s", grid, 0.0), threads)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A cluster with two workers, which no test here harms."""
    with local_cluster(tmp_path_factory.mktemp("dask")) as made:
        made.worker()
        made.worker()
        yield made


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(args)
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out, err


def test_a_sweep_on_dask_gives_the_table_of_one_in_processes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shared: LocalCluster
) -> None:
    """The same rows from the same seeds; and the progress says what the scheduler does."""
    how = ("--name", "s", "--results", str(tmp_path / "dask"), "--executor", shared.address)
    code, out, err = run(capsys, "sweep", *FLAGS, *how)
    assert code == 0
    assert Sweep(tmp_path / "dask" / "s").rows() == in_threads(tmp_path / "here")
    assert re.match(r"sweep s: 8 runs, 0 running, 8 waiting on [12] workers? with [12] threads?\n", err)
    assert err.endswith("8 of 8 runs done\n")
    assert "Fewest 429s at full speed" in out


def test_runs_that_are_kept_lie_in_the_folder_of_the_sweep(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shared: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the folder is named from here: a worker has another current folder. No file of the check is left."""
    monkeypatch.chdir(tmp_path)
    how = ("--items", "30", "--grid", "workers=1,2", "--name", "s", "--results", "r", "--executor", shared.address)
    assert run(capsys, "sweep", *how, "--keep")[0] == 0
    assert [(kept.name, kept.status) for kept in sorted(list_runs(Path("r/s/runs")), key=lambda kept: kept.name)] == [
        ("p0001-001", "complete"),
        ("p0002-001", "complete"),
    ]
    assert [path.name for path in Path("r").iterdir()] == ["s"]


def test_files_of_settings_must_be_the_same_everywhere(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, shared: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scenario is read by the worker: by its full path, at the worker's place."""
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text('items = 20\nlimit = ["10/1s"]\n')
    how = ("--grid", "workers=1,2", "--name", "s", "--results", "r", "--executor", shared.address)
    code, _, err = run(capsys, "sweep", "--scenario", "./mine.toml", *how)
    assert (code, "name it by its full path" in err, Path("r").exists()) == (2, True, False)
    assert run(capsys, "sweep", "--scenario", str(tmp_path / "mine.toml"), *how)[0] == 0
    assert [row["items"] for row in Sweep(Path("r/s")).rows()] == [20, 20]


def test_a_worker_that_is_killed_costs_its_points_which_run_again(tmp_path: Path) -> None:
    """kill -9 in the middle of two points: the table is that of a sweep without a cluster, and each row came once."""
    with local_cluster(tmp_path / "dask") as dask:
        workers = [dask.worker(HELD.format(folder=str(tmp_path), worker=name)) for name in "ab"]
        lost: set[str] = set()
        rows: list[Row] = []

        with connected(dask.address) as cluster:

            def kill() -> None:
                until(lambda: bool(begun(tmp_path, "a") and begun(tmp_path, "b")))
                lost.update(begun(tmp_path, "a"))
                workers[0].kill()
                until(lambda: cluster.threads == 1)
                (tmp_path / "go").touch()

            killer = threading.Thread(target=kill)
            killer.start()
            sweep = create_sweep(tmp_path, "s", GRID, 0.0)
            kept = run_sweep(sweep, on(cluster), rows.append)
            killer.join()
    assert len(lost) == 1
    assert lost <= begun(tmp_path, "b")
    assert kept == in_threads(tmp_path / "here")
    assert sorted(rows, key=lambda row: (row["point"], row["repeat"])) == kept


def begun(folder: Path, worker: str) -> set[str]:
    """The points that a worker has begun."""
    return {path.name.removesuffix(f"-{worker}") for path in folder.glob(f"begun-*-{worker}")}


def test_a_point_that_kills_its_worker_does_not_take_the_sweep_with_it(tmp_path: Path) -> None:
    """Its row says so; the points that were on the same worker are run again, and have the rows they always had."""
    grid = Grid(GRID.fixed, {"workers": [1, 13, 2, 3]}, 1)
    with local_cluster(tmp_path / "dask", allowed_failures=0) as dask:
        for _ in range(3):  # it is run once beside others, and once alone
            dask.worker(DEADLY)
        rows: list[Row] = []
        with connected(dask.address) as cluster:
            sweep = create_sweep(tmp_path, "s", grid, 0.0)
            run_sweep(sweep, on(cluster), rows.append)
    assert sorted(row["point"] for row in rows) == [1, 2, 3, 4]
    usual = {row["point"]: row for row in in_threads(tmp_path / "here", grid)}
    kept = {row["point"]: row for row in sweep.rows()}
    assert kept[2]["status"] == "failed"
    assert kept[2]["error"] == "its worker died 2 times, at last while nothing else ran; see the worker's log"
    assert {at: row for at, row in kept.items() if at != 2} == {at: row for at, row in usual.items() if at != 2}


def test_a_scheduler_that_is_gone_ends_the_sweep_which_goes_on_elsewhere(tmp_path: Path) -> None:
    """In one sentence, without waiting for it; what was finished is kept."""
    with local_cluster(tmp_path / "dask") as dask:
        dask.worker(HELD.format(folder=str(tmp_path), worker="a"))
        sweep = create_sweep(tmp_path, "s", GRID, 0.0)
        with connected(dask.address) as cluster:
            watcher = threading.Thread(
                target=lambda: (until(lambda: bool(begun(tmp_path, "a"))), dask.scheduler.kill())
            )
            watcher.start()
            with pytest.raises(SweepBroken) as broken:
                run_sweep(sweep, on(cluster))
            watcher.join()
        (tmp_path / "go").touch()
        named = re.escape(dask.address)
    assert re.fullmatch(
        rf"the scheduler {named} is gone, or has cancelled what it was given; "
        "then continue with --resume: what was finished is kept",
        str(broken.value),
    )
    assert sweep.status == "stopped"
    with ThreadPoolExecutor(2) as threads:
        assert run_sweep(sweep, threads) == in_threads(tmp_path / "here")


def test_a_worker_that_joins_with_another_version_ends_the_sweep(tmp_path: Path) -> None:
    """Nothing that it computed is in the table."""
    with local_cluster(tmp_path / "dask") as dask:
        dask.worker(HELD.format(folder=str(tmp_path), worker="a"))
        sweep = create_sweep(tmp_path, "s", GRID, 0.0)
        with connected(dask.address) as cluster:
            dask.worker(OLD)
            with pytest.raises(SweepBroken, match=r"a worker that joined runs rate-limit-harness 0\.0\.9 on Python"):
                run_sweep(sweep, on(cluster))
            (tmp_path / "go").touch()
        assert sweep.rows() == []


def test_ctrl_c_keeps_what_has_begun(tmp_path: Path) -> None:
    """Exit 130 after the points that workers had been given; the rest is left for --resume."""
    with local_cluster(tmp_path / "dask") as dask:
        dask.worker(HELD.format(folder=str(tmp_path), worker="a"))
        command = [sys.executable, "-m", "harness", "sweep", *FLAGS, "--name", "s", "--executor", dask.address]
        environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "DASK_CONFIG": str(tmp_path)}
        process = subprocess.Popen(
            [*command, "--results", str(tmp_path / "r")], env=environment, stdout=subprocess.PIPE, text=True
        )
        until(lambda: bool(begun(tmp_path, "a")))
        sweep = Sweep(tmp_path / "r" / "s")
        until(lambda: sweep.status == "running")
        process.send_signal(signal.SIGINT)
        (tmp_path / "go").touch()
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "sweep --resume --name s" in out
    assert sweep.status == "stopped"
    usual = in_threads(tmp_path / "here")
    rows = sweep.rows()
    assert all(row in usual for row in rows)
    assert len(rows) < len(usual)


# --- refused before anything happens ------------------------------------------------------------------------------


def test_a_port_where_nobody_listens_is_refused_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One sentence, and no folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"dask://127.0.0.1:{free.getsockname()[1]}"
        code, out, err = run(capsys, "sweep", *FLAGS, "--results", str(tmp_path / "r"), "--executor", address)
    ask = "start one with: dask scheduler, or correct --executor"
    assert (code, out) == (2, "")
    assert err == f"harness: no Dask scheduler can be reached at {address} (Connection refused); {ask}\n"
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("greeting", "why"),
    [(b"", "it has not answered within 0.2 s"), (b"SSH-2.0-OpenSSH_9.7\r\n", "what answers there is something else")],
)
def test_what_is_no_scheduler_is_refused_in_time(greeting: bytes, why: str) -> None:
    """Where Dask's own client would wait for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        met: list[Any] = []

        def greet() -> None:
            met.append(server.accept()[0])
            met[0].sendall(greeting)

        greeter = threading.Thread(target=greet)
        greeter.start()
        with (
            pytest.raises(BadInput, match=re.escape(why)),
            connected(f"dask://127.0.0.1:{server.getsockname()[1]}", connect_s=0.2),
        ):
            raise AssertionError("it was taken for a scheduler")
        greeter.join()
        met[0].close()


def test_a_cluster_that_does_not_fit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker; a worker with another version; one with another Python; one that does not see the results."""
    with local_cluster(tmp_path / "dask") as dask:
        refused(dask, "has had no worker for 0.2 s; start one with: dask worker tcp://127.0.0.1:", workers_s=0.2)
        old = dask.worker(OLD)
        refused(dask, "has rate-limit-harness 0.0.9, and this is ")
        old.kill()
        old.join()
        elsewhere = tmp_path / "elsewhere"
        dask.worker(
            "import pathlib\nfrom harness.scale import cluster\n"
            f"cluster.Path = lambda path: pathlib.Path({str(elsewhere)!r} + path)\n"
        )
        with (
            connected(dask.address) as cluster,
            pytest.raises(BadInput, match=r"does not share the folder .*/new with"),
        ):
            cluster.check_shared(tmp_path / "new")
        assert not (tmp_path / "new").exists()
        monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "99", "0"))
        refused(dask, "runs Python 3.")


def refused(dask: LocalCluster, sentence: str, **limits: float) -> None:
    with pytest.raises(BadInput, match=re.escape(sentence)), connected(dask.address, **limits):
        raise AssertionError("it was taken")
