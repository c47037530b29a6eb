"""What visitors of a served page can do to runs and to the machine, whatever they send: to watch, nothing at all.

Visitors speak the protocols by hand (`visitor.py`), but where a tab is opened and closed: those are of a browser.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from tornado.httpclient import HTTPClientError

from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.notebook.handles import LocalRun
from harness.notebook.page_kernels import full
from harness.record.run import create_run
from tests.notebook.browser import browser, dashboard, kernels, port_of
from tests.notebook.test_policy import files
from tests.notebook.visitor import V1, Visitor, as_frames, message_of
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.realtime

CANARY = "sk-l1ve-canary-0123"
VARIABLE = "WATCH_PAGE_TEST_TOKEN"
_WORKERS = 3
# What the server itself may have grown by, in bytes, once four tabs were opened and closed: less than one kernel takes.
_GIVEN_BACK = 60e6


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret of the operator's."""
    monkeypatch.setenv(VARIABLE, CANARY)


@pytest.fixture
def under_way(tmp_path: Path, canary: None) -> Iterator[LocalRun]:
    """A folder with one run that has ended, one under way in this process, and one that lies outside of it."""
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
    tick = threading.Event()
    for _ in range(10 * PATIENCE_S):
        if true():
            return
        tick.wait(0.1)
    raise AssertionError("it did not come")


# --- no request of a visitor starts, steers, deletes, or reads a variable ---------------------------------------------

_CODE = "import os; open({path!r}, 'w').write(repr(dict(os.environ)))"
# What somebody could try to have done, under any name that a widget's message might give it.
_DEEDS = ("start", "pause", "resume", "stop", "retry", "forget", "set", "delete", "go on", "csv", "parquet", "clear")
_TABLE_DEEDS = ("pause", "resume", "stop", "retry", "delete", "tag", "download", "clone")
_KEYS = ("do", "action", "event", "command", "name", "type", "kind", "what", "said", "msg", "op", "method")


def test_whatever_a_visitor_sends_runs_stay_as_they_are(tmp_path: Path, under_way: LocalRun) -> None:
    """By hand: REST, code on every channel and in both protocols, messages to every widget, new widgets, run names."""
    ended, pwned = files(tmp_path / "results" / "ended"), tmp_path / "pwned"
    with dashboard(tmp_path, "--watch", "--idle", "600s") as address:
        port = port_of(address)
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
        await visitor.look(8)
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
    comms = await _comms(visitor)
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


# --- nor of a visitor of the dashboard, but what the operator allowed -------------------------------------------------


def test_a_visitor_of_the_dashboard_gets_nothing_that_was_not_allowed(tmp_path: Path, canary: None) -> None:
    """By Start, by what is typed, and by Resume: no variable, no address, no file; what is allowed still works."""
    results, pwned = tmp_path / "results", tmp_path / "pwned"
    (tmp_path / "secrets.toml").write_text(f'[source]\nurl = "{_API}"\n# {CANARY}\nhunter2 = "{CANARY}"\n')
    about = {"config": ImportConfig(url=_API, token_env=VARIABLE).as_written(), "status": "stopped"}
    create_run(results, "of-another-address", about, 0.0)
    create_run(tmp_path / "outside", "private", {"config": {"url": f"https://{CANARY}.example/"}}, 0.0)
    before, outside = files(results), files(tmp_path / "outside")
    asked_from_here: list[bytes] = []
    with _listening(asked_from_here) as port, dashboard(tmp_path, "--allow-host", "ok.example") as address:
        heard, said = asyncio.run(_attack_the_dashboard(address, pwned, port))
        (kernel,) = kernels(port_of(address))
        for process in (kernel, kernel.parent()):
            assert VARIABLE not in process.environ()
    assert not pwned.exists()
    assert asked_from_here == []
    assert CANARY not in heard
    assert "root:" not in heard
    assert "hunter2" not in heard
    otherwise = [words for words in said if "this page may not" not in words]
    assert all(words.startswith("--url") for words in otherwise), otherwise  # no address at all, to whoever gives it
    assert len(otherwise) == 2
    assert len(said) == len(_tries(port)) + 2
    assert {path.name for path in results.iterdir()} == {"of-another-address", "allowed"}
    assert {name: held for name, held in files(results).items() if not name.startswith("allowed")} == before
    assert files(tmp_path / "outside") == outside


_API = "https://api.example.com/orders"
_HEALTH = "/voila/static/labvariables.css"  # which docs/notebooks.md tells to operators: no kernel is begun for it


def _tries(port: int) -> list[dict[str, str]]:
    """What a form of a visitor's own making could say. port: of somebody who listens on this machine."""
    here = f"http://127.0.0.1:{port}/orders"
    allowed = "https://ok.example/orders"
    return [
        {"url": here},
        {"url": f"http://localhost:{port}/orders"},
        {"url": f"http://[::1]:{port}/orders"},
        {"url": f"http://ok.example@127.0.0.1:{port}/orders"},
        {"url": f"{here}?host=ok.example"},
        {"url": allowed, "item": f"{here}/{{id}}"},
        {"url": allowed, "token_env": VARIABLE},
        {"url": f"{allowed}?k={{env:{VARIABLE}}}"},
        {"url": f"https://{{env:{VARIABLE}}}.ok.example/orders"},
        {"url": allowed, "item": f"{{list}}/{{id}}?k={{env:{VARIABLE}}}"},
        {"url": allowed, "auth": "bearer", "token_env": "HOME"},
        {"source": "./secrets.toml"},
        {"source": "/etc/passwd"},
        {"source": "../../../../../../etc/passwd"},
        {"url": allowed, "preset": "./secrets.toml"},
        {"source_of": "test API", "scenario": "./secrets.toml"},
        {"source_of": "test API", "scenario": "/etc/passwd"},
    ]


async def _attack_the_dashboard(address: str, pwned: Path, port: int) -> tuple[str, list[str]]:
    """Try everything; return all that was heard, and what the board said to each try."""
    visitor = await Visitor.of(address)
    try:
        texts = [visitor.html]
        for status, text in await _by_rest(visitor):
            assert status >= 300, text
            texts.append(text)
        await _refused_sockets(visitor)
        await _by_code(visitor, _CODE.format(path=str(pwned)))
        board = await _Board.of(visitor)
        said = [await board.told({"do": do}) for do in ("resume", "retry")]
        for typed in _tries(port):
            said.append(await board.told({"do": "start", "typed": {"source_of": "URL", "run": "x", **typed}}))
            await board.do({"do": "clear"})
        for typed in _tries(port):  # the same, field by field
            for name, value in {"source_of": "URL", **typed}.items():
                await board.do({"do": "type", "name": name, "value": value})
            await board.do({"do": "start"})
            await board.do({"do": "clear"})
        await _by_names(visitor, pwned.parent / "outside" / "private")
        assert (await visitor.asked("GET", _HEALTH, token=False)).code == 200
        await _may_not_end_its_kernel(visitor)
        typed = {"source_of": "test API", "items": "20", "limit": "1000/1s", "run": "allowed"}
        await board.do({"do": "start", "typed": typed})
        await visitor.hear(lambda told: "complete: 20 of 20 items" in json.dumps(told))
        texts.append(json.dumps(visitor.heard))
    finally:
        visitor.close()
    return "\n".join(texts), said


async def _by_names(visitor: Visitor, outside: Path) -> None:
    """Every deed, of runs that are none of this page's."""
    names = ["../outside/private", str(outside), "..", ".", ""]
    for comm in await _comms(visitor):
        state = {"chosen": names, "linked": names[0]}
        await visitor.say(
            "comm_msg", {"comm_id": comm, "data": {"method": "update", "state": state, "buffer_paths": []}}
        )
        for deed in (*_TABLE_DEEDS, "open"):
            content = {"do": deed, "names": names, "what": "csv", "add": ["x"], "keys": names, "group": "x"}
            await visitor.say("comm_msg", {"comm_id": comm, "data": {"method": "custom", "content": content}})
    await visitor.reply("kernel_info_request", {})


async def _may_not_end_its_kernel(visitor: Visitor) -> None:
    """By none of the three doors, for an import may run in it."""
    for method, path in (("POST", "/voila/api/shutdown/"), ("DELETE", "/api/kernels/")):
        answer = await visitor.asked(method, path + visitor.kernel_id)
        assert answer.code == 204
    for channel in ("shell", "control"):
        await visitor.say("shutdown_request", {"restart": False}, channel)
    await visitor.reply("kernel_info_request", {})


async def _comms(visitor: Visitor) -> list[str]:
    reply = await visitor.reply("comm_info_request", {"target_name": "jupyter.widget"})
    return list(reply["content"]["comms"])


class _Board:
    """The board of a page, of which its visitor may ask anything."""

    def __init__(self, visitor: Visitor, comm: str, answers: int) -> None:
        self._visitor, self._comm, self._asked = visitor, comm, answers

    @classmethod
    async def of(cls, visitor: Visitor) -> _Board:
        """Of all widgets the one that counts its answers."""
        for comm in await _comms(visitor):
            await visitor.say("comm_msg", {"comm_id": comm, "data": {"method": "request_state"}})
        told = await visitor.hear(lambda one: "answers" in _state(one) and "note" in _state(one))
        return cls(visitor, told["content"]["comm_id"], _state(told)["answers"])

    async def do(self, content: dict[str, Any]) -> None:
        self._asked += 1
        await self._visitor.say("comm_msg", {"comm_id": self._comm, "data": {"method": "custom", "content": content}})

    async def told(self, content: dict[str, Any]) -> str:
        """Ask for something, and return the sentence that is the answer."""
        await self.do({"do": "set", "workers": "none"})  # what it says to this is said no more after another answer
        await self.do(content)
        await self._visitor.hear(lambda told: _state(told).get("answers") == self._asked)
        notes = [_state(told)["note"][0] for told in self._visitor.heard if "note" in _state(told)]
        return str(notes[-1])


def _state(told: dict[str, Any]) -> dict[str, Any]:
    data = told.get("content", {}).get("data", {})
    found: dict[str, Any] = data.get("state", {}) if isinstance(data, dict) else {}
    return found


@contextmanager
def _listening(heard: list[bytes]) -> Iterator[int]:
    """Somebody on this machine to whom nobody may be sent; what they are told is kept."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield int(server.getsockname()[1])
        with suppress(BlockingIOError):
            heard.append(repr(server.accept()).encode())


# --- closed tabs ------------------------------------------------------------------------------------------------------


def test_five_tabs_opened_and_closed(tmp_path: Path) -> None:
    """Each has a kernel of its own, that ends soon after its tab; a sixth is told that there is no room.

    The page is opened before there is any run: it shows the import that begins later, without a reload.
    """
    results = tmp_path / "results"
    with dashboard(tmp_path, "--watch", "--idle", "1s", "--tabs", "5") as address, browser() as chromium:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(1000 * PATIENCE_S)
        expect.set_options(timeout=1000 * PATIENCE_S)
        first = context.new_page()
        first.goto(address)
        expect(first.get_by_text("no runs yet")).to_be_visible()
        (kernel,) = kernels(port_of(address))
        server = kernel.parent()
        memory_at_first = server.memory_info().rss
        settings: dict[str, Any] = {"items": 5000, "limit": "5/s", "workers": _WORKERS, "run": "later"}
        run = LocalRun(ImportConfig(results=results, **settings)).start()
        try:
            _moves(first)
            expect(first.get_by_text("later").first).to_be_visible()
            others = [_opened(context, address) for _ in range(4)]
            assert len(kernels(port_of(address))) == 5
            _one_more_is_told_that_there_is_no_room(address)
            for page in others:
                page.close()
            wait_until(lambda: kernels(port_of(address)) == [kernel])
            _moves(first)
            taken = server.memory_info().rss
            assert taken - memory_at_first < _GIVEN_BACK, taken
            first.close()
            wait_until(lambda: kernels(port_of(address)) == [])
            assert run.phase == "under way"  # nobody who only watches stops anything by leaving
        finally:
            run.farewell("the test is over")
            shutil.rmtree(results)


def _one_more_is_told_that_there_is_no_room(address: str) -> None:
    """In a sentence; no kernel begins for it."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, timeout=PATIENCE_S)
    with refused.value as answer:
        assert (answer.code, answer.reason) == (503, full(5))
        assert full(5) in answer.read().decode()
    assert len(kernels(port_of(address))) == 5


def _opened(context: BrowserContext, address: str) -> Page:
    """A tab in which the import that is under way has been seen to move; it has nothing to press."""
    page = context.new_page()
    page.goto(address)
    _moves(page)
    for name in ("Start", "Pause", "Resume", "Stop", "Delete", "Retry failed", "New import"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    return page


def _moves(page: Page) -> None:
    bar = page.get_by_role("progressbar", name="items imported").first
    bar.wait_for()
    expect(bar).not_to_have_attribute("aria-valuenow", str(bar.get_attribute("aria-valuenow")))
