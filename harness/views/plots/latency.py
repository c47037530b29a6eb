"""Draw how long answers took: percentiles over time, and how many came within how long."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from harness.record.summary import latency_bucket, latency_quantile
from harness.views.plots import run_axis
from harness.views.plots.canvas import (
    End,
    Heading,
    drawn,
    is_narrow,
    key,
    label_ends,
    new_figure,
    nothing,
)
from harness.views.plots.looks import (
    BLUE,
    INK,
    OLIVE,
    ORANGE,
    PAPER,
    PURPLE,
    Dash,
    Style,
)
from harness.views.plots.panels import time_axis, time_unit
from harness.views.text import duration, plural

_QUANTILES: tuple[tuple[float, str, Dash], ...] = (
    (0.50, BLUE, "-"), (0.95, ORANGE, "--"), (0.99, PURPLE, "-."), (1.00, OLIVE, ":"),
)  # fmt: skip
_ROLES: dict[str, tuple[str, str, Dash]] = {
    "list": ("list", ORANGE, "--"),
    "item": ("item", BLUE, "-"),
    "token": ("token", PURPLE, ":"),
}
_TICKS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300)


def _name(quantile: float) -> str:
    return "max" if quantile == 1.0 else f"p{100 * quantile:.0f}"


def _quantile(latency_s: pd.Series[float], quantile: float) -> float:
    """Return a latency by rank, as the summary has it: halfway between two answers there is none.

    The summary counts in buckets, so that the same bucket stands for it here: else 79 ms in one view would be 80 ms in
    the other.
    """
    ranked = float(np.quantile(latency_s, quantile, method="inverted_cdf"))
    if quantile == 1.0:
        return ranked
    near = latency_quantile({latency_bucket(ranked): 1}, 1.0) or ranked
    return min(max(near, float(latency_s.min())), float(latency_s.max()))


def _answered(events: pd.DataFrame) -> pd.DataFrame:
    moved = run_axis.on_one_axis(events)
    if moved.empty:
        return pd.DataFrame(columns=["sent_s", "role", "latency_s"])
    sent = run_axis.requests(moved)
    return sent[sent["outcome"] == "admitted"]


def latency_table(events: pd.DataFrame) -> pd.DataFrame:
    """Return percentiles of the seconds from sending to the end of the answer, for each role of requests."""
    answered = _answered(events)
    rows = [
        {"requests": _ROLES[str(role)][0], "n": len(rows)}
        | {_name(q): _quantile(rows["latency_s"], q) for q, _, _ in _QUANTILES}
        for role, rows in answered.groupby("role", sort=False)
    ]
    return pd.DataFrame(rows, columns=["requests", "n", *(_name(q) for q, _, _ in _QUANTILES)])


@drawn
def latency_plot(events: pd.DataFrame) -> Figure:
    """Draw latency percentiles over time, and the share of answers within each latency, by role of the request.

    events: `run.events().to_pandas()`. Refusals and requests without an answer are left out.
    """
    answered = _answered(events)
    if answered.empty:
        return nothing("No request was answered, so there is no latency to show.")
    figure = new_figure(Heading(latency_finding(events), _QUESTION), 5.6 if is_narrow() else 3.1)
    over_time, share = figure.subplots(2, 1) if is_narrow() else figure.subplots(1, 2)
    _over_time(over_time, answered)
    key(figure, _share(share, answered))
    return figure


_QUESTION = "How long did answers take, from sending to their end, and did that change? Refusals are left out."


def latency_finding(events: pd.DataFrame) -> str:
    """Say within what half of the answers came, and nearly all."""
    all_of = _answered(events)["latency_s"]
    if all_of.empty:
        return "No request was answered"
    half, most, longest = (duration(_quantile(all_of, quantile)) for quantile in (0.5, 0.95, 1.0))
    if len(all_of) == 1:
        return f"The only answer took {half}"
    return f"Half of the answers came within {half}, 95 % within {most}; the slowest took {longest}"


def _over_time(axes: Axes, answered: pd.DataFrame) -> None:
    end_s = float(answered["sent_s"].max())
    divisor, unit = time_unit(end_s)
    edges = run_axis.bins(end_s, 60)
    middles = (edges[:-1] + edges[1:]) / 2
    number = np.clip(np.searchsorted(edges, answered["sent_s"], side="right") - 1, 0, len(middles) - 1)
    grouped = answered.groupby(number)["latency_s"]
    ends = []
    for quantile, color, dash in _QUANTILES:
        values = grouped.agg(_quantile, quantile).reindex(range(len(middles)))
        # A lone bin between pauses would be a line without length.
        axes.plot(middles / divisor, values, color=color, linestyle=dash, marker=".", markersize=4)
        ends.append(End(float(values.dropna().iloc[-1]), _name(quantile), Style(color, ".", dash)))
    axes.set_yscale("log")
    low, high = float(answered["latency_s"].min()), float(answered["latency_s"].max())
    _seconds(axes.yaxis, answered)
    axes.set_ylim(0.8 * low, 1.25 * high)  # after the ticks, which would make room for themselves
    axes.set_xlim(0, edges[-1] / divisor)
    time_axis(axes, unit)
    axes.set_ylabel("latency (log scale)")
    axes.set_title("percentiles over time")
    label_ends(axes, ends, 2.0)


def _share(axes: Axes, answered: pd.DataFrame) -> list[Line2D]:
    """Draw how many answers came within how long; return the key of its lines, where there is more than one."""
    handles = []
    for role, rows in answered.groupby("role", sort=False):
        name, color, dash = _ROLES[str(role)]
        at = np.sort(rows["latency_s"].to_numpy(float))
        up = 100 * np.arange(1, len(at) + 1) / len(at)
        keep = np.unique(np.linspace(0, len(at) - 1, 400).astype(int))
        axes.plot(at[keep], up[keep], color=color, linestyle=dash, drawstyle="steps-post")
        handles.append(Line2D([], [], color=color, linestyle=dash, label=f"{name}: {plural(len(at), 'answer')}"))
    all_of = answered["latency_s"]
    for quantile in (0.5, 0.95):
        at_s = _quantile(all_of, quantile)
        axes.plot([at_s], [100 * quantile], marker="o", color=INK, markersize=4)
        axes.annotate(
            f"{_name(quantile)} {duration(at_s)}",
            (at_s, 100 * quantile),
            (9, -6),
            textcoords="offset points",
            va="top",
            fontsize=8.5,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.8},
        )
    axes.set_xscale("log")
    _seconds(axes.xaxis, answered)
    axes.set_xlim(0.8 * float(all_of.min()), 1.25 * float(all_of.max()))
    axes.set_ylim(0, 103)
    axes.set_xlabel("latency (log scale)")
    axes.set_ylabel("answered within (% of requests)")
    axes.set_title("how many within how long")
    return handles if len(handles) > 1 else []


def _seconds(axis, answered: pd.DataFrame) -> None:  # type: ignore[no-untyped-def]
    """Ticks at round times, written with their unit."""
    low, high = float(answered["latency_s"].min()), float(answered["latency_s"].max())
    axis.set_minor_locator(NullLocator())
    ticks = [tick for tick in _TICKS_S if low / 2 <= tick <= high * 2]
    if len(ticks) > 6:  # their labels would touch
        ticks = [tick for tick in ticks if f"{tick:e}"[0] == "1" or tick > 5]
    axis.set_ticks(ticks)
    axis.set_major_formatter(FuncFormatter(lambda value, _at: f"{1000 * value:g} ms" if value < 1 else f"{value:g} s"))


def latency_alt(events: pd.DataFrame) -> str:
    """Describe the figure for people who cannot see it."""
    all_of = _answered(events)["latency_s"]
    if all_of.empty:
        return "An empty figure: no request was answered."
    each = ", ".join(f"{_name(q)} {duration(_quantile(all_of, q))}" for q, _, _ in _QUANTILES)
    return f"Latency of {len(all_of):,} answers: {each}."
