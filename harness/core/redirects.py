"""Follow redirects within the list's origin: each hop is a request with a grant of its own. No IO, no clock.

The request goes back to the front and is sent again, to where it was pointed. How far it has come stands nowhere in the
record: after a crash it is asked from its beginning, which costs a hop and loses nothing.
"""

from __future__ import annotations

from harness.core.answers import Failed, Redirected
from harness.record.events import Key, Role

MOST_HOPS = 5


class Redirects:
    """The hops of each request that was redirected and has not ended."""

    def __init__(self) -> None:
        self.hops: dict[tuple[Role, Key], list[str]] = {}  # where each was sent so far; nearly always empty

    def target(self, role: Role, key: Key) -> str | None:
        """Return where a request is to be sent; None: to its own address."""
        hops = self.hops.get((role, key))
        return hops[-1] if hops else None

    def follow(self, role: Role, key: Key, to: Redirected) -> Failed | None:
        """Note that a request is pointed elsewhere; return its failure where that is not followed."""
        hops = self.hops.setdefault((role, key), [to.asked])
        if to.target in hops:
            way = " -> ".join(_shown(hop) for hop in (*hops[hops.index(to.target) :], to.target))
            return self._ended(role, key, f"the redirects lead in a circle: {way}")
        if len(hops) > MOST_HOPS:
            return self._ended(role, key, f"{MOST_HOPS} redirects in a row, the last to {_shown(to.target)}")
        hops.append(to.target)
        return None

    def _ended(self, role: Role, key: Key, why: str) -> Failed:
        self.over(role, key)
        ask = "use the address that it should lead to, as --url or --item"
        return Failed("redirected", f"{why}; {ask}", passing=False)

    def over(self, role: Role, key: Key) -> None:
        """Forget the hops of a request that has ended, or is sent from its beginning again."""
        self.hops.pop((role, key), None)


def _shown(url: str) -> str:
    return url.partition("?")[0][:200]
