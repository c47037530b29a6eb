"""A running test API, as whoever started it sees it: its address, its truth, and its controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness_test_api.control import apply_control
from harness_test_api.decisions import DecisionRow
from harness_test_api.drift import Truth
from harness_test_api.ledger import Snapshot
from harness_test_api.service import Service

if TYPE_CHECKING:
    import pyarrow as pa


def _directly(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


@dataclass(frozen=True)
class Api:
    """A running test API. url: of the list, such as `http://127.0.0.1:43211/api/items`.

    None of the methods sends a request. clock: the time on the server's clock. call: how to run a function where the
    server runs (directly, unless it runs in another thread).
    """

    url: str
    service: Service
    clock: Callable[[], float]
    call: Callable[..., Any] = field(default=_directly, repr=False)

    @property
    def base_url(self) -> str:
        """Scheme, host and port alone."""
        return self.url.removesuffix("/api/items")

    def ledger(self, since: int | None = None) -> dict[str, Any]:
        """What `GET /_ledger` answers; since: a number that `snapshot` gave."""
        report: dict[str, Any] = self.call(self.service.report, since)
        return report

    def snapshot(self) -> int:
        """A number for this moment, to count from later."""
        snapshot: Snapshot = self.call(self.service.ledger.snapshot)
        return snapshot.number

    def decisions(self) -> list[DecisionRow]:
        """Every decision kept, in order."""
        rows: list[DecisionRow] = self.call(self.service.ledger.rows)
        return rows

    def table(self) -> pa.Table:
        """Every decision kept, as an Arrow table."""
        return self.call(self.service.ledger.table)

    def reset_ledger(self) -> None:
        """Empty the records; the windows stay as they are."""
        self.call(self.service.ledger.reset)

    def truth(self) -> Truth:
        """What happened to the list up to now."""
        truth: Truth = self.call(lambda: self.service.truth(self.clock()))
        return truth

    def control(self, **wanted: Any) -> None:
        """What `POST /_control` does: `next={"fault": "503", "count": 3}`, `limit=`, `plan=`, `latency=`."""
        self.call(apply_control, self.service, wanted)
