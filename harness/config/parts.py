"""The parts that say how: the pacing, what counts as a failure, the run, and the test API where there is no source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from harness.config.fields import Count, LimitsSetting, Part, Seconds, Share, setting
from harness.flags import MOST_SHARDS, MOST_WORKERS
from harness.pacing import Pacer, Tiers
from harness.pacing.strategies import Strategy
from harness.pacing.tiers import scaled
from harness.values import (
    as_account,
    as_budget,
    as_costs,
    as_delays,
    as_folder,
    as_latency,
    as_number,
    as_run_name,
    as_time_of_day,
)


class TestApiSpec(Part):
    """The test API that is started and imported where the source has no URL."""

    group: ClassVar[str] = "test_api"
    __test__ = False  # pytest takes it for a class of tests

    items: Count | None = setting("items", ge=0, le=100_000_000)
    server_limit: LimitsSetting | None = setting("server_limit")
    scenario: str | None = setting("scenario")
    latency: Annotated[float | str | None, BeforeValidator(as_latency)] = setting("latency")
    speed: Annotated[float, BeforeValidator(as_number)] | None = setting("speed", ge=1, le=100_000)


# What a cost can be said of: a page, an item, or several items in one request.
Costing = Literal["list", "item", "batch"]
_Workers = Annotated[int, Field(ge=1, le=MOST_WORKERS)]


class PacingSpec(Part):
    """How fast: the limits to keep to, the strategy that keeps to them, and how the API may count."""

    group: ClassVar[str] = "pacing"
    limit: LimitsSetting | None = setting("limit")
    workers: Annotated[_Workers | Literal["auto"], BeforeValidator(as_number)] = setting("workers")
    shards: Annotated[int, BeforeValidator(as_number)] = setting("shards", ge=1, le=MOST_SHARDS)
    executor: str | None = setting("executor")
    cost: Annotated[dict[Costing, Annotated[int, Field(ge=1, le=10**9)]], BeforeValidator(as_costs)] = setting("cost")
    strategy: Strategy | Pacer | None = setting("pacing")
    share: Share = setting("share", gt=0, le=1)
    rtt_floor: Seconds = setting("rtt_floor", ge=0, le=60)
    linger: Seconds | None = setting("linger", ge=0, le=86400)
    max_pause: Seconds = setting("max_pause", ge=1, le=366 * 86_400)
    budget: Annotated[str, AfterValidator(as_budget)] = setting("budget")
    account: Annotated[str, AfterValidator(as_account)] | None = setting("account")
    forget_limits: bool = setting("forget_limits")

    @property
    def declared(self) -> Tiers:
        """What people declared, as far as it is used: `auto` is told no more."""
        return scaled(self.limit or (), self.share)

    @property
    def list_cost(self) -> int:
        """What a page costs, in units of the limits."""
        return self.cost.get("list", 1)

    @property
    def item_cost(self) -> int:
        """What an item costs, in units of the limits."""
        return self.cost.get("item", 1)

    @property
    def batch_cost(self) -> int:
        """What several items in one request cost, in units of the limits."""
        return self.cost.get("batch", self.item_cost)

    @property
    def most_workers(self) -> int:
        """Never more requests in flight than this. `auto` tries no more than 200: few servers work on that many."""
        return 200 if self.workers == "auto" else self.workers

    @property
    def strategy_name(self) -> str | None:
        """As it is written down: an object of somebody's own is remembered by its name."""
        return self.strategy.name if isinstance(self.strategy, Pacer) else self.strategy


class RetrySpec(Part):
    """What counts as a failed request, and what happens then."""

    group: ClassVar[str] = "retry"
    timeout: Seconds = setting("timeout", gt=0, le=3600)
    delays: Annotated[tuple[Annotated[float, Field(ge=0, le=86400)], ...], BeforeValidator(as_delays)] = setting(
        "retry_delays", max_length=20
    )
    breaker: Count = setting("breaker", ge=0, le=10**6)


class RunSpec(Part):
    """The run: when it ends early, how it is recorded and shown."""

    group: ClassVar[str] = "run"
    max_items: Count | None = setting("max_items", ge=1)
    max_failures: Count | None = setting("max_failures", ge=1)
    max_failure_rate: Share | None = setting("max_failure_rate", ge=0, le=1)
    max_time: Seconds | None = setting("max_time", gt=0, le=366 * 86_400)
    until: Annotated[str, AfterValidator(as_time_of_day)] | None = setting("until")
    max_requests: Count | None = setting("max_requests", ge=1)
    until_quota: bool = setting("until_quota")
    results: Annotated[Path, BeforeValidator(as_folder)] = setting("results")
    timestamps: bool = setting("timestamps")
    imported_at: bool = setting("imported_at")
    name: Annotated[str, AfterValidator(as_run_name)] | None = setting("run")
    fresh: bool = setting("fresh")
    resume: bool = setting("resume")
    seed: Count = setting("seed", ge=0, le=2**31)
    dry_run: bool = setting("dry_run")
    progress: Literal["bar", "plain", "none"] | None = setting("progress")
    quiet: bool = setting("quiet")
    as_json: bool = setting("as_json")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.fresh and self.resume:
            raise ValueError("--fresh and --resume contradict each other; leave one out")
        if (self.fresh or self.resume) and self.name is None:
            raise ValueError("--fresh and --resume need the run's name; add --run NAME")
        if self.dry_run and (self.fresh or self.resume):
            raise ValueError("--dry-run only makes a plan; leave out --fresh or --resume")
        return self
