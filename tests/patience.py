"""How long a test waits for what has to come."""

from __future__ import annotations

# A guard against waiting for ever, and no promise: a machine that is busy with other things may be thirty times slower.
PATIENCE_S = 300
