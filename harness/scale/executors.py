"""Start shards: the one small protocol between a coordinator and wherever its shards run."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import IO, Protocol

from harness.scale.process import LENGTH
from harness.scale.shard import ShardTask


class Handle(Protocol):
    """A shard that was started."""

    @property
    def is_alive(self) -> bool:
        """Whether it may still write its folder."""

    @property
    def why(self) -> str:
        """How it ended, for people; "" while it is alive and where it ended by itself, without an error."""

    @property
    def was_killed(self) -> bool:
        """Whether it was ended from outside, so that it may be started again; not by an error of its own."""

    def kill(self) -> None:
        """End it at once, and wait until it is gone; nothing where it is. It may be started again at any moment."""


class Executor(Protocol):
    """Somewhere that shards run."""

    def start(self, task: ShardTask) -> Handle:
        """Start a shard; it ends by itself once it has done its work, or soon after this process is gone."""


class Processes:
    """Shards as processes of this machine. Each is in a session of its own, so that Ctrl-C is the coordinator's."""

    def start(self, task: ShardTask) -> Process:
        said = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the handle
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.scale.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        text = pickle.dumps(task)
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once, which its handle tells
            process.stdin.write(LENGTH.pack(len(text)) + text)
            process.stdin.flush()
        return Process(process, said)


class Process:
    """A shard in a process of this machine."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        self._process = process
        self._said = said
        self._last_words = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        if self._process.poll() is None:
            return True
        self._let_go()
        return False

    @property
    def why(self) -> str:
        if self.is_alive or not self._process.returncode:
            return ""
        code = self._process.returncode
        return f"killed by signal {-code}" if code < 0 else self._last_words or f"exit code {code}"

    @property
    def was_killed(self) -> bool:
        return (self._process.poll() or 0) < 0

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._let_go()

    def leave(self) -> None:
        """Let it end by itself, soon, as if this process had gone."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _let_go(self) -> None:
        """Close what was open for a process that is over, and keep what it said last."""
        self.leave()
        if not self._said.closed:
            with self._said:
                self._said.seek(0)
                lines = self._said.read()[-10_000:].decode(errors="replace").strip().splitlines()
            self._last_words = lines[-1].strip() if lines else ""
