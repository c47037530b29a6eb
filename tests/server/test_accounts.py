"""Who is counted together, plans and their changes, costs, and who else uses the quota."""

from __future__ import annotations

import pytest
from harness_test_api import Ask, BadConfig, ServerConfig, Service
from harness_test_api.tiers import parse_tiers

LIST = Ask("list")
ITEM = Ask("item", "1")


def statuses(service: Service, *asks: Ask, now: float = 0.0) -> list[int]:
    return [service.handle(now, ask).status for ask in asks]


@pytest.mark.parametrize(
    ("by", "apart"),
    [
        ("client", {"address", "key"}),
        ("address", {"address"}),
        ("key", {"key"}),
        ("route", {"address", "key", "route"}),
        ("path", {"address", "key", "route", "path"}),
        ("global", set()),
    ],
)
def test_a_tier_is_counted_per_its_scope(by: str, apart: set[str]) -> None:
    """After one request of one client, another passes exactly if the scope tells them apart."""
    others = {
        "address": ITEM._replace(address="10.0.0.9"),
        "key": ITEM._replace(api_key="k"),
        "route": LIST,
        "path": Ask("item", "2"),
    }
    for what, ask in others.items():
        service = Service(ServerConfig(limit=f"1/10s:by={by}"))
        assert statuses(service, ITEM, ITEM) == [200, 429]
        assert statuses(service, ask) == [200 if what in apart else 429], what


def test_tiers_of_different_scopes_hold_together() -> None:
    """Each route has its limit and all clients together have one: a refusal charges neither."""
    service = Service(ServerConfig(limit="2/10s:by=route+3/10s:by=global"))
    assert statuses(service, LIST, LIST, LIST, ITEM, ITEM) == [200, 200, 429, 200, 429]
    assert service.handle(0.0, ITEM._replace(api_key="other")).refused_by == "3/10s:by=global"


def test_one_bucket_per_path_does_not_grow_for_ever() -> None:
    """Budgets that hold nothing any more are forgotten, those that do are kept."""
    service = Service(ServerConfig(items=10**9, limit="1/10s:by=path", ledger_rows=0))
    for number in range(1, 25_001):
        service.handle(number / 50, Ask("item", str(number)))
    accounts = service._accounts
    assert len(accounts._policies) <= 20_001
    assert service.handle(500.0, Ask("item", "25000")).status == 429


def test_keys_have_plans() -> None:
    """A key is under its plan's limits, anyone else under the default ones."""
    service = Service(ServerConfig(limit="1/10s", plan="pro=3/10s", api_key="k-pro=pro"))
    pro = LIST._replace(api_key="k-pro")
    assert statuses(service, pro, pro, pro, pro) == [200, 200, 200, 429]
    assert statuses(service, LIST, LIST) == [200, 429]


def test_a_key_can_be_required() -> None:
    """401 to a client that sends no key or an unknown one, counted by no limit and recorded as what it is."""
    service = Service(ServerConfig(limit="1/10s", api_key="k=default", require_key=True))
    key = LIST._replace(api_key="k")
    assert statuses(service, LIST, LIST._replace(api_key="x"), key, key) == [401, 401, 200, 429]
    report = service.report()
    assert (report["admitted"], report["refused"], report["statuses"]["401"]) == (1, 1, 2)


def test_no_key_reaches_the_ledger() -> None:
    """A client is told by a digest of its key."""
    service = Service(ServerConfig(limit="1/10s", api_key="s3cret=default"))
    statuses(service, LIST._replace(api_key="s3cret"), LIST._replace(api_key="s3cret"))
    text = repr(service.ledger.rows()) + str(service.ledger.table().to_pylist()) + repr(service.report())
    assert "s3cret" not in text
    assert service.ledger.rows()[0].client.startswith("key:")


def test_a_plan_changes_at_its_second_and_what_was_used_stays_used() -> None:
    """From 5 s on 2 instead of 4: three were used, so the window is closed until it ends, and then holds two."""
    service = Service(ServerConfig(limit="4/10s", plan_change="5s:default=2/10s"), started_at=100.0)
    assert statuses(service, LIST, LIST, LIST, now=100.0) == [200, 200, 200]
    assert statuses(service, LIST, now=105.0) == [429]
    assert statuses(service, LIST, LIST, LIST, now=110.0) == [200, 200, 429]


def test_limits_change_at_once_when_told_so() -> None:
    """A window of the same kind and period keeps its count; a new period starts empty."""
    service = Service(ServerConfig(limit="2/10s"))
    assert statuses(service, LIST, LIST, LIST) == [200, 200, 429]
    service.set_limit(parse_tiers("3/10s"))
    assert statuses(service, LIST, LIST) == [200, 429]
    service.set_limit(parse_tiers("1/5s"))
    assert statuses(service, LIST, LIST) == [200, 429]
    assert [(tier["tier"], tier["admitted"], tier["refused"]) for tier in service.report()["tiers"]] == [
        ("1/5s", 1, 1),
        ("2/10s", 2, 1),
        ("3/10s", 1, 1),
    ]


@pytest.mark.parametrize("kind", ["anchored", "aligned", "log", "counter", "bucket", "gcra", "leaky"])
def test_every_policy_survives_a_change_of_its_limit(kind: str) -> None:
    """Lowered to less than what is used, then raised again: refusals keep their promise all along."""
    service = Service(ServerConfig(limit=f"8/10s:{kind}"))
    for now, limit in ((0.0, "8"), (1.0, "2"), (2.0, "5"), (30.0, "8")):
        service.set_limit(parse_tiers(f"{limit}/10s:{kind}"))
        refused = [decision for decision in (service.handle(now, LIST) for _ in range(20)) if decision.refused_by]
        assert refused
        assert all(int(dict(decision.headers)["Retry-After"]) >= 1 for decision in refused)


def test_requests_cost_what_is_written() -> None:
    """A list page of 3 units and an item of 1, in a window of 5."""
    service = Service(ServerConfig(limit="5/10s", cost={"list": "3", "item": "1"}))
    assert statuses(service, LIST, LIST, ITEM, ITEM, ITEM) == [200, 429, 200, 200, 429]
    assert service.report()["units"] == 5


def test_tenants_use_up_the_quota_the_client_thinks_is_its_own() -> None:
    """Two a second of ten per 10 s: a client that sends five at once after 2.5 s finds room for four."""
    service = Service(ServerConfig(limit="10/10s:aligned", tenant="2/s"))
    assert statuses(service, *[LIST] * 5, now=2.5) == [200] * 4 + [429]
    tenants = [row for row in service.ledger.rows() if row.client == "tenant"]
    assert [row.t_s for row in tenants] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]
    assert service.report()["clients"] == {
        "127.0.0.1": {"admitted": 4, "refused": 1},
        "tenant": {"admitted": 6, "refused": 0},
    }


def test_tenants_come_evenly_at_random_or_in_bursts_within_their_time() -> None:
    """Three patterns over ten seconds; the random one is the same for a seed."""

    def times(tenant: str, seed: int = 0) -> list[float]:
        service = Service(ServerConfig(limit="none", tenant=tenant, seed=seed))
        service.handle(10.0, LIST)
        return [row.t_s for row in service.ledger.rows() if row.client == "tenant"]

    assert times("1/2s:from=3s:until=8s") == [3.0, 5.0, 7.0]
    assert times("3/5s:burst") == [0.0] * 3 + [5.0] * 3 + [10.0] * 3
    assert times("2/s:poisson") == times("2/s:poisson") != times("2/s:poisson", seed=1)
    assert 8 <= len(times("2/s:poisson")) <= 35


def test_tenants_of_a_global_limit_are_shared_by_all_clients() -> None:
    """They use one quota once, not once for each client that looks."""
    service = Service(ServerConfig(limit="10/10s:aligned:by=global", tenant="1/s"))
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        service.handle(4.5, LIST._replace(address=address))
    assert sum(row.client == "tenant" for row in service.ledger.rows()) == 5


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"cost": "list=9", "limit": "5/10s"}, "can never pass"),
        ({"cost": "page=1"}, "'page'"),
        ({"cost": "list"}, "NAME=VALUE"),
        ({"api_key": "k=gold"}, "'gold'"),
        ({"plan_change": "30s"}, "30s:default=100/20s"),
        ({"plan_change": "30s:gold=1/1s"}, "'gold'"),
        ({"require_key": True}, "no key to require"),
        ({"on_refusal": "shout"}, "'shout'"),
        ({"tenant": "5"}, "no rate"),
        ({"tenant": "5/s:lumpy"}, "'lumpy'"),
        ({"tenant": "5/0s"}, "period of zero"),
        ({"drift": "insert=fast"}, "not a rate"),
        ({"drift": "explode=1/s"}, "'explode'"),
        ({"drift": "insert=1/s:gone=500"}, "gone=500"),
        ({"paging": "scroll"}, "'scroll'"),
        ({"slots": -1}, "slots"),
        ({"items": -1}, "items"),
        ({"ledger_rows": -1}, "ledger-rows"),
        ({"items": "many"}, "whole number"),
        ({"items": True}, "whole number"),
        ({"seed": 1.5}, "whole number"),
        ({"no_total": "yes"}, "true or false"),
        ({"latency": 50}, "text in quotes"),
        ({"limit": 500}, "list of texts"),
        ({"idle_timeout": "soon"}, "idle-timeout"),
        ({"speed": 1}, "unknown setting 'speed'"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_sentence(settings: dict[str, object], word: str) -> None:
    """The message quotes what was wrong and says what to write."""
    with pytest.raises(BadConfig, match=word) as caught:
        ServerConfig.from_mapping(settings)
    assert "\n" not in str(caught.value)
