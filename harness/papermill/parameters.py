"""The parameters of a notebook: papermill checks neither types nor names, so this does.

Errors as a notebook shows them: the sentence, and not the way that led there.

A group of exceptions leaves a cell without a message, and can leave papermill waiting for ever: what is raised here is
always a plain error without a chain.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from harness.config import ImportConfig
from harness.errors import BadInput, HarnessError
from harness.flags import FLAGS
from harness.settings import as_switch, checked, notebook_folder

# What IPython itself puts beside them.
P = ParamSpec("P")
T = TypeVar("T")


class NotebookProblem(HarnessError):
    """Something that whoever runs the notebook can mend; the message says what."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class RunFailed(NotebookProblem):
    """The run of this notebook did not complete; the figures above show how far it came."""


def plainly(cell: Callable[P, T]) -> Callable[P, T]:
    """The decorated function raises a NotebookProblem for each error that is meant for people, and for groups."""

    @wraps(cell)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return cell(*args, **kwargs)
        except NotebookProblem:
            raise
        except HarnessError as error:
            problem = NotebookProblem(str(error))
        except BaseExceptionGroup as group:
            problem = NotebookProblem("; ".join(str(leaf) for leaf in _leaves(group)))
        # Out here the error has no context: a notebook shows one sentence.
        raise problem

    return called


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves


_IPYTHON = ("In", "Out")


@plainly
def settings(namespace: Mapping[str, Any], also: tuple[str, ...] = ("simulated",)) -> ImportConfig:
    """The config that the parameters in a notebook's `globals()` make; NotebookProblem for the first that does not fit.

    also: parameters of the notebook that are no settings of an import. A name that is neither is refused: papermill
    only warns of a typing error, and runs with the default.
    """
    given = parameters(namespace)
    _refuse_unknown(given, (*FLAGS, *also))
    values = {name: value for name, value in given.items() if name in FLAGS}
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
