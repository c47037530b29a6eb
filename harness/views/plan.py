"""Show what is known before an import: what `--dry-run` plans, what `recommend` advises.

Each text answers what people ask at that point: how long will it take, what should be set?
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from harness.views.screen import Row, Screen, folded, labelled, whole
from harness.views.text import count, duration, percent, plural, roughly

if TYPE_CHECKING:
    from harness.lab.recommend import Recommendation, Tried, Variant
    from harness.session.planning import Option, Plan


# Pauses shorter than this are hardly seen, let alone counted.
_SEEN_S = 3.0


def plan_text(plan: Plan, screen: Screen) -> str:
    """Return the plan as a few lines, without a newline at the end."""
    lines = [Text(f"Plan ({plural(plan.requests_made, 'request')} made)", "bold")]
    lines += labelled([*_planned(plan), *plan_rows(plan.plans, plan.plans_of)], screen, label_width=13)
    only = plan.list_only
    if only is not None:
        takes = f"--no-detail = {plural(only.requests, 'request')}"
        takes += "" if only.best_s is None else f", {roughly(only.best_s)}"
        hint = f"! list records already hold all {count(only.fields)} item fields: {takes}"
        first, *rest = folded(hint, None if screen.width is None else max(20, screen.width - 4))
        lines += [Text(f"  {first}", "yellow"), *(Text(f"    {line}", "yellow") for line in rest)]
    return screen.render(*lines)


def _planned(plan: Plan) -> Iterable[Row]:
    page, item = plan.requests_page, plan.requests_item
    if page is None or item is None:
        yield "requests", "unknown: the list does not say how many items it holds", ""
    else:
        yield "requests", f"{plural(page, 'page')} + {plural(item, 'item')} = {count(page + item)}", ""
    yield "limits", f"{plan.limits} ({plan.limits_source})" if plan.limits else "none known", ""
    if plan.best_s is None:
        yield "best possible", "unknown", ""
        return
    yield "best possible", "; ".join([roughly(plan.best_s), *_workers(plan)]), ""


def plan_rows(plans: Sequence[Option], of: int | None) -> Iterable[Row]:
    """Yield a row for each way to get the same records, the cheapest first; none where there is only one.

    of: how many items they are counted for, where the list does not say how many it holds.
    """
    if len(plans) < 2:
        return
    width = max(len(one.how) for one in plans)
    for at, one in enumerate(plans):
        cost = f"{plural(one.pages, 'page')} + {plural(one.items, 'item request')} = {count(one.requests)}"
        cost = cost if one.items else plural(one.requests, "request")
        units = f" ({count(one.cost)} units)" if one.cost != one.requests else ""
        takes = "" if one.best_s is None else f", {roughly(one.best_s)}"
        text = f"{one.how:<{width}}  {cost}{units}{takes}{_mark(one)}"
        yield "plans" if at == 0 else "", text, "green" if one.is_cheapest else ""
    if of is not None:
        yield "", f"counted for {count(of)} items: the list does not say how many it holds", ""


def _mark(option: Option) -> str:
    told = f"  ({option.flags})" if option.flags else ""
    if option.is_taken:
        return "  (cheapest; the import takes it)" if option.is_cheapest else "  (the import takes it)"
    return f"  (cheapest; {option.flags or 'not asked for'})" if option.is_cheapest else told


def _workers(plan: Plan) -> Iterable[str]:
    enough = plan.enough_workers
    if enough is None:
        return
    at = "" if plan.latency_s is None else f" at {duration(plan.latency_s)}"
    yield f"{plural(enough, 'worker is', 'workers are')} enough{at}, more save nothing"
    if enough > plan.workers and plan.best_workers_s is not None:
        yield f"with {count(plan.workers)} it takes {roughly(plan.best_workers_s)}"


def before_start(best_s: float | None, requests: int, limit: int | None, period_s: float | None, who: str) -> str:
    """`About 40 s. The bar will pause twice, waiting for the rate limit.`, or nothing where nothing is known.

    best_s: with the workers there are. requests: all of them. limit, period_s: of the limit that binds, None
    where none does. who: what people see pause, `The bar` or `It`.
    """
    if best_s is None:
        return ""
    about = f"About {roughly(max(1.0, best_s))}"
    pauses = 0 if not limit or period_s is None else math.ceil(requests / limit) - 1
    if pauses <= 0 or period_s is None:
        return f"{about}."
    if period_s < _SEEN_S:
        return f"{about}. The limit sets the pace."
    times = {1: "once", 2: "twice"}.get(pauses, f"{count(pauses)} times")
    return f"{about}. {who} will pause {times}, waiting for the rate limit."


# What nobody would change a setting for.
_HARDLY = 0.001


def recommendation_text(advice: Recommendation, screen: Screen, *, program: str, command: str) -> str:
    """Return the advice as text, without a newline at the end. command: the import to type, after `-m harness`."""
    head = f"Use {plural(advice.workers, 'worker')}: {_about(advice.duration_s)} for {count(advice.requests)} requests"
    if advice.best_s is not None and advice.duration_s:
        head += f", {percent(min(1.0, advice.best_s / advice.duration_s), 1)} of best"
    lines = [Text(head, "bold green"), *labelled(_recommended(advice), screen, 23)]
    return screen.render(*lines, *whole([("next", f"{program} {command}", "")], 23))


def _about(seconds_s: float) -> str:
    return duration(seconds_s, whole=seconds_s >= 60)


def _recommended(advice: Recommendation) -> Iterable[Row]:
    if advice.run is not None:
        yield "from", f"run {advice.run}: limits {advice.limits or 'none'}, latency {advice.latency}", ""
    else:
        yield "limits", f"{advice.limits or 'none given, so they are learned'}; latency {advice.latency}", ""
    if advice.best_s is not None:
        yield "best possible", f"{_about(advice.best_s)}, with any number of workers", ""
    if advice.hits_per_1000 >= 0.05:
        yield "refused", f"{advice.hits_per_1000:.1f} per 1,000 requests", "yellow"
    if advice.workers <= 2:
        enough = "One worker is enough" if advice.workers == 1 else "Two workers are enough"
        yield "note", f"{enough}: the limits, not the workers, decide how long it takes", ""
    yield "more workers", _more(advice), ""
    if advice.workers > 1:
        yield "fewer workers", _fewer(advice), ""
    if advice.was is not None:
        took = f"took {_about(advice.was.duration_s)}, {advice.was.hits_per_1000:.1f} refused/1,000"
        yield "that run", f"{plural(advice.was.workers, 'worker')} {took}", ""
    for variant in advice.variants:
        yield variant.name, _what_if(variant), ""
    if advice.sampled is not None:
        yield "simulated", f"the first {count(advice.sampled)} items; the rest in proportion to best possible", ""


def _more(advice: Recommendation) -> str:
    more = [trial for trial in advice.tried if trial.workers > advice.workers]
    if not more:
        return f"more than {count(advice.workers)} were not tried"
    fastest = min(more, key=lambda trial: trial.duration_s)
    if fastest.duration_s >= advice.duration_s * (1 - _HARDLY):
        return f"{', '.join(count(trial.workers) for trial in more[-2:])} save nothing"
    return f"{count(fastest.workers)} save {duration(advice.duration_s - fastest.duration_s)}, the most possible"


def _fewer(advice: Recommendation) -> str:
    fewer = [trial for trial in advice.tried if trial.workers < advice.workers]
    shown = [*fewer[:1], *fewer[len(fewer) // 2 : len(fewer) // 2 + 1], *fewer[-1:]]
    told = {trial.workers: trial for trial in reversed(shown)}.values()
    return "; ".join(_loses(trial, advice.duration_s) for trial in told)


def _loses(trial: Tried, than_s: float) -> str:
    verb = "takes" if trial.workers == 1 else "take"
    return f"{count(trial.workers)} {verb} {duration(max(0.0, trial.duration_s - than_s))} longer"


def _what_if(variant: Variant) -> str:
    text = f"{_about(variant.as_advised.duration_s)} with {plural(variant.as_advised.workers, 'worker')}"
    if variant.as_advised.hits_per_1000 >= 0.05:
        text += f", {variant.as_advised.hits_per_1000:.1f} refused/1,000"
    if variant.fastest.workers != variant.as_advised.workers:
        return f"{text}; {_about(variant.fastest.duration_s)} with {count(variant.fastest.workers)}"
    return f"{text}; more save nothing" if variant.as_advised.workers < 200 else text
