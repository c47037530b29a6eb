"""What a served page may be asked for: the policy, the environment of its process, and the lock of its kernel."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError

from harness import BadInput
from harness.cli.main import cli
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.notebook.controller import Controller
from harness.notebook.handles import LocalRun
from harness.notebook.page_kernels import LOADING_S, PageKernels, full
from harness.notebook.policy import EVERYTHING, ONLY_SHOWS, WATCH, Policy
from harness.notebook.serving import PAGE, TABS, Page, command_of, environment_of
from harness.record.run import Run, create_run
from tests.patience import PATIENCE_S

NOTHING = Policy(True, (), (), ())
URL = "https://api.example.com/orders"


def refused(policy: Policy, settings: Mapping[str, Any]) -> str:
    with pytest.raises(BadInput) as said:
        policy.checked(settings)
    return str(said.value)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"url": URL}, "may not ask api.example.com; ask whoever serves it to add --allow-host api.example.com"),
        ({"url": "http://169.254.169.254/latest"}, "may not ask 169.254.169.254"),
        ({"url": "https://ok.example.evil.example/x"}, "may not ask ok.example.evil.example"),
        ({"url": "http://[::1]:9/x"}, "may not ask ::1"),
        ({"url": "https://ok.example/x", "item": "https://evil.example/{id}"}, "may not ask evil.example"),
        ({"url": "https://ok.example/x", "allow_host": ["evil.example:81"]}, "may not ask evil.example"),
        ({"allow_host": "evil.example"}, "may not ask evil.example"),
        (
            {
                **{"url": "https://ok.example/x", "auth": "oauth2", "token_url": "https://evil.example/token"},
                **{"client_id_env": "OK", "client_secret_env": "OK"},
            },
            "may not ask evil.example",
        ),
        ({"url": "https://ok.example/{env:SECRET}"}, "may not use that environment variable"),
        ({"url": "https://ok.example/x?k={env:SECRET}"}, "may not use that environment variable"),
        ({"url": "https://ok.example/x", "item": "{list}/{id}?k={env:SECRET}"}, "that environment variable"),
        ({"url": "https://ok.example/x", "header": "X: {env:SECRET}"}, "may not use that environment variable"),
        ({"url": "https://ok.example/x", "param": "k={env:SECRET}"}, "may not use that environment variable"),
        ({"url": "https://ok.example/x", "method": "POST", "body": {"k": ["{env:SECRET}"]}}, "environment variable"),
        ({"url": "https://ok.example/x", "item": "//evil.example/{id}"}, "may not ask evil.example"),
        ({"url": "https://ok.example", "item": "{list}.evil.example/{id}"}, "may not ask ok.example.evil.example"),
        ({"url": "https://ok.example/x", "token_env": "SECRET"}, "may not use that environment variable"),
        ({"url": "https://ok.example/x", "token_env": ["OK", "SECRET"]}, "may not use that environment variable"),
        ({"token_env": "SECRET"}, "may not use that environment variable"),
        ({"header": "X: {env:SECRET}"}, "may not use that environment variable"),
    ],
)
def test_what_was_not_allowed_is_refused_in_a_sentence(settings: dict[str, Any], part: str) -> None:
    """Wherever in the settings a visitor puts it; with nothing allowed, and with something else allowed."""
    assert part in refused(Policy(True, ("ok.example",), ("OK",), ()), settings)
    assert "this page may not" in refused(NOTHING, settings)
    assert refused(WATCH, settings) == ONLY_SHOWS


def test_what_was_allowed_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test API always; a host with any port, or with its own; a variable by its name; all of it in JupyterLab."""
    monkeypatch.setenv("API_TOKEN", "secret")
    assert NOTHING.checked({"items": "9", "preset": "stripe", "scenario": "laravel"}).test_api.items == 9
    told = {"url": URL, "token_env": "API_TOKEN", "param": "k={env:API_TOKEN}"}
    for policy in (Policy(True, ("api.example.com",), ("API_TOKEN",), ()), EVERYTHING):
        assert policy.checked(told).source.url == URL
        assert policy.refusal_of(ImportConfig(**told)) is None
    port = Policy(True, ("api.example.com:8443",), (), ())
    assert port.checked({"url": "http://API.example.com:8443/x"}).source.url == "http://API.example.com:8443/x"
    assert "may not ask api.example.com" in refused(port, {"url": URL})


def test_a_token_that_was_typed_for_its_name_is_repeated_nowhere() -> None:
    """Nor does the answer tell whether a variable of that name is set."""
    said = {refused(NOTHING, {"url": URL, "token_env": name}) for name in ("sk_live_123", "PATH", "NOT_SET_ANYWHERE")}
    assert not any("sk_live" in one or "PATH" in one or "NOT_SET" in one for one in said)
    allowed = Policy(True, ("api.example.com",), (), ())
    assert len({refused(allowed, {"url": URL, "token_env": name}) for name in ("PATH", "NOT_SET_ANYWHERE")}) == 1


@pytest.mark.parametrize("key", ["source", "preset", "scenario"])
def test_a_file_is_refused_before_it_is_opened(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error about what is in it would tell a visitor what is in it; one that was allowed is read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("items = 7\n" if key != "preset" else 'records = "rows"\n')
    (tmp_path / "passwords.toml").write_text("hunter2 = 1\n")
    allowed = Policy(True, ("api.example.com",), (), (str(tmp_path / "mine.toml"),))
    url = {"url": URL} if key == "preset" else {}
    for name in ("./passwords.toml", str(tmp_path / "passwords.toml"), "../etc/passwd", "./no.toml"):
        assert "may not read the file" in refused(allowed, {key: name, **url})
        assert "hunter2" not in refused(allowed, {key: name, **url})
    assert "may not read the file" in refused(NOTHING, {key: "./mine.toml"})
    assert allowed.checked({key: "./mine.toml", **url}) is not None


def test_a_link_beside_an_allowed_file_is_not_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is where a name leads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("items = 7\n")
    (tmp_path / "other.toml").write_text("items = 8\n")
    (tmp_path / "link.toml").symlink_to(tmp_path / "other.toml")
    allowed = Policy(True, (), (), (str(tmp_path / "mine.toml"),))
    assert "may not read the file" in refused(allowed, {"source": "link.toml"})


def test_a_settings_file_gives_no_more_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its address and its variables count as those of a form."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "orders.toml"
    file.write_text(f'[source]\n[[resource]]\nurl = "{URL}?k={{env:SECRET}}"\nid = "a"\n')
    assert "may not ask api.example.com" in refused(Policy(True, (), (), (str(file),)), {"source": "orders.toml"})
    policy = Policy(True, ("api.example.com",), (), (str(file),))
    assert "environment variable" in refused(policy, {"source": "orders.toml"})


def test_to_go_on_with_a_run_takes_the_same_rights(tmp_path: Path) -> None:
    """A run that the operator started elsewhere may be of any address; one of the test API may go on."""
    simulate_run(ImportConfig(items=9, limit="9/s", run="own"), results=tmp_path)
    own = Run(tmp_path / "own")
    written = ImportConfig(url=URL, token_env="SECRET").as_written()
    other = create_run(tmp_path, "other", {"config": written}, 0.0)
    assert (NOTHING.refusal_of_run(own), EVERYTHING.refusal_of_run(other)) == (None, None)
    assert "may not ask api.example.com" in str(NOTHING.refusal_of_run(other))
    assert "environment variable" in str(Policy(True, ("api.example.com",), (), ()).refusal_of_run(other))
    assert Policy(True, ("api.example.com",), ("SECRET",), ()).refusal_of_run(other) is None
    assert {WATCH.refusal_of_run(own), WATCH.refusal_of_run(other)} == {ONLY_SHOWS}


@pytest.mark.realtime
def test_the_board_asks_before_it_starts_or_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever message a browser asks: the form's Start, Resume and Retry of a run of another address."""
    monkeypatch.setenv("SECRET", "s")
    for name in ("one", "two"):
        about = {"config": ImportConfig(url=URL, token_env="SECRET").as_written(), "status": "stopped"}
        create_run(tmp_path, name, about, 0.0)
    before = files(tmp_path)
    for policy, part in ((NOTHING, "may not ask api.example.com"), (WATCH, "")):
        board = Controller({}, tmp_path, policy)
        while board.busy:  # it has not read yet that nobody imports it
            threading.Event().wait(0.01)
        board.say("")
        board.hear({"do": "start", "typed": {"source_of": "URL", "url": URL, "token_env": "SECRET", "run": "three"}})
        assert (part in board._note[0], board.at_work) == (True, False)
        for do in ("resume", "retry"):
            board.say("")
            board.hear({"do": do})
            assert (part in board._note[0], board.at_work) == (True, False)
        board.say("")
        board.go_on(Run(tmp_path / "two"))  # what the table calls
        assert (part or ONLY_SHOWS) in board._note[0]
        board._begin(ImportConfig(url=URL), "")
        assert not board.at_work
    assert files(tmp_path) == before
    board = Controller({}, tmp_path, NOTHING)
    board.hear({"do": "start", "typed": {"items": "20", "limit": "1000/s", "run": "own"}})
    assert isinstance(board.import_, LocalRun)
    assert board.import_.wait(PATIENCE_S).status == "complete"


# --- the process ----------------------------------------------------------------------------------------------------


def test_the_process_of_a_page_gets_no_variable_that_was_not_allowed(tmp_path: Path) -> None:
    """It starts without them, so that nothing in it can read them."""
    operator = {"PATH": "/bin", "HOME": "/h", "API_TOKEN": "a", "AWS_SECRET_ACCESS_KEY": "b", "PYTHONPATH": "p"}
    operator |= {"HTTPS_PROXY": "http://u:p@proxy", "PATHS": "c", "MY_PATH": "d", "HARNESS_IMPORT_TOKEN_ENV": "e"}
    page = Page(Policy(True, (), ("API_TOKEN",), ()), tmp_path, tmp_path)
    given = environment_of(page, operator)
    assert set(given) == {"PATH", "HOME", "API_TOKEN", "PYTHONPATH", "HTTPS_PROXY", PAGE}
    assert set(environment_of(Page(WATCH, tmp_path, tmp_path), operator)) == {"PATH", "HOME", "PYTHONPATH", PAGE}


def test_the_kernel_is_told_what_the_operator_said(tmp_path: Path) -> None:
    """There and back; who serves the notebook by hand told it nothing, and gets a page that only shows."""
    for policy in (WATCH, EVERYTHING, Policy(True, ("a:1",), ("B",), ("/c",))):
        page = Page(policy, tmp_path / "results", tmp_path)
        assert Page.of({PAGE: page.as_text()}) == page
    assert Page.of({}).policy == WATCH


def test_the_page_is_one_cell_without_parameters() -> None:
    """Nothing to be set from outside; it lies in the package, so that it is there where that is installed."""
    words = command_of(host="127.0.0.1", port=8866)
    notebook = json.loads(Path(words[4]).read_text())
    assert [cell["source"] for cell in notebook["cells"]] == [
        ["from harness.notebook.serving import show_page\n", "\n", "show_page()"]
    ]


def test_the_command_line_says_what_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each flag as often as wanted; nothing is allowed by default, and nothing at all to people who only watch."""
    served: list[tuple[Page, dict[str, Any]]] = []
    monkeypatch.setattr("harness.notebook.serving.serve", lambda page, **options: served.append((page, options)))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "orders.toml").write_text("")
    words = [
        "--allow-host",
        "API.example.com",
        "--allow-host",
        "b:81",
        "--allow-env",
        "A",
        "--allow-file",
        "orders.toml",
    ]
    for more in ([], words, ["--watch", "--idle", "5m", "--port", "9", "--no-browser", "--tabs", "3"]):
        cli.main(["dashboard", "--results", "mine", *more], standalone_mode=False)
    files_ = (str(tmp_path / "orders.toml"),)
    assert [page.policy for page, _ in served] == [
        NOTHING,
        Policy(True, ("api.example.com", "b:81"), ("A",), files_),
        WATCH,
    ]
    assert {(page.results, page.folder) for page, _ in served} == {(tmp_path / "mine", tmp_path)}
    told = {"host": "127.0.0.1", "port": 9, "browser": False, "theme": "light", "idle_s": 300.0, "tabs": 3}
    assert served[2][1] == told
    assert served[0][1]["tabs"] == TABS
    assert {"--MappingKernelManager.cull_idle_timeout=300", "--PageKernels.tabs=3"} < set(command_of(**told))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--watch", "--allow-env", "A"],
            "--watch lets nobody import anything; leave out what is allowed, or leave out",
        ),
        (
            ["--allow-env", "sk-live-123"],
            "--allow-env: give the name of an environment variable, such as API_TOKEN, and",
        ),
        (["--allow-host", "https://a.b/"], "--allow-host: 'https://a.b/' is not a host; write it like cdn.example.com"),
        (["--allow-file", "no.toml"], "--allow-file no.toml is no file; name a TOML file of settings"),
        (["--idle", "5"], "--idle: 5 has no unit; write 5ms, 5s or 5m"),
        (["--idle", "soon"], "--idle: 'soon' is not a duration"),
        (["--idle", "0"], "--idle must be from 1s to 7d, not 0; write it like 1m"),
    ],
)
def test_what_the_command_line_refuses(words: list[str], said: str) -> None:
    """In one sentence, before anything is served."""
    with pytest.raises(BadInput) as refused_:
        cli.main(["dashboard", *words], standalone_mode=False)
    assert str(refused_.value).startswith(said)


_TRIES = """
import os, shutil, socket, subprocess, sys
from pathlib import Path
from harness.config import ImportConfig
from harness.lab.experiment import simulate_run
from harness.notebook.read_only import make_read_only
from harness.record.control import ask
from harness.record.run import Run
from harness.session.reader import RunReader
results, outside = Path(sys.argv[1]), Path(sys.argv[2])
make_read_only(results)
run = Run(results / "r")
os.chdir(results)
tries = {
    "write": lambda: (results / "r" / "run.json").write_text("x"),
    "append": lambda: open("r/run.json", "a"),
    "by a link": lambda: (outside / "link" / "r" / "run.json").write_text("x"),
    "new": lambda: (results / "new").mkdir(),
    "rename": lambda: os.rename(results / "r", outside / "r"),
    "into": lambda: os.replace(outside / "file", results / "file"),
    "unlink": lambda: os.unlink(os.fsencode(results / "r" / "run.json")),
    "rmtree": lambda: shutil.rmtree(results / "r"),
    "remove": run.remove,
    "start": lambda: simulate_run(ImportConfig(items=5, run="n"), results=results),
    "steer": lambda: ask(run, "stop"),
    "process": lambda: subprocess.run(["true"]),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
}
for name, attempt in tries.items():
    try:
        attempt()
    except Exception as error:
        print(name, "refused" if "only shows runs" in str(error) else repr(error), sep=": ")
    else:
        print(name, "worked", sep=": ")
assert RunReader(run, charted=True).view(0.0).summary.imported == 30
(outside / "free").write_text("what is elsewhere can be written")
"""


def test_a_kernel_that_only_shows_can_change_no_run(tmp_path: Path) -> None:
    """Whatever calls it: every way to start, steer or delete ends at the lock, and reading goes on."""
    results, outside = tmp_path / "results", tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    (outside / "link").symlink_to(results)
    simulate_run(ImportConfig(items=30, limit="9/s", run="r"), results=results)
    before = files(results)
    words = [sys.executable, "-c", _TRIES, str(results), str(outside)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert said.pop("steer").startswith("NotRunning")  # nobody is running it, which is said before anything is written
    assert set(said.values()) == {"refused"}, done.stdout
    assert len(said) == 12
    assert files(results) == before


def files(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- its kernels ----------------------------------------------------------------------------------------------------


class Kernels(PageKernels):
    """Without processes: `ended` are those that were shut down, `now_s` is the clock's."""

    def __init__(self, importing: set[str]) -> None:
        super().__init__()
        self.cull_idle_timeout = 10
        self.ended: list[str] = []
        self.importing = importing
        self.at_s = 0.0
        self.now_s = lambda: self.at_s
        self.slowness = lambda: 0.0

    async def end(self, kernel_id: str) -> None:
        self.ended.append(kernel_id)
        del self._kernel_connections[kernel_id]

    def imports(self, kernel_id: str) -> bool:
        return kernel_id in self.importing


def looked(kernels: Kernels, at_s: float) -> list[str]:
    """Let the culler look at every kernel at a moment; what has been ended so far."""
    kernels.at_s = at_s
    for kernel_id in list(kernels._kernel_connections):
        coroutine = kernels.cull_kernel_if_idle(kernel_id)
        with pytest.raises(StopIteration):  # nothing in it waits
            coroutine.send(None)
    return kernels.ended


def test_the_kernel_of_a_closed_tab_ends_and_no_other() -> None:
    """After ten seconds without a tab, however many messages it sends; not one that imports; one that loads later."""
    kernels = Kernels({"imports"})
    kernels._kernel_connections.update(closed=0, open=0, reloaded=0, imports=0, loading=0)
    for name in ("closed", "open", "reloaded", "imports"):
        kernels.notify_connect(name)
    assert looked(kernels, 100.0) == []
    for name in ("closed", "reloaded", "imports"):
        kernels.notify_disconnect(name)
    assert looked(kernels, 105.0) == []
    assert looked(kernels, 114.9) == []
    kernels.notify_connect("reloaded")
    assert looked(kernels, 115.0) == ["closed"]
    kernels.notify_disconnect("reloaded")
    assert looked(kernels, 120.0) == ["closed"]
    assert looked(kernels, 130.0) == ["closed", "reloaded"]
    assert looked(kernels, 100.0 + LOADING_S) == ["closed", "reloaded", "loading"]  # its page never came
    kernels.importing.clear()
    assert looked(kernels, 200.0 + LOADING_S) == ["closed", "reloaded", "loading", "imports"]
    assert looked(kernels, 1e6)[4:] == []  # a tab that is open keeps its kernel, however long


def test_a_page_that_nobody_connects_to_has_its_kernel_for_a_minute() -> None:
    """For up to five where the machine is busy, since a browser takes longer there; whatever --idle says."""
    for slowness, stays_s in ((0.0, LOADING_S), (0.9, LOADING_S), (3.0, 3 * LOADING_S), (99.0, 5 * LOADING_S)):
        kernels = Kernels(set())
        kernels.cull_idle_timeout = 3600
        kernels.slowness = lambda slowness=slowness: slowness  # type: ignore[misc]
        kernels._kernel_connections.update(checked=0)
        assert looked(kernels, 0.0) == []
        assert looked(kernels, stays_s - 0.1) == []
        assert looked(kernels, stays_s) == ["checked"]


def test_there_are_no_more_kernels_than_the_operator_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes then is told so, also where many come at once; where one has ended there is room again."""
    kernels = Kernels(set())
    kernels.tabs = 2

    async def start(self: Kernels, **_: Any) -> str:
        await asyncio.sleep(0)  # as a process does not start at once
        name = f"kernel {len(self._kernels)}"
        self._kernels[name] = object()
        return name

    monkeypatch.setattr(AsyncMappingKernelManager, "start_kernel", start)

    async def come(number: int) -> list[str]:
        came = await asyncio.gather(*(kernels.start_kernel() for _ in range(number)), return_exceptions=True)
        return [one.reason or "" if isinstance(one, HTTPError) else str(one) for one in came]

    async def twice() -> list[list[str]]:
        first = await come(4)
        del kernels._kernels["kernel 1"]
        return [first, await come(2)]

    assert asyncio.run(twice()) == [["kernel 0", "kernel 1", full(2), full(2)], ["kernel 1", full(2)]]
    assert full(2) == "this page is open in 2 tabs, and no more are served at a time; close one, and reload in a minute"


def test_no_visitor_ends_a_kernel() -> None:
    """Neither by a request, as Voila's script makes one when its page is left, nor by a message."""
    kernels = PageKernels(allowed_message_types=["comm_msg", "shutdown_request"])
    assert kernels.allowed_message_types == ["comm_msg"]
    kernel = object()
    kernels._kernels["one"] = kernel
    asyncio.run(kernels.shutdown_kernel("one", now=True))
    assert kernels._kernels == {"one": kernel}
