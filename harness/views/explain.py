"""Explain in words why nothing was sent at a moment of a run, and what an audit of its list found."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from harness.record.explain import Audit, Explanation, SessionSpan
from harness.views.screen import Row, Screen, labelled
from harness.views.text import count, duration, plural, printable, time_of_day

_SHOWN = 10


def audit_text(audit: Audit, screen: Screen) -> str:
    """Lines below the summary of the session that read the list again."""
    rows: list[Row] = [("listed", f"{plural(audit.listed, 'item')} now{_unless(audit.whole)}", "")]
    missed = "no item was missed" if not audit.missed else _some(audit.missed, "missed by the first reading")
    rows.append(("missed", missed, "yellow" if audit.missed else "green"))
    if audit.gone:
        rows.append(("gone", _some(audit.gone, f"no longer listed; {_copies(audit.gone)}"), ""))
    elif audit.whole:
        rows.append(("gone", "every item is still listed", ""))
    return screen.render(*labelled(rows, screen))


def _unless(whole: bool) -> str:
    return "" if whole else "; it is not proven that these are all, so gone items cannot be named"


def _copies(items: Sequence[int | str]) -> str:
    return "its imported copy stays" if len(items) == 1 else "their imported copies stay"


def _some(items: Sequence[int | str], what: str) -> str:
    names = ", ".join(printable(str(item)) for item in items[:_SHOWN])
    more = f" and {count(len(items) - _SHOWN)} more" if len(items) > _SHOWN else ""
    return f"{plural(len(items), 'item')} {what}: {names}{more}"


_WAITS = {
    "limit": "waiting for {limit}",
    "in flight": "waiting for an answer: until it came, it was not known when {limit} would open",
    "refused": "all workers paused after a refusal",
    "probe": "all workers waited for the answer to one probe after a pause",
    "hold": "all workers paused",
    "account": "waiting for the account that it shares with other runs, which did not answer",
    "failing": "paused because everything failed",
    "retry": "only items that waited for a retry were left",
}


def explain_text(run: str, told: Explanation, screen: Screen) -> str:
    """Return a few lines: the moment, the reason, and what was known then."""
    at = time_of_day(told.at_utc_s, told.began_run_utc_s, seconds=True)
    since_s = told.at_utc_s - told.began_run_utc_s
    side = f"{duration(abs(since_s))} {'after' if since_s >= 0 else 'before'} its start"
    head = Text(printable(f"run {run} at {at}, {side}"), "bold")
    return screen.render(head, *labelled(_rows(told), screen))


def _rows(told: Explanation) -> list[Row]:
    rows: list[Row] = [("why", _why(told), "yellow" if told.why != "sending" else "green")]
    if told.session is None:
        return rows
    if told.began_utc_s is not None:
        rows.append(("from", _when(told, told.began_utc_s), ""))
        until = told.ended_utc_s
        rows.append(("to", "the end of what is recorded" if until is None else _when(told, until), ""))
    if told.used is not None:
        rows.append(
            ("counted", f"{plural(told.used, 'request')} sent within the period of {told.limit} or in flight", "")
        )
    rows.append(("in flight", f"{count(told.in_flight)} of {plural(told.workers, 'worker')}", ""))
    rows.append(("ready", _ready(told), ""))
    sent = [("last sent", told.last_sent_utc_s), ("next sent", told.next_sent_utc_s)]
    rows += [(what, _when(told, time), "") for what, time in sent if time is not None]
    rows.append(("limits", told.limits or "none known", ""))
    return rows


def _why(told: Explanation) -> str:
    match told.why:
        case "before":
            return "the run had not begun"
        case "after":
            return f"not running: {_ended(told.before)}"
        case "between":
            return f"not running: {_ended(told.before)}, the next began {_at(told, told.after)}"
        case "paused":
            return "paused by a person"
        case "waiting":
            return _WAITS.get(told.reason, told.reason).format(limit=told.limit or "a limit")
        case "rhythm":
            return f"sending, as fast as slots of {told.limit or 'the limit'} come free"
        case "workers":
            return f"lack of workers: all {count(told.workers)} were waiting for answers"
        case "no work":
            return _no_work(told)
        case _:
            return "sending"


def _no_work(told: Explanation) -> str:
    if told.pages_in_flight:
        return f"lack of work: the list was still being read, {plural(told.pages_in_flight, 'page')} in flight"
    if told.in_flight:
        return "lack of work: the last requests were in flight"
    return "lack of work: nothing was left to send"


def _ready(told: Explanation) -> str:
    text = plural(told.ready, "item")
    if not told.later:
        return text
    again = "" if told.next_retry_utc_s is None else f", the next {_when(told, told.next_retry_utc_s)}"
    return f"{text}; {count(told.later)} waiting for a retry{again}"


def _ended(session: SessionSpan | None) -> str:
    if session is None:
        return "it had not begun"
    how = session.status or "its process was gone"
    why = f" ({session.reason})" if session.reason else ""
    return (
        f"session {session.number} had ended ({how}){why} "
        f"at {time_of_day(session.ended_utc_s, session.began_utc_s, seconds=True)}"
    )


def _at(told: Explanation, session: SessionSpan | None) -> str:
    return "-" if session is None else f"at {time_of_day(session.began_utc_s, told.at_utc_s, seconds=True)}"


def _when(told: Explanation, time_utc_s: float) -> str:
    """`18:04:10 (14.2 s earlier)`."""
    apart_s = time_utc_s - told.at_utc_s
    side = f"{duration(abs(apart_s))} {'later' if apart_s > 0 else 'earlier'}"
    return f"{time_of_day(time_utc_s, told.at_utc_s, seconds=True)} ({side})"
