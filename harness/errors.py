"""Every error this package raises on purpose, one class per cause.

    HarnessError
    ├── BadInput            what was typed or configured cannot be used; nothing has happened yet (exit 2)
    │   ├── BadLimits       a limit that does not parse or can never hold
    │   ├── NoSuchRun       a run was named that is not there, or the name is ambiguous or taken
    │   ├── MissingLibrary  a library is not installed that this needs and an import does not
    │   └── NotRunning      something was asked of a run that no process is writing
    ├── NeverFits           a request costs more than a limit will ever allow
    ├── RunLocked           another process is writing this run
    ├── RecordError         the record cannot be written or read; the import ends, loudly
    ├── StoreUnavailable    an object store cannot be reached, or refuses
    ├── CopyIncomplete      an import is over and recorded here, and its copy in the object store lacks some of it
    ├── ServerFailed        the test API that was to be started did not come up
    ├── SweepBroken         a process that ran points of a sweep died
    ├── WorkerLost          the workers of a cluster that were given a task died
    └── ClusterFailed       a cluster cannot go on: its scheduler is gone, or a worker does not fit

A message is one sentence: what was wrong, where, and what to do about it.
"""

from __future__ import annotations


class HarnessError(Exception):
    """Root of the tree: catch this to catch everything the package raises on purpose."""


class BadInput(HarnessError, ValueError):
    """What was typed or configured cannot be used; raised before anything happens.

    A ValueError too, so that the config model can say in which setting it was found.
    """


class BadLimits(BadInput):
    """A limit that does not parse, or that no request can ever pass."""


class NoSuchRun(BadInput):
    """A run that is not there, a prefix that fits several, or a name already taken."""


class MissingLibrary(BadInput):
    """A library is not installed that this needs and an import does not; the message says how to install it."""


class NotRunning(BadInput):
    """Something was asked of a run that no process is writing, so that nobody would hear it."""


class NeverFits(HarnessError):
    """A request costs more than a tier's limit: no wait would ever be long enough."""


class RunLocked(HarnessError):
    """Another process is writing this run; the message names its pid."""


class RecordError(HarnessError):
    """The record cannot be written or read; the import ends rather than go on unrecorded."""


class StoreUnavailable(HarnessError):
    """An object store cannot be reached, or refuses what is asked of it."""


class CopyIncomplete(HarnessError):
    """The copy of a run in an object store lacks what was recorded here; the message says how to finish it."""


class ServerFailed(HarnessError):
    """The test API that was to be started as a child process did not come up."""


class SweepBroken(HarnessError):
    """A process that ran points of a sweep died; what was finished is kept."""


class WorkerLost(HarnessError):
    """The workers of a cluster that were given a task died, also when it ran alone: it is the task that kills them."""


class ClusterFailed(HarnessError):
    """A cluster cannot go on: its scheduler is gone, or a worker that joined runs something else."""
