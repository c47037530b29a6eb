"""Draw two lessons: the same arrivals under each way of counting, and a schedule that beats the greedy one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.views.plots.canvas import (
    End,
    Heading,
    drawn,
    key,
    label_ends,
    new_figure,
    nothing,
)
from harness.views.plots.looks import BLUE, REFUSED, styles
from harness.views.plots.panels import time_axis
from harness.views.text import duration, plural


def policies_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Count the arrivals that each policy let through. frame: policy, t_s and admitted, a row for each arrival."""
    if frame.empty:
        return pd.DataFrame(columns=["policy", "arrivals", "admitted", "refused"])
    grouped = frame.groupby("policy", sort=False)["admitted"]
    table = grouped.agg(arrivals="size", admitted="sum").reset_index()
    return table.assign(refused=table["arrivals"] - table["admitted"])


@drawn
def policies_plot(frame: pd.DataFrame) -> Figure:
    """Draw the same arrivals in a lane for each policy: a dot was let through, a cross was refused.

    frame: policy, t_s and admitted, a row for each arrival.
    """
    if frame.empty:
        return nothing("No arrivals: there is nothing to show.")
    names = list(dict.fromkeys(frame["policy"]))
    asked = "How many of the same arrivals does each way of counting let through?"
    figure = new_figure(Heading(policies_finding(frame), asked), 1.0 + 0.34 * len(names))
    axes = figure.subplots()
    lane = frame["policy"].map({name: len(names) - 1 - at for at, name in enumerate(names)})
    yes = frame["admitted"].astype(bool)
    axes.plot(frame["t_s"][yes], lane[yes], linestyle="", marker="o", markersize=5, color=BLUE)
    axes.plot(frame["t_s"][~yes], lane[~yes], linestyle="", marker="x", markersize=5, color=REFUSED)
    counts = policies_table(frame).set_index("policy")["admitted"]
    axes.set_yticks(range(len(names)), [f"{name}: {counts[name]}" for name in reversed(names)])
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.set_ylabel("let through by")
    time_axis(axes, "s")
    looks = (("o", BLUE, "let through"), ("x", REFUSED, "refused"))
    key(figure, [Line2D([], [], linestyle="", marker=mark, color=color, label=what) for mark, color, what in looks])
    return figure


def policies_finding(frame: pd.DataFrame) -> str:
    """Say which ways of counting let the most through, and which the least; alike ones are named together."""
    table = policies_table(frame)
    if table.empty:
        return "No arrivals"
    arrivals = int(table["arrivals"].max())
    most, least = int(table["admitted"].max()), int(table["admitted"].min())
    if most == least:
        return f"Every way of counting lets {most} of {arrivals} through"
    named = {number: " and ".join(table[table["admitted"] == number]["policy"]) for number in (most, least)}
    return f"Of the same {arrivals} requests, {named[most]} lets {most} through, {named[least]} {least}"


def policies_alt(frame: pd.DataFrame) -> str:
    """Describe the figure for people who cannot see it."""
    rows = policies_table(frame).to_dict("records")
    said = [f"{row['policy']} {row['admitted']} of {row['arrivals']}" for row in rows]
    return f"The same arrivals under each way of counting, let through: {', '.join(said) or 'none'}."


def schedules_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return when each schedule sends what, and how many that makes. frame: as for `schedules_plot`."""
    return frame.assign(sent=frame.groupby("schedule", sort=False)["requests"].cumsum())


@drawn
def schedules_plot(frame: pd.DataFrame) -> Figure:
    """Draw requests sent over time, a line for each schedule, each ending where it is done.

    frame: schedule, t_s and requests, a row for each burst, in order.
    """
    if frame.empty:
        return nothing("No schedule: there is nothing to show.")
    asked = "Is sending as early as the limits allow the fastest way to send everything?"
    height_in = 3.2
    figure = new_figure(Heading(schedules_finding(frame), asked), height_in)
    axes = figure.subplots()
    looks = styles(["window", "reference", "auto"][: frame["schedule"].nunique()])
    ends = []
    for (name, rows), look in zip(schedules_table(frame).groupby("schedule", sort=False), looks.values()):
        at, sent = rows["t_s"].to_numpy(float), rows["sent"].to_numpy(float)
        axes.step(np.append(0.0, at), np.append(0.0, sent), where="post", color=look.color, linestyle=look.dash)
        axes.plot(at, sent, color=look.color, linestyle="", marker=look.marker)
        axes.axvline(at[-1], color=look.color, linewidth=0.9, linestyle=":")
        ends.append(End(float(sent[-1]), f"{name}\nin {at[-1]:.3g} s", look))
    axes.set_ylim(0, None)
    axes.set_ylabel("requests sent")
    time_axis(axes, "s")
    label_ends(axes, ends, height_in)
    return figure


def schedules_finding(frame: pd.DataFrame) -> str:
    """Say which schedule is done first, and how much earlier than the last."""
    done = frame.groupby("schedule", sort=False)["t_s"].max().sort_values(kind="stable")
    if len(done) < 2:
        return "No schedule" if done.empty else f"{done.index[0]} is done after {done.iloc[0]:.3g} s"
    if done.iloc[0] == done.iloc[-1]:
        return f"{' and '.join(done.index)} are done at the same time, after {done.iloc[0]:.3g} s"
    return (
        f"The {done.index[0]} schedule is done {duration(done.iloc[-1] - done.iloc[0])} before the {done.index[-1]} one"
    )


def schedules_alt(frame: pd.DataFrame) -> str:
    """Describe the figure for people who cannot see it."""
    said = [
        f"{name}: {plural(int(rows['requests'].sum()), 'request')} in {plural(len(rows), 'burst')},"
        f" done after {rows['t_s'].max():.3g} s"
        for name, rows in frame.groupby("schedule", sort=False)
    ]
    return f"Requests sent over time. {'; '.join(said) or 'No schedule'}."
