"""The test API in a process of its own, which outlives the importing process of a test, however that ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def served(*flags: str) -> Iterator[str]:
    """Serve with these flags on a free port; yield the list's URL, and end the server even amid an answer."""
    command = [sys.executable, "-P", "-m", "harness_test_api", "--port", "0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()
