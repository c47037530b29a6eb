"""What is said before the first item: the plan of `--dry-run`, and the line that explains the pauses beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from rich.text import Text

from harness.views.screen import Row, Screen, folded, labelled
from harness.views.text import count, duration, plural, roughly

# Pauses shorter than this are hardly seen, let alone counted.
_SEEN_S = 3.0


@dataclass(frozen=True, slots=True)
class ListOnly:
    """The list's records already hold every field of the items: what an import without detail would take."""

    fields: int
    requests: int
    best_s: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do. Seconds end in `_s`; None is what is not known.

    requests_made: by the dry run itself. best_s: with any number of workers; best_workers_s: with `workers`.
    latency_s: the least round trip, on which enough_workers rests.
    """

    requests_made: int
    requests_page: int | None
    requests_item: int | None
    limits: str
    limits_source: str
    best_s: float | None
    best_workers_s: float | None
    latency_s: float | None
    workers: int
    enough_workers: int | None
    list_only: ListOnly | None = None


def plan_text(plan: Plan, screen: Screen) -> str:
    """The plan as a few lines, without a newline at the end."""
    lines = [Text(f"Plan ({plural(plan.requests_made, 'request')} made)", "bold")]
    lines += labelled(_rows(plan), screen, label_width=13)
    only = plan.list_only
    if only is not None:
        takes = f"--no-detail = {plural(only.requests, 'request')}, {roughly(only.best_s)}"
        hint = f"! list records already hold all {count(only.fields)} item fields: {takes}"
        first, *rest = folded(hint, None if screen.width is None else max(20, screen.width - 4))
        lines += [Text(f"  {first}", "yellow"), *(Text(f"    {line}", "yellow") for line in rest)]
    return screen.render(*lines)


def _rows(plan: Plan) -> Iterable[Row]:
    page, item = plan.requests_page, plan.requests_item
    if page is None or item is None:
        yield "requests", "unknown: the list does not say how many items it holds", ""
    else:
        yield "requests", f"{count(page)} list + {count(item)} item = {count(page + item)}", ""
    yield "limits", f"{plan.limits} ({plan.limits_source})" if plan.limits else "none known", ""
    if plan.best_s is None:
        yield "best possible", "unknown", ""
        return
    yield "best possible", "; ".join([roughly(plan.best_s), *_workers(plan)]), ""


def _workers(plan: Plan) -> Iterable[str]:
    enough = plan.enough_workers
    if enough is None:
        return
    at = "" if plan.latency_s is None else f" at {duration(plan.latency_s)}"
    yield f"{plural(enough, 'worker is', 'workers are')} enough{at}, more gain nothing"
    if enough > plan.workers and plan.best_workers_s is not None:
        yield f"with {count(plan.workers)} it takes {roughly(plan.best_workers_s)}"


def before_start(best_s: float | None, requests: int, limit: int | None, period_s: float | None, who: str) -> str:
    """`about 40 s; the bar pauses twice, that is the limit.`, or nothing where nothing is known.

    best_s: with the workers there are. requests: all of them. limit, period_s: of the limit that binds, None
    where none does. who: what people see pause, `the bar` or `the import`.
    """
    if best_s is None:
        return ""
    about = f"about {roughly(max(1.0, best_s))}"
    pauses = 0 if not limit or period_s is None else math.ceil(requests / limit) - 1
    if pauses <= 0 or period_s is None:
        return f"{about}."
    if period_s < _SEEN_S:
        return f"{about}; the limit sets the pace."
    times = {1: "once", 2: "twice"}.get(pauses, f"{count(pauses)} times")
    return f"{about}; {who} pauses {times}, that is the limit."
