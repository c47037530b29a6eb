"""Imports from beginning to end: the run's folder, the API, a session, and what is written when it is over."""

from __future__ import annotations

import platform
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.metadata import version
from typing import Any

import trio
from pydantic import ValidationError

from harness.api.base import Api
from harness.api.child import child_api, server_flags
from harness.api.client import HttpApi
from harness.api.ledger import compared, ledger_report
from harness.api.rest import Rest
from harness.config import ImportConfig
from harness.engine.best import figures as figures
from harness.engine.best import revealed
from harness.engine.reopening import forget as forget
from harness.engine.reopening import reopen as reopen
from harness.engine.session import OnUpdate, Session
from harness.errors import BadInput, HarnessError, NoSuchRun, RecordError
from harness.pacing.strategies import STRATEGIES
from harness.record.clock import has_passed, utc_s
from harness.record.compaction import compact
from harness.record.events import RunStatus
from harness.record.history import recorded
from harness.record.items import write_items
from harness.record.run import Run, create_run, find_run, locked, new_run_name, write_summary
from harness.record.state import State
from harness.record.summary import Ledger, Summary
from harness.settings import explain

# Nothing more is to come, unless somebody retries what failed: then that is compacted in its turn.
_OVER: tuple[RunStatus, ...] = ("complete", "complete with failures")
_PACKAGES = ("httpx", "trio", "pyarrow", "quart", "hypercorn")


async def run_import(
    config: ImportConfig,
    *,
    on_start: Callable[[Session, str], None] | None = None,
    on_update: OnUpdate | None = None,
    relist: bool = False,
) -> Run:
    """Import as `config` says and answer the run, complete or not: see its `status` and `summary()`.

    on_start: gets the session, to watch and steer it, and the list's URL, before the first request. on_update: gets
    state and moment four times a second. relist: an audit, see `import_into`. Raises the errors of harness.errors,
    BadInput before anything happens.
    """
    # What the environment says wrongly of proxies is refused here, before anything is written.
    foreign = None if config.url is None else http_api(config, config.url)
    try:
        run = prepare_run(config)
        with locked(run), noted(run):
            async with source(config) as url, foreign or http_api(config, url) as api:
                return await import_into(run, config, api, url, on_start, on_update, relist=relist)
    except BaseExceptionGroup as group:
        raise _plainest(group) from group


@contextmanager
def noted(run: Run) -> Iterator[None]:
    """An error that ends the session is the run's status and reason, as far as the disk still takes them.

    Bad input that only the test API could find leaves nothing behind.
    """
    try:
        yield
    except Exception as error:
        plain = _plainest(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(plain, BadInput) and not (run.folder / "events").exists():
            shutil.rmtree(run.folder)
            raise
        with suppress(RecordError):
            run.note(status="failed", reason=str(plain))
        raise


async def import_into(
    run: Run,
    config: ImportConfig,
    api: Api,
    url: str,
    on_start: Callable[[Session, str], None] | None = None,
    on_update: OnUpdate | None = None,
    *,
    inline: bool = False,
    relist: bool = False,
) -> Run:
    """One session of the locked `run` against `api`, then its summary and items.

    inline: write without threads. relist: read the list again, and import what it names anew.
    """
    session = Session(run, config, inline=inline, relist=relist)
    before = (session.state.answered, session.state.refused, session.state.lost)
    if on_start is not None:
        on_start(session, url)
    await session.run(api, on_update)
    ledger = await _compare_ledger(url, session.state, before) if config.url is None else None
    if inline:
        write_results(run, session.state, config, ledger)
    else:
        await trio.to_thread.run_sync(write_results, run, session.state, config, ledger)
    return run


def prepare_run(config: ImportConfig, *, simulated: bool = False) -> Run:
    """The run that `config` names, new or to be resumed; NoSuchRun where the name is taken or is not there.

    simulated: said in run.json, for such a run has another clock and cannot be resumed.
    """
    if config.resume:
        run = find_run(config.results, config.run)
        refuse_simulated(run)
        _refuse_passed(config)
        return run
    if not simulated:
        _refuse_passed(config)
    name = config.run or new_run_name(config.results, utc_s())
    folder = config.results / name
    if folder.exists() and config.fresh:
        if not (folder / "run.json").exists():
            raise NoSuchRun(f"{folder} is no run, so --fresh does not remove it; choose another --run or --results")
        with locked(Run(folder)):
            shutil.rmtree(folder)
    elif folder.exists():
        ask = f"add --resume to go on with it or --fresh to replace it, or choose another --run than {name}"
        raise NoSuchRun(f"the run {name} exists in {config.results}; {ask}")
    about = {
        "config": config.as_written(),
        "strategy": config.pacing if isinstance(config.pacing, str) else None,
        "versions": {"harness": version("rate-limit-harness"), "python": platform.python_version(), **_versions()},
        "seed": config.seed,
        "host": platform.node(),
        "platform": platform.platform(),
        "simulated": simulated,
    }
    return create_run(config.results, name, about, utc_s())


def _refuse_passed(config: ImportConfig) -> None:
    if config.until is not None and has_passed(config.until):
        raise BadInput(f"--until {config.until} is in the past; give a moment that is still to come")


def refuse_simulated(run: Run) -> None:
    """BadInput for a run that was simulated: there is no server to go on with."""
    if run.about.get("simulated"):
        raise BadInput(f"run {run.name} was simulated, in a time of its own, and cannot be resumed; simulate it again")


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _PACKAGES}


@asynccontextmanager
async def source(config: ImportConfig) -> AsyncIterator[str]:
    """The list's URL: the one named, or that of a test API started for as long as the block runs."""
    if config.url is not None:
        yield config.url
        return
    async with child_api(server_flags(config)) as url:
        yield url


def http_api(config: ImportConfig, url: str, *, keep_records: bool = False) -> HttpApi:
    """The client for `url` with the settings of `config`; `keep_records` also where items are fetched one by one."""
    return HttpApi(
        Rest(url, config.per_page, frozenset(config.allow_host)),
        workers=config.most_workers,
        timeout_s=config.timeout,
        headers=config.request_headers(),
        variables=config.url_variables(),
        max_body=config.max_body,
        keep_records=keep_records or not config.detail,
        trust_env=config.url is not None,  # our own child is on loopback, where no proxy has business
    )


async def _compare_ledger(url: str, state: State, before: tuple[int, int, int]) -> Ledger | None:
    """The test API's count of this session beside ours; None where it no longer answers."""
    try:
        report = await ledger_report(url)
    except Exception:  # the import is over and recorded: a view of it must not undo that
        return None
    return compared(report, *(now - then for now, then in zip(state_counts(state), before, strict=True)))


def state_counts(state: State) -> tuple[int, int, int]:
    """(answered, refused, lost) requests, as a ledger counts them."""
    return state.answered, state.refused, state.lost


def write_results(run: Run, state: State, config: ImportConfig, ledger: Ledger | None) -> Summary:
    """What lies in a run's folder once a session has ended: its items, its figures, its status."""
    write_items(run.folder, lambda item: state.items.state(item) == "imported", count=state.imported)
    summary = figures(run.name, state, config, ledger, learned=revealed(run.folder, state))
    write_summary(run, summary.as_dict())
    ended = {"status": state.status, "reason": state.reason, "ended_utc_s": state.ended_utc_s}
    run.note(**ended, recorded=recorded(run.folder))
    if state.status in _OVER:
        with suppress(RecordError):  # it only makes reading quicker: everything is on disk
            compact(run.folder)
    return summary


def config_of(run: Run, **changes: Any) -> ImportConfig:
    """The settings of `run`, as started or set since, to go on with it; `changes` win (secrets are asked for again).

    A moment to end at that has passed is let go. BadInput where they cannot be used here and now, such as a strategy
    that was an object of somebody's own.
    """
    written = {key: value for key, value in run.about["config"].items() if key != "header_names" and value is not None}
    if written.get("pacing") not in (None, *STRATEGIES) and "pacing" not in changes:
        own = f"was paced by {written['pacing']!r}, a strategy of somebody's own"
        raise BadInput(f"run {run.name} {own}; resume it from Python, or add --pacing window")
    if "until" in written and has_passed(written["until"]):
        del written["until"]
    asked = run.about.get("asked", {})  # with `set`, since
    settings = {"results": run.folder.parent, "run": run.name, "resume": True, **written, **asked, **changes}
    try:
        return ImportConfig(**settings)
    except ValidationError as error:
        raise BadInput(f"the settings of run {run.name} cannot be used: {explain(error)}") from None


def _plainest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error to show for a group that trio made: ours if there is one, else the first."""
    leaves: list[BaseException] = []
    todo: list[BaseException] = [group]
    while todo:
        error = todo.pop(0)
        if isinstance(error, BaseExceptionGroup):
            todo.extend(error.exceptions)
        else:
            leaves.append(error)
    ours = [error for error in leaves if isinstance(error, HarnessError)]
    return (ours or leaves)[0]
