"""`make watch`: whatever a visitor sends, runs stay as they are; and a tab that is closed gives back what it took."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tornado.httpclient import HTTPClientError

from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.notebook.handles import LocalRun
from harness.record.run import create_run
from tests.notebook.browser import browser, dashboard
from tests.notebook.test_policy import files
from tests.notebook.visitor import V1, Visitor, as_frames, message_of
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.realtime

CANARY = "sk-l1ve-canary-0123"
VARIABLE = "WATCH_PAGE_TEST_TOKEN"
_WORKERS = 3


@pytest.fixture
def under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalRun]:
    """A folder with one run that has ended, one under way in this process, and one that lies outside of it."""
    monkeypatch.setenv(VARIABLE, CANARY)
    results = tmp_path / "results"
    simulate_run(ImportConfig(items=30, limit="9/s", run="ended"), results=results)
    create_run(tmp_path / "outside", "private", {"config": {"url": f"https://{CANARY}.example/"}}, 0.0)
    settings: dict[str, Any] = {"items": 5000, "limit": "5/s", "workers": _WORKERS, "run": "under-way"}
    run = LocalRun(ImportConfig(results=results, **settings)).start()
    try:
        wait_until(lambda: run.view() is not None and run.view().summary.imported > 0)  # type: ignore[union-attr]
        yield run
    finally:
        run.farewell("the test is over")


def wait_until(true: Any) -> None:
    import threading

    tick = threading.Event()
    for _ in range(10 * PATIENCE_S):
        if true():
            return
        tick.wait(0.1)
    raise AssertionError("it did not come")


def kernels(port: int) -> list[psutil.Process]:
    """The kernels of the server that listens on `port`."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "ipykernel_launcher" in process.cmdline() and f"--Voila.port={port}" in process.parent().cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, AttributeError):
            continue
    return found


# --- no request of a visitor starts, steers, deletes, or reads a variable ---------------------------------------------

_CODE = "import os; open({path!r}, 'w').write(repr(dict(os.environ)))"
# What somebody could try to have done, under any name that a widget's message might give it.
_DEEDS = ("start", "pause", "resume", "stop", "retry", "forget", "set", "delete", "go on", "csv", "parquet", "clear")
_KEYS = ("do", "action", "event", "command", "name", "type", "kind", "what", "said", "msg", "op", "method")


def test_whatever_a_visitor_sends_runs_stay_as_they_are(tmp_path: Path, under_way: LocalRun) -> None:
    """By hand: REST, code on every channel and in both protocols, messages to every widget, new widgets, run names."""
    ended, pwned = files(tmp_path / "results" / "ended"), tmp_path / "pwned"
    with dashboard(tmp_path, "--watch", "--idle", "600s") as address:
        port = int(address.split(":")[2].split("/")[0])
        heard = asyncio.run(_attack(address, pwned))
        (kernel,) = kernels(port)
        for process in (kernel, kernel.parent()):
            assert CANARY not in str(process.environ())
            assert VARIABLE not in process.environ()
    assert not pwned.exists()
    assert CANARY not in heard
    assert "root:" not in heard  # of /etc/passwd
    assert files(tmp_path / "results" / "ended") == ended
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"ended", "under-way"}
    view = under_way.view()
    assert view is not None
    assert (view.status, under_way.phase) == ("running", "under way")
    assert under_way.run is not None
    assert under_way.run.about.get("asked", {}) == {}
    told = set(under_way.run.events().column("event").to_pylist())
    assert not told & {"Paused", "Resumed", "WorkersSet", "LimitsSet", "Forgotten", "SessionEnded"}
    assert not list((under_way.run.folder / "control").glob("*.json"))


async def _attack(address: str, pwned: Path) -> str:
    """Try everything; return all that was heard."""
    visitor = await Visitor.of(address)
    texts = [visitor.html]
    try:
        for status, text in await _by_rest(visitor):
            assert status >= 300, text
            texts.append(text)
        await _refused_sockets(visitor)
        await _by_code(visitor, _CODE.format(path=str(pwned)))
        await _by_widgets(visitor, pwned)
        await visitor.look(20)
        kinds = {message.get("msg_type") for message in visitor.heard}
        assert not kinds & {"execute_reply", "inspect_reply", "complete_reply", "history_reply", "debug_reply"}
        texts.append(json.dumps(visitor.heard))
    finally:
        visitor.close()
    return "\n".join(texts)


async def _by_rest(visitor: Visitor) -> list[tuple[int, str]]:
    up = "../" * 12
    paths = ["/api/kernels", "/api/kernelspecs", "/api/contents", "/api/contents/board.ipynb", "/api/sessions"]
    paths += ["/api/terminals", "/api/config/notebook", "/api/status", "/files/board.ipynb", "/nbconvert/html/board"]
    paths += ["/voila/api/contents/", "/voila/tree", "/voila/files/board.ipynb", "/voila/files/../serving.py"]
    paths += [f"/api/kernels/{visitor.kernel_id}/{what}" for what in ("restart", "interrupt")]
    paths += [f"/voila/files/{up}etc/passwd", f"/voila/files/%2e%2e/%2e%2e/{up}etc/passwd", f"/voila/files/{up}x.png"]
    paths += [f"/voila/static/{up}etc/passwd", f"/voila/templates/lab/static/{up}etc/passwd"]
    paths += [f"/voila/templates/../static/{up}etc/passwd", f"/voila/api/themes/{up}etc/passwd"]
    paths += [f"/voila/labextensions/{up}etc/passwd", "/voila/execution/" + visitor.kernel_id]
    paths += ["/../outside/private/run.json", "/results/ended/run.json", "/ended"]
    found = []
    asked = [("GET", path) for path in paths]
    asked += [(method, path) for path in paths[:8] for method in ("POST", "PUT", "DELETE")]
    for method, path in asked:
        answer = await visitor.asked(method, path)
        found.append((answer.code, answer.body.decode(errors="replace") if answer.body else ""))
    for path in ("/", f"/api/kernels/{visitor.kernel_id}"):  # without the token not even that
        answer = await visitor.asked("GET", path, token=False)
        found.append((answer.code, ""))
    return found


async def _refused_sockets(visitor: Visitor) -> None:
    """Not from another site, whose page would send the visitor's cookies along; not without the token."""
    assert visitor.cookies
    for headers, token in (({"Cookie": visitor.cookies, "Origin": "http://evil.example"}, ""), ({}, "wrong"), ({}, "")):
        with pytest.raises(HTTPClientError, match="403"):
            await visitor.connected(headers=headers, token=token)
    (await visitor.connected(headers={"Cookie": visitor.cookies, "Origin": visitor.origin}, token="")).close()


async def _by_code(visitor: Visitor, code: str) -> None:
    contents = {
        "execute_request": {"code": code, "silent": False, "user_expressions": {"x": code}, "allow_stdin": True},
        "complete_request": {"code": "import os; os.environ", "cursor_pos": 10},
        "inspect_request": {"code": "os.environ", "cursor_pos": 3, "detail_level": 1},
        "history_request": {"hist_access_type": "tail", "n": 99, "output": True, "raw": True},
        "debug_request": {"type": "request", "seq": 1, "command": "evaluate", "arguments": {"expression": code}},
        "apply_request": {"code": code},
        "create_subshell_request": {},
        "input_reply": {"value": code},
    }
    told: asyncio.Queue[Any] = asyncio.Queue()
    raw = await visitor.connected(V1, on_message=told.put_nowait)
    await _answers(raw, told)
    for kind, content in contents.items():
        for channel in ("shell", "control", "stdin", "iopub", "hb"):
            await visitor.say(kind, content, channel)
            await raw.write_message(as_frames(message_of(kind, content), channel), binary=True)
    message = message_of("execute_request", contents["execute_request"])
    twice = [("comm_msg", "execute_request"), ("execute_request", "comm_msg")]
    for first, second in twice:  # a header that two readers may read differently
        header = json.dumps(message["header"]).replace(
            '"msg_type": "execute_request"', f'"msg_type": "{first}", "msg_type": "{second}"'
        )
        await raw.write_message(as_frames(message, "shell", header.encode()), binary=True)
    await visitor.say("comm_msg", contents["execute_request"], msg_type="execute_request")
    await _answers(raw, told)
    await visitor.reply("kernel_info_request", {})
    raw.close()


async def _answers(raw: Any, inbox: asyncio.Queue[Any]) -> None:
    """Wait until the kernel has dealt with what was sent on a channel in the binary protocol."""
    await raw.write_message(as_frames(message_of("kernel_info_request", {}), "shell"), binary=True)
    while True:
        told = await asyncio.wait_for(inbox.get(), PATIENCE_S)
        assert told is not None
        assert not any(f'"{kind}_reply"'.encode() in told for kind in ("execute", "inspect", "complete", "history"))
        if b'"kernel_info_reply"' in told:
            return


async def _by_widgets(visitor: Visitor, pwned: Path) -> None:
    """To every widget that there is: clicks, deeds by any name, traits that hold names of runs; and new widgets."""
    reply = await visitor.reply("comm_info_request", {"target_name": "jupyter.widget"})
    comms = list(reply["content"]["comms"])
    assert len(comms) >= 2
    names = ["../outside/private", "ended", "under-way", str(pwned.parent / "outside" / "private"), "..", "", "a\x00b"]
    state: dict[str, Any] = {"chosen": names, "run": names[0], "name": names[0], "selected": names, "linked": names[0]}
    state |= {"url": f"https://evil.example/?k={{env:{VARIABLE}}}", "token_env": VARIABLE, "value": "start"}
    state |= {"source": "/etc/passwd", "_esm": "x", "children": [], "sort": ["run", True], "wanted": "all"}
    for comm in comms:
        for trait in state:
            data = {"method": "update", "state": {trait: state[trait]}, "buffer_paths": []}
            await visitor.say("comm_msg", {"comm_id": comm, "data": data})
        for deed in (*_DEEDS, "click"):
            said = {"names": names, "runs": names, "items": None, "workers": 99, "limit": "1/h", **state}
            content = {**said, **dict.fromkeys(_KEYS, deed)}
            await visitor.say("comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": content}})
        await visitor.say("comm_msg", {"comm_id": comm, "data": {"method": "request_state"}})
        await visitor.reply("kernel_info_request", {})
    known = [
        ("AnyModel", "anywidget"),
        ("ButtonModel", "@jupyter-widgets/controls"),
        ("OutputModel", "@jupyter-widgets/output"),
    ]
    for model, module in known:
        made = {"_model_name": model, "_model_module": module, "_model_module_version": "2.0.0", "msg_id": "x", **state}
        content = {"comm_id": model, "target_name": "jupyter.widget", "data": {"state": made, "buffer_paths": []}}
        await visitor.say("comm_open", content, metadata={"version": "2.1.0"})
        click = {"comm_id": model, "data": {"method": "custom", "content": {"event": "click"}}}
        await visitor.say("comm_msg", click)
    await visitor.say("comm_open", {"comm_id": "n", "target_name": "os", "target_module": "os", "data": {}})
    await visitor.reply("kernel_info_request", {})


# --- closed tabs ------------------------------------------------------------------------------------------------------


def test_five_tabs_opened_and_closed(tmp_path: Path, under_way: LocalRun) -> None:
    """Each has a kernel of its own, that ends soon after its tab; one that stays open keeps its own throughout."""
    with dashboard(tmp_path, "--watch", "--idle", "2s") as address, browser() as chromium:
        port = int(address.split(":")[2].split("/")[0])
        contexts = [chromium.new_context(viewport={"width": 1280, "height": 900}) for _ in range(5)]
        pages = [_opened(context, address) for context in contexts]
        assert len(kernels(port)) == 5
        for context in contexts[1:]:
            context.close()
        wait_until(lambda: len(kernels(port)) == 1)
        (left,) = kernels(port)
        _moves(pages[0])
        assert kernels(port) == [left]
        contexts[0].close()
        wait_until(lambda: kernels(port) == [])
    assert under_way.phase == "under way"  # nobody who only watches stops anything by leaving


def _opened(context: BrowserContext, address: str) -> Page:
    """A tab in which the import that is under way has been seen to move; it has nothing to press."""
    context.set_default_timeout(1000 * PATIENCE_S)
    page = context.new_page()
    page.goto(address)
    _moves(page)
    for name in ("Start", "Pause", "Resume", "Stop", "Delete", "Retry failed", "New import"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    return page


def _moves(page: Page) -> None:
    bar = page.get_by_role("progressbar", name="items imported").first
    bar.wait_for()
    expect(bar).not_to_have_attribute(
        "aria-valuenow", str(bar.get_attribute("aria-valuenow")), timeout=1000 * PATIENCE_S
    )


def test_the_page_follows_an_import_that_begins_later(tmp_path: Path) -> None:
    """Opened on an empty folder, it shows the import that a terminal starts, without a reload."""
    results = tmp_path / "results"
    with dashboard(tmp_path, "--watch") as address, browser() as chromium:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(1000 * PATIENCE_S)
        page = context.new_page()
        page.goto(address)
        expect(page.get_by_text("no runs yet")).to_be_visible(timeout=1000 * PATIENCE_S)
        run = LocalRun(ImportConfig(results=results, items=5000, limit="5/s", run="later")).start()
        try:
            _moves(page)
            expect(page.get_by_text("later").first).to_be_visible()
        finally:
            run.farewell("the test is over")
            shutil.rmtree(results)
