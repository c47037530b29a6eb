"""Every error the test API raises on purpose.

    ServerError
    ├── BadConfig       what was typed or configured cannot be used (exit 2 on the command line)
    └── PortTaken       the address cannot be bound (exit 2)

A message is one sentence: what was wrong, where, and what to do about it.
"""

from __future__ import annotations

LONGEST = 500


class ServerError(Exception):
    """Root of the tree: catch this to catch everything the test API raises on purpose."""


class BadConfig(ServerError):
    """A flag, a TOML value or an argument that cannot be used; raised before anything is served."""

    def __init__(self, sentence: str) -> None:
        """A value of any length may be in the sentence; nobody reads a page of it."""
        super().__init__(sentence if len(sentence) <= LONGEST else sentence[: LONGEST - 1] + "…")


class PortTaken(ServerError):
    """The address to listen on is taken or not ours."""
