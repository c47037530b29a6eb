"""Items as files that other programs read, and runs that are removed."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.errors import BadInput, RunLocked
from harness.record.items import export
from harness.record.recorder import Recorder
from harness.record.run import Run, create_run, list_runs
from tests.record.samples import imported, listed, started

PAYLOADS = {1: '{"id":1,"name":"Ä,\\n\\"b\\"","tags":["x"]}', 2: '{"id": 2,\n "price": 1.5}', 3: '{"id":3}'}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """1 and 2 are imported, 1 twice on disk; of 3 only the payload is there."""
    run = create_run(tmp_path, "r", {"config": {}}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    for item in (1, 1, 2, 3):
        recorder.put(item, PAYLOADS[item])
    for event in (started(), listed(1, 2, 3), imported(1), imported(2)):
        recorder.record(event)
    recorder.flush()
    return run


def test_json_lines_are_the_payloads_as_they_came(run: Run, tmp_path: Path) -> None:
    """One line an item, each once; a payload of several lines is put in one."""
    assert export(run, tmp_path / "x.jsonl") == 2
    first, second = (tmp_path / "x.jsonl").read_text().splitlines()
    assert first == PAYLOADS[1]
    assert json.loads(second) == json.loads(PAYLOADS[2])


def test_csv_has_a_column_for_each_field(run: Run, tmp_path: Path) -> None:
    """What one item lacks is empty, lists are JSON text, and quotes and line breaks survive."""
    assert export(run, tmp_path / "x.csv") == 2
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"id": "1", "name": 'Ä,\n"b"', "tags": '["x"]', "price": ""},
        {"id": "2", "name": "", "tags": "", "price": "1.5"},
    ]


def test_parquet_is_the_table_of_items(run: Run, tmp_path: Path) -> None:
    """The same as items.parquet will be, before the run has ended."""
    assert export(run, tmp_path / "x.parquet") == 2
    assert [row["price"] for row in pq.read_table(tmp_path / "x.parquet").to_pylist()] == [None, 1.5]


def test_a_run_without_items_gives_a_file_without_rows(tmp_path: Path) -> None:
    """In each format, with the column that every item has."""
    run = create_run(tmp_path, "r", {"config": {}}, 0.0)
    for kind in ("csv", "jsonl", "parquet"):
        assert export(run, tmp_path / f"x.{kind}") == 0
    assert (tmp_path / "x.csv").read_text() == '"id"\n'


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("x.xlsx", "has an unsupported extension; use .csv, .jsonl or .parquet"),
        ("x", "has an unsupported extension; use .csv, .jsonl or .parquet"),
        ("no/x.csv", "there is no folder {folder}/no; make it, or choose another"),
        ("folder.csv", "it is a folder; name a file"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(run: Run, tmp_path: Path, name: str, said: str) -> None:
    """Another ending, no such folder, a folder in the way: one sentence, and nothing written."""
    (tmp_path / "folder.csv").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadInput, match=re.escape(said.format(folder=tmp_path)) + "$"):
        export(run, tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_an_old_file_stays_where_the_new_one_cannot_be_made(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an export never takes a whole one's place."""
    (tmp_path / "x.csv").write_text("old")
    monkeypatch.setattr("harness.record.items._iso", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export(run, tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "old"


def test_a_removed_run_is_gone_and_a_running_one_stays(run: Run, tmp_path: Path) -> None:
    """Its folder goes as a whole; one that a process writes is refused."""
    with run.locked(), pytest.raises(RunLocked):
        run.remove()
    assert list_runs(tmp_path) == [run]
    run.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_removal_that_was_cut_short_leaves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the middle, what is left is out of sight, and the next removal of that name clears it away."""
    run = create_run(tmp_path, "r", {"config": {}}, 0.0)
    with monkeypatch.context() as patched:
        patched.setattr("harness.record.folder.shutil.rmtree", lambda path, ignore_errors=False: None)
        run.remove()
    assert list_runs(tmp_path) == []
    assert len(list(tmp_path.iterdir())) == 1
    create_run(tmp_path, "r", {"config": {}}, 0.0).remove()
    assert list(tmp_path.iterdir()) == []
