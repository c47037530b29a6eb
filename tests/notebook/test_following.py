"""Which imports are under way in a folder, the newest first, told from their files."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from harness.notebook.following import UnderWay
from harness.record.run import Run, create_run


def made(results: Path, name: str, utc_s: float, **about: object) -> Run:
    return create_run(results, name, {"config": {}, **about}, utc_s)


def seen(under_way: UnderWay) -> list[str]:
    under_way.scan()
    return [run.name for run in under_way.runs]


def test_under_way_is_what_says_so_and_is_written(tmp_path: Path) -> None:
    """By lock and run.json; the session that began last first. What was killed, has ended or is damaged is not."""
    under_way = UnderWay(tmp_path / "results")
    assert (seen(under_way), under_way.latest) == ([], None)
    old, new, killed, ended, bad = (
        made(tmp_path / "results", name, at, **about)
        for name, at, about in (
            ("old", 100.0, {"sessions_utc_s": [100.0, 900.0]}),
            ("new", 500.0, {}),
            ("killed", 600.0, {}),
            ("ended", 950.0, {"status": "complete"}),
            ("bad", 990.0, {}),
        )
    )
    (bad.folder / "run.json").write_text("{")
    (tmp_path / "results" / "a file").touch()
    with ExitStack() as locks:
        for run in (old, new, ended, bad):
            locks.enter_context(run.locked())
        assert seen(under_way) == ["old", "new"]
        assert under_way.latest == ended
        assert (under_way.begun_utc_s(old), under_way.begun_utc_s(bad)) == (900.0, 0.0)
    assert seen(under_way) == []
    killed.remove()
    ended.remove()
    assert seen(under_way) == []
    assert under_way.latest == old


def test_a_run_is_read_again_only_where_it_changed(tmp_path: Path) -> None:
    """A look at a thousand runs costs their time stamps; one whose run.json is another is read anew."""
    run = made(tmp_path, "r", 100.0, status="complete")
    under_way = UnderWay(tmp_path)
    with run.locked():
        assert seen(under_way) == []
        told = os.stat(run.folder / "run.json")
        (run.folder / "run.json").write_text("{")  # as if it had not changed
        os.utime(run.folder / "run.json", ns=(told.st_atime_ns, told.st_mtime_ns))
        assert (seen(under_way), under_way.latest) == ([], run)
        (run.folder / "run.json").write_text('{"config": {}, "created_utc_s": 100.0, "status": "running"}')
        assert seen(under_way) == ["r"]
