"""Import with as many processes as the settings ask for: the door to an import, whichever way it runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial

import trio

from harness.config import ImportConfig
from harness.errors import NoSuchRun
from harness.record.run import Run, find_run
from harness.record.shards import shard_folders
from harness.scale.coordinator import Coordinator
from harness.scale.elsewhere import Elsewhere
from harness.scale.executors import Executor, Processes
from harness.session import importing
from harness.session.session import OnUpdate, Session
from harness.speed import by_the_wall

# What shards may still need to end whose coordinator was killed: they look for it all the time.
_END_S = 15.0
_LOOK_S = 0.1
_log = logging.getLogger("harness")


async def run_import(
    config: ImportConfig,
    *,
    on_child: Callable[[], None] | None = None,
    on_start: Callable[[Session, str], None] | None = None,
    on_update: OnUpdate | None = None,
    relist: bool = False,
    executor: Executor | None = None,
) -> Run:
    """Import as `config` says and answer the run, complete or not: see its `status` and `summary()`.

    on_child: called before the test API is started, if it is. on_start: gets the session, to watch and steer it, and
    the list's URL, before the first request. on_update: gets state and moment four times a second. relist: an audit,
    which reads the list again. executor: where shards run, if there are any; processes of this machine by default.
    Raises the errors of harness.errors, BadInput before anything happens.
    """
    watched = {"on_child": on_child, "on_start": on_start, "on_update": on_update}
    if config.pacing.shards == 1 or not config.source.details:
        if config.pacing.shards > 1:
            _log.warning("--shards brings nothing here: the items come from the list, which one process reads")
        return await importing.run_import(config, **watched, relist=relist)  # type: ignore[arg-type]
    if config.run.resume:
        await _wait_for_shards(config)
    with nullcontext(executor) if executor is not None else _executor(config) as where:
        sessions = partial(Coordinator, executor=where)
        return await importing.run_import(config, **watched, relist=relist, sessions=sessions)  # type: ignore[arg-type]


@contextmanager
def _executor(config: ImportConfig) -> Iterator[Executor]:
    """Yield what starts the shards, as `config` says. BadInput where that is a cluster that cannot be used."""
    if config.pacing.executor is None:
        yield Processes()
        return
    from harness.scale.cluster import connected
    from harness.scale.fitness import check_for_shards

    with connected(config.pacing.executor) as cluster:
        cluster.check_threads(config.pacing.shards)
        check_for_shards(cluster, config.pacing.executor, config)
        yield Elsewhere(cluster.plain)


async def _wait_for_shards(config: ImportConfig) -> None:
    """Wait until the shards have ended that a killed coordinator has left; whoever writes them longer is told of."""
    with suppress(NoSuchRun), trio.move_on_after(by_the_wall(_END_S)):
        run = find_run(config.run.results, config.run.name)
        while run.writer_pid is None and any(  # noqa: ASYNC110
            Run(folder).writer_pid for folder in shard_folders(run.folder)
        ):
            await trio.sleep(by_the_wall(_LOOK_S))  # other processes ring no bell
