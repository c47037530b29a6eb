"""Slow models of every policy: the whole history, exact fractions, and another way of saying each rule.

A model answers `verdict(history, now, cost)`: None for a refusal, else the delay. `history` holds what was admitted,
as (arrival, cost) in order. Nothing here is shared with the server.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

History = list[tuple[Fraction, int]]
Model = Callable[[History, Fraction, int], Fraction | None]

ZERO = Fraction(0)


def yes_if(passed: bool) -> Fraction | None:
    return ZERO if passed else None


def anchored(limit: int, period: Fraction) -> Model:
    """Cut the history into windows: each opens at the first arrival that the one before does not cover."""

    def verdict(history: History, now: Fraction, cost: int) -> Fraction | None:
        opened, used = None, 0
        for at, units in [*history, (now, cost)]:
            if opened is None or at - opened >= period:
                opened, used = at, 0
            used += units
        return yes_if(used <= limit)

    return verdict


def aligned(limit: int, period: Fraction) -> Model:
    """Count the arrivals whose epoch has the same quotient."""

    def verdict(history: History, now: Fraction, cost: int) -> Fraction | None:
        return yes_if(sum(units for at, units in history if at // period == now // period) + cost <= limit)

    return verdict


def log(limit: int, period: Fraction) -> Model:
    """Count the arrivals less than a period ago."""

    def verdict(history: History, now: Fraction, cost: int) -> Fraction | None:
        return yes_if(sum(units for at, units in history if now - at < period) + cost <= limit)

    return verdict


def counter(limit: int, period: Fraction) -> Model:
    """Weigh each arrival: 1 in this window, the uncovered share of this window for the last, 0 before."""

    def verdict(history: History, now: Fraction, cost: int) -> Fraction | None:
        uncovered = 1 - now / period % 1
        weights = {now // period: Fraction(1), now // period - 1: uncovered}
        weighted = sum(units * weights.get(at // period, ZERO) for at, units in history)
        return yes_if(weighted + cost <= limit)

    return verdict


def bucket(limit: int, period: Fraction, burst: int) -> Model:
    """The arrival curve: from any admitted request on, no more units than the burst plus what time refilled."""

    def verdict(history: History, now: Fraction, cost: int) -> Fraction | None:
        since, fits = cost, cost <= burst
        for at, units in reversed(history):
            since += units
            fits = fits and since <= burst + limit * (now - at) / period
        return yes_if(fits)

    return verdict


def leaky(limit: int, period: Fraction, queue: int) -> Model:
    """Let the queue drain in a list of departures, and see how long one more would stand in it."""

    def verdict(history: History, now: Fraction, cost: int) -> Fraction | None:
        unit = period / limit
        turn = ZERO
        for (at, units), _ in pairwise([*history, (now, cost)]):
            turn = max(at, turn) + units * unit
        wait = max(ZERO, turn - now)
        return wait if wait <= queue * unit else None

    return verdict
