"""A run as pieces of HTML, by the names of the places where the widget puts them.

Everything that comes from a server or a file goes through `esc`.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.record.events import fetch_name
from harness.record.live import Live, LiveTier
from harness.record.run_view import RunView
from harness.record.status import RunStatus
from harness.record.summary import Summary
from harness.views.figures import items_of, items_said, list_text, prediction_parts, refusals_said, refusals_text
from harness.views.frame import sentence
from harness.views.panel.chart import chart
from harness.views.panel.failures import MOST_GROUPS, FailureGroup, cells, grouped
from harness.views.panel.pieces import (
    TONES as TONES,
    badge as badge,
    card as card,
    esc as esc,
    facts as facts,
    table as table,
)
from harness.views.source import source_text
from harness.views.summary import lost_said
from harness.views.text import UNKNOWN, count, countdown, duration, eta, percent, plural, share_done, together

# In the order in which they stand.
PLACES = ("head", "bar", "now", "totals", "quality", "limits", "chart", "failures", "workers", "learned")
# More workers than this are a number, not a list.
_SHOWN_WORKERS = 24
# A page without widgets has no way to open a group.
_EXAMPLES = 5
# Where `auto` imports our own test API, it kept to what it had learned; only the best possible goes by the truth.
_SOURCES = {"test API": "learned; best possible is by the test API's own"}


def sections(now: RunView, now_utc_s: float) -> dict[str, str]:
    """Return what the panel shows of `now`, by place; an empty text leaves its place out."""
    return {
        "head": _head(now),
        "bar": bar(now),
        "now": card("Now", _now(now)) if now.status.is_open else card("Outcome", _outcome(now)),
        "totals": card("Totals", _totals(now)),
        "quality": card("Quality", _quality(now)),
        "limits": card("Limits", _limits(now)),
        "chart": card("", chart(now.timeline)),
        "failures": card("Failures", _failures(grouped(now.failures), now_utc_s)),
        "workers": card("Workers", _workers(now)),
        "learned": card("Learned limits, and why", _learned(now)),
    }


def spoken(now: RunView) -> str:
    """Describe the run in one sentence for people who use a screen reader."""
    figures = now.summary
    done = f"{figures.run}: {figures.status}, {items_said(figures)}"
    if now.live is None or not now.status.is_open:
        return f"{done}, {count(figures.failed)} failed, {duration(figures.duration_s)}."
    words, _ = sentence(figures, now.live)
    return f"{done}, {words}, {refusals_said(figures.hits, figures.refusals)}."


def _head(now: RunView) -> str:
    where = source_text(now.settings) if now.settings.in_force else ""
    beside = f'<span class="hx-dim">{esc(where)}</span>' if where else ""
    return f'<div class="hx-title"><strong>{esc(now.run)}</strong> {badge(now.status)} {beside}</div>'


def bar(now: RunView) -> str:
    """Return the large bar with `n of total`; of a list that does not say how many there are, the numbers alone."""
    figures = now.summary
    done, total = figures.imported, figures.total or 0
    share = share_done(done, total) if figures.total is not None else UNKNOWN
    beside = " · ".join(_beside_bar(now))
    words = f"<span><b>{items_of(figures)}</b> items · {share}</span><span>{beside}</span>"
    if figures.total is None:
        return f'<div class="hx-barwords">{words}</div>'
    width = 100.0 if total == 0 else 100 * done / total
    failed = 0.0 if total == 0 else 100 * figures.failed / total
    about = f'aria-valuemin="0" aria-valuemax="{total}" aria-valuenow="{done}"'
    text = f'aria-label="items imported" aria-valuetext="{items_said(figures)}, {share}"'
    fill = f'<div class="hx-fill" style="width:{width:.2f}%"></div>'
    fill += f'<div class="hx-fill hx-failed" style="width:{failed:.2f}%"></div>' if figures.failed else ""
    return f'<div class="hx-bar" role="progressbar" {about} {text}>{fill}</div><div class="hx-barwords">{words}</div>'


def _beside_bar(now: RunView) -> Iterator[str]:
    figures, live = now.summary, now.live
    if figures.failed:
        yield f"{count(figures.failed)} failed"
    if live is not None and figures.status is RunStatus.RUNNING:
        yield f"ETA {esc(eta(live.eta_s, live.now_utc_s))}"
    elif not now.status.is_open:
        yield f"took {duration(figures.duration_s)}"


def _now(now: RunView) -> str:
    live = now.live
    if live is None or not now.status.is_open:
        return ""
    words, style = sentence(now.summary, live)
    tone = {"green": "good", "yellow": "mind", "red": "bad"}.get(style, "now")
    rows = [("in flight", f"{count(live.in_flight)} of {plural(live.workers, 'worker')}", "")]
    if live.others:
        rows.append(("limits shared", f"with {esc(together(live.others))}", ""))
    if live.retrying:
        left_s = None if live.next_retry_utc_s is None else live.next_retry_utc_s - live.now_utc_s
        when = "" if left_s is None else f"next in {countdown(left_s)}" if left_s > 0 else "next now"
        rows.append(("to be retried", count(live.retrying), when))
    return f'<p class="hx-now hx-{tone}">{esc(words)}</p>{facts(rows)}'


def _outcome(now: RunView) -> str:
    figures = now.summary
    rows = [("forgotten", count(figures.forgotten), "failures that were accepted")] if figures.forgotten else []
    why = f'<p class="hx-why">{esc(figures.reason)}</p>' if figures.reason else ""
    return why + facts(rows) if why or rows else ""


def _totals(now: RunView) -> str:
    figures = now.summary
    waits = plural(figures.sleeps, "wait")
    # At the end what came after the last answer does not count, so that the same names would jump at Stop.
    so_far = " so far" if now.status.is_open else ""
    kinds = f"{plural(figures.requests_page, 'page')} + {plural(figures.requests_item, 'item')}"
    kinds += f" + {plural(figures.requests_token, 'token')}" if figures.requests_token else ""
    return facts(
        [
            ("elapsed", duration(now.elapsed_s, whole=True), "so far") if now.status.is_open else _duration(figures),
            (f"active{so_far}", duration(now.elapsed_s - now.waiting_s, whole=now.status.is_open), ""),
            (f"waiting{so_far}", duration(now.waiting_s, whole=now.status.is_open), waits),
            ("requests", count(figures.sent), kinds),
            *_predicted(now),
        ]
    )


def _predicted(now: RunView) -> Iterator[tuple[str, str, str]]:
    """How long it was said to take, where that could be said, beside what came of it."""
    made = now.prediction
    if made is not None:
        interval, came = prediction_parts(made)
        session = f"session {count(made.session)}: " if made.session > 1 else ""
        yield "predicted", f"{session}{interval}", esc(came)


def _duration(figures: Summary) -> tuple[str, str, str]:
    """Shorter than what had elapsed when a run is stopped in a wait, so that it says what it counts."""
    sessions = "" if figures.sessions <= 1 else f", {figures.sessions} sessions"
    return "duration", duration(figures.duration_s), f"first request to last answer{sessions}"


def _quality(now: RunView) -> str:
    figures = now.summary
    rows = [
        _of_best(now),
        *([("lost to", esc(lost), "")] if (lost := lost_said(figures)) else []),
        ("refused", refusals_text(figures.refusals), _per_1000(figures)),
    ]
    if figures.latency_p50_s is not None:
        rows.append(("latency", duration(figures.latency_p50_s), f"p95 {duration(figures.latency_p95_s)}"))
    if figures.server is not None:
        said = "agrees" if figures.server.agrees else "DISAGREES"
        counted = f"{count(figures.server.admitted)} admitted, {count(figures.server.refused)} refused"
        rows.append(("server", said, counted if figures.sessions == 1 else f"{counted}, of the last session"))
    ended = f"<p><small>list</small> {esc(list_text(figures))}</p>" if figures.list_ended else ""
    return facts(rows) + ended


def _of_best(now: RunView) -> tuple[str, str, str]:
    figures, live = now.summary, now.live
    if figures.optimality is not None:
        return (
            "of best possible",
            f"<b>{percent(figures.optimality, 1)}</b>",
            f"best possible {duration(figures.bound_s)}",
        )
    running = now.status.is_open and figures.status is RunStatus.RUNNING
    if running and live is not None and now.expected_optimality is not None:
        best = "" if live.best_s is None else f"so far; best possible {duration(live.best_s, whole=True)}"
        return "of best possible", f"<b>{percent(now.expected_optimality, 1)}</b>", best
    if figures.of_learned is not None:
        learned = f"of the learned limits, which take {duration(figures.bound_s)}"
        return "of best possible", f"<b>{percent(figures.of_learned, 1)}</b>", learned
    return "of best possible", UNKNOWN, esc(figures.refused_within or figures.unmeasured)


def _per_1000(figures: Summary) -> str:
    return f"{figures.refused_per_1000:.1f} per 1,000 requests" if figures.refused else ""


def _limits(now: RunView) -> str:
    live = now.live
    if live is None or not now.status.is_open:
        limits, source = now.summary.limits, now.summary.limits_source
        source = _SOURCES.get(source, source)
        return f"<p>{esc(limits)} <small class=hx-dim>{esc(source)}</small></p>" if limits else ""
    if not live.tiers:  # nothing is known of them yet, or not how much of them is left
        return f"<p>{esc(now.summary.limits or 'none known yet')}</p>"
    return "".join(_gauge(tier) for tier in live.tiers)


def _gauge(tier: LiveTier) -> str:
    """Draw how much of one limit is left, as a gauge with its numbers."""
    left = 100 * tier.left / tier.limit if tier.limit else 0.0
    opens = "" if tier.opens_in_s is None else f" · opens in {countdown(tier.opens_in_s)}"
    words = f"<b>{count(tier.left)} left</b> of {count(tier.limit)}{opens}"
    range_ = f'aria-valuemin="0" aria-valuemax="{tier.limit}" aria-valuenow="{tier.left}"'
    about = f'aria-label="{esc(tier.text)}: left" {range_}'
    gauge = f'<div class="hx-gauge" role="meter" {about}><div style="width:{min(100.0, left):.1f}%"></div></div>'
    name = f"<span><b>{esc(tier.text)}</b> <small class=hx-dim>{esc(tier.source)}</small></span>"
    return f'<div class="hx-limit">{name}<span>{words}</span>{gauge}</div>'


def _workers(now: RunView) -> str:
    live = now.live
    if live is None or not now.status.is_open:
        return ""
    if live.workers > _SHOWN_WORKERS:
        return f"<p>{count(live.in_flight)} of {count(live.workers)} workers have a request in flight</p>"
    busy = [
        f"<li>{esc(fetch_name(f.role, f.key))}{_attempt(f.attempt)} <small>{duration(f.for_s)}</small></li>"
        for f in live.flights
    ]
    idle = "<li class=hx-idle>" + esc(_idle(now, live)) + "</li>"
    return f"<ul class=hx-workers>{''.join(busy[: live.workers])}{idle * max(0, live.workers - len(busy))}</ul>"


def _attempt(number: int) -> str:
    return f", attempt {number}" if number > 1 else ""


def _idle(now: RunView, live: Live) -> str:
    """Say what a worker without a request does."""
    if now.summary.status is RunStatus.PAUSED:
        return "paused"
    return {"limit": f"waits for {live.tier}", "refused": "paused (refused)", "probe": "waits for the probe"}.get(
        live.doing, "idle"
    )


def _failures(groups: list[FailureGroup], now_utc_s: float) -> str:
    if not groups:
        return ""
    rest = sum(len(group.failures) for group in groups[MOST_GROUPS:])
    more = f"<p class=hx-dim>and {plural(rest, 'failure')} for other reasons</p>" if rest else ""
    rows = (_failure(group, now_utc_s) for group in groups[:MOST_GROUPS])
    return table(("what", "why", "again", "which"), rows) + more


def _failure(group: FailureGroup, now_utc_s: float) -> tuple[str, ...]:
    names = [name for _, name, _ in cells(group, now_utc_s)[:_EXAMPLES]]
    more = len(group.failures) - len(names)
    which = ", ".join(names) + (f" and {count(more)} more" if more else "")
    return tuple(esc(text) for text in (group.title, group.words, group.again, which))


def _learned(now: RunView) -> str:
    return facts((what, esc(why), "") for what, why in now.learned.items()) if now.learned else ""
