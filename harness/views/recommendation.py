"""What to set, what it will take, and how far that advice carries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.text import Text

from harness.views.screen import Row, Screen, labelled, whole
from harness.views.text import count, duration, percent, plural

# What nobody would change a setting for.
_HARDLY = 0.001


@dataclass(frozen=True, slots=True)
class Tried:
    """A number of workers, the duration that it gives, and the refusals in a thousand requests."""

    workers: int
    duration_s: float
    hits_per_1000: float


@dataclass(frozen=True, slots=True)
class Variant:
    """Something is different: what the advice then gives, and what the best then is, under a bound that may differ."""

    name: str
    kept: Tried
    best: Tried
    best_s: float | None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The fewest workers at full speed. best_s: the least time with any number (None: no limit is known).

    tried: every number of workers that was, the fewest first. sampled: the items that were simulated, if not all.
    run: the run that it is drawn from; was: what that had, and took.
    """

    workers: int
    limits: str
    latency: str
    requests: int
    best_s: float | None
    duration_s: float
    hits_per_1000: float
    tried: tuple[Tried, ...]
    variants: tuple[Variant, ...]
    sampled: int | None = None
    run: str | None = None
    was: Tried | None = None


def recommendation_text(advice: Recommendation, screen: Screen, *, program: str, command: str) -> str:
    """The advice as text, without a newline at the end. command: the import to type, after `-m harness`."""
    head = f"Use {plural(advice.workers, 'worker')}: {_about(advice.duration_s)} for {count(advice.requests)} requests"
    if advice.best_s is not None and advice.duration_s:
        head += f", {percent(min(1.0, advice.best_s / advice.duration_s), 1)} of best"
    lines = [Text(head, "bold green"), *labelled(_rows(advice), screen, 15)]
    return screen.render(*lines, *whole([("next", f"{program} {command}", "")], 15))


def _about(seconds_s: float) -> str:
    return duration(seconds_s, whole=seconds_s >= 60)


def _rows(advice: Recommendation) -> Iterable[Row]:
    if advice.run is not None:
        yield "from", f"run {advice.run}: limits {advice.limits or 'none'}, latency {advice.latency}", ""
    else:
        yield "limits", f"{advice.limits or 'none told, so they are learned'}; latency {advice.latency}", ""
    if advice.best_s is not None:
        yield "best possible", f"{_about(advice.best_s)}, with any number of workers", ""
    if advice.hits_per_1000 >= 0.05:
        yield "refused", f"{advice.hits_per_1000:.1f} in a thousand requests", "yellow"
    if advice.workers <= 2:
        enough = "One worker is enough" if advice.workers == 1 else "Two workers are enough"
        yield "note", f"{enough}: the limits, not the workers, decide how long it takes", ""
    yield "more workers", _more(advice), ""
    if advice.workers > 1:
        yield "fewer", _fewer(advice), ""
    if advice.was is not None:
        took = f"took {_about(advice.was.duration_s)}, {advice.was.hits_per_1000:.1f} refused/1,000"
        yield "that run", f"{plural(advice.was.workers, 'worker')} {took}", ""
    for variant in advice.variants:
        yield variant.name, _what_if(variant), ""
    if advice.sampled is not None:
        yield "simulated", f"the first {count(advice.sampled)} items, and the rest in proportion to its bound", ""


def _more(advice: Recommendation) -> str:
    more = [trial for trial in advice.tried if trial.workers > advice.workers]
    if not more:
        return f"more than {count(advice.workers)} were not tried"
    best = min(more, key=lambda trial: trial.duration_s)
    if best.duration_s >= advice.duration_s * (1 - _HARDLY):
        return f"{', '.join(count(trial.workers) for trial in more[-2:])} gain nothing"
    return f"{count(best.workers)} gain {duration(advice.duration_s - best.duration_s)}, the most that any gain"


def _fewer(advice: Recommendation) -> str:
    fewer = [trial for trial in advice.tried if trial.workers < advice.workers]
    shown = [*fewer[:1], *fewer[len(fewer) // 2 : len(fewer) // 2 + 1], *fewer[-1:]]
    told = {trial.workers: trial for trial in reversed(shown)}.values()
    return "; ".join(_loses(trial, advice.duration_s) for trial in told)


def _loses(trial: Tried, than_s: float) -> str:
    verb = "loses" if trial.workers == 1 else "lose"
    return f"{count(trial.workers)} {verb} {duration(max(0.0, trial.duration_s - than_s))}"


def _what_if(variant: Variant) -> str:
    text = f"{_about(variant.kept.duration_s)} with {plural(variant.kept.workers, 'worker')}"
    if variant.kept.hits_per_1000 >= 0.05:
        text += f", {variant.kept.hits_per_1000:.1f} refused/1,000"
    if variant.best.workers != variant.kept.workers:
        return f"{text}; {_about(variant.best.duration_s)} with {count(variant.best.workers)}"
    return f"{text}; more gain nothing" if variant.kept.workers < 200 else text
