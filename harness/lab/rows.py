"""Make one row of a sweep's table of a run: where it stands in the sweep, its settings, its figures."""

from __future__ import annotations

import dataclasses
from typing import Any

import pyarrow as pa

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.lab.grid import Point
from harness.lab.simulate import answers_in, enforced
from harness.pacing import format_tiers, parse_tiers
from harness.record.state import State
from harness.record.summary import LostTo, Summary, refusals_as_text
from harness.session.optimality import best_possible
from harness.units import format_period

_FLOATS = pa.float64()
_PLACE = {
    "sweep": pa.string(),
    "point": pa.int32(),
    "repeat": pa.int32(),
    "run": pa.string(),
    "seed": pa.int64(),
    "simulated": pa.bool_(),
    "status": pa.string(),
    "error": pa.string(),
}
_KINDS: dict[Any, pa.DataType] = {
    bool: pa.bool_(),
    "bool": pa.bool_(),
    "int": pa.int64(),
    "int | None": pa.int64(),
    "float": _FLOATS,
    "float | None": _FLOATS,
    "str": pa.string(),
}
# Settings that every table has, whatever was varied; the rest of them as text, only where they were said.
SETTINGS = {
    "workers": pa.int64(),
    "workers_auto": pa.bool_(),
    "pacing": pa.string(),
    "limit": pa.string(),
    "server_limit": pa.string(),
    "latency": pa.string(),
    "items": pa.int64(),
    "scenario": pa.string(),
    "per_page": pa.int64(),
}
_LEFT_OUT = ("run", "status", "workers", "limits", "strategy")


def _figures() -> dict[str, pa.DataType]:
    """Return every scalar of a Summary under its own name, and the parts of `lost_to` and `server` under theirs."""
    scalars = {f.name: _KINDS[f.type] for f in dataclasses.fields(Summary) if f.type in _KINDS}
    lost = {f"lost_to_{f.name}": _FLOATS for f in dataclasses.fields(LostTo)}
    server = {"server_admitted": pa.int64(), "server_refused": pa.int64(), "server_agrees": pa.bool_()}
    server["server_faults"] = pa.int64()
    best = {"server_bound_s": _FLOATS, "server_optimality": _FLOATS}
    more = {"refusals": pa.string(), **lost, **server, **best}  # refusals: `403: 12, 429: 3`
    return {name: kind for name, kind in {**scalars, **more}.items() if name not in _LEFT_OUT}


FIGURES = _figures()
COLUMNS = {**_PLACE, **SETTINGS, **FIGURES}


def place(sweep: str, point: Point, *, simulated: bool, kept: bool) -> dict[str, Any]:
    """Return the first columns of a row, known before the run. kept: whether there is a folder, which `run` names."""
    named = {"sweep": sweep, "point": point.number, "repeat": point.repeat, "run": point.name if kept else ""}
    return {**named, "seed": point.seed, "simulated": simulated}


def settings(config: ImportConfig) -> dict[str, Any]:
    """Return the settings that a run has, said or not: limits and times as text."""
    limits, latency = enforced(config), answers_in(config)
    said = {
        "workers": None if config.pacing.workers == "auto" else config.pacing.workers,
        "workers_auto": config.pacing.workers == "auto",
        "pacing": config.strategy,
        "limit": format_tiers(config.limits),
        "server_limit": limits,
        "latency": format_period(latency) if isinstance(latency, float) else latency,
        "items": config.test_api.items,
        "scenario": config.test_api.scenario or "",
        "per_page": config.source.page_size,
    }
    others = {name for name in config.given() if name not in (*said, "seed", "results", "run", "fresh")}
    written = config.as_written()
    return {**said, **{name: str(written[name]) for name in sorted(others) if name in written}}


def measured(config: ImportConfig, state: State, summary: Summary) -> dict[str, Any]:
    """Return the figures of a run that was made, also against what the server would have let through."""
    plain = summary.as_dict()
    lost, server = plain.pop("lost_to") or {}, plain.pop("server") or {}
    row = {name: value for name, value in plain.items() if name in FIGURES}
    row |= {f"lost_to_{name}": value for name, value in lost.items()}
    row |= {f"server_{name}": value for name, value in server.items()}
    row["refusals"] = refusals_as_text(summary.refusals)
    row |= {"status": summary.status, "error": "" if summary.status == "complete" else summary.reason}
    if config.pacing.workers == "auto":
        row["workers"] = summary.workers
    best_s = _server_bound_s(config, state)
    complete = summary.status.is_complete
    row["server_bound_s"] = best_s
    row["server_optimality"] = _share(best_s, summary.duration_s) if complete else None
    return {**row, "items": config.test_api.items if config.test_api.items is not None else summary.total}


def _share(best_s: float | None, duration_s: float) -> float | None:
    """Cut off what rounding adds: no run is better than best possible."""
    return min(1.0, best_s / duration_s) if best_s and duration_s else None


def _server_bound_s(config: ImportConfig, state: State) -> float | None:
    """Return the best possible under what the server enforces; None where our limits cannot express that."""
    try:
        tiers = parse_tiers(enforced(config) or "")
    except BadInput:
        return None
    best = best_possible(state, config, tiers) if tiers else None
    return None if best is None else best.bound_s


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Make one tidy Arrow table of rows: the columns that every sweep has, then the settings of this one."""
    extra = {name: pa.string() for row in rows for name in row if name not in COLUMNS}
    schema = pa.schema(list({**_PLACE, **SETTINGS, **extra, **FIGURES}.items()))
    return pa.Table.from_pylist(sorted(rows, key=lambda row: (row["point"], row["repeat"])), schema)
