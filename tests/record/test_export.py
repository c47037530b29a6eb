"""Items as files that other programs read, and runs that are removed."""

from __future__ import annotations

import csv
import json
import math
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harness.errors import BadInput, RunLocked
from harness.record.formats import FORMATS
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
    monkeypatch.setattr("harness.record.formats._iso", lambda *_: 1 / 0)
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


# What JSON can hold and columns often cannot.
AWKWARD: dict[int, dict[str, Any]] = {
    1: {
        "id": 1,
        "huge": 2**70,
        "mixed": 1,
        "": "no name",
        "name": "a",
        "Name": "A",
        "ünï😀": "é",
        "deep": {"a": [{"": 0}]},
    },
    2: {"id": 2, "huge": 5, "mixed": "1", "": None, "name": None, "ünï😀": None, "deep": {"a": []}},
    3: {"id": 3, "huge": -(2**70), "mixed": {"x": [1]}, "never": None, "deep": None, "flag": True},
    4: {"id": 4, "mixed": None, **{f"field {n}": n for n in range(500)}},
}


def test_awkward_values_come_out_as_they_went_in(tmp_path: Path) -> None:
    """Huge numbers, mixed types, names that differ in case or are empty, nothing at all, and 500 columns."""
    run = create_run(tmp_path, "r", {"config": {}}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    for item, value in AWKWARD.items():
        recorder.put(item, json.dumps(value))
    for event in (started(), listed(*AWKWARD), *map(imported, AWKWARD)):
        recorder.record(event)
    recorder.flush()
    for kind in FORMATS:
        assert export(run, tmp_path / f"x.{kind}") == 4
    assert list(map(json.loads, (tmp_path / "x.jsonl").read_text().splitlines())) == list(AWKWARD.values())
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.num_columns == 510
    assert [str(table.schema.field(name).type) for name in ("huge", "mixed", "", "never", "flag")] == [
        "decimal128(22, 0)", "string", "string", "null", "bool"
    ]  # fmt: skip
    rows = table.to_pylist()
    assert [row["huge"] for row in rows] == [2**70, 5, -(2**70), None]
    assert [row["mixed"] for row in rows] == ["1", "1", '{"x": [1]}', None]
    assert [(row["name"], row["Name"], row[""], row["ünï😀"]) for row in rows[:2]] == [
        ("a", "A", "no name", "é"), (None, None, None, None)
    ]  # fmt: skip
    assert [row["deep"] for row in rows] == [{"a": [{"": 0}]}, {"a": []}, None, None]
    assert [rows[3][f"field {n}"] for n in range(500)] == list(range(500))
    with open(tmp_path / "x.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["huge"] for row in read] == [str(2**70), "5", str(-(2**70)), ""]
    assert [json.loads(row["deep"] or "null") for row in read] == [{"a": [{"": 0}]}, {"a": []}, None, None]


def test_a_record_with_nan_of_an_older_version_is_exported(tmp_path: Path) -> None:
    """What is imported today holds none, and what is there is not lost."""
    run = create_run(tmp_path, "r", {"config": {}}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    recorder.put(1, '{"id": 1, "x": NaN}')
    for event in (started(), listed(1), imported(1)):
        recorder.record(event)
    recorder.flush()
    assert export(run, tmp_path / "x.parquet") == 1
    assert math.isnan(pq.read_table(tmp_path / "x.parquet").to_pylist()[0]["x"])


@pytest.mark.realtime
@pytest.mark.parametrize("kind", FORMATS)
def test_a_reader_that_has_seen_enough_ends_an_export_quietly(tmp_path: Path, kind: str) -> None:
    """`export -o - | head`: more than a pipe holds is left to write, and nobody is there to read it."""
    run = create_run(tmp_path, "r", {"config": {}}, 0.0)
    recorder = Recorder(run.folder, "r", 1)
    text = random.Random(0).randbytes(150).hex()
    items = range(1, 4_001)
    for item in items:
        recorder.put(item, json.dumps({"id": item, "text": f"{text[item % 300 :]}{item * 7919}{text[: item % 300]}"}))
    for event in (started(), listed(*items), *map(imported, items)):
        recorder.record(event)
    recorder.flush()
    command = [sys.executable, "-m", "harness", "export", "r", "--results", str(tmp_path), "-o", "-", "--format", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as exporting:
        assert exporting.stdout is not None
        assert exporting.stderr is not None
        assert len(exporting.stdout.read(100)) == 100
        exporting.stdout.close()
        said = exporting.stderr.read()
    assert (exporting.returncode in (0, -signal.SIGPIPE, 141), said) == (True, b"")
