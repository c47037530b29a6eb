"""Fetch what the test API counted, beside what the client did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.record.summary import Ledger
from harness.source.http import open_local_client


async def ledger_report(list_url: str) -> dict[str, Any]:
    """Return the ledger of the test API at `list_url`."""
    url = list_url.removesuffix("/api/items") + "/_ledger"
    async with open_local_client() as client:
        report: dict[str, Any] = (await client.get(url)).raise_for_status().json()
    return report


def compared(report: Mapping[str, Any], answered: int, refused: int, lost: int) -> Ledger:
    """Return the ledger's counts, and whether they agree with ours: only of what was lost on the way may it know more.

    Other tenants' requests are left out. What was turned away for want of a key was let through by the limits.
    """
    others = report["clients"].get("tenant", {"admitted": 0, "refused": 0})
    statuses = report["statuses"]
    no_key = sum(statuses.values()) - report["admitted"] - report["refused"]
    admitted = report["admitted"] - others["admitted"] + no_key
    theirs = report["refused"] - others["refused"]
    # Any status may look like a refusal; a fault of the test API may be one, which its limits let through.
    errors = sum(number for status, number in statuses.items() if int(status) >= 400)
    faults = max(0, errors - report["refused"])
    all_known = answered + refused <= admitted + theirs <= answered + refused + lost
    agrees = all_known and theirs - lost <= refused <= theirs + faults
    return Ledger(admitted, theirs, agrees, max(0, refused - theirs) if agrees else 0)
