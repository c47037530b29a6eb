"""Files on their way to a browser, on a clock that the test sets and with pages that the test plays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from harness.notebook import downloads
from harness.notebook.downloads import Downloads


class Page:
    """A page that shows the table: it takes what is offered, and confirms each part that is meant for it."""

    def __init__(self, name: str, idle: float = 0.0) -> None:
        self.name, self.idle = name, idle
        self.files: dict[str, bytes] = {}
        self._parts: list[bytes] = []

    def hear(self, to: Downloads, message: dict[str, Any], data: Sequence[bytes]) -> None:
        """As runs_downloads.js does."""
        about = {"id": message["id"], "who": self.name}
        if message["type"] == "offer":
            to.heard({"do": "take", **about, "idle": self.idle})
        elif message["to"] == self.name:
            assert message["at"] == len(self._parts)
            self._parts += data
            if message["at"] + 1 == message["of"]:
                self.files[message["name"]], self._parts = b"".join(self._parts), []
            to.heard({"do": "got", **about, "at": message["at"]})


class Sent:
    """Downloads with these pages, ticked four times a second; `said` is what people read."""

    def __init__(self, *pages: Page) -> None:
        self.said: list[tuple[str, bool]] = []
        self.parts = 0
        self._pages = pages
        self.downloads = Downloads(self._send, lambda text, bad: self.said.append((text, bad)))
        self._now_s = 0.0

    def _send(self, message: dict[str, Any], data: Sequence[bytes]) -> None:
        self.parts += message["type"] == "part"
        for page in self._pages:
            page.hear(self.downloads, message, data)

    def wait(self, seconds: float) -> None:
        for _ in range(round(4 * seconds)):
            self.downloads.tick(self._now_s)
            self._now_s += 0.25


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PART_BYTES", 10)
    monkeypatch.setattr(downloads, "MOST_BYTES", 95)


@given(st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_what_arrives_is_the_file(tmp_path: Path, content: bytes) -> None:
    """Whatever is in it, also nothing; in as many parts as it takes."""
    path, page = tmp_path / "a.csv", Page("p")
    path.write_bytes(content)
    sent = Sent(page)
    sent.downloads.offer(path)
    sent.wait(10)
    assert page.files == {"a.csv": content}
    assert sent.parts == max(1, -(-len(content) // 10))
    assert sent.said == [(f"a.csv was sent to your browser; it also lies in {tmp_path}", False)]


def test_one_page_of_several_takes_it_the_one_used_last(tmp_path: Path) -> None:
    """Two tabs show the same table: a file is kept once."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * 35)
    here, elsewhere = Page("here", idle=20.0), Page("elsewhere", idle=90_000.0)
    sent = Sent(elsewhere, here)
    sent.downloads.offer(path)
    sent.wait(10)
    assert (list(here.files), elsewhere.files) == (["a.csv"], {})


def test_files_come_one_after_the_other(tmp_path: Path) -> None:
    """Three that were asked for at once are three files."""
    page = Page("p")
    sent = Sent(page)
    for name in ("a.csv", "b.parquet", "c.html"):
        (tmp_path / name).write_text(3 * name)
        sent.downloads.offer(tmp_path / name)
    sent.wait(20)
    assert page.files == {name: (3 * name).encode() for name in ("a.csv", "b.parquet", "c.html")}


def test_what_is_too_large_is_not_sent_and_where_it_lies_is_said(tmp_path: Path) -> None:
    """95 bytes are taken, 96 are not."""
    sent = Sent(Page("p"))
    (tmp_path / "most.csv").write_bytes(b"x" * 95)
    (tmp_path / "more.csv").write_bytes(b"x" * 96)
    said = sent.downloads.offer(tmp_path / "more.csv")
    assert (
        said == f"more.csv (96 B) lies in {tmp_path}; 95 B are the most that is sent to a browser: copy it from there"
    )
    sent.wait(5)
    assert sent.parts == 0
    assert sent.downloads.offer(tmp_path / "most.csv").endswith("and is sent to your browser")
    sent.wait(5)
    assert sent.parts == 10


@pytest.mark.parametrize("deaf_after", [0, 2])
def test_a_page_that_is_closed_is_given_up(deaf_after: int, tmp_path: Path) -> None:
    """Nobody takes it, or nobody confirms the third part: after half a minute it is said where the file lies."""

    class Closed(Page):
        def hear(self, to: Downloads, message: dict[str, Any], data: Sequence[bytes]) -> None:
            if message.get("at", -1) < deaf_after and deaf_after:
                super().hear(to, message, data)

    (tmp_path / "a.csv").write_bytes(b"x" * 50)
    page = Closed("p")
    sent = Sent(page)
    sent.downloads.offer(tmp_path / "a.csv")
    sent.wait(29)
    assert sent.said == []
    sent.wait(4)
    assert sent.said == [(f"no page took a.csv; it lies in {tmp_path}", True)]
    assert page.files == {}


def test_a_file_that_becomes_another_meanwhile(tmp_path: Path) -> None:
    """What was offered is what arrives: gone, or replaced by one of the same name, which is offered, too."""
    page = Page("p")
    arrived: list[bytes] = []
    sent = Sent(page)
    path = tmp_path / "2-runs.zip"
    for content in (b"first" * 5, b"second" * 5):
        (tmp_path / "new").write_bytes(content)
        (tmp_path / "new").replace(path)
        sent.downloads.offer(path)
    path.unlink()
    for _ in range(80):
        sent.wait(0.25)
        if page.files:
            arrived.append(page.files.pop(path.name))
    assert arrived == [b"first" * 5, b"second" * 5]


def test_a_file_that_is_cut_off_meanwhile(tmp_path: Path) -> None:
    """It is said, and the next one is sent."""
    page = Page("p")
    sent = Sent(page)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_bytes(b"x" * 20)
        sent.downloads.offer(tmp_path / name)
    sent.wait(0.25)
    (tmp_path / "a.csv").write_bytes(b"")
    sent.wait(10)
    assert sent.said[0] == (f"{tmp_path}/a.csv cannot be read (it has become shorter); export it again", True)
    assert page.files == {"b.csv": b"x" * 20}


@pytest.mark.parametrize(
    "message",
    [
        {"do": "got", "id": 1, "who": "other", "at": 0},
        {"do": "got", "id": 1, "who": "p", "at": 7},
        {"do": "got", "id": 9, "who": "p", "at": 0},
        {"do": "take", "id": 1, "who": 3, "idle": 0},
        {"do": "take", "id": 1, "who": "q", "idle": "now"},
        {"do": "take"},
        {},
    ],
)
def test_what_no_page_of_ours_says_changes_nothing(message: dict[str, Any], tmp_path: Path) -> None:
    """The file arrives as it would have."""
    page = Page("p")
    sent = Sent(page)
    (tmp_path / "a.csv").write_bytes(b"0123456789" * 3)
    sent.downloads.offer(tmp_path / "a.csv")
    for _ in range(40):
        sent.wait(0.25)
        sent.downloads.heard(message)
    assert page.files == {"a.csv": b"0123456789" * 3}
