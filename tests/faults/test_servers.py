"""The server goes wrong

Whole imports over sockets, against the test API or, where that is too well-behaved, against small servers.
"""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import brotli
import pytest
import trio
from harness_test_api import ServerConfig, running

from tests.faults.imports import Heard, answering, catalogue, events, http, ids, imported, reasons

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdCompressor
else:
    from backports.zstd import ZstdCompressor

pytestmark = [pytest.mark.anyio, pytest.mark.realtime, pytest.mark.sockets]

ALL = list(range(1, 41))


async def of_the_test_api(tmp_path: Path, settings: dict[str, Any] | None = None, **server: Any) -> Any:
    async with running(ServerConfig(items=40, **{"limit": "none", **server})) as api:
        return await imported(tmp_path, api.url, **(settings or {}))


async def of(tmp_path: Path, answer: Any, **settings: Any) -> tuple[Any, Heard]:
    async with answering(answer) as server:
        return await imported(tmp_path, server.url, **settings), server


# --- connections and bodies ---------------------------------------------------------------------------------------


async def test_connections_reset(tmp_path: Path) -> None:
    """Each request is sent again at once, then retried; every item is imported."""
    run = await of_the_test_api(tmp_path, fault=("reset:rate=10%",))
    assert (run.status, ids(run)) == ("complete", ALL)
    assert {row["reason"] for row in events(run, "Returned")} == {"connection reset"}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("reset-body", "cut off"), ("truncated", "malformed"), ("malformed", "malformed"), ("wrong-type", "malformed")],
)
async def test_answers_cut_short_or_garbled(tmp_path: Path, fault: str, reason: str) -> None:
    """Reset in the body, half a JSON text, JSON with a comma too many, HTML instead: retried, and all is imported."""
    run = await of_the_test_api(tmp_path, fault=(f"{fault}:items=3,17:times=1",))
    assert (run.status, ids(run), reasons(run)) == ("complete", ALL, {reason})
    assert len(events(run, "AttemptFailed")) == 2


@pytest.mark.parametrize("fault", ["stall", "drip:seconds=30"])
async def test_answers_that_stall_or_drip(tmp_path: Path, fault: str) -> None:
    """Each request is given up after --timeout, however many bytes have arrived, and retried."""
    run = await of_the_test_api(tmp_path, {"timeout": 0.4}, fault=(f"{fault}:items=5:times=1",))
    assert (run.status, ids(run), reasons(run)) == ("complete", ALL, {"timed out"})


async def test_pooled_connections_gone_stale_after_a_pause(tmp_path: Path) -> None:
    """Requests that meet a reset idle connection are sent again at once, without a failure or a used-up attempt."""
    settings = {"limit": "12/2s", "workers": 3}
    run = await of_the_test_api(tmp_path, settings, limit="12/2s", idle_reset="500ms")
    assert (run.status, ids(run), reasons(run)) == ("complete", ALL, set())
    assert {row["reason"] for row in events(run, "Returned")} == {"connection reset"}


async def test_server_errors_and_items_gone(tmp_path: Path) -> None:
    """5xx are retried; 404 and 410 fail at once, and the run says which items."""
    run = await of_the_test_api(tmp_path, fault=("500:items=3:times=2", "410:items=4", "404:items=5"))
    assert (run.status, ids(run)) == ("complete with failures", [item for item in ALL if item not in (4, 5)])
    assert [(failure.key, failure.reason, failure.attempts) for failure in run.failed()] == [
        (4, "gone", 1),
        (5, "gone", 1),
    ]


async def test_headers_without_end(tmp_path: Path) -> None:
    """The answer is given up at the client's bound for headers; that item fails, the others are imported."""

    async def flood(stream: Any, server: Heard) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\n")
        for _ in range(20_000):
            await stream.send_all(b"X-Filler: " + b"x" * 990 + b"\r\n")
            server.sent += 1002

    plain = catalogue(1, 2)
    run, server = await of(tmp_path, lambda path: flood if path.endswith("/2") else plain(path))
    assert (run.status, ids(run)) == ("complete with failures", ["1"])
    assert server.sent < 20_000 * 1002


# --- bodies beyond bounds -----------------------------------------------------------------------------------------


async def test_a_body_without_end(tmp_path: Path) -> None:
    """No more than --max-body is read. The item fails for good, and the message says how to allow larger answers."""

    async def endless(stream: Any, server: Heard) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await stream.send_all(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            server.sent += 0x10000

    plain = catalogue(1, 2)
    run, server = await of(tmp_path, lambda path: endless if path.endswith("/2") else plain(path), max_body="1MB")
    (failure,) = run.failed()
    assert (failure.key, failure.attempts, failure.reason) == (2, 1, "too large")
    assert failure.detail == "the body is larger than --max-body 1MB; raise that if this is expected"
    assert 1_000_000 <= server.sent < 30_000_000  # the rest lies in the buffers of two sockets


async def test_a_length_of_gigabytes_announced(tmp_path: Path) -> None:
    """The answer is not read at all."""

    async def announce(stream: Any, server: Heard) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")
        await trio.sleep_forever()

    plain = catalogue(1, 2)
    run, _ = await of(tmp_path, lambda path: announce if path.endswith("/2") else plain(path))
    assert (run.status, reasons(run), ids(run)) == ("complete with failures", {"too large"}, ["1"])


@pytest.mark.parametrize("packing", ["gzip", "deflate", "br", "zstd"])
async def test_compression_bombs(tmp_path: Path, packing: str) -> None:
    """300 MB of zeros, packed into 1 MB or less, are decompressed piece by piece, counted and dropped within bounds."""
    packer = _packer(packing)
    zeros = bytes(10_000_000)
    bomb = b"".join([packer.process(zeros) for _ in range(30)]) + packer.finish()
    body = http(bomb, Content_Encoding=packing)
    plain = catalogue(1, 2)
    await of(tmp_path / "warm", plain)  # what is loaded on first use is no cost of the bomb
    tracemalloc.start()
    run, _ = await of(tmp_path, lambda path: body if path.endswith("/2") else plain(path), max_body="2MB")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (run.status, reasons(run), ids(run)) == ("complete with failures", {"too large"}, ["1"])
    assert peak < 20_000_000


async def test_packed_answers_and_packings_nobody_asked_for(tmp_path: Path) -> None:
    """gzip is read, damaged gzip is retried, and an encoding that was not requested is malformed."""
    answers = {
        "/items/1": http(gzip.compress(b'{"id": 1}'), Content_Encoding="gzip"),
        "/items/2": http(gzip.compress(b'{"id": 2}')[:-12] + bytes(12), Content_Encoding="gzip"),
        "/items/3": http(b'{"id": 3}', Content_Encoding="compress"),
        "/items/4": http(brotli.compress(b'{"id": 4}'), Content_Encoding="br"),
        "/items/5": http(gzip.compress(b'{"id": 5}')[:-4], Content_Encoding="gzip"),
    }
    plain = catalogue(1, 2, 3, 4, 5)
    run, server = await of(tmp_path, lambda path: answers.get(path) or plain(path))
    assert (run.status, ids(run), reasons(run)) == ("complete with failures", [1, 4], {"malformed"})
    assert "accept-encoding: gzip, deflate, br, zstd" in server.requests[0].lower()
    tried = {name: sum(f" /items/{name} " in request for request in server.requests) for name in (2, 3, 5)}
    assert tried == {2: 3, 3: 3, 5: 3}


def _packer(packing: str) -> Any:
    if packing == "br":
        return brotli.Compressor(quality=1)
    if packing == "zstd":
        made = ZstdCompressor()
        return SimpleNamespace(process=made.compress, finish=made.flush)
    made = zlib.compressobj(1, zlib.DEFLATED, 31 if packing == "gzip" else 15)
    return SimpleNamespace(process=made.compress, finish=made.flush)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/csv; charset=utf-8", 'id,name\r\n1,"a, b"\r\n2,ä\r\n'),
        ("application/x-ndjson", '{"id": 1, "name": "a, b"}\n{"id": 2, "name": "ä"}\n'),
        ("text/plain", '{"id": 1, "name": "a, b"}\n{"id": 2, "name": "ä"}\n'),
    ],
)
@pytest.mark.parametrize("detail", [True, False])
async def test_a_list_in_csv_or_json_lines(tmp_path: Path, content_type: str, body: str, detail: bool) -> None:
    """One page of records: themselves the items, or each fetched as JSON."""
    page = http(body.encode(), Content_Type=content_type)

    def answer(path: str) -> Any:
        return page if path.startswith("/items?") else {"id": path.rpartition("/")[2]}

    run, _ = await of(tmp_path, answer, detail=detail, accept_list=True)
    assert (run.status, [int(item) for item in ids(run)]) == ("complete", [1, 2])
    if not detail:
        assert run.items().column("name").to_pylist() == ["a, b", "ä"]


async def test_a_page_for_people_is_said_at_once(tmp_path: Path) -> None:
    """The address of a site in place of its API's: one request, and what came; no retries for minutes."""
    page = http(b"<!doctype html><title>Welcome</title>", Content_Type="text/html")
    run, server = await of(tmp_path, lambda path: page)
    why = "the list's URL answers with an HTML page, title Welcome, not with JSON, JSON lines or CSV"
    (failed,) = events(run, "AttemptFailed")
    assert (run.status, failed["detail"]) == ("failed", f"{why}; is it the address of the API?")
    assert len(server.requests) == 1


async def test_a_page_for_people_amid_a_run_is_retried(tmp_path: Path) -> None:
    """A maintenance page in place of an item, for a while."""
    plain, asked = catalogue(1, 2, 3), []

    def answer(path: str) -> Any:
        asked.append(path)
        if path == "/items/2" and asked.count(path) < 3:
            return http(b"<html><title>Back soon</title>", Content_Type="text/html")
        return plain(path)

    run, _ = await of(tmp_path, answer)
    assert (run.status, ids(run), asked.count("/items/2")) == ("complete", ["1", "2", "3"], 3)


# --- lists --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"name": "x"}, "; it has name"),
        ({"id": None}, "; it has id"),
        ({"id": [1]}, "; it has id"),
        ("text", ""),
    ],
)
async def test_a_record_without_an_id(tmp_path: Path, record: Any, words: str) -> None:
    """The page and the run fail: where the id was looked for, what there is, and the flag that names another field."""
    run, _ = await of(tmp_path, lambda path: {"data": [{"id": 1}, record]})
    why = f"a record of the list has no usable id at id{words}; name its field with --id"
    assert (run.status, run.failed()[0].detail) == ("failed", why)


@pytest.mark.parametrize("body", [None, True, 7, "text", {}, {"data": 5}, {"data": {"1": {}}}, {"error": "no"}])
async def test_a_list_of_another_type(tmp_path: Path, body: Any) -> None:
    """Whatever JSON comes in place of a list: the run fails with the reason, and can be resumed."""
    run, _ = await of(tmp_path, lambda path: http(body))
    assert (run.status, reasons(run)) == ("failed", {"malformed"})


@pytest.mark.parametrize("body", [None, True, 7, "text", [], [{"id": 1}]])
async def test_an_item_of_another_type(tmp_path: Path, body: Any) -> None:
    """The item fails and says what came; the others are imported."""
    plain = catalogue(1, 2)
    run, _ = await of(tmp_path, lambda path: http(body) if path.endswith("/2") else plain(path))
    assert (run.status, ids(run), reasons(run)) == ("complete with failures", ["1"], {"malformed"})


async def test_an_id_listed_twice(tmp_path: Path) -> None:
    """As a number or as text, on one page or on two: it is one item, fetched once."""
    run, server = await of(tmp_path, catalogue(1, "1", 2, 2, 1, last_page=1))
    listed = [len(page or ()) for page in run.events().column("ids").to_pylist()]
    assert (run.status, ids(run), sum(listed)) == ("complete", ["1", "2"], 5)  # three of them twice
    assert len(server.requests) == 3


async def test_a_page_repeated_for_ever(tmp_path: Path) -> None:
    """A next link to itself, or the same records on each page: what was read is kept, and the run fails."""
    for name, about in (("link", {"next": "?page=1"}), ("more", {"has_more": True}), ("pages", {})):
        run, server = await of(tmp_path / name, catalogue(1, 2, total=None, last_page=None, **about))
        assert (run.status, ids(run)) == ("failed", ["1", "2"])
        assert "resume would read the same, and --accept-list" in run.about["reason"] or name == "pages"
        assert len(server.requests) <= 6  # two items, and page 2 by three parameters at most


@pytest.mark.parametrize(("total", "status"), [(2, "complete"), (1, "complete"), (9, "failed"), (-1, "complete")])
async def test_a_total_that_lies(tmp_path: Path, total: int, status: str) -> None:
    """Below what the pages name, it is not believed, and the summary says so; too high, it makes the run fail.
    A total that nothing contradicts is believed, and the summary names the evidence."""

    def answer(path: str) -> Any:
        first = path.startswith("/items?page=1&")
        return catalogue(*(1, 2) if first else (), total=total, last_page=None)(path)

    run, _ = await of(tmp_path, answer)
    assert (run.status, ids(run)) == (status, ["1", "2"])
    reason = "the list declares 9 items but named 2; page 5 is empty; resume would read the same, and --accept-list"
    assert status == "complete" or run.about["reason"].startswith(reason)
    ended = {2: "total 2 reached, page 2 is empty", -1: "page 2 is empty", 9: None}
    ended[1] = "page 2 is empty; it declared 1 items, which its pages contradict"
    assert (run.summary() or {})["list_ended"] == ended[total]


# Behind a full page what ends the list is asked for twice, and one page further.
EMPTY = "page 3 is empty, asked twice, and page 4 is empty"


@pytest.mark.parametrize(
    ("about", "read", "evidence"),
    [
        ({"total": 2}, 4, f"{EMPTY}; it declared 2 items, which its pages contradict"),
        ({"total": 3}, 4, f"{EMPTY}; it declared 3 items, which its pages contradict"),
        ({"total": 2, "last_page": 1}, 2, "total 2 reached, in 1 page as declared"),
    ],
)
async def test_a_total_that_is_too_low(tmp_path: Path, about: dict[str, Any], read: int, evidence: str) -> None:
    """Four records on two pages: all are imported, unless an equally wrong page count agrees with the total. Then the
    list ends there, and the summary names that evidence."""

    def answer(path: str) -> Any:
        page = next((n for n in (1, 2) if path.startswith(f"/items?page={n}&")), 0)
        ids = {1: (1, 2), 2: (3, 4)}.get(page, ())
        return catalogue(*ids, **{"last_page": None, **about})(path)

    run, _ = await of(tmp_path, answer)
    assert (run.status, ids(run)) == ("complete", [str(n) for n in range(1, read + 1)])
    assert (run.summary() or {})["list_ended"] == evidence


@pytest.mark.parametrize("about", [{"nextPageToken": "t2"}, {"total": 9, "next": "?page=1"}, {}])
async def test_a_list_whose_end_is_not_proven(tmp_path: Path, about: dict[str, Any]) -> None:
    """What was read is kept and the run fails. Resumed with --accept-list, it completes without another request."""
    plain = catalogue(1, 2, **{"total": None, "last_page": None, **about})
    run, _ = await of(tmp_path, plain)
    assert (run.status, ids(run)) == ("failed", ["1", "2"])
    assert "--accept-list" in run.about["reason"]
    async with answering(plain) as server:
        again = await imported(tmp_path, server.url, resume=True, accept_list=True)
    assert (again.status, ids(again), server.requests) == ("complete", ["1", "2"], [])
    accepted = (again.summary() or {})["list_ended"]
    assert accepted.startswith("accepted as it is (--accept-list): 2 records, ")
    assert "resume" not in accepted  # what to do was done


PAST = {
    "404": http({"detail": "Invalid page."}, "404 Not Found"),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "400": http(
        {"message": "The page number requested is larger than the number of pages available."}, "400 Bad Request"
    ),
    "422": http({"errors": {"page": ["page does not exist"]}}, "422 Unprocessable Content"),
    "null": http(None),
    "nothing": http(b""),
    "no records": http({"users": None}),
}


@pytest.mark.parametrize("past", PAST)
async def test_a_page_past_the_end(tmp_path: Path, past: str) -> None:
    """404, 204, a 400 whose words say so, null, nothing: the run is complete, as that page had only been guessed.

    A body of nothing may have been cut off: it is asked for once more.
    """

    def answer(path: str) -> Any:
        plain = catalogue(1, 2, total=None, last_page=None)
        return plain(path) if path.startswith(("/items/", "/items?page=1&")) else PAST[past]

    run, server = await of(tmp_path, answer)
    assert (run.status, ids(run)) == ("complete", ["1", "2"])
    pages = [request.split(" ")[1] for request in server.requests if request.startswith("GET /items?")]
    asked = [(1, 1000), *[(2, 100)] * (2 if past == "nothing" else 1), (0, 100)]
    assert pages == [f"/items?page={number}&perPage={size}" for number, size in asked]


# --- elsewhere ----------------------------------------------------------------------------------------------------


async def test_a_next_link_to_another_host(tmp_path: Path) -> None:
    """The link is refused with the flag that would allow it; the other host receives no request."""
    async with answering(catalogue(3)) as elsewhere:
        listing = {"data": [{"id": 1}], "next": f"{elsewhere.url}?page=2"}
        run, _ = await of(tmp_path, lambda path: listing, header="Authorization: Bearer sk-123456")
    assert (run.status, elsewhere.connections) == ("failed", 0)
    assert run.failed()[0].detail.endswith(
        "which must not receive the credentials; if it is this service by another name, add --same-host; "
        "if it is another that you trust, add --allow-host 127.0.0.1"
    )


async def test_a_next_link_to_a_host_that_is_allowed(tmp_path: Path) -> None:
    """The link is followed, under the limits and without headers; items are still requested from the list's host."""

    async with answering(catalogue(3)) as elsewhere:
        listing = {"data": [{"id": 1}], "next": f"{elsewhere.url}?page=2"}
        plain = catalogue(1)
        async with answering(lambda path: listing if path.startswith("/items?") else plain(path)) as server:
            host = elsewhere.url.split("/")[2]
            secrets = {"header": ("Authorization: Bearer sk-123456", "X-Key: sk-123456"), "allow_host": host}
            run = await imported(tmp_path, server.url, **secrets)
    assert (run.status, ids(run)) == ("complete", ["1", "3"])
    assert [request.split(" ")[1] for request in elsewhere.requests] == ["/items?page=2"]
    assert "sk-123456" not in "".join(elsewhere.requests)
    assert all("Bearer sk-123456" in request for request in server.requests)
    assert run.state().requests == {"list": 3, "item": 2}  # page 0 too, for the link counts pages


async def test_redirects(tmp_path: Path) -> None:
    """To another host they are not followed, for the header would go along; the failure says what to do."""
    async with answering(catalogue(1)) as elsewhere:
        moved = http(b"", "301 Moved Permanently", Location=elsewhere.url)
        run, server = await of(tmp_path, lambda path: moved, header="Authorization: Bearer sk-123456")
    assert (run.status, len(server.requests), elsewhere.connections) == ("failed", 1, 0)
    assert run.failed()[0].detail == (
        f"redirects to other hosts are not followed; it points to {elsewhere.url}; if you trust that address, "
        "use it as --url, or, if it is another name of this service, add --same-host"
    )


# --- pauses and clocks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pacing", ["window", "auto"])
async def test_a_retry_after_of_thirty_years(tmp_path: Path, pacing: str, caplog: pytest.LogCaptureFixture) -> None:
    """No pause is longer than --max-pause, and a message says so; then one request asks again."""
    settings = {"limit": "1000/1s" if pacing == "window" else None, "pacing": pacing, "max_pause": 1}
    run = await of_the_test_api(tmp_path, settings, limit="30/1s", dialect="retry-after", lie=("retry-after-absurd",))
    assert (run.status, ids(run)) == ("complete", ALL)
    holds = events(run, "Held")
    assert {row["retry_after_s"] for row in holds} == {1e9}
    assert max(row["until_s"] - row["t_s"] for row in holds) <= 1.0
    assert "the server asks for a pause of 1000000000s; asking again in 1s (--max-pause)" in caplog.text


@pytest.mark.parametrize(
    "word", ["-5", "0", "soon", "1e999", "NaN", "", "Thu, 99 Foo 2026 99:99:99 GMT", "1, 2", "\x80", "9" * 400]
)
async def test_a_retry_after_that_is_nonsense(tmp_path: Path, word: str) -> None:
    """The value is ignored, the pause is guessed, and everything is imported."""
    refused = iter([True])

    def answer(path: str) -> Any:
        if path.endswith("/2") and next(refused, False):
            return http(b"{}", "429 Too Many Requests").replace(
                b"\r\n\r\n", b"\r\nRetry-After: %b\r\n\r\n" % word.encode("latin-1"), 1
            )
        return catalogue(1, 2)(path)

    run, _ = await of(tmp_path, answer, max_pause=1)
    assert (run.status, ids(run), run.state().refused) == ("complete", ["1", "2"], 1)


@pytest.mark.parametrize("hours", [-7, 5])
async def test_clocks_hours_apart(tmp_path: Path, hours: int) -> None:
    """A date in Retry-After, or an epoch in Reset, is read by the server's own Date: a pause of a second or two."""
    refused = iter(["date", "epoch"])

    def answer(path: str) -> Any:
        there = datetime.now(UTC) + timedelta(hours=hours)  # noqa: TID251
        date, later = format_datetime(there, usegmt=True), there + timedelta(seconds=1)
        if not path.startswith("/items?"):
            how = next(refused, None)
            if how == "date":
                return http(b"{}", "429 X", Date=date, Retry_After=format_datetime(later, usegmt=True))
            if how == "epoch":
                reset = str(int(later.timestamp()))
                return http(b"{}", "429 X", Date=date, X_RateLimit_Remaining="0", X_RateLimit_Reset=reset)
        return http(catalogue(1, 2)(path), Date=date)

    run, _ = await of(tmp_path, answer, workers=1)
    assert (run.status, ids(run), run.state().refused) == ("complete", ["1", "2"], 2)
    assert all(row["until_s"] - row["t_s"] <= 2.5 for row in events(run, "Held"))
