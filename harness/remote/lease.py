"""Who may write a run's copy: one object that is changed only by conditional writes.

The object names its owner (a random token, with host and process for people), a fencing number that grows by one with
each owner, and for how long it is valid. The owner renews it well before that is over, by writing it over the version
that it wrote last; of two that write at once the store lets one through. An owner that cannot renew writes no more
until a renewal gets through, which proves that nobody took over in between.

No clock is compared with another machine's. Whoever wants to take over a lease that was not given back watches the
object for its whole length by a clock of its own; an owner stops writing after SHARE of the length, counted from before
its last renewal was sent. So the two may count up to a third apart before both believe that they may write. What an
owner had on the wire even then is refused too: a part is written only where there is none, anything else only over the
version that its owner wrote, and rows that arrive behind `ends` belong to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from threading import Lock
from typing import Any

from harness.errors import RunLocked, StoreUnavailable
from harness.remote.bucket import REQUEST_S, Bucket, Conflict, Version

NAME = "lease.json"
# Several renewals can fail, each with all that is tried again, before the owner stops; and nobody likes to wait longer.
LENGTH_S = 60.0
RENEW_SHARE = 0.25
# A request that begins within this share of the length is over, or given up, before another may take over.
SHARE = 0.75
# How far this machine's clock may be off the store's before a run is shown as running, or not, when it is otherwise.
SKEW_S = 60.0
assert LENGTH_S * SHARE + REQUEST_S < LENGTH_S


@dataclass(frozen=True, slots=True)
class Lease:
    """What the object holds. ends: how far the rows of earlier owners count, by kind and writer."""

    owner: str
    host: str
    pid: int
    fence: int
    length_s: float = LENGTH_S
    renewed: int = 0
    released: bool = False
    ends: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, content: bytes, where: str) -> Lease:
        """Return the lease that an object holds; StoreUnavailable where it holds something else."""
        try:
            said = json.loads(content)
            return cls(**{name: said[name] for name in cls.__dataclass_fields__ if name in said})
        except (ValueError, TypeError):
            raise StoreUnavailable(f"{where} is not a lease; remove it once no process writes the run") from None

    @property
    def whose(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A lease as it was found, with the version of its object and when it was written, by the store's clock."""

    lease: Lease
    version: Version
    written_utc_s: float

    def seems_alive(self, now_utc_s: float) -> bool:
        """Return whether its owner seems to be writing. Only for people: two clocks are compared, to SKEW_S."""
        return not self.lease.released and now_utc_s < self.written_utc_s + self.lease.length_s + SKEW_S


def look(bucket: Bucket, run: str) -> Seen | None:
    """Return the lease of a run's copy; None where nobody ever wrote one."""
    name = f"{run}/{NAME}"
    found = bucket.get(name)
    return (
        None
        if found is None
        else Seen(Lease.from_bytes(found.content, bucket.at(name)), found.version, found.written_utc_s)
    )


class Lost(Exception):
    """Another process has the lease now. by: as people are told."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class Held:
    """The lease in our hands; any thread may use it.

    clock: seconds by a clock of this machine that nobody sets and that goes on while it sleeps.
    """

    def __init__(self, bucket: Bucket, run: str, lease: Lease, version: Version, began_s: float, clock: Clock) -> None:
        self.lease = lease
        self._bucket, self._name = bucket, f"{run}/{NAME}"
        self._version = version
        self._since_s = began_s  # before the last renewal was sent
        self._clock = clock
        self._one_at_a_time = Lock()

    @property
    def fresh(self) -> bool:
        """Return whether we may write: a renewal got through not long ago."""
        return self._clock() < self._since_s + SHARE * self.lease.length_s

    def renew(self, **changes: Any) -> None:
        """Renew it, with some changes; Lost where another process has it. It may well be late."""
        with self._one_at_a_time:
            self._renew(changes)

    def _renew(self, changes: dict[str, Any]) -> None:
        lease = replace(self.lease, renewed=self.lease.renewed + 1, **changes)
        began_s = self._clock()
        try:
            version = self._bucket.put(self._name, lease.as_bytes(), over=self._version)
        except Conflict:
            version = self._mine_after_all(lease)
        self.lease, self._version, self._since_s = lease, version, began_s

    def _mine_after_all(self, lease: Lease) -> Version:
        """Write over our own version where a renewal got through whose answer was lost; Lost where it is another's."""
        run = self._name.rpartition("/")[0]
        seen = look(self._bucket, run)
        if seen is None:
            raise Lost("somebody, who removed it")
        if (seen.lease.owner, seen.lease.fence) != (lease.owner, lease.fence):
            raise Lost(seen.lease.whose)
        try:
            return self._bucket.put(self._name, lease.as_bytes(), over=seen.version)
        except Conflict:
            raise Lost("another process") from None

    def release(self) -> None:
        """Give it back, so that the next owner need not wait; as far as the store still takes it."""
        self.renew(released=True)


Clock = Callable[[], float]


def take(bucket: Bucket, run: str, seen: Seen | None, mine: Lease, clock: Clock) -> Held:
    """Take the lease over from what was `seen`, or make the first; RunLocked where another process was quicker."""
    began_s = clock()
    lease = mine if seen is None else replace(mine, fence=seen.lease.fence + 1, ends=seen.lease.ends)
    name = f"{run}/{NAME}"
    try:
        if seen is None:
            version = bucket.put(name, lease.as_bytes(), new=True)
        else:
            version = bucket.put(name, lease.as_bytes(), over=seen.version)
    except Conflict:
        now = look(bucket, run)
        if now is None or (now.lease.owner, now.lease.fence) != (lease.owner, lease.fence):
            raise locked(bucket, run, None if now is None else now.lease) from None
        version = now.version  # ours, by a try whose answer was lost
    return Held(bucket, run, lease, version, began_s, clock)


def locked(bucket: Bucket, run: str, lease: Lease | None) -> RunLocked:
    """Return the error for a run that another process writes."""
    by = "another process" if lease is None else lease.whose
    return RunLocked(f"run {run} in {bucket.url} is running in {by}; wait for it, or stop it there")
