"""Say how often predictions came true: a line for simulated runs, one for real ones, then what missed and why."""

from __future__ import annotations

from collections.abc import Iterator

from harness.record.calibration import Calibrated, Calibration
from harness.views.figures import span
from harness.views.screen import Row, Screen, labelled
from harness.views.text import count, duration, percent, plural, printable

# More than these say nothing new.
MOST_MISSES = 20


def calibration_text(found: Calibration, screen: Screen) -> str:
    """Return it for people, without a newline at the end."""
    head = f"A prediction is an interval in which the duration should lie {percent(found.aim)} of the time."
    rows = [*_rows("simulated", found.simulated), *_rows("real", found.real)]
    return "\n".join([head, screen.render(*labelled(rows, screen))])


def _rows(sort: str, of: Calibrated) -> Iterator[Row]:
    share = "" if of.share is None else f" ({percent(of.share)})"
    width = "" if of.width is None else f"; median width {percent(of.width, 1)} of the duration"
    said = f"{count(of.inside)} of {count(of.judged)} inside{share}{width}" if of.judged else "none judged yet"
    yield sort, said, ""
    for miss in of.outside[:MOST_MISSES]:
        session = f", session {miss.session}" if miss.session > 1 else ""
        why = f": {miss.why}" if miss.why else ""
        took = f"predicted {span(miss.least_s, miss.most_s)}, took {duration(miss.took_s)}"
        yield "", printable(f"outside: {miss.run}{session}  {took}{why}"), "yellow"
    if len(of.outside) > MOST_MISSES:
        yield "", f"and {count(len(of.outside) - MOST_MISSES)} more outside", "yellow"
    for why, number in of.aside.items():
        yield "", f"{plural(number, 'session')} not judged: {why}", ""
    for why, number in of.without.items():
        yield "", printable(f"{plural(number, 'session')} without a prediction: {why}"), ""
