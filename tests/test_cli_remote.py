"""Runs in an object store, end to end: real processes, moto's server, and machines that are folders of state."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness import open_run
from harness.cli import main
from harness.paths import STATE_VARIABLE
from harness.record.events import ItemAdopted, ItemImported
from harness.record.history import read_events
from harness.remote.bucket import Bucket, open_bucket
from harness.remote.lease import Lease
from harness.session import copying
from tests.patience import PATIENCE_S
from tests.remote.stores import URL, Gate, make_bucket, moto, variables
from tests.serving import served

pytestmark = pytest.mark.realtime

ITEMS = 30
# As `python -m harness`, with a lease that others need not wait a minute for.
_QUICK = """
import sys
from harness.session import copying
copying.LENGTH_S, copying.PATIENCE_S = {length_s}, 1.0
from harness.__main__ import main
main()
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with moto() as port:
        make_bucket(port)
        yield port


@pytest.fixture
def store(port: int, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The bucket, emptied, as this process sees it."""
    for name, value in variables(port).items():
        monkeypatch.setenv(name, value)
    bucket = open_bucket(URL)
    bucket.delete(entry.name for entry in bucket.entries())
    return bucket


@pytest.fixture(scope="module")
def api_url() -> Iterator[str]:
    """A test API of 30 items without a limit: how long an import takes is for it to say."""
    with served("--items", str(ITEMS), "--limit", "none", "--latency", "1ms") as url:
        yield url


class Machine:
    """A state folder of its own. Commands are typed there: in this process, or in one of their own, to be killed."""

    def __init__(self, folder: Path, port: int, length_s: float, test: pytest.FixtureRequest) -> None:
        folder.mkdir()
        self.folder, self.port, self._length_s = folder, port, length_s
        self._patch: pytest.MonkeyPatch = test.getfixturevalue("monkeypatch")
        self._capsys: pytest.CaptureFixture[str] = test.getfixturevalue("capsys")
        self._caplog: pytest.LogCaptureFixture = test.getfixturevalue("caplog")
        self.started: list[subprocess.Popen[str]] = []

    def start(self, *args: str) -> subprocess.Popen[str]:
        self._here()
        command = [sys.executable, "-c", _QUICK.format(length_s=self._length_s), *args]
        self.started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return self.started[-1]

    def do(self, *args: str, code: int = 0) -> tuple[str, str]:
        """(standard output, standard error) of a command that ends with `code`; what is logged is in front of that."""
        self._here()
        self._caplog.clear()
        self._patch.setattr(copying, "LENGTH_S", self._length_s)
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(args)
        out, err = self._capsys.readouterr()
        err = "".join(f"{line}\n" for line in self._caplog.messages) + err
        assert ended.value.code == code, err + out
        return out, err

    def _here(self) -> None:
        for name, value in {**variables(self.port), STATE_VARIABLE: str(self.folder / "state")}.items():
            self._patch.setenv(name, value)
        self._patch.chdir(self.folder)

    @property
    def run(self) -> Path:
        """The folder of the run r."""
        (folder,) = self.folder.glob("state/copies/*/r")
        return folder


Machines = Callable[..., Machine]


@pytest.fixture
def machine(port: int, store: Bucket, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machines]:
    """A new machine at each call. None of its processes outlives the test."""
    made: list[Machine] = []

    def make(length_s: float = 60.0, port: int = port) -> Machine:
        made.append(Machine(tmp_path / f"machine{len(made)}", port, length_s, request))
        return made[-1]

    yield make
    for process in (process for one in made for process in one.started):
        if process.poll() is None:
            process.kill()
        process.communicate()


def importing(url: str, limit: str = "500/1s") -> tuple[str, ...]:
    return ("import", "--url", url, "--limit", limit, "--run", "r", "--quiet", "--results", URL)


def ids(run: Path) -> list[int]:
    return sorted(pq.read_table(run / "items.parquet").column("id").to_pylist())


def times_imported(run: Path) -> list[int]:
    """Each item as often as the record says that it was imported, or found on the disk after a kill."""
    return sorted(int(event.item) for event in read_events(run) if isinstance(event, (ItemImported, ItemAdopted)))


def wait_for(process: subprocess.Popen[str], bucket: Bucket, parts: int) -> None:
    """Until so many parts of events are in the bucket."""
    while len(bucket.entries("r/events")) < parts:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)  # noqa: TID251


def lease(bucket: Bucket) -> Lease:
    found = bucket.get("r/lease.json")
    assert found is not None
    return Lease.from_bytes(found.content, "r")


ALL = list(range(1, ITEMS + 1))


def test_imported_here_and_read_there(store: Bucket, api_url: str, machine: Machines) -> None:
    """Everything is in the bucket when the command ends; another machine reads it as if it were its own."""
    here, there = machine(), machine()
    _, err = here.do(*importing(api_url))
    assert err == f"run r: working in {here.run}, copied to {URL}/r\n"
    objects = {entry.name.removeprefix("r/"): entry.size for entry in store.entries("r")}
    local = {
        path.relative_to(here.run).as_posix(): path.stat().st_size for path in here.run.rglob("*") if path.is_file()
    }
    assert objects.items() - {("lease.json", objects["lease.json"])} == local.items() - {("lock", local["lock"])}
    assert lease(store).released

    assert f"{ITEMS}/{ITEMS}" in there.do("runs", "--results", URL)[0]
    assert not list(there.run.rglob("*.parquet"))  # JSON tells it
    assert f"{ITEMS} of {ITEMS} items" in there.do("show", "--results", URL)[0]
    assert "no failed items" in there.do("failed", "list", "r", "--results", URL)[0]
    there.do("export", "-o", "items.jsonl", "--results", URL)
    assert [json.loads(line)["id"] for line in (there.folder / "items.jsonl").read_text().splitlines()] == ALL
    assert ids(there.run) == ALL
    assert open_run(None, URL).items().num_rows == ITEMS
    assert there.do("watch", "--results", URL)[1] == "run r is not running; its summary:\n"
    assert "is complete; there is nothing to resume" in there.do("resume", "--results", URL)[1]


@pytest.mark.slow  # for the libraries that draw
def test_reports_are_written_of_a_copy(store: Bucket, api_url: str, machine: Machines) -> None:
    """Beside the run's files here, as of any run."""
    here, there = machine(), machine()
    here.do(*importing(api_url), "--max-items", "5")
    there.do("report", "r", "-o", "r.html", "--results", URL)
    assert "5 of" in (there.folder / "r.html").read_text()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("prune", "--keep", "1", "--yes"), "prune works on a folder of runs, not on s3://bucket/runs"),
        (("runs", "tag", "r", "--add", "x"), "runs tag works on a folder of runs, not on s3://bucket/runs"),
        (("failed", "forget", "r"), "failed forget works on a folder of runs, not on s3://bucket/runs"),
        (("failed", "retry", "r"), "failed retry works on a folder of runs, not on s3://bucket/runs"),
        (("simulate", "--items", "3", "--keep"), "a simulated run is kept in a folder, not in s3://bucket/runs"),
        (("sweep", "--grid", "workers=1,2"), "sweep works on a folder of runs, not on s3://bucket/runs"),
        (
            ("import", "--url", "http://127.0.0.1:9/x", "--detail", "--shards", "2"),
            "--shards works in a folder of runs",
        ),
        (("pause", "r"), "no runs"),
    ],
)
def test_what_cannot_work_says_so(typed: tuple[str, ...], says: str, machine: Machines) -> None:
    """In one sentence, before anything happens."""
    here = machine()
    out, err = here.do(*typed, "--results", URL, code=2)
    assert (out, err.count("\n")) == ("", 1)
    assert says in err
    assert not (here.folder / "state/copies").exists()


def test_killed_and_resumed_on_another_machine(store: Bucket, api_url: str, machine: Machines) -> None:
    """kill -9: every item once, none fetched again that was in the copy, and the old lease is waited out."""
    here, there = machine(2.0), machine(2.0)
    process = here.start(*importing(api_url, "10/1s"))
    wait_for(process, store, 1)
    process.kill()
    process.wait()
    before = lease(store)
    _, err = there.do("resume", "r", "--results", URL, "--quiet", "--limit", "500/1s")
    assert f"run r was begun by {before.whose}; watching for 2 s whether it is alive" in err
    assert ids(there.run) == ALL
    assert times_imported(there.run) == ALL
    assert lease(store).fence == before.fence + 1
    # What the machine that is gone had recorded beyond its copy is no part of the run.
    assert ids_of(here.do("show", "r", "--json", "--results", URL)[0]) == ITEMS
    assert times_imported(here.run) == ALL


def ids_of(shown: str) -> int:
    return int(json.loads(shown)["imported"])


def test_killed_and_resumed_on_the_same_machine(store: Bucket, api_url: str, machine: Machines) -> None:
    """At once: its process is known to be gone. What was not copied is here, and goes on from here."""
    here = machine()
    process = here.start(*importing(api_url, "10/1s"))
    wait_for(process, store, 1)
    process.kill()
    process.wait()
    _, err = here.do("import", "--resume", "--run", "r", "--results", URL, "--quiet", "--limit", "500/1s")
    assert "watching" not in err
    assert times_imported(here.run) == ids(here.run) == ALL


def test_a_second_writer_is_refused(store: Bucket, api_url: str, machine: Machines) -> None:
    """On another machine and on the same, and the first notices nothing."""
    here, there = machine(2.0), machine()
    process = here.start(*importing(api_url, "2/1s"))
    wait_for(process, store, 1)
    assert "running" in there.do("runs", "--results", URL)[0]
    refused = there.do("resume", "r", "--results", URL, code=2)[1].splitlines()[-1]
    assert refused.startswith(f"harness: run r in {URL} is running in process {process.pid} on ")
    refused = here.do("import", "--resume", "--run", "r", "--results", URL, code=2)[1]
    assert refused == f"harness: run r is running in process {process.pid}; wait for it, or stop it\n"
    refused = there.do(*importing(api_url), code=2)[1]
    assert refused.startswith(f"harness: the run r exists in {URL}; add --resume to continue it or --fresh")
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert lease(store).released


@pytest.mark.slow
def test_watched_from_another_machine(store: Bucket, api_url: str, machine: Machines) -> None:
    """Until it has ended there, with its exit code; where it runs it takes commands, as any other."""
    here, there = machine(4.0), machine()
    process = here.start(*importing(api_url, "1/1s"))
    wait_for(process, store, 1)
    watching = there.start("watch", "--results", URL, "--progress", "plain")
    assert watching.stderr is not None
    assert "state=" in watching.stderr.readline()
    here.do("set", "r", "--limit", "500/1s", "--results", URL)
    out, _ = watching.communicate(timeout=PATIENCE_S)
    assert (watching.returncode, process.wait()) == (0, 0)
    assert f"{ITEMS} of {ITEMS} items" in out


def test_of_two_that_begin_at_once_one_wins(store: Bucket, api_url: str, machine: Machines) -> None:
    """By the conditional write; the other one says who has it, and leaves nothing."""
    both = [machine(2.0) for _ in range(2)]
    processes = [one.start(*importing(api_url)) for one in both]
    said = [process.communicate(timeout=PATIENCE_S)[1] for process in processes]
    codes = [process.returncode for process in processes]
    assert sorted(codes) == [0, 2], said
    winner, loser = both[codes.index(0)], both[codes.index(2)]
    assert ids(winner.run) == ALL
    assert said[codes.index(2)].splitlines()[-1].startswith(("harness: run r in", "harness: the run r exists in"))
    assert not list(loser.folder.rglob("run.json"))


def test_whose_lease_is_taken_over_stops(store: Bucket, api_url: str, machine: Machines) -> None:
    """As where a machine was asleep: it says who has the run, and stops; what the other one writes stays."""
    here = machine(2.0)
    process = here.start(*importing(api_url, "10/1s"))
    wait_for(process, store, 1)
    taken = Lease("another", "elsewhere", 4711, lease(store).fence + 1)
    store.put("r/lease.json", taken.as_bytes())
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert err.splitlines()[-1] == (
        "harness: run r is written by process 4711 on elsewhere now, so this import has stopped; "
        f"what it recorded is in {here.run}"
    )
    assert lease(store) == taken


def test_a_store_that_is_gone_for_a_while(store: Bucket, port: int, api_url: str, machine: Machines) -> None:
    """The import goes on; it is said once, and that it is back; in the end everything is there."""
    gate = Gate(port)
    here = machine(60.0, gate.port)
    process = here.start(*importing(api_url, "10/1s"))
    wait_for(process, store, 1)
    gate.shut()
    before = len(list(here.run.glob("events/*.parquet")))
    while len(list(here.run.glob("events/*.parquet"))) < before + 1:
        time.sleep(0.05)  # noqa: TID251
    gate.open()
    _, err = process.communicate(timeout=PATIENCE_S)
    gate.shut()
    assert process.returncode == 0, err
    assert err.count("the store cannot be reached") <= 1
    assert lease(store).released
    assert {entry.name for entry in store.entries("r/events")} == {
        f"r/events/{path.name}" for path in here.run.glob("events/*.parquet")
    }


@pytest.mark.slow
def test_a_store_that_stays_away(store: Bucket, port: int, api_url: str, machine: Machines) -> None:
    """All is here and said; the command that is named finishes the copy."""
    gate = Gate(port)
    here = machine(5.0, gate.port)
    process = here.start(*importing(api_url, "10/1s"))
    wait_for(process, store, 1)
    gate.shut()
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 3
    assert ids(here.run) == ALL
    warned, said = err.splitlines()[-2:]
    assert warned.endswith(
        "the store cannot be reached; check the network, or AWS_ENDPOINT_URL; the import goes on, "
        "and the copy is tried again"
    )
    assert said.startswith(f"harness: the copy of run r is incomplete ({URL}: the store cannot be reached;")
    assert said.endswith(f"resume r --results {URL}")
    assert str(here.run) in said
    gate.open()
    _, err = here.do("resume", "r", "--results", URL)
    gate.shut()
    assert err.splitlines()[-1] == f"run r is complete, and so is its copy in {URL}"
    there = machine()
    assert ids_of(there.do("show", "r", "--json", "--results", URL)[0]) == ITEMS


@pytest.mark.parametrize(
    ("results", "environment", "says"),
    [
        ("s3://nothere/x", {}, "there is no bucket nothere; create it, or correct --results"),
        (URL, {"port": "9"}, "the store cannot be reached; check the network, or AWS_END"),
        ("s3://", {}, "names no bucket and prefix; write s3://BUCKET/PREFIX"),
        ("ftp://x/y", {}, "is not a folder; write a path, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
    ],
)
def test_what_cannot_be_used_is_refused_at_the_start(
    results: str,
    environment: dict[str, str],
    says: str,
    machine: Machines,
) -> None:
    """In one sentence, before the first request and without a run."""
    here = machine()
    here.port = int(environment.get("port", here.port))
    for typed in (importing("http://127.0.0.1:9/api/items"), ("runs",), ("resume", "r")):
        words = [word for word in typed if word not in ("--results", URL)]
        out, err = here.do(*words, "--results", results, code=2)
        assert (out, err.count("\n")) == ("", 1)
        assert says in err
    assert not list(here.folder.rglob("run.json"))


def test_ctrl_c_copies_the_rest_and_gives_the_run_back(store: Bucket, api_url: str, machine: Machines) -> None:
    """Another machine resumes it at once."""
    here, there = machine(), machine()
    process = here.start(*importing(api_url, "10/1s"))
    wait_for(process, store, 1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    _, err = there.do("resume", "--results", URL, "--quiet", "--limit", "500/1s")
    assert "watching" not in err
    assert times_imported(there.run) == ids(there.run) == ALL
