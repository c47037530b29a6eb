"""The lease of a run's copy: one of several writers has it, whatever answers are lost; a dead one's is taken over."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import trio

from harness.errors import RunLocked, StoreUnavailable
from harness.remote.bucket import Bucket
from harness.remote.lease import SHARE, Held, Lease, Lost, Seen, look, take
from harness.session.copying import _outlived
from tests.remote.stores import Flaky, in_memory

LENGTH_S = 60.0


def lease(owner: str) -> Lease:
    return Lease(owner, "host-of-" + owner, 7, 1, LENGTH_S)


def held(bucket: Bucket, owner: str, clock: Callable[[], float] = lambda: 0.0) -> Held:
    return take(bucket, "r", look(bucket, "r"), lease(owner), clock)


def seen(bucket: Bucket) -> Seen:
    found = look(bucket, "r")
    assert found is not None
    return found


def test_of_many_who_begin_at_once_one_has_it() -> None:
    """The first of all, and those who take over the same lease: each has seen the same, and one write gets through."""
    bucket = in_memory()
    for before in (None, "released", "dead"):
        if before == "released":
            Held(bucket, "r", seen(bucket).lease, seen(bucket).version, 0.0, lambda: 0.0).release()
        found = look(bucket, "r")

        def begin(owner: str, found: Seen | None = found) -> bool:
            with suppress(RunLocked):
                take(bucket, "r", found, lease(owner), lambda: 0.0)
                return True
            return False

        owners = [f"{before}{number}" for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(begin, owners))
        assert sum(won) == 1
        assert seen(bucket).lease.owner == owners[won.index(True)]
    assert seen(bucket).lease.fence == 3
    with pytest.raises(RunLocked, match="run r in s3://bucket/runs is running in process 7 on host-of-dead"):
        take(bucket, "r", found, lease("late"), lambda: 0.0)


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_write_whose_answer_was_lost_is_known_again(lost: int) -> None:
    """Taking, renewing and giving back: the library had tried again, and met what it had written itself."""
    bucket = Flaky({lost})
    mine = held(bucket, "a")
    mine.renew(ends={"events": {"s1": 3}})
    mine.release()
    assert (seen(bucket).lease.owner, seen(bucket).lease.released) == ("a", True)
    assert seen(bucket).lease.ends == {"events": {"s1": 3}}


def test_who_lost_it_is_told_who_has_it() -> None:
    """By every renewal from then on; the ends that were fenced off go on with the run."""
    bucket = in_memory()
    old = held(bucket, "old")
    old.renew(ends={"events": {"s1": 3}})
    new = held(bucket, "new")
    assert (new.lease.fence, new.lease.ends) == (2, {"events": {"s1": 3}})
    for _ in range(2):
        with pytest.raises(Lost, match="process 7 on host-of-new"):
            old.renew()
    bucket.delete(["r/lease.json"])
    with pytest.raises(Lost, match="removed"):
        new.renew()


@pytest.mark.parametrize("drift", [0.76, 1.0, 1.3])
def test_two_clocks_that_drift_never_both_believe(drift: float) -> None:
    """The owner's clock runs `drift` times as fast: it stops before another that watches has counted the length."""
    assert drift * LENGTH_S > SHARE * LENGTH_S
    now_s = 0.0
    mine = held(in_memory(), "a", lambda: drift * now_s)
    assert mine.fresh
    now_s = LENGTH_S  # the other's clock, which began to watch no earlier than the renewal was written
    assert not mine.fresh


@pytest.mark.anyio
async def test_a_lease_that_is_not_renewed_is_outlived(caplog: pytest.LogCaptureFixture) -> None:
    """It is watched for its whole length, and then it is what it was."""
    bucket = in_memory()
    held(bucket, "dead")
    found = seen(bucket)
    assert await _outlived(bucket, "r", found) is found
    assert trio.current_time() >= LENGTH_S
    assert "run r was begun by process 7 on host-of-dead; watching for 60 s" in caplog.text


@pytest.mark.anyio
async def test_a_lease_that_is_renewed_is_respected() -> None:
    """At whatever moment; where it is given back it may be taken at once."""
    bucket = in_memory()
    mine = held(bucket, "alive")
    found = seen(bucket)
    mine.renew()
    with pytest.raises(RunLocked, match="run r in s3://bucket/runs is running in process 7 on host-of-alive; wait"):
        await _outlived(bucket, "r", found)
    found = seen(bucket)
    mine.release()
    assert (await _outlived(bucket, "r", found)).lease.released
    assert trio.current_time() < LENGTH_S / 2


def test_a_lease_that_is_none() -> None:
    """Somebody's own file of that name is refused by its name, and left alone."""
    bucket = in_memory({"r/lease.json": b"[]"})
    with pytest.raises(StoreUnavailable, match=r"s3://bucket/runs/r/lease.json is not a lease; remove it"):
        look(bucket, "r")
