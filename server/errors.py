"""Every error the test API raises on purpose.

    ServerError
    ├── BadConfig       what was typed or configured cannot be used (exit 2 on the command line)
    └── PortTaken       the address cannot be bound (exit 2)

A message is one sentence: what was wrong, where, and what to do about it.
"""

from __future__ import annotations


class ServerError(Exception):
    """Root of the tree: catch this to catch everything the test API raises on purpose."""


class BadConfig(ServerError):
    """A flag, a TOML value or an argument that cannot be used; raised before anything is served."""


class PortTaken(ServerError):
    """The address to listen on is taken or not ours."""
