"""A run's description is damaged

run.json and summary.json with anything that a person, a disk or another program may have put into them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.cli.main import main as harness_main
from harness.session.importing import config_of, reopen
from tests.faults.power import World, session, settings as import_settings

# Every command that reads a run, but those that would ask its server; `resume` is asked of one that is complete.
COMMANDS = (
    ("show", "r"),
    ("failed", "list", "r"),
    ("failed", "show", "r"),
    ("failed", "forget", "r"),
    ("explain", "r", "--at", "1"),
    ("infer", "r"),
    ("export", "r", "-o", "out.csv"),
    ("compare", "r"),
    ("recommend", "--from", "r"),
    ("pause", "r"),
    ("stop", "r"),
    ("set", "r", "--workers", "3"),
    ("watch", "r"),
    ("resume", "r"),
    ("runs",),
    ("prune", "--keep", "9"),
)
# JSON as a file may hold it, NaN and halves of surrogate pairs too.
TEXT = st.text(st.characters(codec=None), max_size=5) | st.sampled_from(
    ["\ud800", "complete", "running", "s1", "\x1b[2J"]
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two complete runs."""
    results = tmp_path_factory.mktemp("whole") / "results"
    for name in ("r", "other"):
        session(import_settings(results, run=name), World(broken={3}))
    return results


def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        harness_main(list(words))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def look(whole: Path, file: str, content: bytes, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """The command ends by one of its own codes, and says in one sentence what is wrong where something is."""
    here = whole.parent / "damaged"
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(whole, here / "results")
    (here / "results" / "r" / file).write_bytes(content)
    before = os.getcwd()
    os.chdir(here)
    try:
        code, out, err = called(capsys, *words)
    finally:
        os.chdir(before)
    assert code in (0, 1, 2, 3), (words, content)
    assert "\x1b[2J" not in out + err
    if code in (2, 3) and words[0] not in ("runs", "prune"):
        assert sum(line.startswith("harness: ") for line in err.splitlines()) == 1, (words, content, err)
        assert len(err.splitlines()) == (2 if words[0] == "watch" else 1)
    if words == ("runs",):
        assert (code, "other" in out) == (0, True)
        assert re.search(r"^\S? *r ", out, re.M) or "run.json" in err, (content, out, err)


def changed(whole: Path, file: str, change: Callable[[dict[str, Any]], Any]) -> bytes:
    value = json.loads((whole / "r" / file).read_text())
    return json.dumps(change(value), ensure_ascii=True).encode()


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something lies in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, part in inner for path in paths(part, (*at, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if new is Ellipsis and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


BROKEN = [b"", b"null", b"[]", b"5", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"config": null}', b"NaN"]


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("file", ["run.json", "summary.json"])
def test_a_file_of_something_else(
    whole: Path, file: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """D9: Empty, torn, not UTF-8, nested without end, or other JSON: one sentence, and the other runs are listed."""
    for content in BROKEN:
        look(whole, file, content, capsys, words)


def test_a_sentence_names_the_file_and_what_to_do(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """D9: the description is needed; the summary is made again from the events."""
    here = whole.parent / "said"
    shutil.copytree(whole, here)
    (here / "r" / "summary.json").write_text('{"imported": "many"}')
    shown = called(capsys, "show", "r", "--results", str(here))
    assert (shown[0], "9 of 10 items" in shown[1]) == (0, True)
    for content in ('{"config": 5}', '{"config": {}, "status": "done"}', '{"config": {"limit": "often"}}', "[]"):
        (here / "r" / "run.json").write_text(content)
        (here / "r" / "summary.json").unlink(missing_ok=True)
        code, _, err = called(capsys, "show", "r", "--results", str(here))
        assert code == 3, (content, err)
        assert f"{here}/r/run.json" in err
        assert "restore it from a copy" in err


def test_a_description_restored_from_an_older_copy(tmp_path: Path) -> None:
    """Sessions that the copy does not know keep their parts and numbers; nothing is overwritten or fetched again."""
    world = World(broken={3})
    run = session(import_settings(tmp_path), world, stop_s=0.5)
    older = (run.folder / "run.json").read_bytes()
    session(config_of(run), world)
    before = {path: path.read_bytes() for path in run.folder.glob("*/s2-*")}
    assert before
    (run.folder / "run.json").write_bytes(older)
    assert (run.status, run.settled) == ("complete with failures", False)
    world.broken.clear()
    world.asked.clear()
    assert reopen(run) == 1
    session(config_of(run), world)
    assert (run.status, run.items().num_rows, run.state().session.number) == ("complete", 10, 3)
    assert world.asked == [("item", 3)]
    assert len(run.about["sessions_utc_s"]) == 3


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), file=st.sampled_from(["run.json", "summary.json"]), words=st.sampled_from(COMMANDS))
def test_any_value_anywhere(
    whole: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject, file: str, words: tuple[str, ...]
) -> None:
    """D9: whatever replaces any value, or if one is missing: no command shows a traceback."""
    value = json.loads((whole / "r" / file).read_text())
    path = data.draw(st.sampled_from(paths(value)))
    new = data.draw(st.just(...) | VALUES if path else VALUES)
    look(whole, file, changed(whole, file, lambda value: put(value, path, new)), capsys, words)
