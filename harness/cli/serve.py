"""`server`: the test API, under the name by which it is listed among the commands."""

from __future__ import annotations

import os
import sys


def server_command(words: tuple[str, ...]) -> int:
    """Become the test API."""
    # In this process's place, so that a signal meant for the server reaches it. -P: the current folder may hold
    # files of the user's own that bear the name of a module.
    os.execv(sys.executable, [sys.executable, "-P", "-m", "harness_test_api", *words])
