"""The server refuses in its own way

Refusals as real services word them, and answers that only look like one: whole imports over sockets, in virtual time.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from harness.config import ImportConfig
from harness.core.unauthorised import EXPIRED
from harness.session.importing import config_of
from tests.faults.imports import Heard, answering, events, http, ids, imported, reasons

pytestmark = [pytest.mark.anyio, pytest.mark.realtime, pytest.mark.sockets]

ALL = list(range(1, 41))
# The client of these imports believes in far more than the server lets through.
UNPACED: dict[str, Any] = {"limit": "5000/h", "workers": 4, "timeout": 20}
FORBIDDEN = http(b"", "403 Forbidden")


def refusing(refusal: Any, first: int = 15, times: int = 3) -> Callable[[str], Any]:
    """A list of 40; from the request numbered `first` on, `times` are answered `refusal`."""
    asked = 0

    def answer(path: str) -> Any:
        nonlocal asked
        asked += 1
        return refusal if first <= asked < first + times else plain(path)

    return answer


def plain(path: str) -> Any:
    if path.startswith("/items?"):
        return {"data": [{"id": name} for name in ALL], "last_page": 1, "total": len(ALL)}
    return {"id": int(path.rpartition("/")[2])}


async def of(tmp_path: Path, answer: Any, **settings: Any) -> tuple[Any, Heard]:
    async with answering(answer) as server:
        return await imported(tmp_path, server.url, **{**UNPACED, **settings}), server


def lossless(run: Any, status: int) -> None:
    """All 40, no attempt used up, and what was refused is counted by its status."""
    assert (run.status, ids(run), reasons(run)) == ("complete", ALL, set())
    assert run.state().refusals.keys() == {status}


VENDORS = {
    "GitHub, a secondary limit told by the body alone": http(
        {"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}, "403 Forbidden"
    ),
    "GitHub, the primary limit": http(
        {"message": "API rate limit exceeded"}, "403 F", X_RateLimit_Remaining="0", X_RateLimit_Reset="1"
    ),
    "Google": http({"error": {"errors": [{"reason": "rateLimitExceeded"}], "code": 403}}, "403 Forbidden"),
    "Salesforce": http(
        [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}], "403 Forbidden"
    ),
    "Binance": http({"code": -1003, "msg": "Way too many requests"}, "418 I'm a teapot", Retry_After="5"),
    "Notion": http({"code": "service_overload"}, "529 Site is overloaded", Retry_After="2"),
    "Airtable": http({"errors": [{"error": "RATE_LIMIT_REACHED"}]}, "429 Too Many Requests"),
    "Discord": http({"message": "You are being rate limited.", "retry_after": 1.5}, "429 Too Many Requests"),
    "AWS, JSON": http({"__type": "ThrottlingException", "message": "Rate exceeded"}, "400 Bad Request"),
    "AWS, XML": http(b"<Error><Code>SlowDown</Code><Message>x</Message></Error>", "503 Slow Down"),
    "Azure": http({"error": {"code": "ServerBusy"}}, "503 Service Unavailable", Retry_After="3"),
    "a gateway's HTML": http(b"<html><h1>429 Too Many Requests</h1></html>", "403 F", Content_Type="text/html"),
    "nginx, without a word": http(b"<html><h1>503 Service Temporarily Unavailable</h1></html>", "503 S"),
    "a firewall, without a word": FORBIDDEN,
    "packed": http(gzip.compress(b'{"error": "rate limit exceeded"}'), "400 Bad Request", Content_Encoding="gzip"),
    "an empty quota": http(b"", "503 S", RateLimit_Limit="10", RateLimit_Remaining="0", RateLimit_Reset="2"),
    "a status of nobody": http(b"", "599 Whatever", Retry_After="1"),
}


@pytest.mark.parametrize("pacing", [None, "auto", "backoff"])
@pytest.mark.parametrize("vendor", VENDORS, ids=str)
async def test_as_real_services_word_it(tmp_path: Path, vendor: str, pacing: str | None) -> None:
    """Whatever the status and however it is stated: all workers pause, and no item loses an attempt."""
    run, _ = await of(tmp_path, refusing(VENDORS[vendor]), pacing=pacing)
    lossless(run, int(VENDORS[vendor].split(b" ")[1]))


async def test_a_refusal_that_is_a_success_by_its_status(tmp_path: Path) -> None:
    """Slack's 200 with ok: false is declared with --refused-when; without that it would be stored as an item."""
    slack = http({"ok": False, "error": "ratelimited"}, Retry_After="2")
    run, _ = await of(tmp_path, refusing(slack), refused_when="200:ratelimited")
    lossless(run, 200)


async def test_an_item_may_talk_of_rate_limits(tmp_path: Path) -> None:
    """The body of a success is only searched if its status is declared, and then only for the declared words."""

    def answer(path: str) -> Any:
        item = plain(path)
        return item if "data" in item else {**item, "text": "rate limit exceeded", "retry_after": 5}

    for declared in ((), ("200:ratelimited",)):
        run, _ = await of(tmp_path, answer, refused_when=declared, fresh=True)
        assert (run.status, ids(run), run.state().refused) == ("complete", ALL, 0)


async def test_a_declared_refusal_lives_on(tmp_path: Path) -> None:
    """--refused-when is kept in run.json; a resume uses it, or another one if given."""
    busy = http({"fault": "nope, busy"}, "400 Bad Request", Retry_After="soon")
    run, _ = await of(tmp_path, refusing(busy), refused_when=("400:nope,  BUSY", "499"), max_items=20)
    assert (run.status, reasons(run), len(ids(run))) == ("complete", set(), 20)
    assert json.loads((run.folder / "run.json").read_text())["config"]["refused_when"] == ["400:nope,  BUSY", "499"]
    assert config_of(run).source.refused_when == ImportConfig(refused_when="400:nope,  BUSY\n499").source.refused_when
    assert [str(rule) for rule in config_of(run, refused_when="420").source.refused_when] == ["420"]


@pytest.mark.parametrize("packing", ["", "gzip"])
async def test_error_pages_of_ten_megabytes(tmp_path: Path, packing: str) -> None:
    """No more than 64 kB of an error page are read, decompressed; the first words count."""
    page = b'{"error": "rate limit exceeded", "trace": "' + b"x" * 10_000_000 + b'"}'
    body = gzip.compress(page) if packing else page
    head = http(b"", "403 Forbidden", **({"Content_Encoding": packing} if packing else {}))
    head = head.replace(b"Content-Length: 0", b"Content-Length: %d" % len(body))

    async def send(stream: Any, server: Heard) -> None:
        await stream.send_all(head)
        for at in range(0, len(body), 0x10000):
            await stream.send_all(body[at : at + 0x10000])
            server.sent += 0x10000

    run, server = await of(tmp_path, refusing(send))
    lossless(run, 403)
    assert packing or server.sent < 3 * 8_000_000  # the rest lies in the buffers of sockets


async def test_error_pages_that_drip_or_stop(tmp_path: Path) -> None:
    """A body that never ends, or is cut off, is judged by what arrived within 5 s; no worker waits longer."""

    async def drip(stream: Any, server: Heard) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 100000\r\n\r\nRate limit exceeded")
        while True:
            await trio.sleep(1)
            await stream.send_all(b".")

    async def cut(stream: Any, server: Heard) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 1000\r\n\r\n" + b'{"error": "throttled", "')

    for sender in (drip, cut):
        run, _ = await of(tmp_path, refusing(sender, times=1), fresh=True, retry_delays=())
        lossless(run, 400)
        (refused,) = events(run, "Refused")
        assert refused["answered_s"] - refused["sent_s"] <= 5.5


async def test_errors_with_a_body_of_any_kind(tmp_path: Path) -> None:
    """Invalid JSON, binary data or invalid gzip: the item fails by itself, and the evidence is kept."""
    bodies = [
        b'{"error": ',
        b"\xff\xfe\x00",
        b"[" * 60_000,
        b'"text"',
        b"null",
        b"",
        b'{"message": "field rate_limit"}',
    ]
    for body in bodies:
        answer = http(body, "400 Bad Request")
        run, _ = await of(tmp_path, lambda path, said=answer: said if path.endswith("/17") else plain(path), fresh=True)
        assert (run.status, reasons(run), run.state().refused) == ("complete with failures", {"status 400"}, 0)
    broken = http(b"no gzip", "400 Bad Request", Content_Encoding="gzip")
    run, _ = await of(tmp_path, lambda path: broken if path.endswith("/17") else plain(path), fresh=True)
    assert (run.status, reasons(run)) == ("complete with failures", {"status 400"})


async def test_items_that_are_forbidden(tmp_path: Path) -> None:
    """If some items get a bare 403 while others get through, those items fail, and headers and body are kept."""
    page = http({"error": "not for you"}, "403 Forbidden", Server="gate")
    forbidden = {3, 17, 18, 19, 40}
    answer = lambda path: page if plain(path).get("id") in forbidden else plain(path)  # noqa: E731
    run, _ = await of(tmp_path, answer)
    assert (run.status, {failure.key for failure in run.failed()}) == ("complete with failures", forbidden)
    assert {(row["status"], row["body"]) for row in events(run, "AttemptFailed")} == {
        ("403", '{"error": "not for you"}')
    }
    assert "server: gate" in events(run, "AttemptFailed")[0]["headers"].lower()
    assert ids(run) == [item for item in ALL if item not in forbidden]


async def test_a_429_for_one_item_for_ever(tmp_path: Path) -> None:
    """After three refusals of one request while others get through, that item fails, and the failure says why."""
    busy = http(b"", "429 Too Many Requests")
    run, _ = await of(tmp_path, lambda path: busy if path.endswith("/17") else plain(path))
    (failure,) = run.failed()
    assert (failure.key, failure.status, run.status) == (17, 429, "complete with failures")
    assert "while other requests got through" in failure.detail


async def test_a_door_that_stays_shut(tmp_path: Path) -> None:
    """403 to every request: after eight probes the run fails with the server's words; resumed later, it completes."""
    door = {"shut": False}
    says = http({"message": "closed for today"}, "403 Forbidden")

    def answer(path: str) -> Any:
        door["shut"] = door["shut"] or path.endswith("/20")
        return says if door["shut"] and not door.get("open") else plain(path)

    async with answering(answer) as server:
        run = await imported(tmp_path, server.url, **UNPACED)
        assert (run.status, reasons(run)) == ("failed", set())
        assert "8 probes in a row were refused with status 403" in run.about["reason"]
        assert "closed for today" in run.about["reason"]
        door["open"] = True
        run = await imported(tmp_path, server.url, **UNPACED, resume=True)
    assert (run.status, ids(run)) == ("complete", ALL)


async def test_a_token_that_expires(tmp_path: Path) -> None:
    """401 during a run: one more request checks, then all stop. With a new token, resume imports every item."""
    state = {"expired": False, "renewed": False}
    no = http({"error": "token expired"}, "401 Unauthorized", WWW_Authenticate="Bearer")

    def answer(path: str) -> Any:
        state["expired"] = state["expired"] or path.endswith("/20")
        return no if state["expired"] and not state["renewed"] else plain(path)

    async with answering(answer) as server:
        run = await imported(tmp_path, server.url, **UNPACED)
        assert (run.status, run.about["reason"], reasons(run)) == ("failed", EXPIRED, set())
        assert len([1 for request in server.requests if "/items/" in request]) <= 19 + 4 + 1
        state["renewed"] = True
        run = await imported(tmp_path, server.url, **UNPACED, resume=True)
    assert (run.status, ids(run), reasons(run)) == ("complete", ALL, set())


async def test_a_401_for_one_item(tmp_path: Path) -> None:
    """If another request with the same credential gets through, only that item fails, and the rest is imported."""
    no = http(b"", "401 Unauthorized")
    run, _ = await of(tmp_path, lambda path: no if path.endswith("/17") else plain(path))
    (failure,) = run.failed()
    assert (failure.key, failure.status, run.status) == (17, 401, "complete with failures")


@pytest.mark.parametrize(("status", "times"), [("401 Unauthorized", 1), ("403 Forbidden", 1)])
async def test_credentials_that_are_wrong_from_the_start(tmp_path: Path, status: str, times: int) -> None:
    """The run fails at the first request, and the message says what to check."""
    run, server = await of(tmp_path, lambda path: http(b"", status))
    assert (run.status, len(server.requests)) == ("failed", times)
    assert "check the credentials" in run.about["reason"]
