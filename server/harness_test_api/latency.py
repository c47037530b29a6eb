"""An answer takes as long as a distribution says, or as slots in which waiting is real.

`50ms`, `uniform:20ms-80ms`, `lognormal:80ms:sigma=0.5` (its median), `bimodal:50ms-1s:share=5%` (share of slow ones).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from random import Random

from harness_test_api.errors import BadConfig
from harness_test_api.spec import Spec, duration_s, fraction, positive, read_spec

Draw = Callable[[], float]


def parse_latency(text: str, random: Random) -> Draw:
    """A function that draws the next answer's latency in seconds; BadConfig for what cannot be read."""
    spec = read_spec("latency", text)
    kind = spec.word()
    makers = {"uniform": _uniform, "lognormal": _lognormal, "bimodal": _bimodal}
    if kind in makers:
        if not spec.words:
            raise BadConfig(f"the {spec.where} has no duration; write it like lognormal:80ms or uniform:20ms-80ms")
        return makers[kind](spec, spec.word(), random)
    constant = duration_s(kind, "latency")
    spec.end(())
    return lambda: constant


def _uniform(spec: Spec, text: str, random: Random) -> Draw:
    low, high = _two(spec, text)
    spec.end(())
    return lambda: random.uniform(low, high)


def _lognormal(spec: Spec, text: str, random: Random) -> Draw:
    median = duration_s(text, spec.where)
    # 0.5 is what round trips over the internet look like: p95 at 2.3 times the median.
    sigma = positive(spec.take("sigma") or "0.5", spec.label("sigma"))
    spec.end(("sigma",))
    return lambda: median * math.exp(random.gauss(0.0, sigma))


def _bimodal(spec: Spec, text: str, random: Random) -> Draw:
    fast, slow = _two(spec, text)
    share = fraction(spec.take("share") or "5%", spec.label("share"))
    spec.end(("share",))
    return lambda: slow if random.random() < share else fast


def _two(spec: Spec, text: str) -> tuple[float, float]:
    low, dash, high = text.partition("-")
    if not dash:
        raise BadConfig(f"the {spec.where} needs two durations; write them like 20ms-80ms")
    first, second = duration_s(low, spec.where), duration_s(high, spec.where)
    if first > second:
        raise BadConfig(f"the {spec.where} has its durations the wrong way round; write the shorter one first")
    return first, second


class Slots:
    """`count` requests are worked on at a time; the rest wait their turn, so that more workers mean slower answers.

    First come, first served. A client that gives up does not free its slot: the work goes on.
    """

    def __init__(self, count: int) -> None:
        self._free_at = [-math.inf] * count

    def occupy(self, now: float, work_s: float) -> float:
        """Take the first free slot for `work_s` seconds; returns seconds from `now` until the work is done."""
        done = max(now, self._free_at[0]) + work_s
        heapq.heapreplace(self._free_at, done)
        return done - now
