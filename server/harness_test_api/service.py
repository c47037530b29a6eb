"""The decision path: what a request gets, decided at once, without clock, IO or event loop.

The Quart routes are a thin shell around `Service.handle`; a simulator calls it directly, tens of thousands of times
a second. The order of things: key, tenants, limits, then answer or fault, then latency, then the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from harness_test_api.accounts import Account, Accounts, Tenants
from harness_test_api.auth import Tokens
from harness_test_api.catalogue import Catalogue, Truth
from harness_test_api.config import ServerConfig, check_costs
from harness_test_api.dialects import Level, Situation, http_date, make_dialect
from harness_test_api.errors import BadConfig
from harness_test_api.exchange import Answers, Ask, Decision, always, broken
from harness_test_api.faults import Faults
from harness_test_api.latency import Slots, parse_latency
from harness_test_api.ledger import DecisionRow, Ledger, Snapshot
from harness_test_api.policies import Ruling
from harness_test_api.routing import Router
from harness_test_api.tiers import Tiers

# 2026-01-01T00:00:00Z: without a wall clock dates are reproducible, and an epoch still looks like one to a client.
NEW_YEAR = 1_767_225_600.0


class Service:
    """One test API's state. `started_at` and every `now` are seconds on one clock that does not go back."""

    def __init__(
        self, config: ServerConfig, started_at: float = 0.0, epoch: float | None = None, *, tells: bool = True
    ) -> None:
        """epoch: wall clock at `started_at` unless the config sets one; NEW_YEAR where neither does.

        tells: whether answers that were let through say how the limits stand. A simulator whose client does not read
        that is a third faster without; then the decisions that the ledger keeps do not say it either.
        """
        self._tells = tells
        parsed = config.parsed
        self.config = config
        self.started_at = started_at
        start_epoch = config.epoch if config.epoch is not None else epoch
        self.epoch_offset = (NEW_YEAR if start_epoch is None else start_epoch) - started_at
        self.ledger = Ledger(config.ledger_rows)
        self.faults = Faults(parsed.rules, config.seed)
        self._tokens = (
            Tokens(parsed.tokens, config.seed, any_token=parsed.auth.any_token) if parsed.auth.oauth2 else None
        )
        self._answers = Answers(config, started_at, self._tokens)
        self._accounts = Accounts(
            parsed.plans, parsed.api_keys, parsed.on_refusal, self.epoch_offset, free_tokens=not parsed.tokens.counted
        )
        self._router = Router(config)
        self._open = parsed.auth.open and not config.require_key
        self._changes = list(parsed.plan_changes)
        self._dialect = make_dialect(config.dialect, tuple(config.lie))
        self._tells_next = "reset-next" in config.lie
        self._tenants = Tenants(parsed.tenants, config.seed) if parsed.tenants else None
        self._slots = Slots(config.slots) if config.slots else None
        self._date = (-1, "")
        self.set_latency(config.latency)

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue that is listed."""
        return self._answers.catalogue

    @property
    def list_path(self) -> str:
        """The path of the list."""
        return self.config.parsed.shape.list

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: Any = None, address: str = "127.0.0.1"
    ) -> Ask:
        """Return what a request asks, for `handle`. target: a path with its query, or a whole URL.

        body: bytes, a JSON value, or the fields of a form. Raises routing.BadRequest for a fault that there is not.
        """
        return self._router.ask(method, target, headers, body, address)

    def handle(self, now: float, ask: Ask) -> Decision:
        """Decide one request that arrives at `now`, and record the decision."""
        if self._changes:
            self._change_plans(now - self.started_at)
        if self._tokens is not None and ask.route != "token":
            shown = ask.api_key
            ask = ask._replace(api_key=self._tokens.show(now, shown) if shown else None)
            if shown and ask.api_key is None:
                return self._unauthorised(now, ask, "the token is not known, or no longer good")
        if not self._open and not self._lets_in(ask):
            return self._unauthorised(now, ask)
        account = self._accounts.account(now, ask)
        if self._tenants is not None:
            self._work_off_tenants(now, ask, account)
        cost = self._cost(ask)
        ruling = account.budget.rule(now, cost)
        situation = self._situation(now, account, ruling) if self._tells or not ruling.admitted else None
        decision = self._refuse(situation) if situation and situation.refused else self._admit(now, ask, ruling)
        if situation is not None:
            decision.headers += self._dialect.headers(situation)
        decision.headers.append(("Date", self._date_at(now + decision.delay_s)))
        decision.budget, decision.cost = account.budget, cost
        self._record(now, ask, account, decision, ruling, situation)
        return decision

    def finish(self, decision: Decision) -> None:
        """Free what was held for an answer that has gone out, or whose client has gone away."""
        if decision.refused_by is None and decision.budget is not None:
            decision.budget.release(decision.cost)

    def report(self, since: int | None = None) -> dict[str, Any]:
        """The ledger's counts, ready for JSON; since: a snapshot's number. Raises UnknownSnapshot."""
        if since is not None:
            return self.ledger.since(Snapshot(since), self._accounts.tiers())
        return self.ledger.report(self._accounts.tiers())

    def truth(self, now: float) -> Truth:
        """Tell what happened to the list up to `now`."""
        return self.catalogue.truth(now)

    def check_limit(self, tiers: Tiers, plan: str) -> None:
        """Raise BadConfig when `set_limit` could not do it: no such plan, or a request could never pass."""
        if plan not in self.config.parsed.plans:
            raise BadConfig(f"plan: {plan!r} is unknown; use one of {', '.join(self.config.parsed.plans)}")
        check_costs(tiers, self.config.parsed.costs)

    def set_limit(self, tiers: Tiers, plan: str = "default") -> None:
        """Put a plan under new limits at once; a window of the same place, kind and period keeps what was used."""
        self.check_limit(tiers, plan)
        self._accounts.change(plan, tiers)

    def set_latency(self, text: str) -> None:
        """Give answers another latency from now on; BadConfig for what cannot be read."""
        self._latency = parse_latency(text, Random(self.config.seed))

    def _admit(self, now: float, ask: Ask, ruling: Ruling) -> Decision:
        fault = ask.fault or self.faults.strike(now - self.started_at, ask.route, ask.item_id)
        delay_s = self._latency()
        if self._slots is not None:
            delay_s = self._slots.occupy(now + ruling.delay_s, delay_s)
        answer = self._answers.answer(now, ask)
        if fault is not None:
            answer = broken(answer, fault)
            delay_s += fault.seconds if fault.kind == "stall" else 0.0
        body, headers, kind = answer.body, answer.headers, answer.content_type
        return Decision(answer.status, headers, body, ruling.delay_s + delay_s, None, fault, kind)

    def _refuse(self, situation: Situation) -> Decision:
        refusal = self.config.parsed.refusal or self._dialect.refusal(situation)
        tier = str(situation.level.tier)
        # A refusal takes no slot: limits stand in front of the workers.
        delay_s = self._latency()
        return Decision(refusal.status, [], always(refusal.body), delay_s, tier, content_type=refusal.content_type)

    def _lets_in(self, ask: Ask) -> bool:
        if self.config.require_key:
            return self._accounts.knows(ask.api_key)
        return bool(ask.api_key) or ask.route == "token"

    def _unauthorised(self, now: float, ask: Ask, words: str = "") -> Decision:
        account = self._accounts.account(now, ask._replace(api_key=None))
        auth = self.config.parsed.auth
        known = "a known key" if self.config.require_key else "a credential"
        kinds = " or ".join(":".join(kind) for kind in auth.kinds) or "X-Api-Key or as a bearer token"
        answer = self._answers.error(401, words or f"this API requires {known}; send it as {kinds}")
        delay_s = self._latency()
        headers = [("WWW-Authenticate", auth.challenge), ("Date", self._date_at(now + delay_s))]
        decision = Decision(answer.status, headers, answer.body, delay_s)
        self._record(now, ask, account, decision, None, None)
        return decision

    def _work_off_tenants(self, now: float, ask: Ask, account: Account) -> None:
        assert self._tenants is not None
        quota = "" if account.shared_by_all else account.label
        tenant = Ask("item", address=ask.address, api_key=ask.api_key)
        cost = self._cost(tenant)
        for at_s in self._tenants.due(quota, now - self.started_at):
            at = at_s + self.started_at
            theirs = self._accounts.account(at, tenant)
            ruling = theirs.budget.rule(at, cost)
            if ruling.admitted:
                theirs.budget.release(cost)
            situation = self._situation(at, theirs, ruling)
            status = 200 if ruling.admitted else 429
            decision = Decision(status, [], always(None), ruling.delay_s, cost=cost)
            self._record(at, tenant, theirs, decision, ruling, situation, client="tenant")

    def _change_plans(self, elapsed_s: float) -> None:
        while self._changes and self._changes[0].at_s <= elapsed_s:
            change = self._changes.pop(0)
            self._accounts.change(change.plan, change.tiers)

    def _cost(self, ask: Ask) -> int:
        return self.config.parsed.costs.get(ask.route, 1)

    def _situation(self, now: float, account: Account, ruling: Ruling) -> Situation | None:
        levels = [Level(p.tier, p.remaining(now), p.reset_at(now) - now) for p in account.budget.policies]
        if self._tells_next:
            for level, policy in zip(levels, account.budget.policies):
                level.frees_s = policy.frees_at(now) - now
        if not levels:
            return None
        # The tier that will refuse first: least remaining, then latest reset; a refusal or a delay names its own.
        binding = ruling.tier
        if binding is None:
            binding = levels.index(min(levels, key=_urgency)) if len(levels) > 1 else 0
        retry_after_s = None if ruling.retry_at is None else ruling.retry_at - now
        epoch_s = now + self.epoch_offset
        return Situation(levels, binding, not ruling.admitted, retry_after_s, epoch_s, account.label)

    def _record(
        self,
        now: float,
        ask: Ask,
        account: Account,
        decision: Decision,
        ruling: Ruling | None,
        situation: Situation | None,
        client: str | None = None,
    ) -> None:
        tier, remaining = "", 0
        if situation is not None:
            tier, remaining = account.names[situation.binding], situation.level.remaining
        self.ledger.record(
            DecisionRow(
                now - self.started_at,
                client or account.label,
                ask.route,
                ask.item_id,
                account.limits,
                tier,
                _verdict(ruling),
                remaining,
                decision.cost,
                decision.status,
                decision.delay_s,
                decision.fault.kind if decision.fault else "",
            )
        )

    def _date_at(self, now: float) -> str:
        # One text a second: formatting a date costs as much as the rest of the headers.
        second = int(now + self.epoch_offset)
        if second != self._date[0]:
            self._date = (second, http_date(second))
        return self._date[1]


def _urgency(level: Level) -> tuple[int, float]:
    return level.remaining, -level.reset_s


def _verdict(ruling: Ruling | None) -> str:
    if ruling is None:
        return "unauthorised"
    if not ruling.admitted:
        return "refused"
    return "delayed" if ruling.delay_s else "admitted"
