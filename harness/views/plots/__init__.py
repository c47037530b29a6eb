"""Plots: functions that take a DataFrame and return a matplotlib Figure; each has its table, its finding and its
text beside it.

Of sweeps (a row for each run): `workers_plot`, `limits_heatmap`, `frontier`. Of one run (its events): `timeline`,
`latency_plot`, `occupancy`. Of several runs of one thing: `strip`. A frame without rows gives a figure that says so.
"""

from __future__ import annotations

from harness.views.plots.canvas import narrow, png, svg
from harness.views.plots.frontiers import frontier, frontier_alt, frontier_finding, frontier_table
from harness.views.plots.heatmap import Value, limits_alt, limits_finding, limits_heatmap, limits_table
from harness.views.plots.latency import latency_alt, latency_finding, latency_plot, latency_table
from harness.views.plots.occupancy import occupancy, occupancy_alt, occupancy_finding, occupancy_table
from harness.views.plots.strips import strip, strip_alt, strip_finding, strip_table
from harness.views.plots.timelines import timeline, timeline_alt, timeline_finding, timeline_table
from harness.views.plots.workers import workers_alt, workers_finding, workers_plot, workers_table

__all__ = [
    "Value",
    "frontier",
    "frontier_alt",
    "frontier_finding",
    "frontier_table",
    "latency_alt",
    "latency_finding",
    "latency_plot",
    "latency_table",
    "limits_alt",
    "limits_finding",
    "limits_heatmap",
    "limits_table",
    "narrow",
    "occupancy",
    "occupancy_alt",
    "occupancy_finding",
    "occupancy_table",
    "png",
    "strip",
    "strip_alt",
    "strip_finding",
    "strip_table",
    "svg",
    "timeline",
    "timeline_alt",
    "timeline_finding",
    "timeline_table",
    "workers_alt",
    "workers_finding",
    "workers_plot",
    "workers_table",
]
