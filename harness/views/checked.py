"""Show what `check` found: can this be imported, what does the API look like and by what is that known, what is not.

A line for each part of a source (records, id, paging, end, items, limits), each with its evidence; the ways to import
it, with requests and time; what cannot be told and the flag that says it; and which secret goes to which host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from harness.views.plan import plan_rows
from harness.views.screen import Row, Screen, labelled
from harness.views.text import count, duration, plural

if TYPE_CHECKING:
    from harness.session.checking import Checked, Told


def check_text(checked: Checked, screen: Screen, *, program: str, command: str = "", save: str = "") -> str:
    """Return the findings as text, without a newline at the end.

    command: the import to type, after `-m harness`; save: the check that writes the file that it needs. "" where none
    is advised.
    """
    verdict, style = (
        ("✗ cannot be imported completely", "bold red") if checked.problem else ("✓ can be imported", "bold green")
    )
    statuses = ": " + " ".join(map(str, checked.statuses)) if checked.statuses else ""
    head = f"{verdict}  ({plural(len(checked.latencies_s), 'request')}{statuses})"
    following = [Text.assemble(("Save it:    ", "bold"), f"{program} {save}")] if save else []
    following += [Text.assemble(("Import it:  ", "bold"), f"{program} {command}")] if command else []
    return screen.render(Text(head, style), *labelled(_checked(checked), screen), *following)


def _checked(checked: Checked) -> Iterable[Row]:
    of = "" if checked.items is None else f" of {count(checked.items)}"
    pages = "" if checked.pages is None else f" in {plural(checked.pages, 'page')}"
    told = {*dict(checked.declared), *(found.what for found in checked.findings)}
    paging = "" if "paging" in told and "counted from 0" not in checked.paging else f", {checked.paging}"
    yield "list", f"{plural(checked.a_page, 'item')} on the first page{of}{pages}{paging}", ""
    yield from _parts(checked, "records", "id", "paging", "size")
    yield from _end(checked)
    yield from _parts(checked, "items", "envelope")
    if checked.item_fields:
        other = "" if checked.alike else ", with other values than in the list"
        more = f", {count(checked.new_fields)} of them not in the list" if checked.new_fields else other
        yield "", f"{plural(checked.item_fields, 'field')} each{more}", ""
    if checked.alike:
        yield "", "! the list's records already hold all of them: --no-detail saves a request per item", "yellow"
    yield from plan_rows(checked.plans, checked.plans_of)
    yield "latency", ", ".join(duration(seconds) for seconds in checked.latencies_s), ""
    yield from _limits(checked)
    for at, (name, host) in enumerate(checked.sends):
        yield "sends" if at == 0 else "", f"{name} to {host}, and to no other host", ""
    for unknown in checked.unknown:
        yield "unknown", f"{unknown.what}: {unknown.why}; say it with {unknown.flag}", "yellow"


def _parts(checked: Checked, *names: str) -> Iterable[Row]:
    """Yield a row for each part that was found, with its evidence, or that was declared."""
    declared = dict(checked.declared)
    for name in names:
        found = next((one for one in checked.findings if one.what == name), None)
        if found is not None:
            yield name, _in_columns(found.found, found.more, f"({found.evidence})"), ""
        elif name in declared:
            yield name, _in_columns(declared[name], "", "(declared)"), ""


# Short values stand in columns, so that the evidence is found at a glance.
_COLUMNS = 16, 24


def _in_columns(found: str, more: str, evidence: str) -> str:
    """Return the parts of a row, two spaces apart; what is longer than its column moves the rest."""
    if not more and len(found) > _COLUMNS[0]:
        return f"{found}  {evidence}"
    return f"{found:<{_COLUMNS[0]}}  {more:<{_COLUMNS[1]}}  {evidence}"


def _end(checked: Checked) -> Iterable[Row]:
    told = next((one for one in checked.findings if one.what == "end"), None)
    if checked.problem:
        yield "items" if checked.nameless else "end", checked.problem, "red"
    elif checked.ended:
        yield "end", checked.ended, ""
    elif told is not None:
        yield "end", f"{told.found}, as it is told; not reached by this check", ""
    else:
        yield "end", "not reached by this check; the import will say how it knew that the list had ended", ""


def _limits(checked: Checked) -> Iterable[Row]:
    if checked.declared_limits:
        none = "" if checked.told else "; no header tells of any"
        yield "limits", f"{checked.declared_limits}  (declared{none})", ""
    for at, told in enumerate(checked.told):
        yield "limits" if at == 0 and not checked.declared_limits else "", _told(told), ""
    if checked.declared_limits:
        if checked.in_doubt:
            yield "", checked.in_doubt, "yellow"
    elif not checked.told:
        ask = "Pass --limit if you know the limits; otherwise they will be learned"
        yield "limits", f"No rate-limit headers found. {ask}", ""
    elif not checked.limits:
        yield "", "The period is not stated. Pass --limit if you know it; otherwise it will be learned", ""
    for kind, cost in checked.costs:
        yield "", f"! {_KINDS[kind]} costs {count(cost)} units: say --cost {kind}={cost}", "yellow"
    if checked.skew_s is not None and abs(checked.skew_s) >= 2:
        ahead = "ahead of" if checked.skew_s > 0 else "behind"
        yield "clock", f"the server's is {duration(abs(checked.skew_s), whole=True)} {ahead} this machine's", "yellow"


def _told(told: Told) -> str:
    limit = "a limit" if told.limit is None else count(told.limit)
    period = "" if told.period_s is None else f" in {duration(told.period_s, whole=True)}"
    left = [number for number in told.remaining if number is not None]
    text = f"{told.header}: {limit}{period}"
    if left:
        text += f", {count(left[-1])} left"
    if told.reset_s is not None:
        text += f", reset in {duration(max(0.0, told.reset_s), whole=True)}"
    return text + _costs(dict(told.costs))


_KINDS = {"list": "a page", "item": "an item", "batch": "a batch", "token": "a token"}


def _costs(costs: Mapping[str, int]) -> str:
    """`; a request costs 1`, or of each kind where they differ: `; a page costs 1, a batch 10`."""
    if not costs:
        return ""
    if len({*costs.values()}) == 1:
        return f"; a request costs {min(costs.values())}"
    (kind, cost), *more = sorted(costs.items(), key=lambda one: [*_KINDS].index(one[0]))
    return "; " + ", ".join([f"{_KINDS[kind]} costs {cost}", *(f"{_KINDS[kind]} {cost}" for kind, cost in more)])
