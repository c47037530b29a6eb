"""Tags lie in the run's folder, and disturb neither one another nor a session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.errors import BadInput, NoSuchRun, RecordError
from harness.record.files import clear_temporary
from harness.record.run import Run, create_run
from harness.record.tags import LONGEST_TAG, MOST_TAGS, TAGS, change_tags, checked_tag, read_tags

WORDS = st.text("abcxyz äß:.", min_size=1, max_size=6).filter(lambda text: text.strip() != "")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path, "r", {"config": {}}, 0.0)


def test_tags_are_added_and_taken_away(run: Run) -> None:
    """Each once, in alphabetical order, `é` however it was typed; what is not there is taken away in peace."""
    assert read_tags(run.folder) == ()
    assert change_tags(run.folder, ["slow", " nightly ", "slow"]) == ("nightly", "slow")
    assert change_tags(run.folder, ["e\u0301t"], ["slow", "never"]) == ("nightly", "\u00e9t")
    assert read_tags(run.folder) == ("nightly", "\u00e9t")
    assert change_tags(run.folder, ["x"], ["x"]) == ("nightly", "\u00e9t")


@given(st.lists(st.tuples(st.sets(WORDS, max_size=3), st.sets(WORDS, max_size=3)), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_tags_are_a_set(tmp_path: Path, changes: list[tuple[set[str], set[str]]]) -> None:
    """Whatever is added and taken away, what is read is what a set would hold."""
    folder = tmp_path / "r"
    folder.mkdir(exist_ok=True)
    (folder / TAGS).unlink(missing_ok=True)
    held: set[str] = set()
    for add, remove in changes:
        held = (held | {checked_tag(tag) for tag in add}) - {checked_tag(tag) for tag in remove}
        assert set(change_tags(folder, add, remove)) == set(read_tags(folder)) == held


@pytest.mark.parametrize("bad", ["", " ", "a,b", "a\nb", "\x1b[2J", "x" * (LONGEST_TAG + 1), "-x", "\ud800"])
def test_what_cannot_be_a_tag(bad: str, run: Run) -> None:
    """It would not fit a cell, or could not be typed; then nothing is changed."""
    with pytest.raises(BadInput, match="cannot be a tag; use 1 to 40 characters"):
        change_tags(run.folder, ["good", bad])
    assert read_tags(run.folder) == ()


def test_there_are_at_most_twenty(run: Run) -> None:
    """One more is refused, and those before stay."""
    change_tags(run.folder, [f"t{number:02}" for number in range(MOST_TAGS)])
    with pytest.raises(BadInput, match="would have 21 tags, and 20 are the most"):
        change_tags(run.folder, ["one more"])
    assert len(read_tags(run.folder)) == MOST_TAGS


@pytest.mark.parametrize("text", ["", "{", "3", '{"a": 1}', '[["a"]]', '["a,b"]', "[" * 5000, "\ud800"])
def test_a_damaged_file_is_no_tags(text: str, run: Run) -> None:
    """It hides nothing else, and the next change writes it anew."""
    (run.folder / TAGS).write_text(text, errors="surrogatepass")
    assert set(read_tags(run.folder)) <= {"a"}
    change_tags(run.folder, ["b"])
    assert "b" in read_tags(run.folder)


def test_a_session_under_way_notices_nothing(run: Run) -> None:
    """While a process holds the lock: its lock, its run.json and what it clears away stay as they are."""
    before = {path.name: path.read_bytes() for path in run.folder.iterdir() if path.name != "lock"}
    with run.locked():
        change_tags(run.folder, ["nightly"])
        clear_temporary(run.folder)  # as a session that begins does
        assert run.writer_pid == os.getpid()
        run.note(status="running")
        after = {path.name: path.read_bytes() for path in run.folder.iterdir() if path.name not in ("lock", TAGS)}
    assert after.keys() == before.keys()
    assert {**json.loads(after["run.json"]), "status": 0} == {**json.loads(before["run.json"]), "status": 0}
    assert read_tags(run.folder) == ("nightly",)


def test_many_who_tag_at_once_lose_nothing(run: Run) -> None:
    """Four processes with four tags each, at the same time: all sixteen are there."""
    code = "import sys; from pathlib import Path; from harness.record.tags import change_tags\n"
    code += "for tag in sys.argv[2:]: change_tags(Path(sys.argv[1]), [tag])"
    names = [[f"{at}-{number}" for number in range(4)] for at in range(4)]
    makers = [subprocess.Popen([sys.executable, "-c", code, str(run.folder), *tags]) for tags in names]
    assert [maker.wait() for maker in makers] == [0] * 4
    assert set(read_tags(run.folder)) == {tag for tags in names for tag in tags}


def test_a_run_that_is_gone(run: Run) -> None:
    """It is said, and no folder is made; a run is removed with its tags."""
    change_tags(run.folder, ["x"])
    run.remove()
    with pytest.raises(NoSuchRun, match="was deleted meanwhile"):
        change_tags(run.folder, ["y"])
    assert not run.folder.exists()


def test_a_disk_that_takes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tags stay what they were, and it is said in one sentence."""
    change_tags(run.folder, ["x"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RecordError, match=r"tags.json cannot be written"):
        change_tags(run.folder, ["y"])
    assert read_tags(run.folder) == ("x",)


def test_what_is_left_of_a_run_may_hold_tags(run: Run) -> None:
    """A run whose run.json is lost is told from a folder of the users' own, with its tags as without."""
    change_tags(run.folder, ["x"])
    (run.folder / "run.json").unlink()
    assert run.is_remains
