"""A Dask cluster: reach its scheduler, check its workers before anything is handed to them, and watch it.

Only this module loads Dask, and only when a cluster is named. Whatever asks the scheduler has a time limit here: Dask's
own calls wait as long as the scheduler is silent.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import platform
import secrets
import socket
import struct
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from harness.errors import BadInput
from harness.installation import PACKAGE, need, version
from harness.paths import quoted
from harness.scale.cluster_executor import ClusterExecutor

T = TypeVar("T")

SCHEME = "dask://"
# The port of `dask scheduler`.
PORT = 8786
# A scheduler on another continent answers within one second; one that starts beside us, within a few.
CONNECT_S = 10.0
# Containers and batch jobs bring their workers up a little after the scheduler.
WORKERS_S = 30.0
_LONGEST_GREETING = 1 << 20
# Asking all workers takes as long as the slowest of them, and a worker's first import of this package some seconds.
ANSWER_S = 30.0
_UNLOCKED = "-unlocked"
# Saying goodbye to a scheduler that may be gone.
CLOSE_S = 3.0
# How often the scheduler is asked how it goes: often enough for a progress line, and nothing to a scheduler.
LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What the scheduler said last. threads: of each worker, by its address. running: tasks of ours on threads now.

    silent: how many looks in a row, one each second, it has not answered.
    """

    threads: Mapping[str, int] = field(default_factory=dict)
    running: int = 0
    silent: int = 0


def scheduler_address(text: str) -> str:
    """Return Dask's own address for `dask://HOST[:PORT]`; BadInput for anything else."""
    ask = f"write it like {SCHEME}scheduler:{PORT}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise BadInput(f"--executor: {quoted(text)} is not the address of a scheduler; {ask}") from None
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme != "dask" or not host or more or not text.isprintable():
        raise BadInput(f"--executor: {quoted(text)} is not the address of a scheduler; {ask}")
    return f"tcp://{f'[{host}]' if ':' in host else host}:{port or PORT}"


class Cluster:
    """A cluster whose scheduler has answered. executor: hands tasks to it. plain: those that wait for each other."""

    def __init__(self, client: Any, named: str) -> None:
        self._client, self._named = client, named
        self.executor, self.plain = ClusterExecutor(client, named), ClusterExecutor(client, named, once_more=False)
        self.state = ClusterState()
        self._ended = threading.Event()

    @property
    def threads(self) -> int:
        """Return how many tasks run at a time, by what the scheduler said last."""
        return sum(self.state.threads.values())

    def check(self, workers_s: float) -> None:
        """Raise BadInput where there is no worker, or one that would compute something else than this process."""
        self._wait_for_a_worker(workers_s)
        seen = self._asked(self._client.get_versions)
        here = platform.python_version_tuple()[:2]
        for where, about in {**seen["workers"], "": seen["scheduler"]}.items():
            there = tuple(about["host"]["python"].split(".")[:2])
            if there != here:
                raise BadInput(
                    f"{self._place(where)} runs Python {'.'.join(there)}, and this is {'.'.join(here)}; "
                    "start the cluster and this command with the same Python"
                )
        versions = self._on_all_workers(version)
        # Dask's scheduler loads the function of each task, so it needs the package, too.
        versions[""] = self._asked(lambda: _returned_or_raised(lambda: self._client.run_on_scheduler(version)))[1]
        for where, found in versions.items():
            if found != version():
                has = f"{PACKAGE} {found}" if isinstance(found, str) else f"no {PACKAGE} that can be loaded"
                ask = "install the same version there"
                raise BadInput(f"{self._place(where)} has {has}, and this is {version()}; {ask}")

    def check_shared(self, folder: Path) -> None:
        """Raise BadInput unless every worker reads at `folder` what is written there here, and locks it."""
        made = [part for part in (folder, *folder.parents) if not part.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        nonce, name = secrets.token_hex(16), f".shared-{secrets.token_hex(4)}"
        path = folder / name
        try:
            with open(path, "w", encoding="ascii") as file:
                file.write(nonce)
                file.flush()
                fcntl.flock(file, fcntl.LOCK_EX)
                answers = self._on_all_workers(_answer_beside, str(path), nonce)
            for where, found in answers.items():
                if not isinstance(found, str) or not path.with_name(f"{name}-{found}").exists():
                    ask = "put --results on a disk that all of them mount at the same path"
                    raise BadInput(f"{self._place(where)} does not share the folder {folder} with this machine; {ask}")
                if found.endswith(_UNLOCKED):
                    ask = "put --results on a disk with locks, such as NFS 4"
                    raise BadInput(f"{self._place(where)} does not see locks in {folder}; {ask}")
        finally:
            for left in folder.glob(f"{name}*"):
                left.unlink(missing_ok=True)
            with suppress(OSError):  # another process has begun to use it
                for part in made:
                    part.rmdir()

    def check_threads(self, wanted: int) -> None:
        """Raise BadInput unless so many tasks can run at a time: for tasks that wait for one another."""
        found = sum(self._asked(self._client.nthreads).values())
        if found < wanted:
            have = f"{self._named} has {found} thread{'' if found == 1 else 's'}"
            raise BadInput(f"{have}, and each of {wanted} shards needs one; start more workers, or lower --shards")

    def check_file(self, path: Path) -> None:
        """Raise BadInput unless every worker reads at `path` what this process does."""
        if not path.is_absolute():
            raise BadInput(f"{path} is read by the workers of {self._named}, too; name it by its full path")
        here = _digest(str(path))
        for where, found in self._on_all_workers(_digest, str(path)).items():
            if found != here:
                ask = "put it on a disk that all of them mount at the same path"
                raise BadInput(f"{self._place(where)} does not read the same {path} as this machine; {ask}")

    def machines(self) -> set[str]:
        """Return the machines of the workers, as `this_machine` names them."""
        return {str(found) for found in self._on_all_workers(this_machine).values()}

    def check_each(self, function: Callable[..., Any], *args: Any) -> None:
        """Call `function` on every worker; BadInput, naming the worker, where it raises."""
        for where, found in self._on_all_workers(function, *args).items():
            if isinstance(found, BaseException):
                raise BadInput(f"{self._place(where)}: {found}")

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Keep `state` fresh while the context lasts."""
        self._look()
        watcher = threading.Thread(target=self._watch, name="dask-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            self._ended.set()
            watcher.join(2 * LOOK_S)  # not longer: it may wait for a scheduler that is silent

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        try:
            threads = self._asked(self._client.nthreads, 2 * LOOK_S)
            processing = self._asked(self._client.processing, 2 * LOOK_S)
        except Exception:  # gone or silent: that is said from the count; the executor notices by itself what is lost
            self.state = ClusterState(self.state.threads, self.state.running, self.state.silent + 1)
            return
        ours = {worker: sum(e.begun(keys) for e in (self.executor, self.plain)) for worker, keys in processing.items()}
        # A worker is sent a little more than it has threads for.
        running = sum(min(ours.get(worker, 0), number) for worker, number in threads.items())
        self.state = ClusterState(dict(threads), running)

    def _wait_for_a_worker(self, workers_s: float) -> None:
        try:
            self._client.wait_for_workers(1, timeout=workers_s)
        except OSError:  # Dask's TimeoutError is one, and so is a connection that breaks
            start = f"dask worker {scheduler_address(self._named)}"
            raise BadInput(f"{self._named} has had no worker for {workers_s:g} s; start one with: {start}") from None

    def _on_all_workers(self, function: Callable[..., Any], *args: Any) -> dict[str, Any]:
        """Call it on every worker now; by address, what it returned or raised."""
        return dict(self._asked(lambda: self._client.run(function, *args, on_error="return")))

    def _asked(self, ask: Callable[[], T], within_s: float = ANSWER_S) -> T:
        """Return what `ask` answers; BadInput where that takes too long. Dask itself would wait for ever."""
        answers: list[tuple[bool, Any]] = []
        thread = threading.Thread(target=lambda: answers.append(_returned_or_raised(ask)), daemon=True)
        thread.start()
        thread.join(within_s)
        if not answers:
            raise BadInput(f"{self._named} did not answer within {within_s:g} s; see its log, and try again")
        returned, answer = answers[0]
        if not returned:
            raise BadInput(f"{self._named} cannot be asked ({answer}); see its log, and try again")
        result: T = answer
        return result

    def _place(self, worker: str) -> str:
        return f"the worker {worker} of {self._named}" if worker else f"the scheduler {self._named}"


@contextmanager
def connected(named: str, *, connect_s: float = CONNECT_S, workers_s: float = WORKERS_S) -> Iterator[Cluster]:
    """Connect to the cluster `dask://HOST:PORT` and check its workers. BadInput where it cannot be used, in seconds."""
    address = scheduler_address(named)
    distributed = need("distributed", "dask")
    with _quiet():
        client = _client(distributed, address, named, connect_s)
        try:
            cluster = Cluster(client, named)
            cluster.check(workers_s)
            with cluster.watched():
                yield cluster
        finally:
            with suppress(Exception):  # whatever it is that cannot be told to a scheduler any more
                client.close(timeout=CLOSE_S)


def _client(distributed: Any, address: str, named: str, connect_s: float) -> Any:
    """Return a connected client; BadInput, once connect_s are over, where no scheduler answers there."""
    try:
        _hear_of_a_scheduler(address, connect_s)
        with warnings.catch_warnings():
            # A table of versions. What has to be alike is checked here, and said in a sentence.
            warnings.simplefilter("ignore", distributed.versions.VersionMismatchWarning)
            return distributed.Client(address, timeout=connect_s, set_as_default=False)
    except Exception as error:  # of any kind where the scheduler's Dask is another one
        ask = "start one with: dask scheduler, or correct --executor"
        raise BadInput(f"no Dask scheduler can be reached at {named} ({_reason(error)}); {ask}") from None


def _hear_of_a_scheduler(address: str, connect_s: float) -> None:
    """Raise OSError unless something at `address` speaks first, as a scheduler does, and in its way.

    Dask's own client waits for ever for one that accepts a connection and is silent.
    """
    parts = urlsplit(address)
    heard = b""
    try:
        with socket.create_connection((str(parts.hostname), int(parts.port or PORT)), connect_s) as stream:
            while len(heard) < 8 and (more := stream.recv(8 - len(heard))):
                heard += more
    except TimeoutError:
        raise OSError(f"it has not answered within {connect_s:g} s") from None
    # A message of Dask begins with its length; the first is about what can be compressed how, and is short.
    if len(heard) < 8 or struct.unpack("<Q", heard)[0] > _LONGEST_GREETING:
        raise OSError("what answers there is something else")


def _reason(error: BaseException) -> str:
    """Return the innermost reason as one line: Dask's own message repeats the address."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(getattr(error, "strerror", None) or error).split())
    return (text if len(text) <= 100 else text[:99] + "…") or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log off the terminal: what matters of it is said by errors and by the progress line."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _returned_or_raised(function: Callable[[], Any]) -> tuple[bool, Any]:
    """Return (True, its result) or (False, its error)."""
    try:
        return True, function()
    except Exception as error:
        return False, error


def this_machine() -> str:
    """Return what tells this machine, since its last start, from every other; a container is one, too."""
    with suppress(OSError):
        return f"{platform.node()} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    return platform.node()


def _digest(path: str) -> str:
    """Return what tells one content of a file from another."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _answer_beside(path: str, nonce: str) -> str:
    """On a worker: read the nonce at `path`, write a file of our own beside it, and return what its name ends with.

    That in turn ends with _UNLOCKED where the lock on the file at `path` is not seen.
    """
    if Path(path).read_text(encoding="ascii") != nonce:
        raise ValueError("another file lies there")
    with open(path, encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            token = secrets.token_hex(4) + _UNLOCKED
        except BlockingIOError:
            token = secrets.token_hex(4)
    Path(f"{path}-{token}").touch()
    return token
