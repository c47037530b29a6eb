"""A run's events on one axis of time: its requests, its waits, and the limits it kept, as small frames.

Events count their times from the session's start. Here the sessions follow each other without a gap: what lies
between them is nobody's time.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.record.limits import Limit, limits_in
from harness.record.timeline import LATER

NEEDED = (
    *("event", "session", "t_s", "role", "sent_s", "answered_s", "status", "sent", "along", "reason", "tier"),
    *("began_s", "ended_s", "asleep_s", "sleeps", "workers", "limits", "utc_s"),
)
_REQUESTS = {"PageListed": "list", "ItemImported": "item"}
_LATER = tuple(event.__name__ for event in LATER)


def on_one_axis(events: pd.DataFrame) -> pd.DataFrame:
    """Return the events with every `_s` time counted from the first session's start.

    What people asked of a run that had ended is left out: it was recorded later, and its time tells nothing.
    """
    frame = events.loc[~events["event"].isin(_LATER), [name for name in NEEDED if name in events]].copy()
    if frame.empty:
        return frame
    lengths = frame.groupby("session", sort=True)["t_s"].max()
    offset = frame["session"].map(lengths.cumsum().shift(fill_value=0.0)).astype(float)
    for name in ("t_s", "sent_s", "answered_s", "began_s", "ended_s"):
        frame[name] = pd.to_numeric(frame[name]) + offset
    return frame


def session_starts(events: pd.DataFrame) -> list[float]:
    """Return when each session but the first began, on the common axis."""
    starts = events[events["event"] == "SessionStarted"].sort_values("t_s")["t_s"]
    return [float(start) for start in starts.iloc[1:]]


def requests(events: pd.DataFrame) -> pd.DataFrame:
    """Every request that was sent: sent_s, answered_s (NaN: never), done_s, latency_s, role, outcome, session and
    status, in order of sending.

    outcome: admitted (a rate limit let it through, whatever became of it), refused or lost (no answer came).
    events: as `on_one_axis` gives them.
    """
    sent = events["sent"].map(lambda value: value is True or value == 1)
    if "along" in events:  # it came with another's request
        events = events[~events["along"].map(lambda value: value is True or value == 1)]
        sent = sent[events.index]
    whole = events["event"].isin([*_REQUESTS, "Refused"])
    rows = events[whole | (events["event"].isin(["AttemptFailed", "Returned"]) & sent)]
    # As the fold counts them: an attempt is answered if it has a status, what came back if its headers came.
    returned = rows["event"] == "Returned"
    unanswered = rows["status"].isna() | (returned & rows["answered_s"].isna())
    outcome = np.where(rows["event"] == "Refused", "refused", np.where(unanswered, "lost", "admitted"))
    ended_s = rows["t_s"].where(~returned, rows["answered_s"])
    role = rows["event"].map(_REQUESTS).fillna(rows["role"])
    table = pd.DataFrame(
        {
            "sent_s": rows["sent_s"],
            "answered_s": rows["answered_s"],
            "done_s": rows["t_s"],
            "role": role,
            "outcome": outcome,
            "latency_s": ended_s - rows["sent_s"],
            "session": rows["session"],
            "status": rows["status"],
        }
    )
    return table.sort_values("sent_s", kind="stable").reset_index(drop=True)


def waits(events: pd.DataFrame) -> pd.DataFrame:
    """Return when nothing could be sent: began_s, ended_s and `by`, the limit or reason, a person's pauses too."""
    rows = events[(events["event"] == "Waited") & (events["asleep_s"] > 0)]
    # Asleep is the part in which nobody was sending; it comes last.
    began = rows["ended_s"] - rows["asleep_s"].astype(float)
    by = rows["tier"].where(rows["tier"].notna(), rows["reason"])
    found = pd.DataFrame({"began_s": began, "ended_s": rows["ended_s"], "by": by})
    return pd.concat([found, _paused(events)], ignore_index=True).sort_values("began_s").reset_index(drop=True)


def _paused(events: pd.DataFrame) -> pd.DataFrame:
    marks = events[events["event"].isin(["Paused", "Resumed", "SessionEnded"])].sort_values("t_s", kind="stable")
    spans, began = [], None
    for name, t_s in zip(marks["event"], marks["t_s"]):
        if name == "Paused" and began is None:
            began = t_s
        elif name != "Paused" and began is not None:
            spans.append((began, t_s, "paused"))
            began = None
    return pd.DataFrame(spans, columns=["began_s", "ended_s", "by"])


def long_waits(events: pd.DataFrame, share: float = 0.004) -> pd.DataFrame:
    """Return the waits that can be seen: successive ones as one, without those shorter than `share`."""
    merged: list[list[float | str]] = []
    for row in _few_limits(waits(events)).to_dict("records"):
        last = merged[-1] if merged else None
        if last is not None and last[2] == row["by"] and row["began_s"] - float(last[1]) < share * span_s(events):
            last[1] = max(float(last[1]), row["ended_s"])
        else:
            merged.append([row["began_s"], row["ended_s"], row["by"]])
    table = pd.DataFrame(merged, columns=["began_s", "ended_s", "by"])
    return table[table["ended_s"] - table["began_s"] >= share * span_s(events)].reset_index(drop=True)


def _few_limits(table: pd.DataFrame) -> pd.DataFrame:
    """Three limits by name, those that were waited for longest; the rest, of one that was long in learning, as one."""
    lasted = (table["ended_s"] - table["began_s"]).groupby(table["by"]).sum().sort_values(ascending=False)
    limits = [by for by in lasted.index if by[:1].isdigit()]
    return table.assign(by=table["by"].replace(dict.fromkeys(limits[3:], "other limits")))


def span_s(events: pd.DataFrame) -> float:
    """Return the time of the last event."""
    return float(events["t_s"].max()) if len(events) else 0.0


def limits_over_time(events: pd.DataFrame) -> list[tuple[float, tuple[Limit, ...]]]:
    """(from when on, limits) as the client kept them, in order."""
    rows = events[events["event"].isin(["SessionStarted", "LimitsSet", "Learned"])].sort_values("t_s", kind="stable")
    return [(float(t_s), limits_in(text)) for t_s, text in zip(rows["t_s"], rows["limits"])]


Kept = dict[Limit, list[tuple[float, float]]]  # when each limit was kept


def held(events: pd.DataFrame) -> Kept:
    """Return when each limit was kept, as (since, to), from the first request on; spans that touch are one."""
    end_s, steps = span_s(events), limits_over_time(events)
    spans: dict[Limit, list[tuple[float, float]]] = {}
    for (since, limits), to in zip(steps, [since for since, _ in steps[1:]] + [end_s]):
        for limit in dict.fromkeys(limits):
            kept = spans.setdefault(limit, [])
            if kept and kept[-1][1] == since:
                since_s = kept.pop()[0]
                kept.append((since_s, to))
            else:
                kept.append((since, to))
    return {limit: kept for limit, kept in spans.items() if sum(to - since for since, to in kept) > 0}


def workers_over_time(events: pd.DataFrame) -> list[tuple[float, int]]:
    """(from when on, workers), in order."""
    rows = events[events["event"].isin(["SessionStarted", "WorkersSet"])].sort_values("t_s", kind="stable")
    return [(float(t_s), int(workers)) for t_s, workers in zip(rows["t_s"], rows["workers"])]


def durations(events: pd.DataFrame) -> list[float]:
    """Return how long each session took: first request to last answer, without a person's pauses.

    As `harness.record.state` counts it, so that what a figure says of the duration is what the run's summary says.
    """
    sent = requests(events)
    took = []
    for number, rows in events.groupby("session", sort=True):
        of_it = sent[sent["session"] == number]
        if of_it.empty:
            took.append(0.0)
            continue
        paused_s = sum(_pauses_counted(rows, of_it))
        took.append(max(0.0, float(of_it["done_s"].max() - of_it["sent_s"].min()) - paused_s))
    return took


def _pauses_counted(session: pd.DataFrame, sent: pd.DataFrame) -> list[float]:
    """Return how long each pause that ended lasted, from the last answer on where that came after it began."""
    marks = session[session["event"].isin(["Paused", "Resumed"])]
    done, first_done_s = np.sort(sent["done_s"].to_numpy(float)), float(sent["done_s"].min())
    lasted, began = [], None
    for name, t_s in zip(marks["event"], marks["t_s"]):
        if name == "Paused":
            began = float(t_s)
        elif began is not None:
            if first_done_s <= t_s:  # else the duration had not begun
                last_s = float(done[np.searchsorted(done, t_s, side="right") - 1])
                lasted.append(max(0.0, float(t_s) - max(began, last_s)))
            began = None
    return lasted


def duration_s(events: pd.DataFrame) -> float:
    """Return the duration of the run: that of all its sessions."""
    return sum(durations(events))


def waited(events: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """Return the seconds asleep and the number of waits for each limit or reason, as the run's summary counts them.

    What was slept after the last answer of a session is left out, as are waits for retries alone; a probe belongs to
    the pause that it followed on.
    """
    found: dict[str, tuple[float, int]] = {}
    sent = requests(events)
    rows = events[(events["event"] == "Waited") & (events["reason"] != "retry")]
    for number, of_session in rows.groupby("session", sort=True):
        last_s = float(sent[sent["session"] == number]["done_s"].to_numpy(float).max(initial=-np.inf))
        for row in of_session.to_dict("records"):
            by = row["tier"] if isinstance(row["tier"], str) else row["reason"]
            asleep_s = float(row["asleep_s"])
            beyond_s = min(asleep_s, row["ended_s"] - max(row["began_s"], last_s))
            seconds, count = found.get(by, (0.0, 0))
            found[by] = (seconds + asleep_s - max(0.0, beyond_s), count + int(row["sleeps"]))
    pause = next((reason for reason in ("refused", "hold") if reason in found), None)
    if pause is not None and "probe" in found:
        (seconds, count), (more_s, more) = found[pause], found.pop("probe")
        found[pause] = (seconds + more_s, count + more)
    return dict(sorted(found.items()))


def in_flight(sent: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(times, how many of the requests `sent` were in flight from each on). An end comes before a beginning: a worker
    whose answer came sends its next request at the same moment.
    """
    times = np.concatenate([sent["done_s"], sent["sent_s"]])
    change = np.concatenate([-np.ones(len(sent)), np.ones(len(sent))])
    order = np.argsort(times, kind="stable")
    return times[order], np.cumsum(change[order]).astype(int)


def all_busy_s(events: pd.DataFrame) -> float:
    """Return for how long as many requests were in flight as there were workers."""
    sent, steps = requests(events), workers_over_time(events)
    if sent.empty or not steps:
        return 0.0
    times = np.concatenate([sent["done_s"], sent["sent_s"], [since for since, _ in steps]])
    change = np.concatenate([-np.ones(len(sent)), np.ones(len(sent)), np.zeros(len(steps))])
    order = np.argsort(times, kind="stable")
    at_s, busy = times[order], np.cumsum(change[order])
    which = np.searchsorted([since for since, _ in steps], at_s, side="right") - 1
    there = np.array([workers for _, workers in steps])[np.maximum(0, which)]
    return float(np.diff(at_s)[(busy >= there)[:-1]].sum())


# Bins that people can divide by: the least that gives no more than so many.
_BINS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)


def bins(end_s: float, most: int = 160) -> np.ndarray:
    """Return the edges of equal bins from 0 to just past `end_s`."""
    width = next((width for width in _BINS if end_s / width <= most), end_s / most)
    return np.arange(0.0, end_s + width, width) if end_s > 0 else np.array([0.0, 0.1])


def of_route(sent: pd.DataFrame, limit: Limit) -> pd.DataFrame:
    """Return the requests that `limit` counts."""
    return sent if limit.route == "*" else sent[sent["role"] == limit.route]


def left_of(limit: Limit, sent: pd.DataFrame, at_s: np.ndarray) -> np.ndarray:
    """Return how many more requests `limit` had room for at each of `at_s`: the limit less those of the last window.

    A request counts from when it was sent until a window after its answer: whenever in between it was counted, it is
    then forgotten. Never below 0. Refused ones are left out.
    """
    counted = of_route(sent[sent["outcome"] != "refused"], limit)
    ends = counted["answered_s"].fillna(counted["done_s"]) + (0.0 if limit.at_once else limit.period_s)
    begun = np.searchsorted(np.sort(counted["sent_s"].to_numpy(float)), at_s, side="right")
    over = np.searchsorted(np.sort(ends.to_numpy(float)), at_s, side="right")
    return np.asarray(np.maximum(0, limit.limit - (begun - over)))
