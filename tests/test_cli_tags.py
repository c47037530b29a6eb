"""`runs tag`, `runs --tag` and `export --safe-cells`, in this process."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.record.recorder import Recorder
from harness.record.run import Run, create_run
from harness.record.tags import read_tags
from tests.record.samples import imported, listed, started


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("made")
    for name in ("first", "second"):
        simulate_run(ImportConfig(run=name, items=5, limit="50/1s"), results=results)
    return results


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_run_is_tagged_and_found_by_its_tags(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Added, shown, taken away; `runs` has a column of tags once there are some, and lists those that have all asked
    for.
    """
    where = ("--results", str(results))
    assert "TAGS" not in called(capsys, "runs", *where)[1]
    assert called(capsys, "runs", "tag", "fir", *where) == (0, "run first has no tags\n", "")
    tagged = called(capsys, "runs", "tag", "fir", "--add", "slow", "--add", "nightly", *where)
    assert tagged == (0, "run first is tagged nightly, slow\n", "")
    assert called(capsys, "runs", "tag", "first", *where)[1] == "run first is tagged nightly, slow\n"
    table = called(capsys, "runs", *where)[1].splitlines()
    assert table[0].rstrip().endswith("TAGS")
    (line,) = [line for line in table if "first" in line]
    assert line.rstrip().endswith("nightly, slow")
    assert sum("nightly, slow" in line for line in table) == 1
    one = called(capsys, "runs", "--tag", "slow", "--tag", "nightly", *where)[1]
    assert "first" in one
    assert "second" not in one
    assert called(capsys, "runs", "list", "--tag", "weekly", *where)[1] == f"no run in {results} is tagged weekly\n"
    assert called(capsys, "runs", "tag", "first", "--remove", "slow", *where)[1] == "run first is tagged nightly\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("tag", "first", "--add", "a,b"), "'a,b' cannot be a tag"),
        (("tag", "nope", "--add", "a"), "no run named 'nope'"),
        (("--tag", " "), "' ' cannot be a tag"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    words: tuple[str, ...], why: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bad input, and nothing is changed."""
    code, out, err = called(capsys, "runs", *words, "--results", str(results))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert why in err
    assert read_tags(results / "first") == ()


def test_a_run_under_way_is_tagged(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """While a process holds its lock; that process keeps it."""
    run = Run(results / "first")
    with run.locked():
        assert called(capsys, "runs", "tag", "first", "--add", "x", "--results", str(results))[0] == 0
        assert run.writer_pid == os.getpid()
    assert read_tags(run.folder) == ("x",)


HARMFUL = ["=1+1", "+49 170 1", "-x", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-5 apples", "-", "+5", "-5e"]
HARMLESS = ["-5", "-5.25", "-1e9", "a=1", " =1", "5-3", "", "'=1", "{}", "a\n=1"]


@pytest.fixture
def texts(tmp_path: Path) -> Run:
    """A run whose items hold these texts, a number below zero, and a field with a name that is a formula."""
    run = create_run(tmp_path / "results", "texts", {"config": {}}, 0.0)
    recorder = Recorder(run.folder, "texts", 1)
    ids = tuple(range(1, len(HARMFUL + HARMLESS) + 1))
    for item, text in zip(ids, HARMFUL + HARMLESS, strict=True):
        recorder.put(item, json.dumps({"id": item, "text": text, "below": -item, "=name()": "x"}))
    for event in (started(), listed(*ids), *map(imported, ids)):
        recorder.record(event)
    recorder.flush()
    return run


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_cells_that_a_spreadsheet_would_run_are_made_harmless(
    texts: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """E: on request alone. Numbers stay numbers; the head is a cell as well."""
    export = ("export", "texts", "--results", str(texts.folder.parent), "-o")
    assert called(capsys, *export, str(tmp_path / "plain.csv"))[0] == 0
    assert called(capsys, *export, str(tmp_path / "safe.csv"), "--safe-cells")[0] == 0
    plain, safe = read(tmp_path / "plain.csv"), read(tmp_path / "safe.csv")
    assert [row["text"] for row in plain] == HARMFUL + HARMLESS
    assert [row["text"] for row in safe] == [f"'{text}" for text in HARMFUL] + HARMLESS
    assert [row["below"] for row in safe] == [row["below"] for row in plain] == [str(-row) for row in range(1, 23)]
    assert ("=name()" in plain[0], "'=name()" in safe[0], "=name()" in safe[0]) == (True, True, False)


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl", "-"])
def test_safe_cells_are_for_csv_alone(
    name: str, texts: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What holds values as they are has no cells; it is said, and nothing is written."""
    output = name if name == "-" else str(tmp_path / name)
    code, out, err = called(
        capsys, "export", "texts", "--results", str(texts.folder.parent), "-o", output, "--safe-cells"
    )
    assert (code, out) == (2, "")
    assert "--safe-cells is for CSV" in err
    assert not (tmp_path / name).exists()


def test_safe_cells_go_to_a_pipe_as_csv(texts: Run, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`--format csv -o -` writes what a file would hold."""
    with pytest.raises(SystemExit) as ended:
        main(["export", "texts", "--results", str(texts.folder.parent), "-o", "-", "--format", "csv", "--safe-cells"])
    sys.stdout.flush()
    assert ended.value.code in (0, None)
    assert b"'=1+1" in capfdbinary.readouterr().out
