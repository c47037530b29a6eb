"""Imports that are killed at random moments, in children of a process that has imported everything already."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import signal
import struct
import threading
import time
import traceback
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import trio
from harness_test_api.serving import Api

from harness import ImportConfig, open_run, run_import
from harness.errors import NoSuchRun
from harness.record.arrow import sparing_memory
from harness.record.events import canonical_id
from harness.record.run import Run
from harness.session.importing import config_of

# A fork of it starts in milliseconds where a new interpreter takes more than a second.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.killing"])
_GIVE_UP_S = 120.0
# A process that starts another one asks about all that it has started, and an exit code can be read only once: of two
# threads that ask at the same time one is told 255.
_ASKING = threading.Lock()


@dataclass
class Victim:
    """One import of the API at `url`, by a client of its own, in a folder of its own."""

    url: str
    results: Path
    name: str
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> ImportConfig:
        quick = {"workers": 5, "timeout": 5, "linger": 3, "retry_delays": (0.02, 0.05, 0.1, 0.2)}
        key = f"X-Api-Key: {self.name}"
        named = {"url": self.url, "results": self.results, "run": self.name, "header": key}
        return ImportConfig(**quick, **named, **self.settings)

    @property
    def client(self) -> str:
        """As the ledger calls it."""
        return "key:" + hashlib.sha256(self.name.encode()).hexdigest()[:8]

    @property
    def why(self) -> Path:
        """Where an import that ends by an error says so."""
        return self.results / f"{self.name}.error"

    @property
    def run(self) -> Run:
        return open_run(self.name, self.results)

    def sent(self) -> int:
        """Requests begun, by the counter that a kill leaves."""
        try:
            return int(struct.unpack_from("<q", (self.results / self.name / "sent").read_bytes())[0])
        except (OSError, struct.error):
            return 0

    def start(self) -> BaseProcess:
        process = _FORKS.Process(target=import_or_resume, args=(self,))
        with _ASKING:
            process.start()
        return process


def import_or_resume(victim: Victim) -> None:
    """In the child: begin the import, or go on with it."""
    try:
        try:
            config = config_of(victim.run, header=f"X-Api-Key: {victim.name}")
        except NoSuchRun:
            config = victim.config
        with sparing_memory():  # as the command line does: it starts in a third of the time
            trio.run(run_import, config)
    except BaseException:
        victim.why.write_text(traceback.format_exc())
        raise


def killed(victim: Victim, rng: random.Random, requests: int) -> bool:
    """Kill -9 the import after a random number of those requests that are left, and some more; was it still at it?"""
    process = victim.start()
    sent = victim.sent()
    until = sent + rng.randrange(0, max(1, requests - sent))
    began = time.monotonic()  # noqa: TID251
    while exit_code(process) is None and victim.sent() < until:
        time.sleep(0.003)  # noqa: TID251
        assert time.monotonic() - began < _GIVE_UP_S, "an import that neither goes on nor ends"  # noqa: TID251
    time.sleep(rng.expovariate(1 / 0.03))  # noqa: TID251
    process.kill()
    code = ended(process)
    why = victim.why.read_text() if victim.why.exists() else "nothing was said"
    assert code in (0, -signal.SIGKILL), f"ended with {code}: {why}"
    return code == -signal.SIGKILL


def exit_code(process: BaseProcess) -> int | None:
    """How a process has ended; None while it runs."""
    with _ASKING:
        return process.exitcode


def ended(process: BaseProcess) -> int:
    """Wait for the end of a process, and return its exit code."""
    began = time.monotonic()  # noqa: TID251
    while (code := exit_code(process)) is None:
        time.sleep(0.003)  # noqa: TID251
        assert time.monotonic() - began < _GIVE_UP_S, "an import that does not end"  # noqa: TID251
    return code


@dataclass(frozen=True)
class Known:
    """What a run had recorded when it was killed, and how many decisions the server had made by then."""

    items: frozenset[Any]
    decisions: int


def known(victim: Victim, api: Api) -> Known:
    decisions = len(api.decisions())
    try:
        rows = victim.run.events().to_pylist()
    except NoSuchRun:  # killed before its first file was there
        return Known(frozenset(), decisions)
    read = [row for row in rows if row["event"] in ("ItemImported", "ItemAdopted")]
    return Known(frozenset(canonical_id(row["key"]) for row in read), decisions)


def end(victim: Victim) -> None:
    """Resume it and let it run to its end."""
    assert ended(victim.start()) == 0, victim.why.read_text()


def verdict(victim: Victim, api: Api, kills: list[Known], items: int) -> dict[str, Any]:
    """What the campaign counts, of one victim; all of it is to be nothing."""
    run, state = victim.run, victim.run.state()
    rows = run.events().to_pylist()
    ids = run.items().column("id").to_pylist()
    imported = [canonical_id(row["key"]) for row in rows if row["event"] in ("ItemImported", "ItemAdopted")]
    decisions = [row for row in api.decisions() if row.client == victim.client]
    again = [
        row.item_id
        for kill in kills
        for row in api.decisions()[kill.decisions :]
        if row.client == victim.client and row.item_id and canonical_id(row.item_id) in kill.items
    ]
    refused = sum(row.verdict == "refused" for row in decisions)
    admitted = len(decisions) - refused
    charged = sum(row["charged"] for row in rows if row["event"] == "Charged")
    unseen = state.lost + charged
    agrees = (
        state.answered <= admitted <= state.answered + unseen and state.refused <= refused <= state.refused + unseen
    )
    return {
        "status": run.status,
        "lost": len(set(range(1, items + 1)) - set(ids)),
        "out of order": ids != sorted(ids),
        "doubled": len(ids) - len(set(ids)) + len(imported) - len(set(imported)),
        "fetched again": len(again),
        "refused": refused,
        "disagrees": not agrees,
        "left behind": [path.name for path in run.folder.rglob("*.tmp")],
    }


CLEAN = {
    "status": "complete",
    "lost": 0,
    "out of order": False,
    "doubled": 0,
    "fetched again": 0,
    "refused": 0,
    "disagrees": False,
    "left behind": [],
}
