"""Tell a wait for a quota, such as a day's, from the rhythm of a limit.

Whoever waits for seconds or minutes looks at the screen; whoever waits until tomorrow wants to know when, and may want
the process to end meanwhile (`--until-quota`).
"""

from __future__ import annotations

# Shorter waits are not worth a job of their own: a scheduler that starts one every hour would not be sooner.
QUOTA_WAIT_S = 3600.0
# Why nothing may be sent, where a limit is the cause: one that is known, or the server's word after a refusal. Not a
# retry, a token or an outage: those are over in minutes, whatever the quota.
_OF_LIMITS = frozenset({"limit", "refused", "hold"})


def is_for_quota(reason: str, wait_s: float) -> bool:
    """Return whether a wait of `wait_s` from now, for that reason (`WaitBegan.reason`), is one for a quota."""
    return wait_s >= QUOTA_WAIT_S and reason in _OF_LIMITS


def is_used_up(limit: str | None, reason: str) -> str:
    """Return the words for such a wait: `the limit 1000/1d is used up`.

    limit: as text; None where nobody knows which one refused, or a strategy of somebody's own does not say.
    """
    unnamed = "the limit" if reason == "limit" else "a limit of the server"
    return f"{unnamed if limit is None else f'the limit {limit}'} is used up"
