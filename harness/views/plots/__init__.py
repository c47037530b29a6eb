"""Plots: functions that take a DataFrame and return a matplotlib Figure; each has its table and its text beside it.

Of sweeps (a row for each run): `workers_plot`, `limits_heatmap`, `frontier`. Of one run (its events): `timeline`,
`latency_plot`, `occupancy`. Of several runs of one thing: `strip`. A frame without rows gives a figure that says so.
"""

from __future__ import annotations

from harness.views.plots.canvas import png, svg
from harness.views.plots.frontiers import frontier, frontier_alt, frontier_table
from harness.views.plots.heatmap import Value, limits_alt, limits_heatmap, limits_table
from harness.views.plots.latency import latency_alt, latency_plot, latency_table
from harness.views.plots.strips import strip, strip_alt, strip_table
from harness.views.plots.timelines import timeline, timeline_alt, timeline_table
from harness.views.plots.workers import (
    occupancy,
    occupancy_alt,
    occupancy_table,
    workers_alt,
    workers_plot,
    workers_table,
)

__all__ = [
    "Value",
    "frontier",
    "frontier_alt",
    "frontier_table",
    "latency_alt",
    "latency_plot",
    "latency_table",
    "limits_alt",
    "limits_heatmap",
    "limits_table",
    "occupancy",
    "occupancy_alt",
    "occupancy_table",
    "png",
    "strip",
    "strip_alt",
    "strip_table",
    "svg",
    "timeline",
    "timeline_alt",
    "timeline_table",
    "workers_alt",
    "workers_plot",
    "workers_table",
]
