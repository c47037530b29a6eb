"""How long an answer takes."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from server.units import duration_s

Draw = Callable[[], float]


def parse_latency(text: str, random: Random) -> Draw:
    """A function that draws the next answer's latency in seconds; BadConfig for what cannot be read."""
    del random
    constant = duration_s(text, "latency")
    return lambda: constant
