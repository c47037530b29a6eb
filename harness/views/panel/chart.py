"""The chart of a run as HTML: requests a second, refusals by status, waits, pauses, sessions and changes of settings.

It has no width of its own: everything lies at a share of the time axis, bars in an SVG that is stretched, and words
beside it, which are not. So it is the same piece of HTML in a wide window, in half of one, in a page without widgets
and in print, and since its colours are those of the style sheet it follows a change of theme by itself. What a bin
holds is told on hover by `chart.js`, from the same `TimelineBins`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from harness.record.timeline import TimelineBins
from harness.views.figures import refusals_said
from harness.views.panel.pieces import esc
from harness.views.text import count, duration, plural

_TALL = 100.0  # of the SVG; its units along the time axis are bins
# Of the axis: what is nearer than this cannot be told apart, and shares a line and its words.
_TOGETHER = 0.013
_SHORTEST_S = 10.0
_TICKS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
PAUSED = "paused"
# 429s have a colour of their own, so has the most frequent other status; the rest share one.
REFUSED = ("refused", "refused-other", "refused-rest")
_WORDS = {"workers": "{} workers", "limits": "limit {}"}


def chart(timeline: TimelineBins | None) -> str:
    """Return the chart with its legend; "" where nothing has happened yet."""
    if timeline is None or not (timeline.sent or timeline.waits):
        return ""
    span_s = max(timeline.until_s, _SHORTEST_S)
    most, ticks = _scale(max(timeline.sent, default=0) / timeline.bin_s)
    plot = [
        *_waits(timeline, span_s),
        _bars(timeline, span_s, most, ticks),
        *_marks(timeline, span_s),
        *(f'<span class="hx-y" style="bottom:{100 * tick / most:.2f}%">{tick:g}</span>' for tick in ticks),
        *_times(span_s),
    ]
    return f'{_head(timeline)}<div class="hx-plot">{"".join(plot)}</div>'


def described(timeline: TimelineBins | None) -> str:
    """Say in a sentence what the chart shows, for people who cannot see it."""
    if timeline is None or not (timeline.sent or timeline.waits):
        return ""
    by_status = {status: sum(bins) for status, bins in timeline.by_status}
    parts = [
        f"{plural(sum(timeline.sent), 'request')} over {duration(timeline.until_s)}",
        refusals_said(by_status.get(429, 0), {str(status): number for status, number in by_status.items()}),
    ]
    # Those that lie side by side are drawn as one, so that their number says nothing.
    waits = dict.fromkeys(what for *_, what in timeline.waits if what != PAUSED)
    parts += [f"waits for {' and '.join(waits)}"] if waits else []
    pauses = sum(what == PAUSED for *_, what in timeline.waits)
    parts += [plural(pauses, "pause") + " by hand"] if pauses else []
    parts += [f"{len(timeline.sessions) + 1} sessions"] if timeline.sessions else []
    parts += [f"{change_said(setting, value)} after {duration(t_s)}" for t_s, setting, value in timeline.changes[:8]]
    return f"Requests per second: {', '.join(parts)}."


def change_said(setting: str, value: str) -> str:
    """`13 workers`, `limit 100/1m`; `no limit` where it was taken back."""
    return _WORDS.get(setting, setting + " {}").format(value) if value else f"no {setting.removesuffix('s')}"


def colours(timeline: TimelineBins) -> dict[int, str]:
    """Return the colour of each status that refused, by its name in the style sheet."""
    others = sorted((status for status, _ in timeline.by_status if status != 429), key=lambda s: -_total(timeline, s))
    return {429: REFUSED[0], **{status: REFUSED[min(2, 1 + at)] for at, status in enumerate(others)}}


def _total(timeline: TimelineBins, wanted: int) -> int:
    return sum(sum(bins) for status, bins in timeline.by_status if status == wanted)


def _head(timeline: TimelineBins) -> str:
    keys = [("sent", "let through")]
    of = colours(timeline)
    keys += [(of[status], f"{status}: {count(sum(bins))}") for status, bins in timeline.by_status]
    waits = {what == PAUSED for *_, what in timeline.waits}
    keys += [("wait", "waiting, and for what")] if False in waits else []
    keys += [("paused", "paused by hand")] if True in waits else []
    legend = "".join(f'<span><i class="hx-key hx-key-{name}"></i>{esc(words)}</span>' for name, words in keys)
    return f'<div class="hx-legend"><h4>Requests per second</h4>{legend}</div>'


def _scale(rate: float) -> tuple[float, list[float]]:
    """Return the top of the axis of rates, and where it has ticks: at 1, 2 or 5 times a power of ten."""
    if rate <= 0:
        return 1.0, [0.0, 1.0]
    rough = rate / 3
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size for size in (power, 2 * power, 5 * power, 10 * power) if size >= rough)
    steps = math.ceil(rate / step - 1e-9)
    return steps * step, [step * at for at in range(steps + 1)]


def _bars(timeline: TimelineBins, span_s: float, most: float, ticks: Iterable[float]) -> str:
    tall = _TALL / (most * timeline.bin_s)
    feet = [0.0] * len(timeline.sent)
    of, paths = colours(timeline), []
    through = [sent - refused for sent, refused in zip(timeline.sent, timeline.refused, strict=True)]
    for name, bins in [*((of[status], bins) for status, bins in timeline.by_status), ("sent", through)]:
        path = []
        for at, number in enumerate(bins):
            if number:
                high = number * tall
                path.append(f"M{at} {_TALL - feet[at]:.1f}v{-high:.1f}h1v{high:.1f}z")
                feet[at] += high
        paths.append(f'<path class="hx-is-{name}" d="{"".join(path)}"/>' if path else "")
    wide = span_s / timeline.bin_s
    lines = "".join(f"M0 {_TALL * (1 - tick / most):.1f}h{wide:.2f}" for tick in ticks)
    grid = f'<path class="hx-grid" d="{lines}"/>'
    box = f'viewBox="0 0 {wide:.3f} {_TALL:.0f}" preserveAspectRatio="none"'
    return f'<svg {box} aria-hidden="true">{grid}{"".join(paths)}</svg>'


def _share(t_s: float, span_s: float) -> str:
    return f"{100 * t_s / span_s:.2f}%"


def _label(words: str) -> str:
    """Return words that are seen where all of them fit: else they wrap to a second line, which is cut off."""
    return f'<span class="hx-label"><i></i> <span>{esc(words)}</span></span>'


def _waits(timeline: TimelineBins, span_s: float) -> Iterator[str]:
    for since_s, until_s, what in timeline.waits:
        kind = "hx-paused" if what == PAUSED else "hx-wait"
        at = f"left:{_share(since_s, span_s)};width:max(1px,{_share(until_s - since_s, span_s)})"
        yield f'<div class="{kind}" style="{at}">{_label(what)}</div>'


def _marks(timeline: TimelineBins, span_s: float) -> Iterator[str]:
    """Draw a line where a session began or a setting changed; the words stand between it and the next, or the last."""
    marks = [(t_s, "resumed") for t_s in timeline.sessions]
    marks += [(t_s, change_said(setting, value)) for t_s, setting, value in timeline.changes]
    together: list[tuple[float, list[str]]] = []
    for t_s, words in sorted(marks):
        if together and t_s - together[-1][0] < span_s * _TOGETHER:
            together[-1][1].append(words)
        else:
            together.append((t_s, [words]))
    last_s = together[-1][0] if together else 0.0
    begun_s = together[-2][0] if len(together) > 1 else 0.0
    left = span_s - last_s < last_s - begun_s  # there is more room before the last one: both share it
    middle_s = (begun_s + last_s) / 2 if len(together) > 1 else 0.0
    for at, (t_s, said) in enumerate(together):
        is_last = at == len(together) - 1
        if is_last and left:
            yield _mark(middle_s, t_s, span_s, said, " hx-left")
            continue
        until_s = span_s if is_last else middle_s if left and at == len(together) - 2 else together[at + 1][0]
        yield _mark(t_s, until_s, span_s, said)


def _mark(since_s: float, until_s: float, span_s: float, said: list[str], side: str = "") -> str:
    at = f"left:{_share(since_s, span_s)};width:{_share(until_s - since_s, span_s)}"
    return f'<div class="hx-mark{side}" style="{at}">{_label(", ".join(said))}</div>'


def _times(span_s: float) -> Iterator[str]:
    step_s = next((tick for tick in _TICKS_S if span_s / tick <= 6), 86400 * math.ceil(span_s / 86400 / 6))
    for at in range(int(span_s / step_s) + 1):
        t_s = at * step_s
        end = (" hx-last" if t_s > 0.95 * span_s else "") + (" hx-odd" if at % 2 else "")
        yield f'<span class="hx-x{end}" style="left:{_share(t_s, span_s)}">{_tick(t_s)}</span>'


def _tick(t_s: int) -> str:
    """`0`, `30 s`, `5 min`, `2 h`, `3 d`: ticks are whole in one unit or in two."""
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if t_s and t_s % unit_s == 0:
            return f"{t_s // unit_s} {unit}"
    return f"{t_s} s" if 0 < t_s < 60 else "0" if t_s == 0 else duration(float(t_s), whole=True)
