"""Draw one run over time: what it sent, what was refused, why it paused, and what was left of each limit."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness.views.plots import run_axis
from harness.views.plots.canvas import (
    End,
    Heading,
    drawn,
    key,
    label_ends,
    new_figure,
    nothing,
)
from harness.views.plots.looks import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    OLIVE,
    ORANGE,
    PURPLE,
    REFUSED,
    SKY,
    Dash,
    Style,
    shades,
)
from harness.views.plots.panels import time_axis, time_unit
from harness.views.summary import REASONS
from harness.views.text import count, duration, percent, plural

# Learned limits come and go; of more than these, which cannot be told apart, the last are shown.
_LINES: list[tuple[str, Dash]] = [
    (INK, "-"), (PURPLE, "--"), (GREEN, "-."), (ORANGE, ":"), (SKY, "-"), (OLIVE, "--"),
]  # fmt: skip


_REASONS = {
    "refused": "paused after a refusal",
    "probe": "waiting for a probe's answer",
    "hold": "pause for all",
    "in flight": "waiting for answers",
    "retry": "waiting for a retry",
    "account": "waiting for the account",
    "paused": "paused by hand",
}


def reason_text(by: str) -> str:
    """Say in words why nothing was sent: for a limit, or one of the reasons of a wait."""
    return _REASONS.get(by, f"waiting for {by}")


def timeline_table(events: pd.DataFrame) -> pd.DataFrame:
    """Return the data of `timeline` in at most twenty rows: requests, refusals and seconds waited in each."""
    moved = run_axis.on_one_axis(events)
    if moved.empty:
        return pd.DataFrame(columns=["from_s", "to_s", "requests", "hits", "waited_s"])
    edges = run_axis.bins(run_axis.span_s(moved), 20)
    sent = run_axis.requests(moved)
    waits = run_axis.waits(moved)
    waits = waits[waits["by"] != "paused"]  # by a person, which is no waiting
    waited = [
        float(np.clip(np.minimum(waits["ended_s"], to) - np.maximum(waits["began_s"], since), 0, None).sum())
        for since, to in pairwise(edges)
    ]
    return pd.DataFrame(
        {
            "from_s": edges[:-1],
            "to_s": edges[1:],
            "requests": np.histogram(sent["sent_s"], edges)[0],
            "hits": np.histogram(sent[sent["outcome"] == "refused"]["sent_s"], edges)[0],
            "waited_s": waited,
        }
    )


_QUESTION = "When did it send, and what held it up? Shaded: nothing could be sent, and why."


@drawn
def timeline(events: pd.DataFrame) -> Figure:
    """Draw requests and refusals a second, pauses shaded with their reason, and what was left of each limit.

    events: `run.events().to_pandas()`. Sessions follow on each other; a vertical line says where one began.
    """
    moved = run_axis.on_one_axis(events)
    sent = run_axis.requests(moved) if len(moved) else pd.DataFrame()
    if sent.empty:
        return nothing("No request was sent, so there is nothing to show.")
    end_s = run_axis.span_s(moved)
    divisor, unit = time_unit(end_s)
    kept = run_axis.held(moved)
    figure = new_figure(Heading(timeline_finding(events), _QUESTION), 4.8 if kept else 3.0)
    panels = _panels(figure, bool(kept))
    _rates(panels[0], sent, end_s, divisor)
    panels[0].set_xlim(0, end_s / divisor)
    if kept:
        _left(panels[1], kept, sent, end_s, divisor)
    shaded = _shade(panels, moved, divisor)
    _sessions(panels, run_axis.session_starts(moved), divisor)
    time_axis(panels[-1], unit)
    key(figure, [*_rate_handles(sent), *shaded], columns=4)
    return figure


def timeline_finding(events: pd.DataFrame) -> str:
    """Say how much of the duration went into waits, and what most of them were for."""
    moved = run_axis.on_one_axis(events)
    sent = run_axis.requests(moved) if len(moved) else pd.DataFrame()
    if sent.empty:
        return "No request was sent"
    took_s, refused = run_axis.duration_s(moved), int((sent["outcome"] == "refused").sum())
    text = _held_up(run_axis.waited(moved), took_s) or f"It never had to wait: {duration(took_s)}"
    return f"{text}; {count(refused)} of {plural(len(sent), 'request')} refused" if refused else text


def _held_up(waits: Mapping[str, tuple[float, int]], took_s: float) -> str:
    waited_s = min(took_s, sum(seconds for seconds, _ in waits.values()))
    if waited_s < 0.001 * took_s or not took_s:
        return ""
    by, (most_s, _) = max(waits.items(), key=lambda wait: wait[1][0])
    share = most_s / sum(seconds for seconds, _ in waits.values())
    what = REASONS.get(by, by)
    rest = f", all for {what}" if share > 0.999 else f", {percent(share)} of it for {what}"
    return f"Waiting took {duration(waited_s)} of {duration(took_s)}{rest}"


def _panels(figure: Figure, limits: bool) -> list[Axes]:
    return list(figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])) if limits else [figure.subplots()]


def _sessions(panels: list[Axes], starts: list[float], divisor: float) -> None:
    for start in starts:
        for axes in panels:
            axes.axvline(start / divisor, color=MUTED, linewidth=1.2, linestyle=(0, (1, 1)))
        panels[0].annotate(
            "resumed",
            (start / divisor, 1.0),
            (3, -10),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=8,
        )


def _rates(axes: Axes, sent: pd.DataFrame, end_s: float, divisor: float) -> None:
    edges = run_axis.bins(end_s)
    width_s = float(edges[1] - edges[0])
    admitted, refused, lost = (
        np.histogram(sent[sent["outcome"] == outcome]["sent_s"], edges)[0] / width_s
        for outcome in ("admitted", "refused", "lost")
    )
    axes.stairs(admitted + lost, edges / divisor, fill=True, color=BLUE)
    at = np.flatnonzero(refused)
    if len(at):
        middles = (edges[:-1] + edges[1:]) / 2 / divisor
        axes.vlines(middles[at], 0, refused[at], color=REFUSED, linewidth=1.4)
        axes.plot(middles[at], refused[at], linestyle="", marker="x", color=REFUSED, markeredgewidth=1.6)
    axes.set_ylabel("requests/s")
    axes.set_ylim(0, None)
    axes.set_title(f"requests a second, counted every {duration(width_s)}")


def _rate_handles(sent: pd.DataFrame) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = [Patch(facecolor=BLUE, label="let through")]
    if (sent["outcome"] == "refused").any():
        handles.append(Line2D([], [], color=REFUSED, marker="x", linestyle="-", markeredgewidth=1.6, label="refused"))
    return handles


def _shade(panels: list[Axes], events: pd.DataFrame, divisor: float) -> list[Patch]:
    """Shade the pauses on every panel; return the handles for a legend of their reasons."""
    waits = run_axis.long_waits(events)
    looks = shades(waits["by"])
    for row in waits.to_dict("records"):
        look, since, to = looks[row["by"]], row["began_s"] / divisor, row["ended_s"] / divisor
        for axes in panels:
            axes.axvspan(since, to, facecolor=look.color, alpha=0.10, linewidth=0, zorder=0.4)
            lines = (*to_rgb(look.color), 0.35)
            axes.axvspan(since, to, facecolor="none", edgecolor=lines, hatch=look.hatch, linewidth=0, zorder=0.5)
    return [
        Patch(
            facecolor=(*to_rgb(look.color), 0.12),
            edgecolor=(*to_rgb(look.color), 0.5),
            hatch=look.hatch,
            linewidth=0,
            label=reason_text(by),
        )
        for by, look in looks.items()
    ]


def _left(axes: Axes, kept: run_axis.Kept, sent: pd.DataFrame, end_s: float, divisor: float) -> None:
    """Draw what is left of each limit, while it was kept."""
    at_s = np.linspace(0.0, end_s, 600)
    ends = []
    for (limit, times), (color, dash) in zip(list(kept.items())[-len(_LINES) :], _LINES):
        left = 100 * run_axis.left_of(limit, sent, at_s) / limit.limit
        inside = np.any([(at_s >= since) & (at_s <= to) for since, to in times], axis=0)
        axes.plot(at_s / divisor, np.where(inside, left, np.nan), color=color, linestyle=dash)
        ends.append(End(float(left[np.flatnonzero(inside)[-1]]), limit.text, Style(color, "s", dash)))
    axes.set_ylim(0, 104)
    axes.set_ylabel("left of limit (%)")
    axes.set_title("what was left of each limit")
    label_ends(axes, ends, 1.5)


def timeline_alt(events: pd.DataFrame) -> str:
    """Describe the timeline for people who cannot see it, in the run's own figures."""
    moved = run_axis.on_one_axis(events)
    sent = run_axis.requests(moved) if len(moved) else pd.DataFrame()
    if sent.empty:
        return "An empty figure: no request was sent."
    hits = int((sent["outcome"] == "refused").sum())
    waits = run_axis.waited(moved).items()
    each = [f"{reason_text(by)} {plural(times, 'time')}, {duration(seconds)}" for by, (seconds, times) in waits]
    took = duration(run_axis.duration_s(moved))
    return f"{count(len(sent))} requests in {took}, {count(hits)} of them refused; {'; '.join(each) or 'no wait'}."
