"""The program of a shard's process: `python -m harness.scale.process`, started by `executors.Processes`.

Its task comes by standard input, because it may hold secrets, which are nobody's to see in a list of processes. That
stays open as long as the coordinator lives: its end is how a shard learns that it is alone.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys

import trio

from harness.record.arrow import sparing_memory
from harness.scale.shard import ShardTask, run_shard
from harness.speed import clock_at

LENGTH = struct.Struct("<q")
_INPUT = 0


def main() -> int:
    """Be the shard that standard input describes; 0 unless an error ended it, which its run.json tells."""
    # Ctrl-C is for the coordinator, which stops its shards.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    (length,) = LENGTH.unpack(_read(LENGTH.size))
    task: ShardTask = pickle.loads(_read(length))
    with sparing_memory():
        trio.run(run_shard, task, _until_alone, clock=clock_at(task.config.speed))
    return 0


async def _until_alone() -> None:
    while True:
        await trio.lowlevel.wait_readable(_INPUT)
        if not os.read(_INPUT, 1024):
            return


def _read(size: int) -> bytes:
    """Read so many bytes, unbuffered: a thread that waits in a buffered read would crash the interpreter as it ends."""
    found = b""
    while len(found) < size:
        more = os.read(_INPUT, size - len(found))
        if not more:
            raise EOFError("the process that started this shard ended before it had said what to do")
        found += more
    return found


if __name__ == "__main__":
    sys.exit(main())
