"""A running import in three lines (more where the terminal is narrow): what, how far, and what it does now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from harness.record.live import Live
from harness.record.prediction import shown
from harness.record.quota import is_used_up
from harness.record.run_view import RunView
from harness.record.status import RunStatus
from harness.record.summary import Summary
from harness.views.figures import other_refusals, predicted
from harness.views.screen import cut, folded
from harness.views.text import (
    clock,
    count,
    countdown,
    duration,
    eta,
    next_time,
    plural,
    printable,
    progress,
    share_done,
)

Piece = tuple[str, str]  # words, style

_BAR = (10, 20)  # least and most columns


@dataclass(frozen=True, slots=True)
class Doing:
    """A state of an import: one word for machines, a sentence for people, and one for when no end is known."""

    word: str
    style: str
    sentence: str
    endless: str


# The keys are those of Live.doing; whatever else a driver says is shown as it is.
DOINGS = {
    "working": Doing("working", "green", "importing", "importing"),
    "reading": Doing("working", "green", "reading the list{listed}", "reading the list{listed}"),
    "limit": Doing("waiting", "yellow", "waiting {left} for {tier}, next {at}", "waiting for {tier}"),
    "in flight": Doing("waiting", "yellow", "waiting for answers{full}", "waiting for answers{full}"),
    "refused": Doing(
        "refused",
        "red",
        "paused {left}: the server refused, all workers wait for one probe",
        "paused: the server refused, all workers wait for one probe",
    ),
    "failing": Doing(
        "failing",
        "red",
        "everything fails: paused {left}, then one request probes",
        "everything fails: paused until one request has probed",
    ),
    "probe": Doing("probing", "red", *["probing: all workers wait for the answer to one request"] * 2),
    "account": Doing("waiting", "yellow", *["waiting for the account that it shares with other runs"] * 2),
    "hold": Doing("held", "yellow", "all workers pause for {left}, until {at}", "all workers pause"),
    "retry": Doing("retrying", "yellow", *["{done} done, last retry at {last}"] * 2),
    "paused": Doing("paused", "yellow", *["paused by hand; no new requests are sent"] * 2),
    "requests": Doing("stopping", "yellow", *["as many requests as allowed are sent: waiting for their answers"] * 2),
    "stopping": Doing("stopping", "yellow", *["stopping after the requests in flight (Ctrl-C again: at once)"] * 2),
}


def doing(so_far: Summary, live: Live) -> Doing:
    """Return what the import does now, by the words of DOINGS."""
    if not so_far.status.is_open:
        return Doing(so_far.status.replace(" ", "-"), "bold", so_far.status, so_far.status)
    # Answers to the list are all there is to wait for until the first item came.
    early = live.doing in ("working", "in flight") and live.tier is None and not so_far.imported + so_far.failed
    key = "reading" if early else live.doing
    return DOINGS.get(key) or Doing(key.replace(" ", "-"), "", *[key.replace("{", "{{").replace("}", "}}")] * 2)


def sentence(so_far: Summary, live: Live) -> Piece:
    """`waiting 38 s for 100/1m, next 18:05:02`, with its colour."""
    what = doing(so_far, live)
    if live.quota_until_utc_s is not None and so_far.status.is_open:
        return used_up(so_far, live, live.quota_until_utc_s), what.style
    left_s = None if live.until_utc_s is None else live.until_utc_s - live.now_utc_s
    words = (what.endless if left_s is None else what.sentence).format(
        left="" if left_s is None else countdown(left_s),
        at=clock(live.until_utc_s),
        tier=live.tier or "a limit",
        full=f" ({live.tier} is full)" if live.tier else "",
        listed=f", {count(so_far.listed)} found" if so_far.listed else "",
        done=count(so_far.imported),
        last=clock(live.last_retry_utc_s),
    )
    return words, what.style


def used_up(so_far: Summary, live: Live, until_utc_s: float) -> str:
    """`the limit 1000/1d is used up: goes on at 06:00 tomorrow (in 7 h 12 min); 3,210 items are left`."""
    at = next_time(until_utc_s, live.now_utc_s)
    when = f"goes on at {at} (in {countdown(until_utc_s - live.now_utc_s)})"
    done = so_far.imported + so_far.failed + so_far.forgotten
    left = max(so_far.total or 0, so_far.listed) - done
    of = "" if so_far.total is not None else "of those listed so far "
    items = f"; {plural(left, 'item')} {of}{'is' if left == 1 else 'are'} left" if left > 0 else ""
    return f"{is_used_up(live.tier, live.doing)}: {when}{items}"


def frame(view: RunView, width: int) -> list[Text]:
    """Return the lines to show now, none wider than `width` columns; none where no session is under way."""
    live = view.live
    if live is None:
        return []
    lines = [*flow(_facts(view.summary, live), "  ", width), *_how_far(view, live, width)]
    now, counters = sentence(view.summary, live), _counters(view.summary, live)
    together = flow([now, *counters], " | ", width)
    # Where they do not fit beside it, the counters keep a line of their own, so that they do not jump about.
    return [*lines, *(together if len(together) == 1 else [*flow([now], "", width), *flow(counters, " | ", width)])]


def flow(pieces: Iterable[Piece], between: str, width: int) -> list[Text]:
    """Pieces side by side, on a new line where the next would not fit; cut only where a word alone does not."""
    lines: list[Text] = [Text()]
    for words, style in pieces:
        for chunk in folded(printable(words), width):
            text = cut(chunk, width)
            if lines[-1].plain and lines[-1].cell_len + len(between) + cell_len(text) > width:
                lines.append(Text())
            if lines[-1].plain:
                lines[-1].append(between, "dim")
            lines[-1].append(text, style)
    return lines


def _facts(figures: Summary, live: Live) -> list[Piece]:
    sources = " and ".join(dict.fromkeys(tier.source for tier in live.tiers))
    limits = f"limits {figures.limits} {sources}".rstrip() if figures.limits else "no limits known"
    best = "" if live.best_s is None else f"best possible {duration(live.best_s, whole=live.best_s >= 1)}"
    said = predicted(shown(figures.predictions))
    return [(figures.run, "bold"), (limits, ""), *((piece, "") for piece in (best, said) if piece)]


def _how_far(view: RunView, live: Live, width: int) -> list[Text]:
    figures = view.summary
    items = progress(figures.imported, figures.total, figures.listed)
    times = [(_time(view), "")]
    if figures.status is RunStatus.RUNNING and live.doing not in ("paused", "stopping"):
        times.append((f"ETA {eta(live.eta_s, live.now_utc_s)}", ""))
    total = figures.total
    if total is None:
        return flow([(f"{items} items", "bold"), *times], ", ", width)
    # As wide as it will ever be, so that the bar stands still.
    head = f"{items:>{2 * len(count(total)) + 1}}  {share_done(figures.imported, total):>4}  "
    beside = ", ".join(words for words, _ in times)
    room = width - len(head)
    room_beside = room - 2 - len(beside)
    if room_beside >= _BAR[0]:
        return [Text.assemble((head, "bold"), bar(figures.imported, total, min(room_beside, _BAR[1])), "  ", beside)]
    if room < _BAR[0]:
        return flow([(head.strip(), "bold"), *times], "  ", width)
    first = Text.assemble((head, "bold"), bar(figures.imported, total, min(room, _BAR[1])))
    return [first, *flow(times, ", ", width)]


def _time(view: RunView) -> str:
    """Return the time elapsed; of an ended run the duration, which may be less: it ends with the last answer."""
    if view.status.is_open:
        return f"{duration(view.elapsed_s, whole=True)} elapsed"
    return f"duration {duration(view.summary.duration_s)}"


def bar(done: int, total: int, columns: int) -> Text:
    """`━━━━╸──────`: in half columns, and full only when all is done."""
    halves = min(2 * columns, 2 * columns * done // total) if total > 0 else 2 * columns
    full, half = divmod(halves, 2)
    return Text.assemble(("━" * full + "╸" * half, "green"), ("─" * (columns - full - half), "dim"))


def _counters(figures: Summary, live: Live) -> list[Piece]:
    hits = figures.hits
    pieces = [
        (f"in flight {count(live.in_flight)}", ""),
        (f"429s {count(hits)}", "red" if hits else ""),
        *((f"{status}: {count(number)}", "red") for status, number in other_refusals(figures.refusals).items()),
        (f"failed {count(figures.failed)}", "red" if figures.failed else ""),
    ]
    if live.retrying:
        left_s = None if live.next_retry_utc_s is None else live.next_retry_utc_s - live.now_utc_s
        when = "" if left_s is None else f" (in {countdown(left_s)})" if left_s > 0 else " (now)"
        pieces.append((f"retrying {count(live.retrying)}{when}", "yellow"))
    return pieces
