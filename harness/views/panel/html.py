"""A run as pieces of HTML, by the names of the places where the widget puts them.

Everything that comes from a server or a file goes through `esc`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from html import escape

from harness.record.events import fetch_name
from harness.record.live import Live, LiveTier
from harness.record.run_view import RunView
from harness.record.state import Failure
from harness.record.status import RunStatus
from harness.record.summary import Summary
from harness.views.figures import items_of, items_said, list_text, refusals_said, refusals_text
from harness.views.frame import sentence
from harness.views.screen import LOOKS
from harness.views.text import UNKNOWN, count, countdown, duration, eta, percent, plural, share_done, time_of_day

# Of a status, which colour; glyph and word say the same without it.
TONES = {"cyan": "now", "green": "good", "yellow": "mind", "red": "bad"}


def esc(text: object) -> str:
    """Escape text for HTML, in quotes too."""
    return escape(str(text), quote=True)


def badge(status: RunStatus) -> str:
    """`● running`: glyph, word and colour."""
    look = LOOKS[status]
    return (
        f'<span class="hx-badge hx-{TONES[look.style]}"><span aria-hidden="true">{look.glyph}</span> {look.word}</span>'
    )


def facts(rows: Iterable[tuple[str, str, str]]) -> str:
    """Label, value (HTML) and a remark (HTML, may be empty), one below the other."""
    return (
        "<dl>"
        + "".join(f"<dt>{esc(label)}</dt><dd>{value}{_remark(more)}</dd>" for label, value, more in rows)
        + "</dl>"
    )


def _remark(more: str) -> str:
    return f' <small class="hx-dim">{more}</small>' if more else ""


def card(title: str, body: str, more: str = "") -> str:
    """Return a titled box; nothing at all where there is nothing in it."""
    return f'<section class="hx-card{more}"><h4>{esc(title)}</h4>{body}</section>' if body else ""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], right: Iterable[int] = ()) -> str:
    """Make a table of rows of HTML cells below their heads; the columns in `right` hold numbers."""
    at_right = set(right)

    def cells(row: Iterable[str], tag: str, more: str = "") -> str:
        sides = (" class=hx-right" if at in at_right else "" for at in itertools.count())
        return "".join(f"<{tag}{more}{side}>{cell}</{tag}>" for side, cell in zip(sides, row))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    head = f"<thead><tr>{cells(heads, 'th', ' scope=col')}</tr></thead>"
    return f'<div class="hx-scroll"><table class="hx-table">{head}<tbody>{body}</tbody></table></div>'


# In the order in which they stand.
PLACES = ("head", "now", "totals", "quality", "limits", "workers", "failures", "learned")
# More workers than this are a number, not a list.
_SHOWN_WORKERS = 24
_LONGEST = 60
# What fits on a screen; all of them are what `failed` lists.
_LATEST = 8
# Where `auto` imports our own test API, it kept to what it had learned; only the best possible goes by the truth.
_SOURCES = {"test API": "learned; best possible is by the test API's own"}


def sections(now: RunView, now_utc_s: float) -> dict[str, str]:
    """Return what the panel shows of `now`, by place; an empty text leaves its place out."""
    return {
        "head": _head(now),
        "now": card("Now", _now(now)),
        "totals": card("Totals", _totals(now)),
        "quality": card("Quality", _quality(now)),
        "limits": card("Limits", _limits(now), " hx-wide"),
        "workers": card("Workers", _workers(now), " hx-wide"),
        "failures": card("Latest failures", _failures(now, now_utc_s), " hx-wide"),
        "learned": card("Learned limits, and why", _learned(now), " hx-wide"),
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
    figures = now.summary
    why = f'<p class="hx-why">{esc(figures.reason)}</p>' if figures.reason and not now.status.is_open else ""
    return f'<div class="hx-title"><strong>{esc(figures.run)}</strong> {badge(figures.status)}</div>{bar(now)}{why}'


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
    if live.retrying:
        left_s = None if live.next_retry_utc_s is None else live.next_retry_utc_s - live.now_utc_s
        when = "" if left_s is None else f"next in {countdown(left_s)}" if left_s > 0 else "next now"
        rows.append(("to be retried", count(live.retrying), when))
    return f'<p class="hx-now hx-{tone}">{esc(words)}</p>{facts(rows)}'


def _totals(now: RunView) -> str:
    figures = now.summary
    waits = plural(figures.sleeps, "wait")
    # At the end what came after the last answer does not count, so that the same names would jump at Stop.
    so_far = " so far" if now.status.is_open else ""
    kinds = f"{plural(figures.requests_page, 'page')} + {plural(figures.requests_item, 'item')}"
    kinds += f" + {plural(figures.requests_token, 'token')}" if figures.requests_token else ""
    return facts(
        [
            (
                "imported",
                f"<b>{count(figures.imported)}</b>",
                f"{count(figures.failed)} failed" if figures.failed else "",
            ),
            ("elapsed", duration(now.elapsed_s, whole=True), "so far") if now.status.is_open else _duration(figures),
            (f"active{so_far}", duration(now.elapsed_s - now.waiting_s, whole=now.status.is_open), ""),
            (f"waiting{so_far}", duration(now.waiting_s, whole=now.status.is_open), waits),
            ("requests", count(figures.sent), kinds),
            *([("list", esc(list_text(figures)), "")] if figures.list_ended else []),
        ]
    )


def _duration(figures: Summary) -> tuple[str, str, str]:
    """Shorter than what had elapsed when a run is stopped in a wait, so that it says what it counts."""
    sessions = "" if figures.sessions <= 1 else f", {figures.sessions} sessions"
    return "duration", duration(figures.duration_s), f"first request to last answer{sessions}"


def _quality(now: RunView) -> str:
    figures = now.summary
    rows = [
        _of_best(now),
        ("refused", refusals_text(figures.refusals), _per_1000(figures)),
    ]
    if figures.latency_p50_s is not None:
        rows.append(("latency", duration(figures.latency_p50_s), f"p95 {duration(figures.latency_p95_s)}"))
    if figures.server is not None:
        said = "agrees" if figures.server.agrees else "DISAGREES"
        counted = f"{count(figures.server.admitted)} admitted, {count(figures.server.refused)} refused"
        rows.append(("server", said, counted if figures.sessions == 1 else f"{counted}, of the last session"))
    return facts(rows)


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
    if not live.tiers:
        return "<p>none known yet</p>"
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
    return f'<div class="hx-limit">{name}{gauge}<span>{words}</span></div>'


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


def _failures(now: RunView, now_utc_s: float) -> str:
    if not now.failures:
        return ""
    latest = now.latest_failures(_LATEST)
    more = len(now.failures) - len(latest)
    rest = (
        f"<p class=hx-dim>and {count(more)} more: python -m harness show {esc(now.summary.run)}</p>" if more > 0 else ""
    )
    heads = ("what", "attempts", "status", "when", "again", "why")
    return table(heads, (_failure(failure, now_utc_s) for failure in latest), right=(1, 2)) + rest


def _failure(failure: Failure, now_utc_s: float) -> tuple[str, ...]:
    why = f"{failure.reason}: {failure.detail}" if failure.detail else failure.reason
    again = failure.retry_at_utc_s
    return (
        esc(fetch_name(failure.role, failure.key)[:_LONGEST]),
        count(failure.attempts),
        UNKNOWN if failure.status is None else str(failure.status),
        esc(time_of_day(failure.at_utc_s, now_utc_s, seconds=True)),
        "no, failed" if again is None else esc(time_of_day(again, now_utc_s, seconds=True)),
        esc(why[: 2 * _LONGEST]),
    )


def _learned(now: RunView) -> str:
    return facts((what, esc(why), "") for what, why in now.learned.items()) if now.learned else ""
