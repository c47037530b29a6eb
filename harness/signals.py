"""Ctrl-C and SIGTERM from the first line of the command to its last: one line, and 130 or 143.

Nothing here is done on import: a library must leave the signals of its process alone. Imports next to nothing, for it
comes before everything else.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn, TypeVar, TypeVarTuple, Unpack

if TYPE_CHECKING:
    from trio.abc import Clock

T = TypeVar("T")
Words = TypeVarTuple("Words")

NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
# The console script, and the name under which the package is installed. Not taken from another module of ours: that
# would be loaded before the signals are taken over.
SCRIPT = "rate-limit-harness"
_IMPORTING = "<frozen importlib._bootstrap>"

_came: signal.Signals = signal.SIGINT


def install() -> None:
    """Take both signals over for this process. SIGINT stays ignored where it is, as in the background of a script."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _terminated)


def ignore() -> None:
    """The command is over: what comes while Python shuts down changes nothing any more."""
    for number in NAMES:
        signal.signal(number, signal.SIG_IGN)


def came(number: int) -> int:
    """Remember which signal ends this command, where another part of it was told; answers its exit code."""
    global _came
    _came = signal.Signals(number)
    return 128 + number


def last() -> tuple[str, int]:
    """Name and exit code of the signal that a KeyboardInterrupt stands for."""
    return NAMES.get(_came, "Ctrl-C"), 128 + _came


def run(main: Callable[[Unpack[Words]], Awaitable[T]], *args: *Words, clock: Clock | None = None) -> T:
    """trio.run with Python's own handler of SIGINT in place, which is the one that trio looks for."""
    import trio

    with _plain():
        return trio.run(main, *args, clock=clock)


@contextmanager
def _plain() -> Iterator[None]:
    ours = signal.getsignal(signal.SIGINT) is _interrupted
    if ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, _interrupted)


def _interrupted(number: int, frame: FrameType | None) -> None:
    came(number)
    if _is_importing(frame):
        _end(number)
    raise KeyboardInterrupt


def _terminated(number: int, frame: FrameType | None) -> None:
    """As Ctrl-C: whoever handles that, such as trio, handles this."""
    came(number)
    interrupt = signal.getsignal(signal.SIGINT)
    if _is_importing(frame) or interrupt is signal.SIG_IGN:
        _end(number)
    if interrupt is _interrupted:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether modules are being loaded: some of them make another error of what is raised then, and print it."""
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


def _end(number: int) -> NoReturn:
    """At once: nothing was begun that would have to be ended."""
    os.write(2, f"harness: stopped by {NAMES[signal.Signals(number)]} while it was still loading\n".encode())
    os._exit(128 + number)


def is_the_command() -> bool:
    """Whether `python -m harness` or the console script is importing this package, not a program that uses it."""
    words = sys.orig_argv
    if os.path.basename(sys.argv[0] if sys.argv else "") == SCRIPT:
        return True
    return sys.argv[:1] == ["-m"] and "-m" in words and words[words.index("-m") + 1 :][:1] == ["harness"]
