"""A real browser, JupyterLab and the page that `dashboard` serves, each on a free port of loopback."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import psutil
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
TOKEN = "told-to-nobody"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chromium() -> str:
    """Where the browser is. Without one the tests fail in CI and are skipped, saying so, elsewhere."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is not None:
        return found
    words = "no Chromium on PATH, so the notebooks cannot be tested: install one (Debian: apt install chromium)"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    path = chromium()
    with sync_playwright() as play:
        shown = play.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield shown
        finally:
            shown.close()


@contextmanager
def served(command: list[str], folder: Path, port: int) -> Iterator[str]:
    """A Jupyter server on `port` in `folder`, with configuration and data of its own; yields its address."""
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    environment = {**os.environ, **own, "HARNESS_IMPORT_RESULTS": str(folder / "results"), "JUPYTER_PLATFORM_DIRS": "1"}
    words = [sys.executable, "-m", *command]
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        wait_for_port(port, process, folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def kernels(port: int) -> list[psutil.Process]:
    """The kernels of the page that is served on `port`."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "ipykernel_launcher" in process.cmdline() and f"--Voila.port={port}" in process.parent().cmdline():
                found.append(process)
        except (psutil.NoSuchProcess, AttributeError):
            continue
    return found


def port_of(address: str) -> int:
    """The port in an address."""
    port = urlsplit(address).port
    assert port is not None
    return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody listens; fails with the server's last words where it ends before."""
    tick = threading.Event()
    for _ in range(10 * PATIENCE_S):
        if process.poll() is not None:
            break
        with socket.socket() as knock:
            knock.settimeout(1)
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return
        tick.wait(0.1)
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


def copy_notebook(folder: Path, **parameters: object) -> None:
    """The notebook beside `folder`'s results, with other parameters; nothing that it does reaches git."""
    notebook = nbformat.read(ROOT / "notebooks" / "live_import.ipynb", as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    (folder / "notebooks").mkdir()
    nbformat.write(notebook, folder / "notebooks" / "live_import.ipynb")


@contextmanager
def lab(folder: Path) -> Iterator[str]:
    """JupyterLab on `folder`; yields the address of live_import in it."""
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    port = free_port()
    options = ["--no-browser", f"--port={port}", "--ip=127.0.0.1", "--ServerApp.allow_root=True"]
    options += ["--expose-app-in-browser", f"--LabApp.user_settings_dir={folder / 'settings'}"]
    options += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    with served(["jupyterlab", *options], folder, port) as address:
        yield f"{address}/lab/tree/notebooks/live_import.ipynb?token={TOKEN}"


@contextmanager
def dashboard(folder: Path, *options: str) -> Iterator[str]:
    """The page that `harness dashboard` serves, with these options; yields its address."""
    port = free_port()
    command = ["harness", "dashboard", "--no-browser", "--port", str(port), *options]
    before = os.environ.get("JUPYTER_TOKEN")
    os.environ["JUPYTER_TOKEN"] = TOKEN
    try:
        with served(command, folder, port) as address:
            yield f"{address}/?token={TOKEN}"
    finally:
        os.environ.pop("JUPYTER_TOKEN")
        if before is not None:
            os.environ["JUPYTER_TOKEN"] = before


def number(text: str) -> int:
    """The first number in `text`: `1,000 of 1,000 items` is 1000."""
    found = re.search(r"[\d,]+", text)
    assert found is not None, text
    return int(found[0].replace(",", ""))


_READY = """() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === "connected" && kernel?.status === "idle";
}"""


def run_all(page: Page) -> None:
    """Run every cell once the kernel is connected AND idle: before that, JupyterLab asks which kernel to take."""
    page.wait_for_function(_READY, timeout=1000 * PATIENCE_S)
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.get_by_role("region", name="All runs").wait_for(timeout=1000 * PATIENCE_S)
