"""Sum a run up when it ends, in the order in which people ask: did it work, how fast, what now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import RenderableType
from rich.text import Text

from harness.flags import MOST_WORKERS
from harness.record.prediction import shown
from harness.record.status import RunStatus
from harness.record.summary import Ledger, LostTo, Summary, Waiting, efficiency_band
from harness.views.figures import items_said, least, list_text, predicted, refusals_text
from harness.views.screen import LOOKS, Row, Screen, folded, labelled, whole
from harness.views.text import count, duration, percent, plural, printable, together

# What to type next, by how it ended; `{run}` is its name.
NEXT: dict[RunStatus, tuple[str, ...]] = {
    RunStatus.RUNNING: ("watch {run}",),
    RunStatus.PAUSED: ("resume {run}",),
    RunStatus.COMPLETE: ("show {run}",),
    RunStatus.WITH_FAILURES: ("failed list {run}", "failed retry {run}"),
    RunStatus.STOPPED: ("resume {run}",),
    RunStatus.INTERRUPTED: ("resume {run}",),
    RunStatus.FAILED: ("resume {run}",),
}

# What a wait was for, where it was not for a limit.
REASONS = {
    "refused": "refusals",
    "probe": "a probe's answer",
    "hold": "pauses for all",
    "in flight": "answers",
    "account": "the account",
    "failing": "the server to recover",
}

# Above this share of best possible nobody asks where the rest went.
_GOOD = 0.97


def summary_text(
    summary: Summary,
    screen: Screen,
    *,
    program: str = "python -m harness",
    items: str | None = None,
    commands: Sequence[str] | None = None,
) -> str:
    """Return the figures of a run for people, a few lines without a newline at the end.

    program: how this program is typed. items: where the data is. commands: what to type next, after
    `-m harness` (None: by NEXT; `()`: nothing).
    """
    return screen.render(*summary_lines(summary, screen, program=program, items=items, commands=commands))


def summary_lines(
    summary: Summary,
    screen: Screen,
    *,
    program: str,
    items: str | None,
    commands: Sequence[str] | None = None,
    full: bool = False,
) -> list[RenderableType]:
    """Return the lines of `summary_text`, to be rendered together with more. full: with the reference efficiency."""
    templates = NEXT[summary.status] if commands is None else commands
    after = [] if items is None else [("items", items, "")]
    for at, template in enumerate(templates):
        command = template.replace("{run}", summary.run)
        after.append(("next" if at == 0 else "", f"{program} {command}", ""))
    rows = [*summary_rows(summary), *(reference_rows(summary) if full else ())]
    return [*_headline(summary, screen), *labelled(rows, screen), *whole(after)]


def _headline(summary: Summary, screen: Screen) -> list[Text]:
    look = LOOKS[summary.status]
    text = items_said(summary)
    if summary.failures:
        text += "; " + ", ".join(f"{count(number)} {why}" for why, number in summary.failures.items())
    elif summary.failed or not summary.forgotten:
        text += f", {count(summary.failed)} failed"
    if summary.forgotten:
        text += f", {count(summary.forgotten)} forgotten"
    head, room = f"{look.glyph} {look.word}", None if screen.width is None else max(20, screen.width - 2)
    first, *rest = folded(printable(f"{head}  {text}"), room)
    told = Text.assemble((first[: len(head)], f"bold {look.style}"), first[len(head) :])
    run = printable(f"run {summary.run}")
    if room is None or (not rest and len(first) + 3 + len(run) <= room):
        return [told.append(f"   {run}")]
    return [told, *(Text(f"  {line}") for line in [*rest, run])]


def summary_rows(summary: Summary) -> Iterable[Row]:
    if summary.status is RunStatus.INTERRUPTED:
        yield "why", summary.reason or "its process is gone; what was recorded is safe", ""
    elif summary.reason and summary.status.is_resumable:
        yield "why", summary.reason, "" if summary.status is RunStatus.STOPPED else "red"
    left = summary.pending + summary.waiting_items
    if left:
        waiting = f", {count(summary.waiting_items)} of them to be retried" if summary.waiting_items else ""
        yield "to do", f"{plural(left, 'item')} listed but not imported{waiting}", ""
    yield "duration", _duration(summary), ""
    if said := predicted(shown(summary.predictions)):
        yield "predicted", said.removeprefix("predicted "), ""
    if summary.speed != 1:
        took = f"it took {duration(summary.duration_s / summary.speed)} here"
        yield "speed", f"{summary.speed:,g} times: {took}; all times are the API's", ""
    yield from _measure(summary)
    yield from _speed(summary)
    yield "requests", _requests(summary), ""
    yield from _around(summary)
    if summary.list_ended is not None:
        yield "list", list_text(summary), "yellow" if summary.lacks_evidence else ""
    yield "waiting", _waiting(summary), ""
    if summary.latency_p50_s is not None:
        known = (("p50", summary.latency_p50_s), ("p95", summary.latency_p95_s), ("max", summary.latency_max_s))
        yield "latency", "  ".join(f"{name} {duration(at_s)}" for name, at_s in known if at_s is not None), ""
    if summary.server is not None:
        yield _server(summary, summary.server)


def _around(summary: Summary) -> Iterable[Row]:
    """Say who else used the limits, and what was assumed of the API."""
    if summary.shared_with:
        yield "shared", f"the limits with {together(summary.shared_with)}, which used them at the same time", ""
    if summary.assumed:
        yield "assumed", summary.assumed, ""


def reference_rows(summary: Summary) -> Iterable[Row]:
    """Yield the reference efficiency, shown only where a run is shown in full: it does not measure speed."""
    if summary.reference_efficiency is not None:
        share, band = summary.reference_efficiency, efficiency_band(summary.reference_efficiency)
        yield "reference efficiency", f"{percent(share)} {band} (not a measure of speed)", ""


def _duration(summary: Summary) -> str:
    text = duration(summary.duration_s)
    if summary.sessions > 1:
        text += f" in {count(summary.sessions)} sessions"
    if summary.of_learned is not None:
        return f"{text}   {least(summary)} → {percent(summary.of_learned, 1)} of the learned limits"
    if summary.optimality is not None:
        return f"{text}   {least(summary)} → {percent(summary.optimality, 1)} of best"
    return text


def _measure(summary: Summary) -> Iterable[Row]:
    """Say why a complete run has no share of the best possible, or that the declared limits are wrong."""
    if summary.refused_within:
        yield "limits", summary.refused_within, "yellow"
    elif summary.unmeasured and summary.status.is_complete and summary.sent:
        yield "of best", f"left out: {summary.unmeasured}", ""
    if summary.counted_as:
        yield "limits", summary.counted_as, "yellow"


def _speed(summary: Summary) -> Iterable[Row]:
    """Say how far the run was from the best possible, where there is something to say."""
    if summary.greedy_s is not None and not summary.bound_exact and summary.optimality is not None:
        yield "greedy", f"sending as early as the limits allow takes {duration(summary.greedy_s)}", ""
    if lost := lost_said(summary):
        yield "lost to", lost, "yellow"


def lost_said(summary: Summary) -> str:
    """`4.8 s too few workers (1; 3 suffice); 1.2 s refusals`; "" of a run that was about as fast as possible."""
    if summary.lost_to is None or summary.optimality is None or summary.optimality >= _GOOD:
        return ""
    return _lost(summary.lost_to, summary.workers, summary.enough_workers, others=bool(summary.shared_with))


def _enough(workers: int) -> str:
    return f"{count(workers)} suffice" if workers <= MOST_WORKERS else f"even {count(MOST_WORKERS)} are not enough"


def _lost(lost: LostTo, workers: int, enough: int | None, others: bool) -> str:
    missing = enough is not None and enough > workers
    shares = [
        (
            lost.workers_s,
            "too few workers",
            f" ({count(workers)}; {_enough(enough or 0)})" if missing else "",
        ),
        (lost.refusals_s, "refusals", ""),
        (lost.retries_s, "retries", ""),
        (lost.other_s, "other runs, latency and over-long waits" if others else "latency and over-long waits", ""),
    ]
    largest_first = sorted(shares, key=lambda share: -share[0])
    return "; ".join(f"{duration(seconds)} {what}{more}" for seconds, what, more in largest_first if seconds >= 0.05)


def _requests(summary: Summary) -> str:
    text = f"{count(summary.sent)}   {plural(summary.requests_page, 'page')} + {plural(summary.requests_item, 'item')}"
    text += f" + {plural(summary.requests_token, 'token')}" if summary.requests_token else ""
    if summary.requests_saved:
        how = f": {', '.join(summary.saved_by)}" if summary.saved_by else ""
        text += f"; saved {plural(summary.requests_saved, 'request')}{how}"
    text += f"; {refusals_text(summary.refusals)}"
    return f"{text}; without an answer: {count(summary.lost)}" if summary.lost else text


def _waiting(summary: Summary) -> str:
    """`38.2 s   2 waits, both for 500/20s; active 2.4 s`."""
    parts = [wait for wait in summary.waits if wait.count or wait.seconds >= 0.05]
    active = f"active {duration(summary.active_s)}"
    if not parts and summary.waiting_s < 0.05:
        return f"none; {active}"
    return f"{duration(summary.waiting_s)}   {_waits(summary, parts)}; {active}"


def _waits(summary: Summary, parts: Sequence[Waiting]) -> str:
    if not parts:
        return "no waits"
    if len(parts) == 1:
        only = parts[0]
        all_of = {1: "", 2: ", both"}.get(only.count, ", all")
        return f"{plural(only.count, 'wait')}{all_of} for {_by(only)}" if only.count else f"short waits for {_by(only)}"
    counted = _each([wait for wait in parts if wait.count], " for ")
    short = _each([wait for wait in parts if not wait.count], " of short waits for ")
    if not counted:
        return short
    return f"{plural(summary.sleeps, 'wait')}: {counted}" + (f"; plus {short}" if short else "")


def _each(waits: Sequence[Waiting], of: str) -> str:
    return ", ".join(f"{duration(wait.seconds)}{of}{_by(wait)}" for wait in waits)


def _by(wait: Waiting) -> str:
    return REASONS.get(wait.by, wait.by)


def _server(summary: Summary, server: Ledger) -> Row:
    if server.agrees:
        # Each session of ours has a server of its own, which knows nothing of those before.
        agrees = "agrees" if summary.sessions == 1 else "agrees on the last session"
        faults = (
            f" ({count(server.faults)} of them answered with a fault that looks like a refusal)"
            if server.faults
            else ""
        )
        return "server", f"{agrees}: {count(server.admitted)} admitted{faults}, {count(server.refused)} refused", ""
    lost = f" ({count(summary.lost)} of them without an answer)" if summary.lost else ""
    told = f"it admitted {count(server.admitted)} and refused {count(server.refused)}"
    if summary.sessions > 1:  # what the client counted is known of all sessions together
        return "server", f"DISAGREES on the last session: {told}; the client's own count differs", "bold red"
    here = f"the client counted {count(summary.sent - summary.refused)}{lost} and {count(summary.refused)}"
    return "server", f"DISAGREES: {told}; {here}", "bold red"
