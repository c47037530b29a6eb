"""Read run.json: what is known of a run beside its events, and how far that can be believed.

People edit it, restore it from copies and let disks damage it, so nothing in it is used before it was looked at. Its
status only saves reading the events.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import RecordError
from harness.record.files import list_parts, read_json
from harness.record.status import RunStatus

_NUMBER = (int, float)
# What is in run.json, where it is there at all.
_TYPES: dict[str, tuple[type, ...]] = {
    "config": (dict,),
    "asked": (dict,),
    "source": (dict,),
    "assumed": (dict,),
    "accounts": (list,),
    "shared_with": (list,),
    "versions": (dict,),
    "recorded": (dict,),
    "sessions_utc_s": (list,),
    "status": (str,),
    "created": (str,),
    "created_utc_s": _NUMBER,
    "ended_utc_s": (*_NUMBER, type(None)),
    "reason": (str,),
    "simulated": (bool,),
    "settled": (bool,),
}
# 1970 to 9999: no clock shows anything else.
_MOMENTS_S = (-86_400.0, 253_000_000_000.0)


def read_about(folder: Path) -> dict[str, Any]:
    """Read the run.json in `folder`; RecordError where it is not what this package writes."""
    path = folder / "run.json"
    about = read_json(path)
    wrong = _wrong_in(about)
    if wrong is not None:
        raise RecordError(f"{path} does not describe a run{wrong}; restore it from a copy, or remove the run")
    return dict(about)


def written_status(about: dict[str, Any]) -> RunStatus:
    """Return the status as run.json has it, without the events; running where it has none yet."""
    return RunStatus(about.get("status", RunStatus.RUNNING))


def settings_in_force(about: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the last session, as it was started and as `set` changed them since."""
    return {**about.get("config", {}), **about.get("in_force", {}), **about.get("asked", {})}


def is_told(folder: Path, about: dict[str, Any]) -> bool:
    """Return True if run.json says how the run ended, and no event was written since.

    A part is never changed, and begins where the last one ended: of one that was added since, the first event lies
    beyond what was recorded.
    """
    if written_status(about).is_open:
        return False
    if "recorded" not in about:  # of a revision that did not say
        return True
    last = about["recorded"].get("events", {})
    return all(first <= last.get(writer, 0) for writer, first, _ in list_parts(folder / "events"))


def is_settled(folder: Path, about: dict[str, Any]) -> bool:
    """Return True if items.parquet, summary.json and run.json tell of every event."""
    return is_told(folder, about) and bool(about.get("settled", True))


def _wrong_in(about: Any) -> str | None:
    """Return what is wrong in a run.json, as the end of a sentence; None where nothing is."""
    if not isinstance(about, dict):
        return ""
    for name, types in _TYPES.items():
        if name in about and (not isinstance(about[name], types) or _is_odd(name, about[name])):
            return f": its {name!r} cannot be used"
    return None


def _is_odd(name: str, value: Any) -> bool:
    """Return True if this package writes no such value for the entry, though the type is right."""
    if isinstance(value, bool):
        return name not in ("simulated", "settled")
    if isinstance(value, str):
        return not _is_text(value) or (name == "status" and value not in set(RunStatus))
    if isinstance(value, _NUMBER):
        return not _MOMENTS_S[0] <= value <= _MOMENTS_S[1]
    if name == "sessions_utc_s":
        return any(not isinstance(at, _NUMBER) or isinstance(at, bool) or _is_odd(name, at) for at in value)
    if name == "config":
        names = value.get("header_names") or []
        return not (isinstance(names, list) and all(isinstance(word, str) and _is_text(word) for word in names))
    if name == "recorded":
        return not all(
            isinstance(reach, dict) and all(type(last) is int for last in reach.values()) for reach in value.values()
        )
    return False


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
