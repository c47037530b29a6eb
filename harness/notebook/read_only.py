"""Make a process unable to change runs: the last of the locks of a page that only shows them.

The page has no buttons, and its kernel takes no code from a browser. Should both be wrong one day, this still holds: an
audit hook (PEP 578), which nothing in the process can take back. It refuses to write, rename or remove anything below
the folder of the runs, to begin another process, and to open a connection. Reading goes on. A hook sees what Python
does, not what ZeroMQ (the kernel's own sockets) or Arrow do; but every file of a run gets its name by a rename.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

# For each event (docs.python.org, "Audit events table") which of its arguments are paths that it changes.
_CHANGES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown", "os.utime"), (0,)),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), (0, 1)),
    **dict.fromkeys(("shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp", "os.setxattr", "os.removexattr"), (0,)),
    **dict.fromkeys(("shutil.move", "shutil.copyfile", "shutil.copytree"), (0, 1)),
}
_BEGINS = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty"),
        *("pty.spawn", "socket.connect", "socket.bind", "socket.sendto"),
    }
)
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ReadOnly(PermissionError):
    """Something was tried that a page that only shows runs never does."""

    def __init__(self, event: str) -> None:
        super().__init__(errno.EPERM, f"this page only shows runs, and may not do this ({event})")


def make_read_only(results: Path) -> None:
    """Let this process change nothing in `results`, begin no process and connect to nothing, from now on for ever."""
    root = os.path.realpath(results)

    def is_inside(path: Any) -> bool:
        if isinstance(path, int):  # a file that is open already, or none
            return False
        found = os.path.realpath(os.fsdecode(path))
        return found == root or found.startswith(root + os.sep)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            refused = isinstance(flags, int) and bool(flags & _TO_WRITE) and is_inside(path)
        else:
            refused = event in _BEGINS or any(is_inside(args[at]) for at in _CHANGES.get(event, ()))
        if refused:
            raise ReadOnly(event)

    sys.addaudithook(hook)
