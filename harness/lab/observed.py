"""A recorded run as something to simulate: its limits as they turned out, its latency as measured."""

from __future__ import annotations

import math

from harness.config import ImportConfig
from harness.engine.reopening import last_figures
from harness.errors import BadInput
from harness.pacing import parse_tiers
from harness.record.inferred import infer_recorded
from harness.record.run import Run
from harness.record.summary import Summary
from harness.settings import written_config
from harness.views.recommendation import Tried

# Of a normal distribution 95 % lie below so many standard deviations.
_SIGMAS_95 = 1.645
_LEAST_SIGMA = 0.02
_KEPT = ("per_page", "max_items", "sequential", "detail", "cost")


def from_run(run: Run) -> tuple[ImportConfig, Tried]:
    """The import that `run` was, with its limits as they turned out and its latency as measured; and what it took.

    BadInput where it did not end, or met no limit that could be told.
    """
    summary = last_figures(run)
    if summary is None:
        raise BadInput(f"run {run.name} has not ended, so there is nothing to learn from it; wait for it, or resume it")
    written = run.config
    found = tuple(finding.tier for finding in infer_recorded(run.folder))
    limits = found or parse_tiers(summary.limits) if found or summary.limits else ()
    if not limits:
        raise BadInput(f"run {run.name} met no limit, so nothing is known of any; give --limit, without --from")
    settings = {name: written[name] for name in _KEPT if name in written}
    settings |= {"items": summary.total or summary.imported, "limit": limits, "latency": _measured(summary)}
    config = written_config(run.folder / "run.json", settings)
    return config, Tried(summary.workers, summary.duration_s, summary.refused_per_1000)


def _measured(summary: Summary) -> str:
    """The latency that a run met, as the lognormal distribution with its median and 95th percentile."""
    median_s, high_s = summary.latency_p50_s, summary.latency_p95_s
    if median_s is None or high_s is None:
        raise BadInput(f"run {summary.run} got no answer, so no latency is known; give --latency, without --from")
    sigma = math.log(max(high_s / median_s, 1.0)) / _SIGMAS_95
    text = f"{1000 * median_s:.4g}ms"
    return text if sigma < _LEAST_SIGMA else f"lognormal:{text}:sigma={sigma:.2f}"
