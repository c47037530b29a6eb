"""Whether the workers of a cluster can do the work of shards: checked before anything is handed to them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from harness.config import ImportConfig
from harness.errors import BadInput
from harness.scale.cluster import Cluster, this_machine
from harness.settings import variables_of
from harness.values import is_loopback, variables_in


def check_for_shards(cluster: Cluster, named: str, config: ImportConfig) -> None:
    """Raise BadInput unless all workers reach what the import does: its API, its account, its folder, its secrets."""
    apart = cluster.machines() != {this_machine()}
    if apart and (config.source.url is None or is_loopback(config.source.url)):
        ask = "name an API with --url that they reach, or leave out --executor"
        raise BadInput(f"workers of {named} are on other machines, where the API would be another one; {ask}")
    if apart and config.limits and not _is_shared(config.pacing.budget):
        ask = "add --budget redis://HOST:6379"
        raise BadInput(f"workers of {named} are on other machines, so only an account there keeps --limit; {ask}")
    cluster.check_shared(config.run.results.absolute())
    names = {*variables_of(config), *variables_in(config.pacing.budget)}
    cluster.check_each(need_variables, sorted(names))


def _is_shared(budget: str) -> bool:
    """Return whether the account is one that other machines reach, too."""
    return budget not in ("embedded", "none") and not budget.startswith("unix:") and not is_loopback(budget)


def need_variables(names: Sequence[str]) -> None:
    """On a worker: raise BadInput where a variable is missing that the import reads. Secrets do not travel to it."""
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise BadInput(f"the environment variable {missing[0]} is not set; set it where that worker is started")
