"""The plans by which a list can be imported, and what each costs: the page size, and how items are got.

Under a rate limit time is requests, so the plan with the fewest units of cost is the best, and its time follows from
the limits (`harness.bound`).
"""

from __future__ import annotations

from harness.bound import Paging, Work
from harness.config import ImportConfig


def work_of(
    config: ImportConfig,
    pages: int,
    items: int,
    paging: Paging,
    per_page: int | None = None,
    detail: bool | None = None,
) -> Work:
    """Return what an import with `config` has to ask for. detail: items are fetched; None: as `config` says."""
    batch = config.source.batch
    costs = config.pacing.list_cost, config.pacing.item_cost if batch is None else config.pacing.batch_cost
    detail = config.source.details if detail is None else detail
    return Work(max(1, pages), items, paging, detail, per_page, *costs, batch or 1)
