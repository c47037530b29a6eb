"""The content of a report, of runs and sweeps, as plain values; the reference efficiency beside the true figure.

A run is told in order: what was imported, how long it took beside the best possible, what held it up, what failed, and
how much of each limit was used. Its lines are those that the terminal prints (`summary_rows`), each in one part.

The reference system's efficiency is waits / (refusals + waits), which knows nothing of time. A client that sleeps a
whole window where a second would do is "excellent"; one that is refused now and then and loses nothing by it is "poor";
a single worker that waits once for each refusal scores 50 %. So `verdict` says where the figure misleads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from harness.record.choice import FULL_SPEED, WORLD
from harness.record.run_view import RunView
from harness.record.state import Failure
from harness.record.summary import Summary, efficiency_band
from harness.views.figures import best_of, items_of, refusals_said
from harness.views.plots.means import ENDED, SETTINGS, complete, means, varied
from harness.views.plots.panels import name_of
from harness.views.report.tables import as_setting
from harness.views.show import NOT_OF_A_RUN, settings_text
from harness.views.summary import REASONS, reference_rows, summary_rows
from harness.views.text import count, duration, percent, plural, printable

# From here on "it is fast"; below the other "it is not".
_FAST, _SLOW = 0.97, 0.90


@dataclass(frozen=True, slots=True)
class Verdict:
    """The reading of a reference efficiency, and what it hides ("" where it does not mislead)."""

    band: str
    hides: str


def verdict(reference: float | None, optimality: float | None, hits_per_1000: float) -> Verdict:
    """Judge the reference efficiency of one run or one mean; None where the figure does not exist."""
    if reference is None or math.isnan(reference):
        return Verdict("none", "no wait and no refusal, so there is nothing to divide")
    band = efficiency_band(reference)
    if optimality is None or math.isnan(optimality):
        return Verdict(band, "")
    if band == "excellent" and optimality < _SLOW:
        times = f"{1 / optimality:.2g} times as long as best possible" if optimality > 0 else "far too long"
        return Verdict(band, f"never refused, but it takes {times}")
    if band == "poor" and optimality >= _FAST:
        return Verdict(band, f"refused, and yet at {percent(optimality, 1)} of best possible")
    if band == "fair" and hits_per_1000 >= 300:
        return Verdict(band, f"{hits_per_1000:,.0f} of 1,000 requests are refused")
    return Verdict(band, "")


def efficiency_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Both figures for each combination of settings, the misleading ones first: optimality, reference, band, hides."""
    runs = complete(frame)
    keys = ["pacing", *varied(runs, besides=("pacing",))]
    runs = runs.assign(**{name: float("nan") for name in ("reference_efficiency", "optimality") if name not in runs})
    columns = {"duration_s": "duration_s", "optimality": "optimality", "hits_per_1000": "hits_per_1000"}
    table = means(runs, keys, "hits_per_1000")[keys]
    for name in (*columns, "reference_efficiency"):
        mean = means(runs, keys, name)[[*keys, "mean"]].rename(columns={"mean": name})
        table = table.merge(mean, on=keys, how="left")
    figures = zip(table["reference_efficiency"], table["optimality"], table["hits_per_1000"])
    verdicts = [verdict(*three) for three in figures]
    table = table.assign(band=[one.band for one in verdicts], hides=[one.hides for one in verdicts])
    order = ((table["hides"] == "") | (table["band"] == "none")).astype(int)
    return table.assign(order=order).sort_values("order", kind="stable").drop(columns="order").reset_index(drop=True)


@dataclass(frozen=True, slots=True)
class RunPart:
    """A run: its figures, run.json, its events as `run.events().to_pandas()`, what failed, the settings in force."""

    summary: Summary
    about: Mapping[str, Any]
    events: pd.DataFrame
    failures: Sequence[Failure] = ()
    in_force: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, view: RunView, about: Mapping[str, Any], events: pd.DataFrame) -> RunPart:
        """Take the figures of `view`; what failed for good comes before what waits for a retry."""
        failures = sorted(view.failures, key=lambda failure: failure.retry_at_utc_s is not None)
        return cls(view.summary, about, events, failures, view.settings.in_force)

    @property
    def name(self) -> str:
        return self.summary.run


@dataclass(frozen=True, slots=True)
class SweepPart:
    """A sweep: a row for each run, and its sweep.json (grid, repeats, versions)."""

    name: str
    frame: pd.DataFrame
    about: Mapping[str, Any] = field(default_factory=dict)


def run_settings(part: RunPart) -> list[tuple[str, str]]:
    """Return every setting that has a value, the limits first; as in force, and as at the start."""
    start = dict(part.about.get("config", {}))
    in_force = {**start, **part.in_force}
    config = [name for name, value in in_force.items() if value not in (None, [], {}) and name not in NOT_OF_A_RUN]
    first = [name for name in SETTINGS if name in config and name != "pacing"]
    shown = {"pacing": part.summary.strategy} | dict(settings_text(start, in_force, [*first, *config]))
    how = "simulated, in virtual time" if part.about.get("simulated") else "live"
    rows = [("run", part.name), ("how", how), ("started", str(part.about.get("created", "-")))]
    return [*rows, *((name_of(name), as_setting(value)) for name, value in shown.items())]


def versions(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the versions, the machine and the seed."""
    rows = [(str(name), str(version)) for name, version in dict(about.get("versions", {})).items()]
    known = ("host", "platform", "seed", "repeats")
    return [*rows, *((name, str(about[name])) for name in known if about.get(name) is not None)]


def run_figures(part: RunPart) -> list[tuple[str, str]]:
    """Return how the run went, line by line as the terminal says it, with what efficiency says."""
    # The terminal sets parts of a line apart by spaces, which a page would swallow.
    told = [*summary_rows(part.summary), *reference_rows(part.summary)]
    rows = [(label, "; ".join(filter(None, text.split("  ")))) for label, text, _ in told]
    learned = [(f"learned {limit.limit}", limit.evidence) for limit in part.summary.learned]
    return [("items", _items(part.summary)), *rows, *learned]


# What the lines of a summary tell of; any other is about time.
_OF_WHAT = ("to do", "requests", "assumed", "list", "server")
_OF_WAITS = ("waiting", "latency")


def run_what(part: RunPart) -> list[tuple[str, str]]:
    """Return what was imported, from where, and on what evidence that is all."""
    config = {**part.about.get("config", {}), **part.in_force}
    told = {label: text for label, text in run_figures(part) if label in _OF_WHAT}
    source = "the test API, simulated" if part.about.get("simulated") else config.get("url") or "the test API"
    rows = [("source", as_setting(source)), ("items", _items(part.summary))]
    began = [("started", str(part.about["created"]))] if part.about.get("created") else []
    return [*rows, *told.items(), ("paced by", _paced_by(part.summary)), *began]


def _paced_by(summary: Summary) -> str:
    limits = f" for {summary.limits} ({summary.limits_source})" if summary.limits else ""
    return f"{summary.strategy}{limits}, {plural(summary.workers, 'worker')}"


def run_time(part: RunPart) -> list[tuple[str, str]]:
    """Return how long it took, and how that stands beside the best possible."""
    apart = (*_OF_WHAT, *_OF_WAITS, "items")
    rows = [row for row in run_figures(part) if row[0] not in apart and not row[0].startswith("learned ")]
    return [row for row in rows if row[0] != "reference efficiency"]


def run_waits(part: RunPart) -> list[tuple[str, int, float, float | None]]:
    """Return where the duration went: active, then each wait with its number, seconds and share, the longest first."""
    summary = part.summary
    took_s = summary.duration_s
    waits = sorted(summary.waits, key=lambda wait: -wait.seconds)
    rows = [(f"waiting for {REASONS.get(wait.by, wait.by)}", wait.count, wait.seconds) for wait in waits]
    told = [("active", 0, summary.active_s), *rows]
    return [(what, number, seconds, seconds / took_s if took_s else None) for what, number, seconds in told]


def run_failures(part: RunPart) -> list[tuple[str, int]]:
    """Return how many items failed for good by reason, how many requests were refused by status, and how many lost."""
    summary = part.summary
    rows = [(f"items failed: {why}", number) for why, number in summary.failures.items()]
    rows += [("items forgotten", summary.forgotten)] if summary.forgotten else []
    rows += [("items to be retried", summary.waiting_items)] if summary.waiting_items else []
    rows += [(f"requests refused with {status}", number) for status, number in summary.refusals.items()]
    return [*rows, *([("requests without an answer", summary.lost)] if summary.lost else [])]


def _items(summary: Summary) -> str:
    return f"{items_of(summary)} imported, {count(summary.failed)} failed"


def run_headline(part: RunPart) -> str:
    """Return the answer in one sentence."""
    summary = part.summary
    text = f"{summary.status}: {_items(summary)}, in {duration(summary.duration_s)}"
    if best := best_of(summary):
        text += f", {best}"
    rate = f" ({summary.refused_per_1000:,.1f} per 1,000)" if summary.refused else ""
    return f"{text}; {refusals_said(summary.hits, summary.refusals)}{rate}."


def run_efficiency(part: RunPart) -> str:
    """Return the reference efficiency of the run, with what it hides; "" where there is none."""
    summary = part.summary
    reference = summary.reference_efficiency
    if reference is None:
        return ""
    told = verdict(reference, summary.optimality, summary.refused_per_1000)
    text = f"Reference efficiency {percent(reference)} ({efficiency_band(reference)})"
    if summary.optimality is not None:
        text += f" beside {percent(summary.optimality, 1)} of best possible"
    return f"{text}; it misleads here: {told.hides}." if told.hides else f"{text}."


def sweep_settings(part: SweepPart) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(what was varied and over what, what was the same in every run)."""
    frame = part.frame
    names = varied(frame)
    over = [(name_of(name), ", ".join(dict.fromkeys(as_setting(value) for value in frame[name]))) for name in names]
    fixed = [
        (name_of(name), as_setting(frame[name].iloc[0]))
        for name in SETTINGS
        if name in frame and name not in names and len(frame) and not _unset(frame[name].iloc[0])
    ]
    return over, fixed


def _unset(value: Any) -> bool:
    return value is None or value == "" or bool(pd.isna(value))


def sweep_size(part: SweepPart) -> str:
    """Say how many runs of how many combinations there are, how they were made, and how many did not end."""
    frame = part.frame
    runs = plural(len(frame), "run")
    names = varied(frame)
    points = len(frame[names].astype(str).drop_duplicates()) if names else min(1, len(frame))
    how = ""
    if "simulated" in frame and len(frame):
        how = ", simulated" if frame["simulated"].all() else ", live" if not frame["simulated"].any() else ""
    lost = len(frame) - len(complete(frame)) if len(frame) else 0
    bad = f"; {plural(lost, 'run')} did not complete and count in no mean" if lost else ""
    return f"{runs} of {plural(points, 'combination')} of settings{how}{bad}."


def not_completed(part: SweepPart) -> pd.DataFrame:
    """Return the runs that did not end, with why."""
    frame = part.frame
    if frame.empty or "status" not in frame:
        return frame.iloc[:0]
    rows = frame[~frame["status"].isin(ENDED)]
    return rows[[name for name in (*varied(frame), "repeat", "status", "error") if name in rows]]


def runs_frame(parts: Sequence[RunPart]) -> pd.DataFrame:
    """Return a row for each run, in the columns of a sweep, so that runs can be compared as its points are."""
    rows = []
    for part in parts:
        config = {**part.about.get("config", {}), **part.in_force}
        settings = {name: config.get(name) for name in SETTINGS}
        rows.append({**settings, **part.summary.as_dict(), "pacing": part.summary.strategy})
    return pd.DataFrame(rows)


def differing(frame: pd.DataFrame) -> list[str]:
    """Return the settings that differ between the runs of `runs_frame`, but for those that have a column anyway."""
    return varied(frame, besides=("pacing", "workers", "limit"))


def nearest(frame: pd.DataFrame) -> str:
    """Say which run came closest to the best possible; those within 1 % of it tie. frame: as `runs_frame` gives it."""
    work = [name_of(name) for name in differing(frame) if name in WORLD]
    done = frame[frame["optimality"].notna()].sort_values("optimality", ascending=False, kind="stable")
    if done.empty:
        return ""
    best = float(done.iloc[0]["optimality"])
    near = [printable(str(run)) for run in done[done["optimality"] * FULL_SPEED >= best]["run"]]
    if len(near) > 1:
        said = f"Closest to the best possible, and within 1 % of one another: {', '.join(near)}."
    else:
        said = f"Closest to the best possible: {near[0]}."
    if work:
        said += f" They did different work ({', '.join(work)}), so their durations cannot be compared."
    return said
