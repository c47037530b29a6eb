"""Every strategy, and four libraries, against every way of counting: `python -m benchmarks.strategies`.

Virtual time, so the table is the same on every machine; a test plays some of its rows again. Each cell is one import
through this project's core: what differs is who decides when a request may go.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import get_args

import click
from harness_test_api.config import ServerConfig
from harness_test_api.service import Service

from benchmarks.adaptive import AdaptiveTokenBucket, AssistedTokenBucket, Telemetry
from harness.bound import Work, bound
from harness.core.budgets import shared
from harness.core.core import Core
from harness.core.rules import Rules
from harness.lab.simulate import Network, Simulation
from harness.pacing import Budget, Pacer, Tiers, parse_tiers
from harness.pacing.strategies import Strategy, make_pacer

TABLE = Path(__file__).parent / "strategies.md"
ITEMS, WORKERS, SEED = 3000, 64, 1
# One way, median and spread: what round trips over the internet look like.
WAY_S, SIGMA = 0.04, 0.5
# Not on the second, nor at the border of a window.
EPOCH_S = 1_700_000_003.7
# "Equal": a difference of makespan that another seed could turn around.
TIE = 0.005
# A client that is not done after so many times the bound is stopped: one that sends a few requests a minute would need
# hours of virtual time, and no reader needs to know how many. The slowest that end need seven.
MOST = 10
DECLARED = "window, kind declared"
TOLD = "auto, limits declared"


@dataclass(frozen=True, slots=True)
class Server:
    """One way of counting. `believed` is what a client without a word for the kind is told."""

    limit: str
    believed: str
    items: int = ITEMS
    tenant: str | None = None

    @property
    def title(self) -> str:
        return f"{self.limit}, others {self.tenant}" if self.tenant else self.limit


SERVERS = (
    Server("500/20s:anchored+2000/100s:anchored", "500/20s+2000/100s"),
    Server("500/20s:log+2000/100s:log", "500/20s+2000/100s"),
    Server("500/20s:aligned", "500/20s"),
    Server("500/20s:counter", "500/20s"),
    Server("500/20s:bucket", "500/20s"),
    Server("500/20s:gcra:burst=10", "500/20s"),
    Server("500/20s:leaky:burst=20", "500/20s"),
    Server("10/s:leaky:burst=0", "10/s", 600),
    Server("50/s:anchored", "50/s"),
    Server("500/20s:anchored", "500/20s", tenant="12/s:poisson"),
    Server("500/20s:log", "500/20s", tenant="250/20s:burst"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one client made of one server. ratio: makespan / bound, infinite where it was stopped after MOST bounds."""

    server: str
    client: str
    ratio: float
    refused: int


def clients() -> dict[str, Callable[[Server], Pacer]]:
    """Every strategy by name, `window` with and without the server's kind, `auto` told nothing and told the limits, and
    the libraries.
    """
    from benchmarks.libraries import LIBRARIES  # what is installed with the extra `bench`

    own: dict[str, Callable[[Server], Pacer]] = {DECLARED: lambda server: _make("window", parse_tiers(server.limit))}
    own["auto"] = lambda _: _make("auto", ())
    for name in get_args(Strategy):
        own[TOLD if name == "auto" else name] = lambda server, name=name: _make(name, parse_tiers(server.believed))
    own["ATB"] = lambda _: AdaptiveTokenBucket()
    own["AATB"] = lambda server: AssistedTokenBucket(Telemetry(parse_tiers(server.believed)), seed=SEED)
    for name, make in LIBRARIES.items():
        own[name] = lambda server, make=make: make(parse_tiers(server.believed))
    return own


def _make(name: Strategy, tiers: Tiers) -> Pacer:
    return make_pacer(name, tiers, 30.0, 0.0, SEED)


def play(server: Server, client: str, make: Callable[[Server], Pacer]) -> Row:
    """One import in virtual time, and how it compares with the least that the server's limits allow."""
    budget = Budget("api", make(server))
    core = Core(Rules(workers=WORKERS), shared(budget), lambda _: None, 0.0)
    core.start()
    random = Random(SEED)

    def way() -> float:
        return WAY_S * math.exp(random.gauss(0.0, SIGMA))

    tenants = (server.tenant,) if server.tenant else ()
    config = ServerConfig(
        items=server.items, limit=(server.limit,), seed=SEED, ledger_rows=0, epoch=EPOCH_S, tenant=tenants
    )
    # The least round trip seen is less than this, so that the time is no less than MOST bounds.
    until_s = MOST * _bound_s(server, Work(math.ceil(server.items / 100), server.items), 2 * WAY_S)
    done = Simulation(core, Service(config, 0.0), network=Network(way, way)).run(until_s)
    state = core.state
    if done is None:
        return Row(server.title, client, math.inf, state.refused)
    best_s = _bound_s(server, Work(len(state.pages), state.imported), state.least_latency_s or 0.0)
    return Row(server.title, client, state.duration_s / best_s, state.refused)


def _bound_s(server: Server, work: Work, round_trip_s: float) -> float:
    return bound(work, parse_tiers(server.limit), round_trip_s, WORKERS, epoch_s=EPOCH_S).bound_s


def measure(servers: Sequence[Server] = SERVERS, names: Sequence[str] | None = None) -> list[Row]:
    """A row for each server and client, in order."""
    found = clients()
    wanted = found if names is None else {name: found[name] for name in names}
    return [play(server, name, make) for server in servers for name, make in wanted.items()]


def behind(own: Row, other: Row) -> str:
    """In what `other` is ahead of `own`."""
    slower = own.ratio > other.ratio * (1 + TIE)
    more = own.refused > other.refused
    return " and ".join(word for word, is_so in (("faster", slower), ("fewer 429s", more)) if is_so)


def table(rows: Sequence[Row]) -> str:
    """Markdown, one part per server; a library that is ahead of `window` with the kind declared is marked."""
    from benchmarks.libraries import LIBRARIES

    lines = []
    for server in dict.fromkeys(row.server for row in rows):
        here = [row for row in rows if row.server == server]
        own = next(row for row in here if row.client == DECLARED)
        lines += [f"### {server}", "", "| client | makespan / bound | 429s | ahead of window |", "|---|---|---|---|"]
        for row in here:
            mark = behind(own, row) if row.client in LIBRARIES else ""
            ratio = f"{row.ratio:.3f}" if math.isfinite(row.ratio) else f"more than {MOST}"
            lines.append(f"| {row.client} | {ratio} | {row.refused:,} | {mark and f'**{mark}**'} |")
        lines.append("")
    return "\n".join(lines)


HEAD = f"""# Strategies and libraries, side by side

Made by `python -m benchmarks.strategies` (`make bench`); a test replays some rows. {ITEMS:,} items and their list,
{WORKERS} workers, {WAY_S * 1000:.0f} ms each way (lognormal, sigma {SIGMA}), in virtual time. The bound is the least
time under the server's own limits, at the least round trip seen, as if no other client used them. Where others use the
quota (`others`), no client can come near it. The libraries run their own code on the simulated clock, and after a
429 they pause like every strategy here: all workers together, for Retry-After, and then one probe goes first.
`auto` is given no limits and learns from the headers, X-RateLimit-* of the tightest limit. ATB and AATB
(arXiv:2510.04516) are given none either and learn from refusals alone; AATB's own service is told the rate of the
slowest limit. All others know the limits. A client that was not done after {MOST} times the bound was stopped there
(`more than {MOST}`), with the 429s until then.
A strict leaky bucket (`10/s:leaky:burst=0`) refuses a request that comes a millisecond early, and only an answer shows
when a request arrived. A client that wants no refusal sends the next an interval later, which takes 1 + round trip /
interval = 1.9 times a bound that knows only the interval. `--rtt-floor` gives back as much as it declares.
"ahead of window" marks a library that beats `{DECLARED}` in makespan (by more than {TIE:.1%}) or in 429s.

"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--write/--print", "write", default=True, help="Write strategies.md, or print the table.")
def main(write: bool) -> None:
    """Play every import and write the table."""
    text = HEAD + table(measure())
    if write:
        TABLE.write_text(text)
    else:
        click.echo(text)


if __name__ == "__main__":
    main()
