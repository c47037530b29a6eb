"""The server in a thread, and the fixture for other projects."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from harness_test_api import PortTaken, ServerConfig, running_in_thread
from harness_test_api.pytest_plugin import rate_limited_api  # noqa: F401  (the fixture under test)
from harness_test_api.serving import Api

pytestmark = pytest.mark.realtime


def get(url: str) -> tuple[int, object]:
    """What any synchronous client sees."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_client_without_an_event_loop_can_be_tested() -> None:
    """Serves, counts, is controlled and told the truth from another thread; nothing listens afterwards."""
    with running_in_thread(ServerConfig(items=5, limit="3/60s")) as api:
        assert [get(f"{api.url}/{number}")[0] for number in (1, 2, 9, 1)] == [200, 200, 404, 429]
        assert (api.ledger()["admitted"], api.ledger()["refused"]) == (3, 1)
        assert [row.status for row in api.decisions()] == [200, 200, 404, 429]
        assert api.table().num_rows == 4
        mark = api.snapshot()
        api.control(limit="none", next={"fault": "502"})
        assert [get(api.url)[0] for _ in range(2)] == [502, 200]
        assert api.ledger(since=mark)["admitted"] == 2
        assert api.truth().must_hold(0.0, 60.0) == {1, 2, 3, 4, 5}
        api.reset_ledger()
        assert api.ledger()["admitted"] == 0
    with pytest.raises(urllib.error.URLError):
        get(api.url)


def test_what_prevents_the_start_is_raised_where_it_was_asked_for() -> None:
    """A taken port is the caller's error, not a dead thread's."""
    with running_in_thread(ServerConfig()) as api:
        port = int(api.base_url.rpartition(":")[2])
        with pytest.raises(PortTaken, match="is in use"), running_in_thread(ServerConfig(), port=port):
            pass


def test_the_fixture_starts_as_many_servers_as_a_test_wants(
    rate_limited_api: Callable[..., Api],  # noqa: F811
) -> None:
    """A scenario by name, with settings of one's own, and a server from settings alone."""
    secondary = rate_limited_api("secondary", items=3, latency="0")
    own = rate_limited_api(items=2, limit="1/60s")
    assert get(secondary.url)[1] == [{"id": n, "name": get(f"{secondary.url}/{n}")[1]["name"]} for n in (1, 2, 3)]  # type: ignore[index]
    assert [get(own.url)[0] for _ in range(2)] == [200, 429]
    assert secondary.ledger()["refused"] == 0
