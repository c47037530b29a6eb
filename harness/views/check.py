"""What a few requests tell of an API: whether it can be imported, and what it says of its limits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from rich.text import Text

from harness.views.screen import Row, Screen, labelled, whole
from harness.views.text import count, duration, plural


@dataclass(frozen=True, slots=True)
class Told:
    """One limit as the headers of the answers told it, in order. period_s: as told, for few say it; header: which."""

    header: str
    limit: int | None
    period_s: float | None
    remaining: tuple[int | None, ...]
    reset_s: float | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of the requests. latencies_s: of each, in order. items, pages: as the list says; None: it does not.

    ended: the evidence that the list ends with what was seen; problem: why an import could not end as complete.

    item_fields: 0 where no item was asked for. alike: the list's records hold all of them. skew_s: how far the server's
    clock is ahead of ours, to the second (None: it has no Date).
    """

    url: str
    latencies_s: tuple[float, ...]
    a_page: int
    items: int | None
    pages: int | None
    paging: str
    item_fields: int
    alike: bool
    told: tuple[Told, ...]
    skew_s: float | None
    ended: str = ""
    problem: str = ""

    @property
    def limits(self) -> str:
        """What can be given to --limit: the limits that were told with their periods."""
        known = [told for told in self.told if told.limit and told.period_s]
        return "+".join(f"{told.limit}/{told.period_s:g}s" for told in known)


def check_text(checked: Checked, screen: Screen, *, program: str, command: str) -> str:
    """The findings as text, without a newline at the end.

    command: the import to type, after `-m harness`; "" where none is advised.
    """
    verdict, style = (
        ("✗ cannot be imported whole", "bold red") if checked.problem else ("✓ can be imported", "bold green")
    )
    head = f"{verdict}  ({plural(len(checked.latencies_s), 'request')} made)"
    rows = labelled(_rows(checked), screen)
    following = whole([("next", f"{program} {command}", "")]) if command else ()
    return screen.render(Text(head, style), *rows, *following)


def _rows(checked: Checked) -> Iterable[Row]:
    of = "" if checked.items is None else f" of {count(checked.items)}"
    pages = "" if checked.pages is None else f" in {plural(checked.pages, 'page')}"
    yield "list", f"{plural(checked.a_page, 'item')} on the first page{of}{pages}, {checked.paging}", ""
    if checked.problem:
        yield "end", checked.problem, "red"
    else:
        yield "end", checked.ended or "not reached by this check; the import says on what evidence the list ended", ""
    if checked.item_fields:
        yield "items", f"{plural(checked.item_fields, 'field')} each", ""
    if checked.alike:
        yield "", "! the list's records hold all of them: --no-detail makes no request for each", "yellow"
    yield "latency", ", ".join(duration(seconds) for seconds in checked.latencies_s), ""
    for at, told in enumerate(checked.told):
        yield "limits" if at == 0 else "", _told(told), ""
    if not checked.told:
        yield "limits", "its answers say nothing of any: say --limit if you know, else they are learned as one goes", ""
    elif not checked.limits:
        yield "", "over which time is not said: say --limit if you know, else it is learned as one goes", ""
    if checked.skew_s is not None and abs(checked.skew_s) >= 2:
        ahead = "ahead of" if checked.skew_s > 0 else "behind"
        yield "clock", f"the server's is {duration(abs(checked.skew_s), whole=True)} {ahead} ours", "yellow"


def _told(told: Told) -> str:
    limit = "a limit" if told.limit is None else count(told.limit)
    period = "" if told.period_s is None else f" in {duration(told.period_s, whole=True)}"
    left = [number for number in told.remaining if number is not None]
    text = f"{told.header}: {limit}{period}"
    if left:
        text += f", {count(left[-1])} left"
    if told.reset_s is not None:
        text += f", reset in {duration(max(0.0, told.reset_s), whole=True)}"
    steps = {one - other for one, other in pairwise(left)}
    if len(steps) == 1 and (step := steps.pop()) > 0:
        text += f"; a request costs {step}"
    return text
