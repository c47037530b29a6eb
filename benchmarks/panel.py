"""What watching costs: the throughput of an import in a real notebook kernel, with the panel and the table of runs
written several times a second, and without them. Nothing is displayed: what is measured is the kernel's side, which is
where the import is.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from jupyter_client.manager import start_new_kernel

from benchmarks.measure import Figure, beside, turns

ITEMS = 2000
_PREPARE = """
import asyncio, json
from pathlib import Path
from time import process_time
from IPython.display import display
from harness.notebook.handles import LocalRun
from harness.notebook.controller import Controller
from harness.notebook.table_of_runs import AllRuns
from harness.notebook.show import Refresher
from harness.settings import checked
results, settings = Path({results!r}), {settings!r}
def figures(run, began_s):
    summary = run.summary()
    requests = summary["requests_page"] + summary["requests_item"]
    print(json.dumps([summary["requests_per_s"], requests / (process_time() - began_s)]))
"""
_WITHOUT = """
began_s = process_time()
import_ = LocalRun(checked({**settings, "results": results / "runs", "run": NAME, "fresh": True})).start()
while import_.phase != "over":
    await asyncio.sleep(0.25)
figures(import_.run, began_s)
"""
_WITH = """
began_s = process_time()
board = Controller({**settings, "run": NAME}, results / "runs")
runs = AllRuns(results / "runs", board, on_chosen=board.choose)
display(board.widget, runs.widget)
refresher = Refresher()
refresher.call("board", board)
refresher.call("runs", runs)
board.start()
while board.at_work:
    await asyncio.sleep(0.25)
figures(board.import_.run, began_s)
await asyncio.sleep(0.5)
refresher.close()
"""


def measure(rounds: int = 5, items: int = ITEMS) -> list[Figure]:
    """Requests a second with the panel beside those without, in the same kernel, in turns."""
    rates: dict[str, list[float]] = {"with": [], "without": []}
    work: dict[str, list[float]] = {"with": [], "without": []}
    flags = ["--port", "0", "--items", str(items), "--limit", "1000000000/20s", "--latency", "0ms"]
    words = [sys.executable, "-m", "harness_test_api", *flags]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server, TemporaryDirectory() as folder:
        assert server.stdout is not None
        manager, client = start_new_kernel(kernel_name="python3")
        try:
            settings = {"url": server.stdout.readline().strip(), "limit": "1000000000/20s"}
            _run(client, _PREPARE.format(results=str(Path(folder)), settings=settings))
            _run(client, 'NAME = "warm"' + _WITHOUT)
            for number, name in enumerate(turns(tuple(rates), rounds)):
                code = _WITH if name == "with" else _WITHOUT
                rate, per_processor_s = json.loads(_run(client, f'NAME = "r{number}"' + code))
                rates[name].append(rate)
                work[name].append(per_processor_s)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
            client.context.term()
            manager.context.term()
            server.terminate()
    return [
        beside("importer with the panel : without", "requests/s", rates["with"], rates["without"], 0.95),
        beside("the same, by the kernel's processor time", "requests/s", work["with"], work["without"]),
    ]


def _run(client: object, code: str) -> str:
    """Run a cell in the kernel; what it printed. RuntimeError where it failed."""
    printed: list[str] = []

    def hear(message: dict[str, dict[str, str]]) -> None:
        content = message["content"]
        if message["header"]["msg_type"] == "stream" and content["name"] == "stdout":
            printed.append(content["text"])
        elif message["header"]["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))

    client.execute_interactive(code, output_hook=hear, timeout=300)  # type: ignore[attr-defined]
    return "".join(printed)
