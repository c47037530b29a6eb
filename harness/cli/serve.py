"""`server`: the test API, under the name by which it is listed among the commands."""

from __future__ import annotations

import os
import sys

from harness.paths import program
from harness.webserver import need_server


def server_command(words: tuple[str, ...]) -> int:
    """Become the test API."""
    if not _only_asks(words):
        need_server()
    # In this process's place, so that a signal meant for the server reaches it. -P: the current folder may hold
    # files of the user's own that bear the name of a module.
    environment = {**os.environ, "HARNESS_TEST_API_TYPED": f"{program()} server"}
    os.execve(sys.executable, [sys.executable, "-P", "-m", "harness_test_api", *words], environment)


def _only_asks(words: tuple[str, ...]) -> bool:
    """Whether it will answer without serving anything."""
    return bool({"-h", "--help", "--list-scenarios"} & {*words})
