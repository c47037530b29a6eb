"""How often simulated imports end within the interval that was predicted: nine of ten are aimed at.

Imports of many kinds, each drawn with a seed: how the server counts, how long it takes, what goes wrong, how many items
and workers. The client is told the limit, in the words in which the server counts or without a kind. `python -m
benchmarks calibration` prints a row for each kind of server, of latency and of fault, and the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any

from benchmarks.measure import Figure, alone
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.record.prediction import Prediction

SERVERS = {
    "anchored": ("50/5s:anchored", "200/20s:anchored"),
    "aligned": ("50/5s:aligned", "120/10s:aligned"),
    "log": ("50/5s:log", "200/10s", "30/3s"),
    "bucket": ("20/2s:bucket", "20/2s:gcra:burst=5", "300/1m:bucket:burst=40"),
    "two tiers": ("100/5s+300/20s", "500/20s+2000/100s", "40/2s+600/1m:log"),
    "concurrency": ("8:concurrency", "100/5s+6:concurrency"),
}
LATENCIES = {
    "constant": ("80ms", "250ms"),
    "lognormal": ("lognormal:80ms", "uniform:20ms-200ms"),
    "heavy": ("lognormal:80ms:sigma=1.2", "bimodal:50ms-2s:share=5%"),
}
FAULTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "none": ((),),
    "gone": (("404:share=2%",),),
    "retried": (("500:rate=1%",), ("truncated:rate=2%", "reset-body:rate=1%"), ("500:share=1%:times=2",)),
    "refused": (("503:rate=1%:retry-after=2",),),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One import. Of each kind the name under which it is counted."""

    server: str
    latency: str
    fault: str
    settings: dict[str, Any]
    faults: tuple[str, ...]

    def predicted(self) -> Prediction:
        """Return what was predicted of it before its first request, beside what it took."""
        outcome = simulate_run(ImportConfig(**self.settings), server={"fault": self.faults} if self.faults else None)
        return outcome.state.predictions[0]


def cases(number: int, seed: int = 0) -> Iterator[Case]:
    """Yield so many imports. Every kind of server comes with every latency; half of them see no fault."""
    random = Random(seed)
    kinds = [(server, latency) for server in SERVERS for latency in LATENCIES]
    for at in range(number):
        server, latency = kinds[at % len(kinds)]
        fault = random.choice([*["none"] * 3, *FAULTS][: 3 + len(FAULTS)])
        settings = {
            "limit": random.choice(SERVERS[server]),
            "latency": random.choice(LATENCIES[latency]),
            "items": random.randrange(100, 700),
            "workers": random.choice((3, 10, 40)),
            "seed": random.randrange(10**6),
        }
        yield Case(server, latency, fault, settings, random.choice(FAULTS[fault]))


def inside(predictions: Sequence[Prediction]) -> float:
    """Return the share that lay inside."""
    return sum(bool(one.inside) for one in predictions) / len(predictions)


def measure(rounds: int = 200) -> list[Figure]:
    """So many imports, by kind and all together."""
    found = [(case, case.predicted()) for case in cases(rounds)]
    figures = []
    for what, names in (("server", SERVERS), ("latency", LATENCIES), ("fault", FAULTS)):
        for name in names:
            of = [one for case, one in found if getattr(case, what) == name]
            if of:
                figures.append(alone(f"{what} {name}: {len(of)} runs, inside", "%", [100 * inside(of)]))
    every = [one for _, one in found]
    width = median((one.most_s - one.least_s) / one.likely_s for one in every if one.most_s and one.least_s)  # type: ignore[operator]
    figures.append(alone("median width of an interval, of what is likely", "%", [100 * width]))
    figures.append(alone(f"all {len(every)} runs, inside", "%", [100 * inside(every)], at_least=85))
    return figures
