"""Recommend a number of workers by simulating the import with each, under the limits that one was told.

Of a long import only the first items are simulated; the times are then lengthened in proportion to its bound. A
recorded run can be simulated as well, with its limits as they turned out and its latency as measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.bound import Bound, Work, bound
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.flags import DURATIONS, FLAGS, flag_of
from harness.lab.experiment import simulate_run
from harness.lab.simulate import as_simulated, catalogue_size
from harness.pacing import Tier, format_tiers, parse_tiers
from harness.paths import program
from harness.record.choice import FULL_SPEED
from harness.record.inferred import infer_recorded
from harness.record.run import Run
from harness.record.summary import Summary
from harness.session.plans import work_of
from harness.session.retry_failed import last_figures
from harness.settings import read_settings, written_config
from harness.units import format_period, parse_duration, refuse_bare
from harness.values import typical_latency_s

# The counts that are tried, fewest first.
WORKERS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200)
# Items that are simulated at most: of the import itself, and of what might turn out different.
SAMPLE, SAMPLE_OF_VARIANT = 10_000, 4_000
# Nothing can be gained where the bound is as near as this, nor where so many counts in a row gained next to nothing.
_AT_THE_BOUND = 1.005
_IN_VAIN = 4
_NEXT_TO_NOTHING = 0.995
# What other clients of the same key may use up.
OTHERS, _TENANTS_SHARE = "another client uses 1/4", 0.25

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """A number of workers, the duration that it gives, and the refusals in a thousand requests."""

    workers: int
    duration_s: float
    hits_per_1000: float


@dataclass(frozen=True, slots=True)
class Variant:
    """The advice where something is different from what was told: `as_advised` with the advised number of workers,
    `fastest` with the fewest of those that are fastest then, and `best_s`, the bound.
    """

    name: str
    as_advised: Tried
    fastest: Tried
    best_s: float | None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The fewest workers at full speed. best_s: the least time with any number (None: no limit is known).

    tried: every number of workers that was, the fewest first. sampled: the items that were simulated, if not all.
    run: the run that it is drawn from; was: what that had, and took.
    """

    workers: int
    limits: str
    latency: str
    requests: int
    best_s: float | None
    duration_s: float
    hits_per_1000: float
    tried: tuple[Tried, ...]
    variants: tuple[Variant, ...]
    sampled: int | None = None
    run: str | None = None
    was: Tried | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """An import to be simulated. factor: how much longer the whole takes than what is simulated."""

    config: ImportConfig
    whole: Work
    best: Bound | None
    factor: float
    tenant: str | None = None


def recommend(config: ImportConfig, what_if: Iterable[str] = (), tell: Tell | None = None) -> Recommendation:
    """Find the fewest workers that are as fast as any, what more and fewer would do, and how far the advice carries.

    what_if: settings in place of those of `config`, as `workers=40 latency=160ms`. tell: is given the number of
    simulations so far. Raises BadInput and NeverFits before the first.
    """
    changed = [(text, _changed(config, text)) for text in what_if]  # refused now, not after a minute
    trials = _Trials(tell)
    case = _case(config, SAMPLE)
    # Who keeps to limits is no slower with more workers; who runs into refusals may be, by luck, so all are tried.
    steady = case.config.strategy in ("window", "spaced")
    tried = trials.ascending(case, WORKERS, _IN_VAIN if steady else len(WORKERS))
    chosen = _fewest(tried)
    beyond = [workers for workers in (2 * chosen.workers, 5 * chosen.workers) if workers <= WORKERS[-1]]
    tried += [trials.one(case, workers) for workers in beyond if workers not in {t.workers for t in tried}]
    different = [(name, other, chosen.workers) for name, other in _variants(as_simulated(config))]
    different += [(text, other, workers or chosen.workers) for text, (other, workers) in changed]
    variants = [_variant(trials, name, other, workers) for name, other, workers in different]
    return Recommendation(
        workers=chosen.workers,
        limits=format_tiers(config.limits),
        latency=_text(case.config.test_api.latency),
        requests=case.whole.requests,
        best_s=None if case.best is None else case.best.bound_s,
        duration_s=chosen.duration_s,
        hits_per_1000=chosen.hits_per_1000,
        tried=tuple(sorted(tried, key=lambda trial: trial.workers)),
        variants=tuple(variants),
        sampled=None if case.factor == 1.0 else case.config.test_api.items,
    )


class _Trials:
    """Simulates, and counts how often."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell = tell
        self._done = 0

    def one(self, case: _Case, workers: int) -> Tried:
        config = case.config.with_settings(workers=workers)
        summary = simulate_run(config, server={"tenant": case.tenant} if case.tenant else None).summary
        self._done += 1
        if self._tell is not None:
            self._tell(self._done)
        _check(summary)
        return Tried(workers, case.factor * summary.duration_s, summary.refused_per_1000)

    def ascending(self, case: _Case, counts: Sequence[int], patience: int) -> list[Tried]:
        """Simulate each of `counts`, until more workers than `patience` in a row gained next to nothing."""
        tried: list[Tried] = []
        fastest_s, in_vain = math.inf, 0
        for workers in counts:
            trial = self.one(case, workers)
            tried.append(trial)
            in_vain = 0 if trial.duration_s < _NEXT_TO_NOTHING * fastest_s else in_vain + 1
            fastest_s = min(fastest_s, trial.duration_s)
            at_best = case.best is not None and fastest_s <= _AT_THE_BOUND * case.best.bound_s
            if at_best or in_vain > patience:
                break
        return tried


def _check(summary: Summary) -> None:
    if not summary.status.is_complete:
        ask = f"try it alone with: {program()} simulate"
        raise BadInput(f"this import would not complete ({summary.reason}); {ask}")


def _fewest(tried: list[Tried]) -> Tried:
    fastest_s = min(trial.duration_s for trial in tried)
    return next(trial for trial in tried if trial.duration_s <= FULL_SPEED * fastest_s)


def _case(config: ImportConfig, sample: int, tenant: str | None = None) -> _Case:
    """Return the part of the import that is simulated, and what is known of the whole without simulating it."""
    config = as_simulated(config)
    items = catalogue_size(config)
    wanted = items if config.run.max_items is None else min(items, config.run.max_items)
    whole, best = _work(config, wanted), None
    if config.limits:
        best = bound(whole, config.limits, typical_latency_s(config.test_api.latency or 0.0), 1)
    if wanted <= sample:
        return _Case(config, whole, best, 1.0, tenant)
    part = _work(config, sample)
    factor = whole.requests / part.requests
    if best is not None:
        factor = best.bound_s / bound(part, config.limits, typical_latency_s(config.test_api.latency or 0.0), 1).bound_s
    return _Case(config.with_settings(items=sample, max_items=None), whole, best, factor, tenant)


def _work(config: ImportConfig, items: int) -> Work:
    pages = max(1, -(-items // min(100, config.source.page_size)))
    return work_of(config, pages, items, "numbered")


def _variants(config: ImportConfig) -> Iterator[tuple[str, ImportConfig]]:
    """Yield the settings with each assumption changed that may well turn out different."""
    yield "latency doubled", config.with_settings(latency=_doubled(_text(config.test_api.latency)))
    if config.limits and all(tier.limit >= 2 for tier in config.limits):
        half = tuple(map(_halved, config.limits))
        yield "limits halved", config.with_settings(limit=half, server_limit=half)
        yield "server allows half", config.with_settings(limit=config.limits, server_limit=half)
        yield OTHERS, config


def _variant(trials: _Trials, name: str, config: ImportConfig, workers: int) -> Variant:
    """Simulate with `workers`, and with two, four and eight times as many, as long as that gains anything."""
    case = _case(config, SAMPLE_OF_VARIANT, _tenant(config) if name == OTHERS else None)
    counts = [count for count in (workers, 2 * workers, 4 * workers, 8 * workers) if count <= 1000]
    tried = trials.ascending(case, counts, patience=0)
    return Variant(name, tried[0], _fewest(tried), None if case.best is None else case.best.bound_s)


def _tenant(config: ImportConfig) -> str | None:
    """Others with the same key, who ask all the time for a part of the tightest limit."""
    windows = [tier for tier in config.limits if tier.kind != "concurrency"]
    if not windows:
        return None
    tier = min(windows, key=lambda tier: tier.limit / tier.period_s)
    return f"{max(1, round(_TENANTS_SHARE * tier.limit))}/{format_period(tier.period_s)}"


def _halved(tier: Tier) -> Tier:
    burst = None if tier.burst is None else max(1, tier.burst // 2)
    return replace(tier, limit=tier.limit // 2, burst=burst)


def _doubled(latency: str) -> float | str:
    """Return a latency that is twice as long, in the same words."""
    kind, colon, rest = latency.partition(":")
    if not colon:
        return 2 * parse_duration(latency)
    times, colon, option = rest.partition(":")
    doubled = "-".join(f"{2000 * parse_duration(part):.6g}ms" for part in times.split("-"))
    return f"{kind}:{doubled}{colon}{option}"


def _text(latency: float | str | None) -> str:
    assert latency is not None, "a simulated config has a latency"
    return latency if isinstance(latency, str) else format_period(latency)


def _changed(config: ImportConfig, text: str) -> tuple[ImportConfig, int | None]:
    """`config` with other settings, as `workers=40 latency=160ms`; and the workers, where they are among them."""
    pairs = dict(part.partition("=")[::2] for part in text.split())
    said: dict[str, Any] = {name.replace("-", "_"): value for name, value in pairs.items()}
    if not said or not all(said.values()):
        raise BadInput(f"--what-if {text!r} names no setting; write it like --what-if workers=40")
    known = {name: value for name, value in config.given().items() if name not in said}
    unknown = [name for name in said if name not in FLAGS]
    if unknown:
        raise BadInput(f"--what-if {text!r}: unknown setting {unknown[0]!r}; use one such as {flag_of('latency')[2:]}")
    for name in said.keys() & DURATIONS:
        refuse_bare(f"--what-if {name}", said[name])
    changed = read_settings({**known, **said}, None, {})
    return changed, changed.pacing.most_workers if "workers" in said else None


# Of a normal distribution 95 % lie below so many standard deviations.
_SIGMAS_95 = 1.645
_LEAST_SIGMA = 0.02
_KEPT = ("per_page", "max_items", "sequential", "detail", "cost")


def from_run(run: Run) -> tuple[ImportConfig, Tried]:
    """Return the import that `run` was, with the limits and the latency that it turned out to have; and its duration.

    BadInput where it did not end, or met no limit that could be told.
    """
    summary = last_figures(run)
    if summary is None:
        raise BadInput(f"run {run.name} has not ended, so there is nothing to learn from it; wait for it, or resume it")
    written = run.config
    found = tuple(finding.tier for finding in infer_recorded(run.folder))
    limits = found or parse_tiers(summary.limits) if found or summary.limits else ()
    if not limits:
        raise BadInput(f"run {run.name} met no limit, so none is known; use --limit instead of --from")
    settings = {name: written[name] for name in _KEPT if name in written}
    settings |= {"items": summary.total or summary.imported, "limit": limits, "latency": _measured(summary)}
    config = written_config(run.folder / "run.json", settings)
    return config, Tried(summary.workers, summary.duration_s, summary.refused_per_1000)


def _measured(summary: Summary) -> str:
    """Return the latency that a run met, as the lognormal distribution with its median and 95th percentile."""
    median_s, high_s = summary.latency_p50_s, summary.latency_p95_s
    if median_s is None or high_s is None:
        raise BadInput(f"run {summary.run} got no answer, so no latency is known; use --latency instead of --from")
    sigma = math.log(max(high_s / median_s, 1.0)) / _SIGMAS_95
    text = f"{1000 * median_s:.4g}ms"
    return text if sigma < _LEAST_SIGMA else f"lognormal:{text}:sigma={sigma:.2f}"
