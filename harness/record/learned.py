"""The limits that were learned, for the next run against the same host: one small file beside the runs.

    {"api.example.com API_TOKEN": {"limits": "500/20s+2000/100s", "learned_utc_s": 1764000000.0}}

The key is the host and the name of the credential, never its value. A file that cannot be read is no reason not to
import: what it held is learned again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import BadLimits, RecordError
from harness.pacing import Tiers, format_tiers, parse_tiers
from harness.record.files import read_json, write_json

FILE = ".learned.json"


def remembered(results: Path, who: str | None) -> Tiers:
    """What was learned of `who`; () where nothing was, or None is asked for."""
    about = _read(results).get(who) if who is not None else None
    limits = about.get("limits") if isinstance(about, dict) else None
    try:
        return parse_tiers(limits) if isinstance(limits, str) else ()
    except BadLimits:
        return ()


def remember(results: Path, who: str, tiers: Tiers, utc_s: float) -> None:
    """Keep `tiers` for `who`; RecordError where the disk refuses."""
    known = {**_read(results), who: {"limits": format_tiers(tiers), "learned_utc_s": utc_s}}
    write_json(results / FILE, known)


def _read(results: Path) -> dict[str, Any]:
    path = results / FILE
    try:
        known = read_json(path) if path.exists() else {}
    except RecordError:
        return {}
    return known if isinstance(known, dict) else {}
