"""Import from beginning to end: the run's folder, the API, a session, and what is written when it is over."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import trio
from pydantic import SecretStr

from harness.account.account import Account
from harness.config import ImportConfig
from harness.errors import BadInput, HarnessError, NoSuchRun, RecordError
from harness.installation import need_server, version
from harness.pacing import Tiers
from harness.pacing.strategies import STRATEGIES
from harness.paths import program, results_url
from harness.record.clock import has_passed, utc_s
from harness.record.folder import Folder, NameTaken
from harness.record.history import recorded
from harness.record.parts import list_parts
from harness.record.run import Run, created_run, find_run
from harness.record.state import State
from harness.record.summary import Ledger, Summary
from harness.session.copying import copied
from harness.session.factory import auth_of
from harness.session.joining import account_for, own_account, told_of
from harness.session.optimality import figures as figures, revealed
from harness.session.retry_failed import conclude, forget as forget, reopen as reopen
from harness.session.session import OnUpdate, Session
from harness.settings import Resolved, resolve
from harness.source.assuming import known_of, restored
from harness.source.base import Api
from harness.source.child import child_api, server_flags
from harness.source.client import HttpApi
from harness.source.ledger import compared, ledger_report
from harness.source.page_sizes import Sized
from harness.source.rest import Rest
from harness.source.tokens import Client as TokenClient
from harness.spec.source import OAuth2
from harness.speed import check_clock, wall_since
from harness.values import as_headers

_PACKAGES = ("httpx2", "trio", "pyarrow", "quart", "hypercorn")


async def run_import(
    config: ImportConfig,
    *,
    on_child: Callable[[], None] | None = None,
    on_start: Callable[[Session, str], None] | None = None,
    on_update: OnUpdate | None = None,
    relist: bool = False,
    sessions: Callable[..., Session] = Session,
) -> Run:
    """Import as `config` says and answer the run, complete or not: see its `status` and `summary()`.

    on_child: called before the test API is started, if it is. on_start: gets the session, to watch and steer it, and
    the list's URL, before the first request. on_update: gets state and moment four times a second. relist: an audit,
    see `import_into`. sessions: makes the session, as `Session` does. Raises the errors of harness.errors, BadInput
    before anything happens.
    """
    check_clock(config.speed)
    # What the environment says wrongly of proxies and certificates is refused here, before anything is written.
    foreign = None if config.source.url is None else http_api(config, config.source.url)
    if foreign is None:
        need_server()
    account = await account_for(config, config.run.name or "an import")
    try:
        async with copied(config) as copying:
            config = copying.config
            with prepared(config) as run:
                async with source(config, on_child) as url, foreign or http_api(config, url) as api:
                    account = account or (None if config.pacing.shards == 1 else await own_account(config, run.folder))
                    how = {"relist": relist, "sessions": sessions, **await told_of(account, run, config)}
                    await import_into(run, config, api, url, copying.watching(on_start), on_update, **how)
        return run
    except BaseExceptionGroup as group:
        raise _plainest(group) from group
    finally:
        if account is not None:
            await account.close()


@contextmanager
def noted(run: Run, *, new: bool) -> Iterator[None]:
    """Note an error that ends the session as the run's status and reason, as far as the disk still takes them.

    A new run of which nothing was recorded and nothing asked leaves nothing behind where it was bad input that only the
    test API could find, or where somebody ended it (Ctrl-C, or a cancelled scope).
    """
    try:
        yield
    except Exception as error:
        plain = _plainest(error) if isinstance(error, BaseExceptionGroup) else error
        if new and isinstance(plain, BadInput) and _is_blank(run):
            run.discard()
            raise
        with suppress(RecordError):
            # Events that cannot be read are what ended it, or nothing was written since the last time they were.
            run.note(status="failed", reason=str(plain), settled=False, **_reach(run))
        raise
    except BaseException:
        if new and _is_blank(run):
            run.discard()
        raise


def _reach(run: Run) -> dict[str, Any]:
    try:
        return {"recorded": recorded(run.folder)}
    except RecordError:
        return {}


def _is_blank(run: Run) -> bool:
    """Return whether nothing was recorded of a run, and no request of it has begun."""
    begun = run.folder / "sent"
    parts = any(list_parts(run.folder / kind) for kind in ("events", "items"))
    return not parts and not (begun.exists() and any(begun.read_bytes()))


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
    account: Account | None = None,
    remembered: Tiers | None = None,
    sessions: Callable[..., Session] = Session,
) -> Run:
    """Import for one session of the locked `run` from `api`, then write its summary and items.

    inline: write without threads. relist: read the list again, and import what it names anew. account, which was
    joined, and the limits that were learned in it: as of `Session`.
    """
    session = sessions(run, config, inline=inline, relist=relist, account=account, remembered=remembered)
    session.url = url
    if isinstance(api, HttpApi):
        go_by(api, run, config, session)
    before = (session.state.answered, session.state.refused, session.state.lost)
    if on_start is not None:
        on_start(session, url)
    await session.run(api, on_update)
    ledger = await _compare_ledger(url, session.state, before) if config.source.url is None else None
    if inline:
        write_results(run, session.state, config, ledger)
    else:
        await trio.to_thread.run_sync(write_results, run, session.state, config, ledger)
    return run


def go_by(api: HttpApi, run: Run, config: ImportConfig, session: Session) -> None:
    """Let the client read the API as the run has assumed; where it has not yet, by what page 1 makes believe.

    So it is with the size of pages: those of a list that was begun must keep theirs.
    """
    noted = run.about.get("assumed")
    if noted is not None:
        try:
            api.go_by(restored(noted, api.source), *known_of(noted))
        except ValueError:
            where = run.folder / "run.json"
            raise RecordError(f"{where} holds an assumption that is none; restore it, or start anew") from None
    elif config.source.url is not None:
        api.reading.on_assumed = session.assumed
    if config.source.url is not None and config.pacing.limit:
        api.on_quotas = session.heard
    sized = Sized.from_noted(run.about.get("page_size"))
    if sized is not None or session.state.pages_read:
        api.reading.keep_size(sized)
    api.reading.on_sized = session.sized


def prepare_run(config: ImportConfig, *, simulated: bool = False) -> Run:
    """Return the run that `config` names, which nobody is writing yet; see `prepared`."""
    with prepared(config, simulated=simulated) as run:
        return run


@contextmanager
def prepared(config: ImportConfig, *, simulated: bool = False) -> Iterator[Run]:
    """Yield the run that `config` names, new or to be resumed, locked for as long as the block runs.

    An error in the block is noted in the run. simulated: said in run.json, for such a run has another clock and cannot
    be resumed. NoSuchRun where the name is taken or is not there, RunLocked where another process writes the run.
    """
    resolve(config)
    if simulated and (url := results_url(config.run.results)) is not None:
        raise BadInput(f"a simulated run is kept in a folder, not in {url}; leave out --results, or name a folder")
    if config.run.resume:
        run = _to_resume(config)
        with run.locked(), noted(run, new=False):
            yield run
        return
    if not simulated:
        _refuse_passed(config)
    if config.run.name is not None:
        _make_way(config, config.run.results / config.run.name)
    about = {
        "config": config.as_written(),
        **_compiled(config),
        "strategy": config.pacing.strategy if isinstance(config.pacing.strategy, str) else None,
        "versions": {"harness": version(), "python": platform.python_version(), **_versions()},
        "seed": config.run.seed,
        "host": platform.node(),
        "platform": platform.platform(),
        "simulated": simulated,
    }
    try:
        with created_run(config.run.results, config.run.name, about, utc_s()) as run, noted(run, new=True):
            yield run
    except NameTaken:  # by a process that made a run of that name in this moment
        raise _taken(config) from None


def _compiled(config: ImportConfig) -> dict[str, Any]:
    """Return, for run.json, the source that the settings come to, a preset's and all; nothing for a test API."""
    source = config.source.declared()
    return {} if source is None else {"source": source.as_written()}


def _to_resume(config: ImportConfig) -> Run:
    if config.run.name is not None and Folder(config.run.results / config.run.name).is_husk:
        folder, command = config.run.results / config.run.name, f"{program()} import --run {config.run.name}"
        raise NoSuchRun(f"{folder} holds no run: its start was interrupted; start it again with: {command}")
    run = find_run(config.run.results, config.run.name)
    refuse_simulated(run)
    _refuse_passed(config)
    return run


def _make_way(config: ImportConfig, folder: Path) -> None:
    """Remove what --fresh replaces; NoSuchRun for anything else of that name, but what was never a run."""
    if Folder(folder).is_husk or not os.path.lexists(folder):
        return
    if not (folder / "run.json").exists():
        if not Folder(folder).is_remains:
            but = ", so --fresh does not remove it" if config.run.fresh else ", but something else"
            raise NoSuchRun(f"{folder} is not a run{but}; choose another --run or --results")
        if not config.run.fresh:
            raise NoSuchRun(f"{folder} has lost its run.json; restore that from a copy, or add --fresh to replace it")
    elif not config.run.fresh:
        raise _taken(config)
    with suppress(NoSuchRun):  # another process has just removed it
        Run(folder).remove()


def _taken(config: ImportConfig) -> NoSuchRun:
    ask = f"add --resume to continue it or --fresh to replace it, or choose another --run than {config.run.name}"
    return NoSuchRun(f"the run {config.run.name} exists in {config.run.results}; {ask}")


def _refuse_passed(config: ImportConfig) -> None:
    if config.run.until is not None and has_passed(config.run.until):
        raise BadInput(f"--until {config.run.until} is in the past; give a time in the future")


def refuse_simulated(run: Run) -> None:
    """Raise BadInput for a run that was simulated: there is no server to go on with."""
    if run.about.get("simulated"):
        raise BadInput(f"run {run.name} was simulated in virtual time and cannot be resumed; simulate it again")


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):  # the web server is an extra
            found[name] = metadata.version(name)
    return found


@asynccontextmanager
async def source(config: ImportConfig, on_child: Callable[[], None] | None = None) -> AsyncIterator[str]:
    """Yield the list's URL: the one named, or that of a test API started for as long as the block runs."""
    if config.source.url is not None:
        yield config.source.url
        return
    need_server()
    if on_child is not None:
        on_child()
    async with child_api(server_flags(config)) as url:
        yield url


def http_api(config: ImportConfig, url: str, *, keep_records: bool = False) -> HttpApi:
    """Return the client for `url` with the settings of `config`; `keep_records` also where items are fetched one by
    one. That is for a look at the list, which is read as a whole then, even where it is split.
    """
    resolved = resolve(config)
    return HttpApi(
        _rest(config, url, whole=keep_records),
        workers=config.pacing.most_workers,
        timeout_s=config.timeout_s,
        headers=resolved.headers,
        variables=resolved.variables,
        max_body=config.source.max_body,
        refused_when=config.source.refused_when,
        keep_records=keep_records or not config.source.details,
        **_proving(config, url, resolved),
        wall=utc_s if config.speed == 1 else wall_since(utc_s()),
        find_size=config.source.url is not None,
        trust_env=config.source.url is not None,  # our own child is on loopback, where no proxy has business
    )


def _rest(config: ImportConfig, url: str, *, whole: bool = False) -> Rest:
    """Return the mapping of the source that `config` declares, or of the list at `url` where it declares nothing.

    whole: as if the list were not split.
    """
    declared = config.source.declared(url)
    if declared is None:
        return Rest(url, config.source.page_size, frozenset(config.source.allow_host))
    split = None if whole else declared.resource.split
    resource = declared.resource.model_copy(update={"url": url, "split": split})
    if resource.per_page is None and (resource.most_per_page is not None or config.source.url is None):
        usual = config.source.page_size if resource.paging is None else None
        resource = resource.model_copy(update={"per_page": resource.most_per_page or usual})
    return Rest(declared.model_copy(update={"resource": resource}))


def _proving(config: ImportConfig, url: str, resolved: Resolved) -> dict[str, Any]:
    """Return what the client needs to prove who we are: its keys, or how it asks for tokens."""
    declared = config.source.declared(url)
    auth = auth_of(config)
    same_host = declared is not None and declared.same_host
    if isinstance(auth, OAuth2):
        names = (auth.client_id_env, auth.client_secret_env)
        identity, secret = (resolved.secrets[name] for name in names)
        return {"oauth": TokenClient(auth.token_url, identity, secret, auth.scope), "same_host": same_host}
    return {"auth": auth, "keys": resolved.secrets if auth else None, "same_host": same_host}


async def _compare_ledger(url: str, state: State, before: tuple[int, int, int]) -> Ledger | None:
    """Return the test API's count of this session beside ours; None where it no longer answers."""
    try:
        report = await ledger_report(url)
    except Exception:  # the import is over and recorded: a view of it must not undo that
        return None
    return compared(report, *(now - then for now, then in zip(state_counts(state), before, strict=True)))


def state_counts(state: State) -> tuple[int, int, int]:
    """Return (answered, refused, lost) requests, as a ledger counts them."""
    return state.answered, state.refused, state.lost


def write_results(run: Run, state: State, config: ImportConfig, ledger: Ledger | None) -> Summary:
    """Write what lies in a run's folder once a session has ended: its items, its figures, its status."""
    summary = figures(run.name, state, config, ledger, learned=revealed(run.folder, state))
    summary = replace(summary, assumed=run.assumed, shared_with=run.shared_with, speed=config.speed)
    conclude(run, state, summary)
    return summary


def config_of(run: Run, **changes: Any) -> ImportConfig:
    """Return the settings of `run`, as started or set since, to go on with it; `changes` win (secrets are asked for
    again).

    A moment to end at that has passed is let go. BadInput where they cannot be used here and now, such as a strategy
    that was an object of somebody's own.
    """
    written = {key: value for key, value in run.config.items() if key != "header_names" and value is not None}
    if written.get("pacing") not in (None, *STRATEGIES) and "pacing" not in changes:
        own = f"was paced by {written['pacing']!r}, a custom strategy"
        raise BadInput(f"run {run.name} {own}; resume it from Python, or add --pacing window")
    if isinstance(written.get("until"), str) and has_passed(written["until"]):
        del written["until"]
    if "header" in changes and "header" in written:
        changes = {**changes, "header": _with_stored(written["header"], changes["header"])}
    asked = run.about.get("asked", {})  # with `set`, since
    settings = {**written, **asked, "results": run.folder.parent, "run": run.name, "resume": True, **changes}
    try:
        config = ImportConfig(**settings)
        resolve(config)
    except BadInput as error:
        where = f"the settings of run {run.name}, in {run.folder / 'run.json'}, cannot be used"
        raise BadInput(f"{where}: {error}") from None
    return config


def _with_stored(stored: list[str], said: Any) -> list[Any]:
    """Return the headers that a run has kept, their secrets by the names of variables, but those that are said anew."""
    given = as_headers(said)
    texts = [one.get_secret_value() if isinstance(one, SecretStr) else one for one in given]
    names = {text.partition(":")[0].strip().lower() for text in texts}
    return [*(one for one in stored if one.partition(":")[0].strip().lower() not in names), *given]


def _plainest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error to show for a group that trio made: ours if there is one, else the first."""
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
