"""Requests through the run's folder: heard by the session that was meant, by no other, and refused where nobody is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import BadInput, NotRunning
from harness.record.control import Inbox, ask, reply
from harness.record.run import Run, create_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path, "r", {"config": {}}, 1_000.0)


def test_a_request_is_read_once_and_answered(run: Run) -> None:
    """In the order in which they were left, with their values; the asker gets the answer, and nothing is left over."""
    with run.locked():
        inbox = Inbox(run.folder, 3)
        first, second = ask(run, "set", workers=20, limit="5/s"), ask(run, "pause")
        assert [(r.command, r.values) for r in inbox.commands()] == [
            ("set", {"workers": 20, "limit": "5/s"}),
            ("pause", {}),
        ]
        assert reply(first) is None
        inbox.answer(first, count=2)
        inbox.answer(second)
        assert list(inbox.commands()) == []
        assert (reply(first), reply(second)) == ({"count": 2}, {})
        assert list((run.folder / "control" / "3").iterdir()) == []


def test_nobody_to_hear_it_is_said_in_one_sentence(run: Run) -> None:
    """A run without a process, and one whose process has not begun its session: refused, and nothing is written."""
    with pytest.raises(NotRunning, match=r"run r is not running \(interrupted\); to continue it, use resume"):
        ask(run, "pause")
    with run.locked():
        with pytest.raises(NotRunning, match="run r is still starting and cannot pause yet; try again in a moment"):
            ask(run, "pause")
        with pytest.raises(BadInput, match="'faster' is not a command for a run; use one of pause, resume,"):
            ask(run, "faster")  # type: ignore[arg-type]
    assert not (run.folder / "control").exists()


def test_what_was_asked_of_a_session_never_reaches_the_next(run: Run) -> None:
    """Killed before it heard: the next session hears nothing, and the asker is told."""
    with run.locked():
        Inbox(run.folder, 1)
        asked = ask(run, "stop")
    with run.locked():
        assert list(Inbox(run.folder, 2).commands()) == []
        with pytest.raises(NotRunning, match="the run ended before it got the command"):
            reply(asked)
        late = ask(run, "stop")
        assert late.parent.name == "2"


def test_a_session_that_ends_takes_its_requests_with_it(run: Run) -> None:
    """Closed while the lock is still held: whoever asks is refused."""
    with run.locked():
        inbox = Inbox(run.folder, 1)
        asked = ask(run, "stop")
        inbox.close()
        with pytest.raises(NotRunning):
            reply(asked)
        with pytest.raises(NotRunning):
            ask(run, "stop")


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"command": "faster"}', '{"workers": 3}'])
def test_what_is_no_request_is_answered_as_such(run: Run, text: str) -> None:
    """Something else in the folder stops nothing, and is not looked at twice."""
    with run.locked():
        inbox = Inbox(run.folder, 1)
        path = run.folder / "control" / "1" / "000001-x.json"
        path.write_text(text)
        good = ask(run, "pause")
        assert [request.path for request in inbox.commands()] == [good]
        assert json.loads(path.with_suffix(".reply").read_text()) == {"error": "is no command"}
        assert not path.exists()
