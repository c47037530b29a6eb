"""The disk goes wrong

Disks that are full, folders that cannot be written, parts that are damaged, missing or newer than the code.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness_test_api import ServerConfig, running, running_in_thread
from harness_test_api.serving import Api

from harness import ImportConfig, open_run, run_import
from harness.cli.main import main as harness_main
from harness.errors import BadInput, RecordError, RunLocked
from harness.record.parts import list_parts
from harness.record.run import Run
from harness.session.importing import config_of
from harness.session.session import Session
from tests.faults.imports import QUICK, ids, imported

pytestmark = pytest.mark.realtime

ALL = list(range(1, 41))


@pytest.fixture
def api() -> Iterator[Api]:
    with running_in_thread(ServerConfig(items=40, limit="none")) as api:
        yield api


async def stopped_early(tmp_path: Path, url: str, **settings: Any) -> Run:
    """A run of 40 items that somebody stopped in the middle."""
    sessions = list[Session]()
    config = ImportConfig(**{**QUICK, "url": url, "limit": "15/1s", "results": tmp_path, "run": "r", **settings})
    run = await run_import(
        config, on_start=lambda session, _: sessions.append(session), on_update=lambda *_: _stop(sessions[0])
    )
    assert (run.status, 0 < run.state().imported < 40) == ("stopped", True)
    return run


def _stop(session: Session) -> None:
    if session.state.imported and session.core.desired.stopping is None:
        session.stop()


def command(*args: str, files_up_to: int | None = None) -> subprocess.CompletedProcess[str]:
    """A harness command, in a process that may not write files beyond a size."""

    def bounded() -> None:
        if files_up_to is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (files_up_to, files_up_to))

    return subprocess.run(
        [sys.executable, "-m", "harness", *args], check=False, capture_output=True, text=True, preexec_fn=bounded
    )


def test_no_room_for_what_is_recorded(tmp_path: Path, api: Api) -> None:
    """The kernel refuses to write: exit 3 with file, reason and what to do. With room, resume imports the rest."""
    where = ["--results", str(tmp_path), "--quiet"]
    bare = ["--url", api.url, "--limit", "1000/1s", "--budget", "none"]
    ended = command("import", *bare, "--run", "r", *where, files_up_to=4096)
    assert ended.returncode == 3, ended.stderr
    assert ended.stderr.startswith(f"harness: {tmp_path}/r/")
    assert ended.stderr.rstrip().endswith("make room or fix the folder, then resume")
    assert ended.stderr.count("\n") == 1
    again = command("resume", "r", *where)
    assert (again.returncode, again.stderr) == (0, "")
    assert ids(open_run("r", tmp_path)) == ALL


@pytest.mark.anyio
async def test_no_room_in_the_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written stays, and the run fails with the reason. Resumed, it fetches nothing recorded again."""
    real, left = os.replace, iter([True] * 5)

    def until_full(old: Any, new: Any) -> None:
        if ".parquet" in str(new) and not next(left, False):
            raise OSError(28, "No space left on device")
        real(old, new)

    async with running(ServerConfig(items=40, limit="none", latency="50ms")) as api:
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", until_full)
            with pytest.raises(RecordError, match=r"No space left on device.*make room or fix the folder, then resume"):
                await imported(tmp_path, api.url, limit="12/1s")
        run = open_run("r", tmp_path / "results")
        assert run.status == "failed"
        assert "No space left" in run.about["reason"]
        before = {row["key"] for row in run.events().to_pylist() if row["event"] == "ItemImported"}
        mark = len(api.decisions())
        run = await run_import(config_of(run))
        asked = {row.item_id for row in api.decisions()[mark:]}
    assert (run.status, ids(run)) == ("complete", ALL)
    assert before
    assert before & asked == set()


@pytest.mark.parametrize("how", ["a file", "no folder", "a folder that may not be written"])
def test_a_results_folder_that_cannot_be_written(tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and one sentence before the first request."""
    (tmp_path / "taken").touch()
    places = {"a file": tmp_path / "taken", "no folder": tmp_path / "taken" / "x"}
    where = places.get(how, Path("/proc/harness"))
    with pytest.raises(SystemExit) as ended:
        harness_main(["import", "--url", "http://127.0.0.1:9/items", "--results", str(where)])
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert str(where) in said.err
    assert "choose another folder" in said.err or "name a folder" in said.err


@pytest.mark.anyio
async def test_two_imports_on_one_run(tmp_path: Path) -> None:
    """The second is refused with the first one's process id, and nothing of the run is touched."""
    async with running(ServerConfig(items=40, limit="none")) as api:
        run = await stopped_early(tmp_path, api.url)
        before = (run.folder / "run.json").read_bytes()
        with run.locked(), pytest.raises(RunLocked, match=f"is running in process {os.getpid()}; wait for it"):
            await run_import(config_of(run))
        assert (run.folder / "run.json").read_bytes() == before
        assert (await run_import(config_of(run))).status == "complete"


@pytest.mark.anyio
async def test_files_half_written(tmp_path: Path) -> None:
    """Temporary files that a crash left, anywhere in the run, are ignored and then removed."""
    async with running(ServerConfig(items=40, limit="none")) as api:
        run = await stopped_early(tmp_path, api.url)
        torn = [run.folder / name for name in ("events/s1-000000099.parquet.tmp", "items/x.tmp", "run.json.tmp")]
        for path in torn:
            path.write_bytes(b"PAR1 half")
        assert run.state().imported > 0
        await run_import(config_of(run))
    assert ids(run) == ALL
    assert [path for path in torn if path.exists()] == []


@pytest.mark.anyio
@pytest.mark.parametrize("damage", ["cut short", "emptied", "overwritten"])
@pytest.mark.parametrize("kind", ["events", "items"])
async def test_a_part_that_cannot_be_read(tmp_path: Path, kind: str, damage: str) -> None:
    """The message names it and says what to do; nothing is sent, and the run is unchanged."""
    async with running(ServerConfig(items=40, limit="none")) as api:
        run = await stopped_early(tmp_path, api.url)
        _, _, path = list_parts(run.folder / kind)[-1]
        path.write_bytes({"cut short": path.read_bytes()[:-9], "emptied": b"", "overwritten": b"x" * 500}[damage])
        for snapshot in (run.folder / "snapshots").iterdir():
            snapshot.unlink()
        mark = len(api.decisions())
        with pytest.raises(RecordError, match=f"{path} cannot be read .*; restore it from a copy, or remove the run"):
            await run_import(config_of(run))
        assert len(api.decisions()) == mark


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["events", "items"])
async def test_a_last_part_deleted(tmp_path: Path, kind: str) -> None:
    """run.json knows how far each session's record reached: the message names what is missing, and nothing is sent."""
    async with running(ServerConfig(items=40, limit="none")) as api:
        run = await stopped_early(tmp_path, api.url)
        mark = len(api.decisions())
        _, _, path = list_parts(run.folder / kind)[-1]
        path.unlink()
        said = rf"{kind} lacks the part with {kind[:-1]} \d+ of s1; restore the parts of s1, or remove the run"
        for _ in range(2):
            with pytest.raises(RecordError, match=said):
                await run_import(config_of(run))
        if kind == "events":
            with pytest.raises(RecordError, match=said):
                run.events()
        assert len(api.decisions()) == mark


@pytest.mark.anyio
async def test_a_record_of_a_newer_version(tmp_path: Path) -> None:
    """The message names the schema and says to update; nothing is sent."""
    async with running(ServerConfig(items=40, limit="none")) as api:
        run = await stopped_early(tmp_path, api.url)
        _, _, path = list_parts(run.folder / "events")[0]
        table = pq.ParquetFile(path).read()
        pq.write_table(table.set_column(0, "schema", pa.array([99] * table.num_rows, pa.int16())), path)
        for snapshot in (run.folder / "snapshots").iterdir():
            snapshot.unlink()
        mark = len(api.decisions())
        with pytest.raises(RecordError, match=r"schema 99, and this version reads up to \d+; update the harness"):
            await run_import(config_of(run))
        assert len(api.decisions()) == mark


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["", "{", "[]", '{"config": 5}', '{"config": {"workers": "many"}}'])
async def test_a_damaged_description_of_a_run(tmp_path: Path, text: str) -> None:
    """run.json that is empty, torn or something else: one sentence that names it and says what to do."""
    async with running(ServerConfig(items=40, limit="none")) as api:
        run = await stopped_early(tmp_path, api.url)
        (run.folder / "run.json").write_text(text)
        with pytest.raises((RecordError, BadInput)) as caught:
            await run_import(config_of(run))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "run.json" in sentence or "run r" in sentence
