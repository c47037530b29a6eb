"""The parameters of a notebook: papermill checks neither types nor names, so this does."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.book.problems import plainly
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.settings import explain

# What IPython itself puts beside them.
_IPYTHON = ("In", "Out")


@plainly
def settings(namespace: Mapping[str, Any], also: tuple[str, ...] = ("simulated",)) -> ImportConfig:
    """The config that the parameters in a notebook's `globals()` make; NotebookProblem for the first that does not fit.

    also: parameters of the notebook that are no settings of an import. A name that is neither is refused: papermill
    only warns of a typing error, and runs with the default.
    """
    given = parameters(namespace)
    _refuse_unknown(given, (*ImportConfig.model_fields, *also))
    values = {name: value for name, value in given.items() if name in ImportConfig.model_fields and value is not None}
    if "results" in values:
        values["results"] = results_folder(values["results"])
    try:
        return ImportConfig(**values)
    except ValidationError as error:
        raise BadInput(explain(error)) from None


def parameters(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The plain values among a notebook's names: what papermill can set."""
    plain = (str, int, float, bool, list, tuple, dict, type(None))
    return {
        name: value
        for name, value in namespace.items()
        if isinstance(value, plain) and not name.startswith("_") and name not in _IPYTHON
    }


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            ask = f"did you mean {close[0]}?" if close else "see papermill --help-notebook for those there are"
            raise BadInput(f"{name!r} is no parameter of this notebook; {ask}")


@plainly
def switch(name: str, value: Any) -> bool:
    """A parameter that is on or off; papermill may hand it over as text."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        raise BadInput(f"{name} must be True or False, not {value!r}") from None


def results_folder(folder: str | Path) -> Path:
    """`folder`, absolute; a relative one is beside the folder of the notebooks, wherever the kernel was started."""
    here = Path.cwd()
    home = here.parent if here.name == "notebooks" else here
    return (home / folder).absolute()
