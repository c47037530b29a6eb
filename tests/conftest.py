"""Async tests run on trio: in virtual time by default, on the real clock when marked `realtime` and not `sockets`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio.testing
from hypothesis import HealthCheck, settings

# Otherwise an example that takes 200 ms of a busy machine's time fails its test, and so do examples slow to make.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

# A job in the background of a script inherits a SIGINT that is ignored, and so would each process that a test starts
# and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Virtual time moves on once nothing has come for this long of real time. What one end of a socket on loopback sends,
# the other can read at once, however busy the machine is.
QUIET_S = 0.05


def sockets_clock() -> trio.testing.MockClock:
    """Virtual time for tests whose two ends of a socket are in this process. Threads are not waited for."""
    return trio.testing.MockClock(autojump_threshold=QUIET_S)


@pytest.fixture(scope="session")
def _states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return (base / str(number) for base in [tmp_path_factory.mktemp("state")] for number in count())


@pytest.fixture(autouse=True)
def _account_of_its_own(monkeypatch: pytest.MonkeyPatch, _states: Iterator[Path]) -> None:
    """No test knows what another has sent, nor what the user has; the folder is made only where it is used."""
    monkeypatch.setenv("HARNESS_STATE", str(next(_states)))


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """trio on a MockClock that jumps when everything sleeps: exact virtual time, asserted with ==."""
    if request.node.get_closest_marker("sockets"):
        return ("trio", {"clock": sockets_clock()})
    if request.node.get_closest_marker("realtime"):
        return ("trio", {})
    return ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})
