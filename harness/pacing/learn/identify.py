"""Which limits hold: sets of hypotheses that together explain every closure, the shortest description first.

Each limit costs the bits of its description (`prior`): few for what people choose, many for what nobody would. Each way
of counting that is rarer than a window costs some more, and each closure that a set leaves unexplained costs more than
a usual limit does. The set with the fewest bits is believed; the others stay as its rivals. A belief that explains what
comes is kept, whatever else would: only a closure that it does not explain, or a request let through that it forbids,
puts it to the test again.

The candidates: a further window for the new closure; a window whose oversteps are punished; windows and sliding
counters on the server's clock, alone or in pairs, in place of what was believed; a limit on what is in flight; a rate.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.pacing.learn.explain import Refusal, explain
from harness.pacing.learn.hypotheses import EXACT, SHORT_S, Clocked, Closure, Window, known_by
from harness.pacing.learn.observations import Observations
from harness.pacing.learn.prior import PERIODS, commonness, roundness, wholes
from harness.pacing.learn.refusal_cost import rounded
from harness.pacing.server_clock import ServerClock
from harness.pacing.tiers import Kind

# What a closure costs that nothing explains: more than a usual limit, less than two that nobody would choose.
UNEXPLAINED_BITS = 20.0
# Others who use the same key are rarer than a second usual limit, but not than an unusual one.
OTHERS_BITS, ROUNDED = 10.0, 1.05
RATE_BITS, AT_ONCE_BITS, CHARGED_BITS = 12.5, 6.0, 4.0
# One rate that gives just what got through between one refusal and the next is no accident: of the others, half would
# be too few and half of those left too many. So each interval in which it holds earns so much, but for two.
STEADY_BITS, LEAST_RATE_BITS = 2.0, 6.0
# The latest closures tell; older ones are of limits that are known by now.
MOST_CLOSURES, MOST_WINDOWS = 24, 6
# Before so many closures nothing is thought of that could explain almost any of them: pairs, and refusals that count.
ENOUGH = 2
# On the clock nothing longer than this is looked for, and of what was let through so many are looked at.
LONGEST_S, SAMPLES = 86400.0, 24
# So well must the clock be known, as a part of a period, for it to tell what was in one window.
SHARP = 0.1
PHASES = 4
_ON_CLOCK: tuple[Kind, ...] = ("aligned", "counter")


@dataclass(frozen=True, slots=True)
class Model:
    """What is believed: windows of all kinds, a number in flight, and whether a rate holds besides."""

    windows: tuple[Window, ...] = ()
    at_once: int | None = None
    rate: bool = False
    why: str = ""

    @property
    def bits(self) -> float:
        """Return the length of its description."""
        rare = (RATE_BITS if self.rate else 0.0) + (AT_ONCE_BITS if self.at_once is not None else 0.0)
        rare += CHARGED_BITS if any(window.charged or window.alone for window in self.windows) else 0.0
        return sum(window.bits for window in self.windows) + rare


class Identifier:
    """Judges models by what was seen. clock: the server's."""

    def __init__(self, seen: Observations, clock: ServerClock) -> None:
        self._seen = seen
        self._clock = clock
        self.closures: list[Closure] = []
        self._first: Closure | None = None
        self._kept: dict[tuple[Kind, int, float], float] = {}  # windows on the clock, since when they are kept to
        self.steady: frozenset[Closure] = frozenset()  # the latest, if one rate explains them
        self.steady_charged = False  # with those that were refused
        self.rivals: tuple[Model, ...] = ()

    # --- does it explain? ----------------------------------------------------------------------------------------

    def explains(self, model: Model, closure: Closure) -> bool:
        """Return whether some hypothesis of `model` explains the closure."""
        if any(self.is_of(window, closure) for window in model.windows):
            return True
        if model.rate and closure in self.steady:
            return True
        if not closure.is_short:
            return False
        return model.rate or (model.at_once is not None and self._seen.in_flight_at(closure.first_s) >= model.at_once)

    def is_of(self, window: Window, closure: Closure) -> bool:
        """Return whether the closure can be this window's."""
        if window.kind not in ("aligned", "counter"):
            return window.explains(closure, self._seen)
        if not closure.tested and self._kept.get(known_by(window), math.inf) < closure.first_s:
            return False  # it was kept to, and had room
        if not self._clock.known:
            return closure.first_s - closure.closed_s < window.high_s
        return self._most(Clocked(self._seen, self._clock, window.charged), window, closure) + 1 > window.limit

    def cost(self, model: Model) -> float:
        """Return the bits of `model` and of what it leaves unexplained."""
        unexplained = [c for c in self.closures[-MOST_CLOSURES:] if not self.explains(model, c)]
        earned = STEADY_BITS * (len(self.steady) - ENOUGH) if model.rate and self.steady else 0.0
        bits = model.bits - min(earned, RATE_BITS - LEAST_RATE_BITS)
        return bits + sum(self._price(model, closure) for closure in unexplained)

    @staticmethod
    def _price(model: Model, closure: Closure) -> float:
        """Return what it costs to leave a closure unexplained: less where others may have used a known window up."""
        others = any(closure.lasted_s <= ROUNDED * window.high_s for window in model.windows)
        return OTHERS_BITS if others else UNEXPLAINED_BITS

    def take(self, closure: Closure) -> None:
        """Take in one more closure; only the latest are judged by."""
        self.closures.append(closure)
        self._first = self._first or closure
        del self.closures[: -4 * MOST_CLOSURES]
        self._find_steady()

    def keep(self, windows: Sequence[Window], now: float) -> None:
        """Note which windows are kept to from now on."""
        clocked = [known_by(window) for window in windows if window.kind != "any"]
        self._kept = {one: self._kept.get(one, now) for one in clocked}

    def drop(self) -> None:
        """Forget the latest: it was none of a limit's that is to be found."""
        self.closures.pop()
        self._find_steady()

    def _find_steady(self) -> None:
        """Look for one rate, which refused requests take from or do not."""
        self.steady, self.steady_charged = self._steady(False), False
        if not self.steady and not self._seen.free:
            self.steady = self._steady(True)
            self.steady_charged = bool(self.steady)

    def _steady(self, charged: bool) -> frozenset[Closure]:
        """Return the latest closures, as many as one rate explains: as much as it gives got through from one refusal to
        the next, and nothing while it was shut. Of fewer than three that is no wonder. charged: what was refused took
        what the rate gave, and its last took the last but one.
        """
        closures, seen = self.closures[-MOST_CLOSURES:], self._seen
        blur_s = seen.blur_s()
        low, high, first = 0.0, math.inf, len(closures)
        for at in range(len(closures) - 1, -1, -1):
            closure = closures[at]
            knocks = seen.refused_between(closure.first_s, closure.through_s) if charged else 0
            shut_s = closure.shut_s - blur_s
            high = min(high, max(1, knocks) / shut_s) if shut_s > 0 else high
            low = max(low, knocks / (closure.lasted_s + blur_s))
            if at + 1 < len(closures):
                later = closures[at + 1]
                span_s, through = later.first_s - closure.first_s, later.accepted - closure.accepted + knocks
                low = max(low, (through - seen.in_flight_at(later.first_s) - 1) / (span_s + blur_s))
                if span_s > blur_s:
                    high = min(high, (through + seen.in_flight_at(closure.first_s) + 1) / (span_s - blur_s))
            if low > high:
                break
            first = at
        return frozenset(closures[first:]) if len(closures) - first > ENOUGH else frozenset()

    # --- candidates -------------------------------------------------------------------------------------------------

    def identify(self, believed: Model, closure: Closure | None) -> Model:
        """Return the model with the fewest bits, given that `believed` does not explain `closure` (None: that something
        was let through which it forbids).
        """
        candidates = [self.narrowed(model) for model in self._candidates(believed, closure)]
        ranked = sorted(((self.cost(model), at, model) for at, model in enumerate(candidates)), key=lambda one: one[:2])
        self.rivals = tuple(model for _, _, model in ranked[1:4])
        return ranked[0][2] if ranked else believed

    def _candidates(self, believed: Model, closure: Closure | None) -> Iterator[Model]:
        if closure is not None:
            yield believed
            yield from self._beside(believed, closure)
        for window in believed.windows:
            rest = tuple(other for other in believed.windows if other is not window)
            for other in self._instead(window, closure is None):
                yield replace(believed, windows=(*rest, other))
            if window.high_s <= window.low_s:
                yield replace(believed, windows=rest)
        if self._clock.known and len(self.closures) > 1:  # any window explains one
            yield from self._on_the_clock(believed)

    def _beside(self, believed: Model, closure: Closure) -> Iterator[Model]:
        """Yield models with something more, or in place of what it resembles, that explains the closure."""
        windows = believed.windows
        for found in self.windows_for(closure):
            others = tuple(window for window in windows if not _alike(window, found))
            yield replace(believed, windows=(*others, found))
            if len(others) < len(windows):
                yield replace(believed, windows=(*windows, found))
        longer = tuple(window for window in windows if window.high_s > SHORT_S)
        yield replace(believed, windows=longer, rate=True, at_once=None)
        if self.steady:
            known = tuple(window for window in windows if window.source == "remembered")
            yield Model(known, None, True)
        crowd = self._crowd(closure)
        if crowd is not None:
            yield replace(believed, at_once=crowd, windows=longer)

    def _instead(self, window: Window, is_forbidding: bool) -> Iterator[Window]:
        """Yield what a window may be in truth. is_forbidding: something was let through that it forbids."""
        if self._clock.known and window.kind == "any" and not is_forbidding and window.high_s > SHORT_S:
            for kind in _ON_CLOCK:
                ticking = replace(window, kind=kind, low_s=EXACT * window.high_s, named=True)
                samples = self._samples(self.closures[-MOST_CLOSURES:])
                if self._let_in(Clocked(self._seen, self._clock), ticking, samples) < window.limit:
                    yield ticking
        if window.high_s <= window.low_s:
            punished = self._punished(window)
            if punished is not None:
                yield punished

    def windows_for(self, closure: Closure) -> list[Window]:
        """Return the windows that explain one closure, the most likely first."""
        seen = self._seen
        refusal = Refusal(closure.accepted, closure.closed_s, closure.ended_by_s, closure.told)
        how = "the server named a time" if closure.told else "requests got through again"
        found: list[Window] = []
        for one in explain(seen.sent, seen.answered, refusal)[:MOST_WINDOWS]:
            if (not one.kinds and found) or (one.kinds == ("aligned",) and (found or self._clock.known)):
                continue  # what only a phase chosen to fit saves is looked for on the clock, where one is known
            evidence = f"refused after {one.limit:,} accepted requests; {how} {one.high_s:.3g} s after the first"
            alone = wholes(one.low_s, one.high_s) == [one.period_s]
            named = closure.told and (alone or commonness(one.period_s) > 1)
            high_s = one.period_s if named else one.high_s
            window = Window(one.limit, one.low_s, high_s, evidence, named=named, blur_s=seen.blur_s())
            knocks = seen.refused_between(closure.first_s, closure.through_s)
            window = replace(window, shut_s=closure.shut_s, knocks=knocks).settled()
            found.append(window if closure.is_short else rounded(seen, window, closure.accepted, closure.first_s))
        return found

    def _crowd(self, closure: Closure) -> int | None:
        """Return how many may be in flight, if that explains a refusal that was over at once."""
        seen = self._seen
        crowd = seen.in_flight_at(closure.first_s)
        if crowd < 2 or closure.told or not closure.is_short:
            return None
        first = max(0, closure.accepted - SAMPLES * 4)
        most = max((seen.in_flight_at(at) for at in seen.sent[first : closure.accepted]), default=0)
        return crowd if most <= crowd else None

    def _punished(self, window: Window) -> Window | None:
        """Return a shorter window whose oversteps shut it for longer, if a request was let through before."""
        closures = [c for c in self.closures if c.accepted >= window.limit]
        shut = [(c.shut_s, c.lasted_s) for c in closures if self._seen.answered[c.accepted - window.limit] <= c.first_s]
        if not shut:
            return None
        lows = [c.first_s - self._seen.answered[c.accepted - window.limit] for c in closures]
        low_s = max((low for low in lows if low < window.high_s), default=0.0)
        penalty_s = max(lasted for _, lasted in shut)
        said = f"; let in after {window.high_s:.3g} s, so that the {penalty_s:.3g} s before were a penalty"
        usual = [period for period in PERIODS if low_s < period <= window.high_s]
        high_s = max(usual, default=window.high_s)
        return replace(
            window, low_s=low_s, high_s=high_s, penalty_s=penalty_s, named=False, evidence=window.evidence + said
        )

    def narrowed(self, model: Model) -> Model:
        """Return the model, each window of it narrowed by all closures that it explains."""
        made = []
        for window in model.windows:
            for closure in self.closures[-MOST_CLOSURES:]:
                if window.kind == "any" and window.high_s > window.low_s and window.explains(closure, self._seen):
                    narrower = window.narrowed(closure, self._seen)
                    window = narrower if narrower.high_s > narrower.low_s else window
            made.append(window)
        return replace(model, windows=tuple(made))

    def widened(self, model: Model) -> Model:
        """Return the model as its closures show it where refused requests are counted, which was not thought of."""
        made = []
        for window in model.windows:
            mine = [c for c in self.closures[-MOST_CLOSURES:] if not window.named and window.explains(c, self._seen)]
            if window.kind == "any" and window.source == "refusal" and not window.penalty_s and mine:
                free = replace(window, low_s=0.0, high_s=max(c.lasted_s for c in mine) + window.high_s)
                for closure in mine:
                    free = free.narrowed(closure, self._seen)
                window = free if free.high_s > free.low_s else window
            made.append(window)
        return replace(model, windows=tuple(made))

    # --- on the server's clock -----------------------------------------------------------------------------------

    def _on_the_clock(self, believed: Model) -> Iterator[Model]:
        """Yield models of one or two limits on the clock, in place of what was believed or beside it."""
        closures = self.closures[-MOST_CLOSURES:]
        found = self._clock_windows(closures)
        keep = tuple(w for w in believed.windows if w.kind == "any" and w.source == "remembered")
        singles = sorted(found, key=lambda one: one[0].bits + UNEXPLAINED_BITS * one[1].count(False))[:12]
        for window, _ in singles:
            yield Model((*keep, window), believed.at_once, believed.rate)
            yield Model((*keep, window), None, False)
            for other in believed.windows:
                if other.kind == "any":
                    yield Model((*keep, other, window), None, False)
        for (one, mask), (two, other_mask) in itertools.combinations(singles, 2):
            more = sum(a or b for a, b in zip(mask, other_mask))
            apart = one.high_s != two.high_s and one.charged == two.charged
            if more > max(sum(mask), sum(other_mask)) and apart and len(closures) > ENOUGH:
                yield Model((*keep, one, two), None, False)

    def _clock_windows(self, closures: Sequence[Closure]) -> list[tuple[Window, list[bool]]]:
        longest_s = min(LONGEST_S, 2.5 * max(closure.lasted_s for closure in closures) + 2.0)
        sharp_s = (self._clock.high - self._clock.low) / SHARP
        # What is over within a second may as well be a rate, which finds out by itself where it is too slow.
        choices = sorted({*PERIODS, *map(float, range(2, 121))} - {1.0})
        periods = [period for period in choices if sharp_s <= period <= longest_s]
        found: list[tuple[Window, list[bool]]] = []
        samples = self._samples(closures)
        charging = (False, True) if len(closures) > ENOUGH and not self._seen.free else (False,)
        phases = self._phases()
        for charged, period_s, kind in itertools.product(charging, periods, _ON_CLOCK):
            window = Window(1, EXACT * period_s, period_s, "", named=True, kind=kind, shut_s=period_s, charged=charged)
            # What a clock that is known no better rules out, no part of it can explain.
            if not self._is_ruled_out(Clocked(self._seen, self._clock, charged), window, closures, samples):
                for phase in phases:
                    found += self._on_phase(Clocked(self._seen, phase, charged), window, closures, samples)
        return found

    def _is_ruled_out(
        self, clocked: Clocked, window: Window, closures: Sequence[Closure], samples: Sequence[int]
    ) -> bool:
        """Return whether no count explains two closures. Any window explains one."""
        second = sorted(self._most(clocked, window, closure) + 1 for closure in closures)[-2]
        return math.ceil(self._let_in(clocked, window, samples, second) + 1 - 1e-6) >= second

    def _on_phase(
        self, clocked: Clocked, window: Window, closures: Sequence[Closure], samples: Sequence[int]
    ) -> Iterator[tuple[Window, list[bool]]]:
        """Yield the window with each of the likeliest counts, and which closures it explains then."""
        full = [self._most(clocked, window, closure) + 1 for closure in closures]
        let_in = self._let_in(clocked, window, samples, sorted(full)[-2])
        for limit in _limits(math.ceil(let_in + 1 - 1e-6), full):
            mask = [most > limit for most in full]
            if sum(mask) < 2:
                continue
            said = f"refused {sum(mask)} times, as windows of {window.high_s:g} s on the server's clock would"
            unlikely = self._border_bits(limit, window.high_s)
            yield replace(window, limit=limit, evidence=said, unlikely=unlikely), mask

    def _border_bits(self, limit: int, period_s: float) -> float:
        """Return the bits of a border that falls into the first burst, as it must where more than `limit` got through
        in it: when that began had nothing to do with the server's clock.
        """
        if self._first is None or self._first.accepted <= limit:
            return 0.0
        burst_s = max(0.001, self._first.first_s - self._seen.sent[0])
        return max(0.0, math.log2(period_s / burst_s))

    def _phases(self) -> list[ServerClock]:
        """Return what the clock may be, in parts: what is let through and refused must fit one and the same of them."""
        low, high = self._clock.low, self._clock.high
        parts = []
        for part in range(PHASES):
            clock = ServerClock()
            clock.low, clock.high = (low + (high - low) * end / PHASES for end in (part, part + 1))
            parts.append(clock)
        return parts

    @staticmethod
    def _most(clocked: Clocked, window: Window, closure: Closure) -> float:
        """Return the most that can have counted whenever the closure was refused."""
        times = (closure.first_s, closure.closed_s)
        return min(clocked.occupied(window.kind, window.high_s, at, at)[1] for at in times)

    def _let_in(self, clocked: Clocked, window: Window, samples: Sequence[int], enough: float = math.inf) -> float:
        """Return the most that must have counted when something was let through all the same; any number from `enough`
        on is as good as another.
        """
        seen, most = self._seen, 0.0
        for at in samples:
            most = max(most, clocked.occupied(window.kind, window.high_s, seen.sent[at], seen.answered[at])[0])
            if most >= enough:
                break
        return most

    def _samples(self, closures: Sequence[Closure]) -> list[int]:
        """Return indices of requests whose being let through tells most: the first after each closure, the last before
        it, and some others.
        """
        total = len(self._seen)
        picked = [at for c in closures for at in (c.accepted - 1, c.accepted, c.accepted + 1)]
        picked += [total - 1, *range(0, total, max(1, total // SAMPLES))]
        return [at for at in dict.fromkeys(picked) if 0 <= at < total]


def _limits(least: int, full: Sequence[float]) -> set[int]:
    """Return the likeliest counts from `least` on that would have refused when so many counted."""
    ceilings = sorted({math.ceil(most) - 1 for most in full if most > least})
    picks = {ceilings[0], ceilings[len(ceilings) // 2], ceilings[-1]} if ceilings else set()
    return {_roundest(least, min(top, least + 200)) for top in picks if top >= least}


def _roundest(low: int, high: int) -> int:
    """Return the roundest count from `low` to `high`, the lowest of equals."""
    ten = 1
    while -(-low // (10 * ten)) * 10 * ten <= high:
        ten *= 10
    return max(range(-(-low // ten) * ten, high + 1, ten), key=lambda count: (roundness(count), -count))


def _alike(window: Window, found: Window) -> bool:
    """Return whether these are one limit, counted with and without what was on its way, or in the same period."""
    same_count = abs(window.limit - found.limit) <= max(1, 0.03 * window.limit)
    same_period = found.low_s < window.high_s * 1.02 and window.high_s <= found.high_s * 1.02
    return same_count or same_period
