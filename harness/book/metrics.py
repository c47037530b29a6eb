"""The figures of an executed notebook, to be read by programs: one small JSON document among its outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.errors import RecordError

MIME = "application/vnd.harness.metrics+json"


def read_metrics(notebook: str | Path) -> dict[str, Any]:
    """The metrics that an executed notebook recorded; RecordError where there are none."""
    try:
        cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise RecordError(f"{notebook} is no notebook that can be read ({error}); name an executed one") from None
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    found: list[dict[str, Any]] = [output["data"][MIME] for output in outputs if MIME in output.get("data", {})]
    if not found:
        raise RecordError(f"{notebook} holds no metrics: it was not executed, or ended before it recorded them")
    return found[-1]
