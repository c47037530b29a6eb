"""Settings of a notebook, checked by the one model that flags, TOML and environment go through."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.settings import ENVIRONMENT, explain


def checked(settings: Mapping[str, Any]) -> ImportConfig:
    """The config of `settings`, text or not; BadInput in one sentence for the first that cannot be used."""
    try:
        return ImportConfig(**{name: value for name, value in settings.items() if value is not None})
    except ValidationError as error:
        raise BadInput(explain(error)) from None


def as_switch(name: str, value: Any) -> bool:
    """A parameter that is on or off: papermill hands over text as it was typed."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        raise BadInput(f"{name} must be True or False, not {value!r}") from None


def results_folder() -> Path:
    """Where runs are kept: as the environment says, else `results` beside the folder of the notebooks, or here."""
    told = os.environ.get(ENVIRONMENT + "RESULTS")
    if told:
        return Path(told)
    here = Path.cwd()
    home = here.parent if here.name == "notebooks" else here
    return home / "results"
