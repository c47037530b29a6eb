"""Percentiles of latency in the figures are those of the summary."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from harness.record.fold import latency_bucket, latency_quantile
from harness.views.plots.latency import _quantile


@given(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=60), st.sampled_from([0.5, 0.95]))
def test_a_percentile_is_the_one_of_the_summary(latencies: list[float], quantile: float) -> None:
    """E: of an even number of answers, `p50` in a figure was the middle between two, and in the summary one of them."""
    counted: dict[int, int] = {}
    for latency_s in latencies:
        counted[latency_bucket(latency_s)] = counted.get(latency_bucket(latency_s), 0) + 1
    # The summary counts in buckets 4 % wide.
    assert _quantile(pd.Series(latencies), quantile) == pytest.approx(latency_quantile(counted, quantile), rel=0.021)
