"""`failed`: list what could not be imported and why; retry or forget it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness import signals
from harness.cli.manage import answered
from harness.cli.options import this_program, where
from harness.cli.run import import_now, ready_to_resume
from harness.errors import BadInput
from harness.paths import results_folder, results_url
from harness.record.attempts import Attempt, attempts, write_attempts
from harness.record.clock import utc_s
from harness.record.events import ItemId, Key, Role, canonical_id
from harness.record.run import Run, find_run
from harness.record.state import Failure
from harness.session.control import RemoteHandle
from harness.session.importing import refuse_simulated
from harness.session.retry_failed import forget, reopen
from harness.settings import typed_to_resume
from harness.speed import clock_at
from harness.views.screen import Screen
from harness.views.show import attempts_lines, failures_table
from harness.views.text import count, plural

_STATUS = re.compile(r"none|[1-9][0-9xX]{2}")
# As many as anybody reads; more are for a file.
_SHOWN = 20


def list_command(run: str | None, output: Path | None, results: Path, **which: Any) -> int:
    """List the failures chosen, or write every attempt at them to `output`."""
    found = find_run(results, run)
    chosen = [failure for failure in found.state().failures.values() if _chooses(**which)(failure)]
    if output is not None:
        number = write_attempts(output, _attempts(found, chosen))
        click.echo(f"{output}: {plural(number, 'failed attempt')} at {plural(len(chosen), 'item')} of run {found.name}")
        return 0
    if not chosen:
        click.echo(f"run {found.name} has no failed items{' that match' if any(which.values()) else ''}")
        return 0
    screen = Screen.of(sys.stdout)
    click.echo(screen.render(*failures_table(chosen, screen, utc_s())))
    if any(failure.retry_at_utc_s is None for failure in chosen):
        _hint(found, results, "failed show", *_ways_out(found, chosen))
    return 0


def show_command(run: str | None, results: Path, **which: Any) -> int:
    """Show every attempt at the failures chosen."""
    found = find_run(results, run)
    chosen = [failure for failure in found.state().failures.values() if _chooses(**which)(failure)]
    by_key: dict[tuple[Role, Key], list[Attempt]] = {}
    for attempt in _attempts(found, chosen[:_SHOWN]):
        by_key.setdefault((attempt.role, attempt.key), []).append(attempt)
    screen = Screen.of(sys.stdout)
    for tried in by_key.values():
        click.echo(screen.render(*attempts_lines(tried, screen, utc_s())))
    if not chosen:
        click.echo(f"run {found.name} has no failed items{' that match' if any(which.values()) else ''}")
    elif len(chosen) > _SHOWN:
        click.echo(f"and {count(len(chosen) - _SHOWN)} more; narrow them with --item, --reason or --status")
    return 0


def retry_command(
    run: str | None, items: tuple[str, ...], reason: str | None, statuses: tuple[str, ...], later: bool, **flags: Any
) -> int:
    """Ask the running import to fetch them again, or open the run again and resume it."""
    typed = typed_to_resume(flags)
    results = results_folder(typed.get("results", "results"))
    if (url := results_url(results)) is not None:
        raise BadInput(f"failed retry works on a folder of runs, not on {url}; leave out --results, or name a folder")
    found = find_run(results, run)
    chosen = _wanted(found, items, reason, statuses)
    if found.writer_pid is not None:
        return _said(found, "retry", answered(found, RemoteHandle(found).retry(chosen)).count)
    refuse_simulated(found)  # before anything is changed, as the next line does
    config = None if later else ready_to_resume(found, typed)
    number = reopen(found, chosen)
    _said(found, "retry", number)
    if config is not None and number:
        return signals.run(import_now, config, clock=clock_at(config.speed))
    if number:
        _hint(found, results, "resume")
    return 0


def forget_command(
    run: str | None, items: tuple[str, ...], reason: str | None, statuses: tuple[str, ...], results: Path
) -> int:
    """Give the failures chosen up."""
    found = find_run(results, run)
    chosen = _wanted(found, items, reason, statuses)
    if found.writer_pid is not None:
        return _said(found, "forget", answered(found, RemoteHandle(found).forget(chosen)).count)
    number, pages = forget(found, chosen), found.state().failed_pages
    if not number and pages and not (items or reason or statuses):
        what = f"only page {pages[0].key} of the list failed" if len(pages) == 1 else "only pages of the list failed"
        raise BadInput(f"run {found.name}: {what}, and pages cannot be forgotten; resume continues the list")
    return _said(found, "forget", number)


def _said(run: Run, command: str, number: int | None) -> int:
    what = {"retry": "to be fetched again", "forget": "forgotten"}[command]
    click.echo(f"run {run.name}: {plural(number, 'item')} {what}" if number else f"run {run.name}: no failure matches")
    return 0


def _ways_out(run: Run, chosen: list[Failure]) -> list[str]:
    """List what a person can do about failures: resume reads a page again; a page cannot be forgotten."""
    items = any(failure.role == "item" and failure.retry_at_utc_s is None for failure in chosen)
    again = [] if run.about.get("simulated") else ["failed retry" if items else "resume"]
    return [*again, *(["failed forget"] if items else [])]


def _hint(run: Run, results: Path, *commands: str) -> None:
    for at, command in enumerate(commands):
        click.echo(f"  {'next' if at == 0 else '    '}  {this_program()} {command} {run.name}{where(results)}")


def _wanted(run: Run, items: tuple[str, ...], reason: str | None, statuses: tuple[str, ...]) -> list[ItemId] | None:
    """Return the items chosen; None for all, which includes pages."""
    if not (items or reason or statuses):
        return None
    if items and not (reason or statuses):
        return [canonical_id(item) for item in items]  # forgotten ones too, of which no failure is kept
    chooses = _chooses(items, reason, statuses)
    return [failure.item for failure in run.state().failures.values() if failure.role == "item" and chooses(failure)]


def _attempts(run: Run, chosen: list[Failure]) -> list[Attempt]:
    keys = {(failure.role, failure.key) for failure in chosen}
    return list(attempts(run, lambda role, key: (role, key) in keys))


def _chooses(items: tuple[str, ...], reason: str | None, statuses: tuple[str, ...]) -> Callable[[Failure], bool]:
    keys = {canonical_id(item) for item in items}
    for status in statuses:
        if not _STATUS.fullmatch(status):
            raise BadInput(f"--status {status!r} is not a status; use 503, 5xx, or none if no answer came")

    def chooses(failure: Failure) -> bool:
        text = f"{failure.reason}: {failure.detail}".casefold()
        return (
            (not keys or failure.key in keys)
            and (reason is None or reason.casefold() in text)
            and (not statuses or any(_is(failure.status, status) for status in statuses))
        )

    return chooses


def _is(status: int | None, wanted: str) -> bool:
    if status is None or wanted == "none":
        return status is None and wanted == "none"
    return all(is_ == wants or wants == "x" for is_, wants in zip(str(status), wanted.lower(), strict=False))
