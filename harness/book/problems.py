"""Errors as a notebook shows them: the sentence, and not the way that led there.

A group of exceptions leaves a cell without a message, and can leave papermill waiting for ever: what is raised here is
always a plain error without a chain.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from harness.errors import HarnessError

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
