"""A strip per strategy: the windows it met, what it sent, what was refused, and the time it slept too long."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness.record.limits import Limit, limits_in
from harness.views.plots import run_axis
from harness.views.plots.canvas import (
    Heading,
    drawn,
    key,
    new_figure,
    nothing,
)
from harness.views.plots.looks import (
    BLUE,
    GREY,
    INK,
    MUTED,
    REFUSED,
    styles,
)
from harness.views.plots.panels import time_axis, time_unit
from harness.views.text import count, duration

_WINDOW = (0.5, 0.5, 0.5, 0.16)  # see-through, so that it is a shade on any page
# Runs whose durations differ by less are drawn and named as a tie: one run of each tells nothing of the noise.
_TIE = 1.01
# Runs that got more than so many times as much through did other work: their durations say nothing of one another.
_SAME_WORK = 1.05
# How long after a request was given up the server may still count it: the client's own time-out, unless declared.
_LINGER_S = 30.0
_COLUMNS = ["strategy", "duration_s", "requests", "hits", "windows", "overslept_s"]


@dataclass(frozen=True, slots=True)
class _Lane:
    name: str
    sent: pd.DataFrame
    windows: list[tuple[float, float]]
    overslept: list[tuple[float, float]]
    duration_s: float

    @property
    def refused(self) -> int:
        return int((self.sent["outcome"] == "refused").sum())

    @property
    def overslept_s(self) -> float:
        return sum(ended - began for began, ended in self.overslept)

    @property
    def end_s(self) -> float:
        """Where its last answer stands on the axis, on which a person's pauses have their place."""
        return float(self.sent["done_s"].max()) if len(self.sent) else 0.0


def windows(admitted_s: np.ndarray, period_s: float) -> list[tuple[float, float]]:
    """Windows of `period_s`, each opened by the first of `admitted_s` (sorted) after the last one was over."""
    found: list[tuple[float, float]] = []
    at = 0
    while at < len(admitted_s):
        opened = float(admitted_s[at])
        found.append((opened, opened + period_s))
        at = int(np.searchsorted(admitted_s, opened + period_s, side="left"))
    return found


def overslept(events: pd.DataFrame, limits: tuple[Limit, ...] | None) -> list[tuple[float, float]]:
    """The parts of the waits in which `limits` would surely have let a request through, whichever way they count.

    limits None: those that the run itself kept at the time of each wait.
    A limit is surely open once a window has passed since the answer of the request that is `limit` back. What is
    shorter than 1 % of the shortest window is no oversleeping, as it is no pause worth the name.
    """
    steps = run_axis.limits_over_time(events) if limits is None else [(-math.inf, limits)]
    since_s = [since for since, _ in steps]
    sent = run_axis.requests(events)
    counts = {limit: _ended(run_axis.of_route(sent, limit)) for _, kept in steps for limit in kept}
    found = []
    for row in run_axis.waits(events).to_dict("records"):
        step = bisect_right(since_s, row["ended_s"]) - 1
        kept = [limit for limit in (steps[step][1] if step >= 0 else ()) if not limit.at_once]
        if not kept or row["by"] in ("in flight", "retry", "paused"):
            continue
        least_s = 0.01 * min(limit.period_s for limit in kept)
        lost_since_s = row["began_s"] - _LINGER_S - kept[-1].period_s
        free_s = max(_opens_s(limit, *counts[limit], lost_since_s, row["ended_s"]) for limit in kept)
        began = max(row["began_s"], free_s)
        if row["ended_s"] - began > least_s:
            found.append((began, row["ended_s"]))
    return found


def _ended(sent: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return when requests were answered, and when others were given up."""
    answered = sent[sent["outcome"] == "admitted"]["answered_s"].to_numpy(float)
    return np.sort(answered), np.sort(sent[sent["outcome"] == "lost"]["done_s"].to_numpy(float))


def _opens_s(limit: Limit, answered: np.ndarray, lost: np.ndarray, since_s: float, ended_s: float) -> float:
    """Return when `limit` would surely have let a request through, before `ended_s`: 0 where it was never full.

    since_s: one without an answer that was given up since then may be counted any time until the linger is over, so
    that its slot is not surely free; where only such hold it, never.
    """
    since, until = np.searchsorted(lost, [since_s, ended_s])
    back = int(np.searchsorted(answered, ended_s, side="left")) + int(until - since) - limit.limit
    if back < 0:
        return 0.0
    return float(answered[back]) + limit.period_s if back < len(answered) else math.inf


def _lanes(events_by_strategy: Mapping[str, pd.DataFrame], limits: str | None) -> list[_Lane]:
    lanes = []
    runs = {name: run_axis.on_one_axis(events) for name, events in events_by_strategy.items()}
    enforced = limits_in(limits)
    for name, events in runs.items():
        if events.empty:
            continue
        sent = run_axis.requests(events)
        admitted = sent[sent["outcome"] == "admitted"]["sent_s"].to_numpy(float)
        periods = [limit.period_s for limit in enforced or _known(events) if not limit.at_once]
        slept = overslept(events, enforced or None)
        met = windows(admitted, periods[0]) if periods else []
        lanes.append(_Lane(name, sent, met, slept, run_axis.duration_s(events)))
    return lanes


def _known(events: pd.DataFrame) -> tuple[Limit, ...]:
    """Return what the client knew of the limits in the end."""
    if events.empty:
        return ()
    return next((limits for _, limits in reversed(run_axis.limits_over_time(events)) if limits), ())


def strip_table(events_by_strategy: Mapping[str, pd.DataFrame], limits: str | None = None) -> pd.DataFrame:
    """Return the data of `strip`: a row for each strategy."""
    rows = [
        (lane.name, lane.duration_s, len(lane.sent), lane.refused, len(lane.windows), lane.overslept_s)
        for lane in _lanes(events_by_strategy, limits)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


@drawn
def strip(
    events_by_strategy: Mapping[str, pd.DataFrame], limits: str | None = None, best_s: float | None = None
) -> Figure:
    """Draw runs of the same work on one axis, a lane for each strategy: windows, requests, refusals, oversleeping.

    events_by_strategy: name -> `run.events().to_pandas()`. limits: what the server enforces (None: what each client
    kept to). best_s: best possible, drawn as a line.
    """
    lanes = _lanes(events_by_strategy, limits)
    if not lanes:
        return nothing("No events: there is nothing to show.")
    end_s = max(lane.end_s for lane in lanes)
    divisor, unit = time_unit(end_s)
    asked = (
        "Which is done first, and where do the others lose their time?"
        " Overslept: waiting although the limits would certainly have let a request through."
    )
    figure = new_figure(Heading(_found(lanes), asked), 0.8 + 0.85 * len(lanes))
    panels = np.asarray(figure.subplots(len(lanes), 1, sharex=True, squeeze=False)).ravel()
    edges = run_axis.bins(end_s, 240)
    looks = styles(lane.name for lane in lanes)
    most = max(float(_counts(lane.sent, "admitted", edges).max(initial=0)) for lane in lanes)
    for axes, lane in zip(panels, lanes):
        _lane(axes, lane, edges, divisor, looks[lane.name].color, most)
        axes.set_xlim(0, 1.02 * max(end_s, best_s or 0.0) / divisor)
        if best_s is not None:
            axes.axvline(best_s / divisor, color=INK, linestyle=(0, (6, 3)), linewidth=1.2)
    time_axis(panels[-1], unit)
    panels[-1].tick_params(bottom=True)
    key(figure, _handles(lanes, best_s))
    return figure


def strip_finding(events_by_strategy: Mapping[str, pd.DataFrame], limits: str | None = None) -> str:
    """Say which run was done first, or which tie, and where the slowest lost its time."""
    return _found(_lanes(events_by_strategy, limits))


def _found(lanes: list[_Lane]) -> str:
    through = [len(lane.sent) - lane.refused for lane in lanes]
    if not lanes or max(through) == 0:
        return "No request was sent"
    if max(through) > _SAME_WORK * min(through):
        few, many = count(min(through)), count(max(through))
        return f"They got from {few} to {many} requests through, so that their durations cannot be compared"
    ranked = sorted(lanes, key=lambda lane: lane.duration_s)
    first, last = ranked[0], ranked[-1]
    ties = [lane.name for lane in ranked if lane.duration_s <= _TIE * first.duration_s]
    if len(ties) == len(lanes):
        none = "" if len(lanes) == 1 else f"{'Both' if len(lanes) == 2 else f'All {len(lanes)}'} tie: "
        return f"{none or f'{first.name} took '}{duration(first.duration_s)}"
    names = f"{', '.join(ties[:-1])} and {ties[-1]} tie at" if len(ties) > 1 else f"{first.name} is done first, after"
    lost = f"{last.name} takes {duration(last.duration_s - first.duration_s)} more"
    why = f", having overslept {duration(last.overslept_s)}" if last.overslept_s > 0.01 * last.duration_s else ""
    return f"{names} {duration(first.duration_s)}; {lost}{why}"


def _counts(sent: pd.DataFrame, outcome: str, edges: np.ndarray) -> np.ndarray:
    counts: np.ndarray = np.histogram(sent[sent["outcome"] == outcome]["sent_s"], edges)[0]
    return counts


def _lane(axes: Axes, lane: _Lane, edges: np.ndarray, divisor: float, color: str, most: float) -> None:
    # Every other window is shaded, so that where one follows on the other both can be seen.
    for began, ended in lane.windows[::2]:
        axes.axvspan(began / divisor, ended / divisor, facecolor=_WINDOW, linewidth=0)
    for began, ended in lane.overslept:
        axes.axvspan(
            began / divisor, ended / divisor, 0, 1, facecolor="none", edgecolor=GREY, hatch="////", linewidth=0
        )
    axes.stairs(_counts(lane.sent, "admitted", edges), edges / divisor, fill=True, color=color)
    refused = _counts(lane.sent, "refused", edges)
    at = np.flatnonzero(refused)
    middles = (edges[:-1] + edges[1:])[at] / 2 / divisor
    axes.plot(
        middles,
        np.full(len(at), 1.12 * most),
        linestyle="",
        marker="x",
        color=REFUSED,
        markersize=6,
        markeredgewidth=1.6,
    )
    axes.axvline(lane.end_s / divisor, color=color, linewidth=1.4)
    axes.set_ylim(0, 1.3 * most or 1.0)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    axes.tick_params(bottom=False)
    said = f"{duration(lane.duration_s)}, {count(lane.refused) if lane.refused else 'none'} refused"
    if lane.overslept_s >= 0.001 * lane.duration_s:
        said += f", overslept {duration(lane.overslept_s)}"
    axes.set_title(f"{lane.name}: {said}", fontsize=9)


def _handles(lanes: list[_Lane], best_s: float | None) -> list[Patch | Line2D]:
    """Return what is drawn anywhere, and no other: what did not happen needs no key."""
    handles: list[Patch | Line2D] = [Patch(facecolor=BLUE, label="let through")]
    if any(lane.refused for lane in lanes):
        handles.append(Line2D([], [], color=REFUSED, marker="x", linestyle="", markeredgewidth=1.6, label="refused"))
    if any(lane.overslept for lane in lanes):
        handles.append(Patch(facecolor="none", edgecolor=GREY, hatch="////", label="overslept"))
    if any(lane.windows for lane in lanes):
        handles.append(Patch(facecolor=_WINDOW, edgecolor=MUTED, linewidth=0.5, label="every other window"))
    if best_s is not None:
        handles.append(Line2D([], [], color=INK, linestyle=(0, (6, 3)), linewidth=1.2, label="best possible"))
    return handles


def strip_alt(events_by_strategy: Mapping[str, pd.DataFrame], limits: str | None = None) -> str:
    """Describe the strips for people who cannot see them."""
    rows = strip_table(events_by_strategy, limits).to_dict("records")
    said = [
        f"{row['strategy']}: {duration(row['duration_s'])}, {count(row['requests'])} requests, {count(row['hits'])}"
        f" of them refused, overslept {duration(row['overslept_s'])}"
        for row in rows
    ]
    return f"Requests over time, a lane for each strategy. {'; '.join(said) or 'No events'}."
