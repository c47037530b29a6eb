"""How a cluster is named, and what is said where it cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.errors import BadInput
from harness.scale.cluster import scheduler_address

SWEEP = ("sweep", "--items", "30", "--grid", "workers=1,2")


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("dask://scheduler:8786", "tcp://scheduler:8786"),
        ("dask://scheduler", "tcp://scheduler:8786"),
        ("dask://10.0.0.5:9000/", "tcp://10.0.0.5:9000"),
        ("dask://[::1]:9000", "tcp://[::1]:9000"),
    ],
)
def test_a_scheduler_is_named_by_host_and_port(typed: str, address: str) -> None:
    """The port is that of `dask scheduler` where none is named."""
    assert scheduler_address(typed) == address


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "scheduler:8786",
        "tcp://a:1",
        "dask://",
        "dask://a:x",
        "dask://a:99999",
        "dask://u@a",
        "dask://a/b",
        "dask://[a",
    ],
)
def test_what_names_no_scheduler_is_refused(typed: str) -> None:
    """In one sentence that says how to write it."""
    with pytest.raises(BadInput, match=r"is not the address of a scheduler; write it like dask://scheduler:8786$"):
        scheduler_address(typed)


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--executor", "dask://a", "--jobs", "2"), "--jobs is the number of processes here; leave it out"),
        (("--executor", "a:8786"), "--executor: 'a:8786' is not the address of a scheduler"),
        (("--executor", "dask://a", "--grid", "wrokers=1"), "'wrokers' in --grid is not a setting"),
    ],
)
def test_bad_words_are_refused_before_a_scheduler_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, args: tuple[str, ...], sentence: str
) -> None:
    """And before a folder is made."""
    refused(capsys, tmp_path, args, sentence)


def test_without_the_extra_it_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask is not part of what everybody installs."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    sentence = "this needs distributed, which is not installed; run: pip install -e '.[dask]'"
    refused(capsys, tmp_path, ("--executor", "dask://127.0.0.1"), sentence)


def refused(capsys: pytest.CaptureFixture[str], folder: Path, args: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main((*SWEEP, *args, "--results", str(folder / "r")))
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (folder / "r").exists()
