"""The parameters of a notebook: papermill checks neither types nor names, so this does."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from harness.book.problems import plainly
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.settings import as_switch, checked, notebook_folder

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
    values = {name: value for name, value in given.items() if name in ImportConfig.model_fields}
    return checked({**values, "results": notebook_folder(given.get("results"))})


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


switch = plainly(as_switch)
