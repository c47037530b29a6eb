"""Two machines begin a run of the same name: the later one leaves alone what the other has made meanwhile."""

from __future__ import annotations

import pytest

from harness.config import ImportConfig
from harness.errors import NoSuchRun
from harness.paths import copies_folder
from harness.remote.lease import Lease, look, take
from harness.session import copying
from tests.remote.stores import in_memory, objects_of

pytestmark = pytest.mark.anyio


async def test_a_run_that_was_made_while_its_owner_was_watched_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It had a lease and nothing else when the other came; it is whole, and given back, before the lease runs out."""
    bucket = in_memory()
    monkeypatch.setattr(copying, "open_bucket", lambda _: bucket)
    first = take(bucket, "r", look(bucket, "r"), Lease("first", "elsewhere", 1, 1, 2.0), lambda: 0.0)

    async def watched(*_: object) -> object:
        bucket.put("r/run.json", b"{}")
        first.release()
        return look(bucket, "r")

    monkeypatch.setattr(copying, "_outlived", watched)
    config = ImportConfig(
        url="https://api.example.com/items", results=copies_folder() / "s3%3A%2F%2Fbucket%2Fruns", run="r"
    )
    with pytest.raises(NoSuchRun, match="the run r exists in"):
        async with copying.copied(config):
            raise AssertionError("it began")
    assert set(objects_of(bucket)) == {"r/run.json", "r/lease.json"}
    assert objects_of(bucket)["r/run.json"] == b"{}"
