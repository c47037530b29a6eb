"""`import` and `resume`: run an import, show it, and say how it ended."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

import click
import trio

from harness import signals
from harness.bound import bound
from harness.cli.ended import report
from harness.cli.exit_codes import exit_code
from harness.cli.manage import go_on
from harness.cli.options import this_program, where
from harness.cli.typed import as_typed
from harness.config import ImportConfig
from harness.errors import BadInput, CopyIncomplete
from harness.flags import RESUMED, flag_of
from harness.pacing import format_tiers
from harness.paths import results_folder, results_url
from harness.record.arrow import sparing_memory
from harness.record.live import Live
from harness.record.run import Run, find_run
from harness.record.state import State
from harness.record.status import RunStatus
from harness.scale.importing import run_import
from harness.session.copying import finish_copy, is_unfinished
from harness.session.importing import config_of, http_api, refuse_simulated, source
from harness.session.joining import taking_part
from harness.session.planning import look_ahead, plan_of
from harness.session.plans import work_of
from harness.session.reader import view_under_way
from harness.session.retry_failed import settle
from harness.session.session import Session
from harness.settings import given, read_settings, typed_to_resume
from harness.source.child import DEFAULT_ITEMS, DEFAULT_LATENCY_S
from harness.spec.presets import load
from harness.spec.told import sends_told
from harness.speed import clock_at
from harness.values import typical_latency_s
from harness.views.plan import before_start, plan_text
from harness.views.progress import Progress, choose_mode
from harness.views.screen import Screen
from harness.views.text import printable


def import_command(toml: Path | None, **flags: Any) -> int:
    """Carry out `import`; answers the exit code, as every command does."""
    config = read_settings(given(flags), toml, os.environ)
    if config.run.resume:
        known = config.given()
        fixed = known.keys() - {*RESUMED, "run", "resume"}
        if fixed:
            flags_said = ", ".join(sorted(map(flag_of, fixed)))
            raise BadInput(f"{flags_said} comes from the run and cannot change on --resume; leave it out")
        said = {name: known[name] for name in RESUMED if name in known}
        bring_to_resume(config.run.results, config.run.name)
        return _resume(find_run(config.run.results, config.run.name), said)
    if config.run.dry_run:
        return signals.run(_plan, config, clock=clock_at(config.speed))
    typed = given(flags)
    again = as_typed(config) if toml is None else ["--config", str(toml), *as_typed(config, typed)]
    return signals.run(import_now, config, False, again, clock=clock_at(config.speed))


def resume_command(run: str | None, **flags: Any) -> int:
    """Go on with the run, or the latest."""
    typed = typed_to_resume(flags)
    results = results_folder(typed.get("results", "results"))
    bring_to_resume(results, run)
    return _resume(find_run(results, run), typed)


def bring_to_resume(results: Path, run: str | None) -> None:
    """Bring a run that is copied to an object store here, as far as resuming it asks."""
    if results_url(results) is not None:
        from harness.remote.copy import Need
        from harness.remote.reading import bring_named

        bring_named(results, [run], Need.EVENTS)


def _resume(found: Run, typed: dict[str, Any]) -> int:
    if found.writer_pid is not None and found.status is RunStatus.PAUSED:
        go_on(found)
        return 0
    if results_url(found.folder.parent) is None:
        settle(found)
    elif found.status.is_complete and is_unfinished(found):
        refuse_simulated(found)
        signals.run(finish_copy, config_of(found, **{name: typed[name] for name in ("quiet",) if name in typed}))
        click.echo(f"run {found.name} is complete, and so is its copy in {results_url(found.folder.parent)}", err=True)
        return exit_code(found.status)
    if found.status.is_complete:
        refuse = "is complete; there is nothing to resume"
        if found.status is not RunStatus.COMPLETE:
            refuse_simulated(found)
            again = f"{this_program()} failed retry {found.name}{where(found.folder.parent)}"
            refuse = f"is complete except for its failures; fetch those again with: {again}"
        click.echo(f"run {found.name} {refuse}", err=True)
        report(found, ImportConfig(**{name: typed[name] for name in ("quiet", "as_json", "results") if name in typed}))
        return exit_code(found.status)
    config = ready_to_resume(found, typed)
    return signals.run(import_now, config, clock=clock_at(config.speed))


def ready_to_resume(found: Run, typed: dict[str, Any]) -> ImportConfig:
    """Return the settings to resume with; BadInput where one is missing that was never written, or it was simulated."""
    refuse_simulated(found)
    written = found.config
    if written.get("header_names") and "header" not in typed:
        names = ", ".join(written["header_names"])
        raise BadInput(
            f"run {found.name} needs the headers {names}, which are not stored; pass them again with --header"
        )
    return config_of(found, **typed)


class _Signals:
    """Ctrl-C or SIGTERM once: finish what is in flight; twice: end at once."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.code: int | None = None

    async def watch(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
            for number in signals.NAMES:
                self._note_at_once(number)
            task_status.started()
            async for _ in received:
                if self.session is None:
                    raise KeyboardInterrupt
                self.session.stop(signals.last()[0])

    def _note_at_once(self, number: signal.Signals) -> None:
        """The receiver hears of a signal once trio runs again: loading what a session needs can take a second."""
        receives = signal.getsignal(number)

        def noted(number: int, frame: FrameType | None) -> None:
            self.code = signals.came(number)
            if callable(receives):
                receives(number, frame)

        signal.signal(number, noted)

    def began(self, session: Session) -> None:
        """Keep the session, so that a signal can stop it; KeyboardInterrupt where one came before."""
        if self.code is not None:
            raise KeyboardInterrupt
        self.session = session


async def import_now(config: ImportConfig, relist: bool = False, typed: Sequence[str] = ()) -> int:
    """Import in this terminal, shown as it goes; answers the exit code.

    relist: read the list again, as an audit. typed: what a check of the same source is typed with, to be kept.
    """
    told = _Signals()
    mode = "none" if config.run.quiet or config.run.as_json else choose_mode(config.run.progress, sys.stderr)
    shown: list[Progress] = []
    name: list[str] = []
    if mode != "none" and (line := first_line(config)):
        click.echo(line, err=True)
    with sparing_memory(), ExitStack() as screen:

        def on_start(session: Session, _url: str) -> None:
            told.began(session)
            if typed:
                session.run_folder.note(typed=list(typed))
            if mode != "none":
                _say_beforehand(config, "The bar" if mode == "bar" else "It")
                session.on_assumed = _say_assumed
            shown.append(screen.enter_context(Progress(mode, sys.stderr)))
            name.append(session.run_folder.name)

        def on_update(state: State, live: Live) -> None:
            shown[0].update(view_under_way(name[0], state, live, config))

        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(told.watch)
                watched: dict[str, Any] = {"on_start": on_start, "on_update": on_update}
                watched["on_child"] = None if mode == "none" else _say_starting
                run = await run_import(config, **watched, relist=relist)
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            if told.code is None or told.session is not None:
                if isinstance(group.exceptions[0], CopyIncomplete):  # all is here, and said
                    report(Run(config.run.results / name[0]), config)
                raise group.exceptions[0] from None
            by, code = signals.last()  # it came before there was anything to stop
            left = f"run {config.run.name} is unchanged" if config.run.resume else "nothing was recorded"
            click.echo(f"harness: stopped by {by} before the first request; {left}", err=True)
            return code
    report(run, config)
    if told.code is not None and run.status is RunStatus.STOPPED:  # one that came after the last answer stopped nothing
        return told.code
    return exit_code(run.status)


def first_line(config: ImportConfig) -> str:
    """Return what to know before the first request: what a preset stands for, and which variable goes to which host."""
    declared = config.source.declared()
    sent = "" if declared is None else sends_told(declared, config.source.header_names)
    return "; ".join(filter(None, (preset_line(config), sent)))


def preset_line(config: ImportConfig) -> str:
    """Return what a preset stands for: documented limits, and the test API where there is no URL."""
    source, said = config.source, []
    if source.preset is not None:
        said.append(_of_preset(config))
    if source.url is None and source.preset is not None and config.test_api.scenario is not None:
        said.append(f"no --url, so the test API stands in: scenario {config.test_api.scenario}")
    return "; ".join(said)


def _of_preset(config: ImportConfig) -> str:
    preset, plan = config.source.preset, config.source.plan
    said = f"preset {preset}"
    if config.given().get("limit") is None and config.pacing.limit is not None:
        of = f", plan {plan}" if plan is not None else ""
        said += f": documented limits {format_tiers(config.pacing.limit)}{of}"
    declared = config.source.declared()
    keyless = declared is None or (
        declared.auth is None and not {*declared.headers, *config.source.header_names} & _KEYS
    )
    if keyless and config.source.url is not None and preset is not None and "auth" in load(preset).settings:
        said += "; no key is sent; name its variable with --token-env, if this list wants one"
    return said


# Headers that may be somebody's key.
_KEYS = {"Authorization", "authorization", "Cookie", "X-Api-Key"}


def _say_starting() -> None:
    """Say that the import is starting: nothing else can be said for a second or two."""
    click.echo("starting the test API", err=True)


def _say_assumed(line: str) -> None:
    click.echo(f"assumed: {printable(line)}", err=True)


def _say_beforehand(config: ImportConfig, who: str) -> None:
    """Say how long the import takes at least, where our own test API's limits are known before the first request."""
    if (
        not config.server_limits
        or not config.limits
        or config.run.resume
        or config.run.max_requests is not None
        or config.run.until_quota
        or config.pacing.strategy not in (None, "window")
    ):
        return
    items = DEFAULT_ITEMS if config.test_api.items is None else config.test_api.items
    items = items if config.run.max_items is None else min(items, config.run.max_items)
    latency_s = DEFAULT_LATENCY_S if config.test_api.latency is None else typical_latency_s(config.test_api.latency)
    pages = max(1, -(-items // min(100, config.source.page_size)))
    work = work_of(config, pages, items, "numbered")
    best = bound(work, config.limits, latency_s, config.pacing.most_workers)
    tier = best.binding
    limit, period_s = (None, None) if tier is None else (tier.limit, tier.period_s)
    about = before_start(best.bound_workers_s, work.requests, limit, period_s, who)
    faster = f"Time passes {config.speed:,g} times as fast, and all times are the API's. " if config.speed != 1 else ""
    click.echo(faster + about, err=True)


async def _plan(config: ImportConfig) -> int:
    async with (
        taking_part(config, "a dry run") as (account, kept),
        source(config) as url,
        http_api(config, url, keep_records=True) as api,
    ):
        outlook = await look_ahead(api, config, account, kept)
    plan = plan_of(outlook, config)
    if config.run.as_json:
        click.echo(json.dumps(asdict(plan)))
    else:
        click.echo(plan_text(plan, Screen.of(sys.stdout)))
    return 0
