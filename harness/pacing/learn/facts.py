"""What people are told of beliefs: each as it is learned, with its evidence, and what is open still.

A fact becomes a `Learned` event; `show`, the board and the report have them. What else would explain the refusals, and
what will be asked next, is told again whenever something was learned that changes it.
"""

from __future__ import annotations

from harness.pacing.base import LearnedFact
from harness.pacing.learn.claim import Claim
from harness.pacing.learn.experiments import Experiments
from harness.pacing.learn.hypotheses import Window
from harness.pacing.learn.identify import Model
from harness.pacing.learn.prior import Trust
from harness.pacing.learn.refill import Refill

# A rate is told anew when so much more than was told is proven: a hundredth is what people see of it.
RISEN = 1.01


class Facts:
    """Those that nobody has taken yet."""

    def __init__(self, trust: Trust) -> None:
        self.why_rate = ""  # why a rate was searched, where it was not a refusal
        self._trust = trust
        self._fresh: list[LearnedFact] = []
        self._told_rate = 0.0
        self._told_open = ("", "")

    def take(self, left_open: tuple[str, str] | None, others: tuple[LearnedFact, ...]) -> tuple[LearnedFact, ...]:
        """Return what was learned since this was last asked, `others` too, and of `left_open` what has changed."""
        fresh, self._fresh = (*self._fresh, *others), []
        if fresh and left_open is not None:
            changed = [one for one, before in zip(left_open, self._told_open) if one != before]
            self._told_open = left_open
            fresh += tuple(LearnedFact("", "rivals", one, "tentative") for one in changed)
        return fresh

    @property
    def any(self) -> bool:
        """Return whether there are some."""
        return bool(self._fresh)

    def limit(self, one: Claim | Window) -> None:
        """Tell of a limit that is believed."""
        self._fresh.append(LearnedFact(str(one.tier), one.tier.kind, one.evidence, one.trust))

    def dropped(self, window: Window, said: str) -> None:
        """Tell of a limit that is believed no more."""
        self._fresh.append(LearnedFact("", "trust", f"{window.tier} is believed no more{said}", "none"))

    def in_flight(self, at_once: int) -> None:
        """Tell how many may be in flight."""
        why = "refused with more in flight, and let in at once with fewer"
        self._fresh.append(LearnedFact(f"{at_once}:concurrency", "concurrency", why, "fair"))

    def trust(self, header: str) -> None:
        """Tell what is thought of a header now."""
        why = self._trust.dropped.get(header)
        said = f"{header} is no longer trusted: {why}" if why else f"{header} is rounded down"
        self._fresh.append(LearnedFact("", "trust", said, "none" if why else "fair"))

    def rate(self, search: Refill) -> None:
        """Tell of a rate that is kept to."""
        self._told_rate = max(search.held, search.rate)
        often = f"refused {search.refusals} times; requests got through again at once"
        evidence = f"{self.why_rate}{often}: {search.rate:.3g} a second get through"
        self._fresh.append(LearnedFact(str(search.tier), "bucket", evidence, "fair"))

    def risen(self, search: Refill) -> None:
        """Tell of a rate if clearly more of it is proven than was told."""
        if search.held > RISEN * self._told_rate:
            self.rate(search)


def left_open(believed: Model, others: tuple[Model, ...], experiments: Experiments) -> tuple[str, str]:
    """Return, for people, which `others` would explain the refusals, too, and what will be asked next."""
    rivals = [said for model in others if (said := model.described) not in ("", believed.described)]
    asked = []
    for window in believed.windows:
        asks = experiments.plans(window)
        if asks == "period":
            between = f"{window.low_s:.3g} and {window.high_s:.3g} s"
            asked.append(f"one request asks {window.tier} for its period, which is between {between}")
        elif asks == "count":
            asked.append(f"one request asks whether {window.tier} counts more")
    return (
        f"rivals {', or '.join(dict.fromkeys(rivals)) or 'none: nothing else explains the refusals'}",
        f"next {'; '.join(asked) or 'nothing: each period is settled'}",
    )
