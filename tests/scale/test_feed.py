"""The feed: whole lines alone count, and whoever reads it again finds the same."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import RecordError
from harness.scale.feed import FEED, FeedReader, FeedWriter, Line, fed


def given(folder: Path, *lines: Sequence[int]) -> None:
    """Let one writer give these, a line each."""
    with closing(FeedWriter(folder)) as writer:
        for ids in lines:
            writer.items(ids)


def test_what_is_written_is_read_once_and_again_by_a_new_reader(tmp_path: Path) -> None:
    reader = FeedReader(tmp_path)
    with closing(FeedWriter(tmp_path)) as writer:
        writer.items([17, "x9"])
        assert list(reader.read()) == [Line((17, "x9"))]
        writer.items(["18", "ü\ud800"], ["/a/18", "/b"])
        writer.all_given()
        writer.end("done")
        writer.go_on()
    new = [Line((18, "ü\ud800"), ("/a/18", "/b")), Line(all=True), Line(end="done"), Line(more=True)]
    assert list(reader.read()) == new
    assert list(reader.read()) == []
    assert list(FeedReader(tmp_path).read()) == [Line((17, "x9")), *new]
    assert fed(tmp_path) == {17, "x9", 18, "ü\ud800"}


@pytest.mark.parametrize("torn", [b'{"ids": [4', b'{"ids": [4]}', b"x" * 3_000_000])
def test_a_line_that_was_cut_off_counts_for_nothing(tmp_path: Path, torn: bytes) -> None:
    """A reader passes over it, and the next writer begins its line in its place."""
    given(tmp_path, [1, 2])
    with open(tmp_path / FEED, "ab") as file:
        file.write(torn)
    assert list(FeedReader(tmp_path).read()) == [Line((1, 2))]
    given(tmp_path, [5])
    assert list(FeedReader(tmp_path).read()) == [Line((1, 2)), Line((5,))]


def test_a_first_line_that_was_cut_off(tmp_path: Path) -> None:
    (tmp_path / FEED).write_bytes(b'{"ids"')
    given(tmp_path, [5])
    assert list(FeedReader(tmp_path).read()) == [Line((5,))]


def test_no_feed_is_an_empty_one(tmp_path: Path) -> None:
    assert list(FeedReader(tmp_path).read()) == []
    assert fed(tmp_path) == set()


@pytest.mark.parametrize("text", ["x", "[]", '{"ids": 3}', '{"ids": [1], "places": ["a", "b"]}', '{"ids": [[1]]}'])
def test_a_line_that_is_none_is_told_of_with_its_file(tmp_path: Path, text: str) -> None:
    (tmp_path / FEED).write_text(text + "\n")
    with pytest.raises(RecordError, match=r"feed\.jsonl"):
        list(FeedReader(tmp_path).read())


def test_a_long_feed_is_read_in_pieces(tmp_path: Path) -> None:
    given(tmp_path, *(range(at, at + 10_000) for at in range(0, 300_000, 10_000)))
    assert (tmp_path / FEED).stat().st_size > 2_000_000
    assert fed(tmp_path) == set(range(300_000))
