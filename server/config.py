"""The one definition of every setting of a test API: flags, TOML and Python read it.

Settings are written as people type them (`limit="500/20s"`, `latency="50ms"`) and parsed when the config is made,
so that a bad one is refused before anything is served, wherever it was written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from server.errors import BadConfig
from server.latency import parse_latency
from server.tiers import Tiers, parse_tiers

# The reference system's limits: what the project is measured against.
DEFAULT_LIMIT = "500/20s+2000/100s"


@dataclass(frozen=True)
class ServerConfig:
    """Settings of one test API; raises BadConfig, one sentence, for what cannot be used.

    items: size of the generated catalogue. limit: the tiers enforced (`none`: no limit). latency: delay of every
    answer. seed: of everything random. epoch: wall clock at the start, in epoch seconds (None: the machine's,
    read once); set it to make a run in virtual time reproducible.
    """

    items: int = 1000
    limit: str = DEFAULT_LIMIT
    latency: str = "0"
    seed: int = 0
    epoch: float | None = None

    tiers: Tiers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.items <= 10**15:
            raise BadConfig(f"items: {self.items} is not a size a catalogue can have; use 0 or more")
        object.__setattr__(self, "tiers", parse_tiers(self.limit))
        parse_latency(self.latency, Random(0))
