"""What a program that uses the package meets first: how an import is started, what is refused, what help says."""

from __future__ import annotations

import asyncio
import inspect
import os
import pydoc
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from harness_test_api import Api, ServerConfig, running_in_thread

import harness
from harness import ImportConfig, paths
from harness.flags import FLAGS
from harness.installation import version
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parent.parent


@pytest.fixture
def api() -> Iterator[Api]:
    with running_in_thread(ServerConfig(items=12, limit="none")) as served:
        yield served


def config(api: Api, folder: Path, **settings: object) -> ImportConfig:
    return ImportConfig(url=api.url, limit="100/s", results=folder / "results", run="r", **settings)  # type: ignore[arg-type]


# --- plain Python ---------------------------------------------------------------------------------------------------


@pytest.mark.realtime
def test_a_run_from_plain_python(api: Api, tmp_path: Path) -> None:
    """One call, without any event loop, answers the run."""
    seen: list[str] = []
    run = harness.run(config(api, tmp_path), on_start=lambda session, url: seen.append(url))
    assert (run.status, run.items().num_rows, seen) == ("complete", 12, [api.url])


@pytest.mark.realtime
def test_its_errors_are_those_of_an_import(api: Api, tmp_path: Path) -> None:
    """A name that is taken is BadInput, not a group of errors."""
    harness.run(config(api, tmp_path))
    with pytest.raises(harness.BadInput, match="the run r exists in"):
        harness.run(config(api, tmp_path))


def test_within_a_loop_it_says_what_to_await(tmp_path: Path) -> None:
    """Under trio and under asyncio, as in a notebook; and each of the others where its own loop is not."""
    wanted = ImportConfig(results=tmp_path / "results")

    async def sync() -> None:
        harness.run(wanted)

    async def guest() -> None:
        await harness.run_asyncio(wanted)

    with pytest.raises(harness.BadInput, match=r"already runs here; write: await harness\.run_import\(config\)$"):
        trio.run(sync)
    with pytest.raises(harness.BadInput, match=r"notebook; write: await harness\.run_asyncio\(config\)$"):
        asyncio.run(sync())
    with pytest.raises(harness.BadInput, match=r"under trio write: await harness\.run_import\(config\)$"):
        trio.run(guest)
    assert not (tmp_path / "results").exists()


# --- asyncio --------------------------------------------------------------------------------------------------------


@pytest.mark.realtime
def test_a_run_from_asyncio_beside_other_tasks(api: Api, tmp_path: Path) -> None:
    """The loop goes on: a task of its own runs between two answers."""

    async def main() -> tuple[str, int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        run = await harness.run_asyncio(config(api, tmp_path))
        ticking.cancel()
        return run.status, ticks

    status, ticks = asyncio.run(main())
    assert status == "complete"
    assert ticks > 12


@pytest.mark.realtime
def test_two_runs_one_after_the_other_in_one_loop(api: Api, tmp_path: Path) -> None:
    """As two cells of a notebook."""

    async def main() -> list[str]:
        first = await harness.run_asyncio(config(api, tmp_path / "a"))
        second = await harness.run_asyncio(config(api, tmp_path / "b"))
        return [first.status, second.status]

    assert asyncio.run(main()) == ["complete", "complete"]


@pytest.mark.realtime
def test_its_errors_come_through_asyncio(api: Api, tmp_path: Path) -> None:
    """As they would be raised by `run`; the loop is as good as before."""

    async def main() -> int:
        await harness.run_asyncio(config(api, tmp_path))
        with pytest.raises(harness.BadInput, match="the run r exists in"):
            await harness.run_asyncio(config(api, tmp_path))
        return await asyncio.sleep(0, 7)

    assert asyncio.run(main()) == 7


@pytest.mark.realtime
def test_cancelled_by_asyncio_it_ends_and_can_be_resumed(tmp_path: Path) -> None:
    """The cancellation waits until the import has put away what it has; a resume imports the rest."""
    with running_in_thread(ServerConfig(items=12, limit="none", latency="20ms")) as api:

        async def main() -> None:
            begun = asyncio.Event()
            wanted = config(api, tmp_path, workers=1)
            task = asyncio.create_task(
                harness.run_asyncio(wanted, on_update=lambda state, *_: begun.set() if state.answered else None)
            )
            async with asyncio.timeout(PATIENCE_S):
                await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert harness.open_run("r", tmp_path / "results").writer_pid is None

        asyncio.run(main())
        run = harness.run(config(api, tmp_path, resume=True))
    assert (run.status, run.items().num_rows) == ("complete", 12)


@pytest.mark.realtime
def test_cancelled_before_it_begins(api: Api, tmp_path: Path) -> None:
    """Nothing is asked; what is left can be gone on with."""

    async def main() -> None:
        task = asyncio.create_task(harness.run_asyncio(config(api, tmp_path)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert api.ledger()["admitted"] == 0
    again = config(api, tmp_path, resume=(tmp_path / "results" / "r").exists())
    assert harness.run(again).status == "complete"


_INTERRUPTED = """
import asyncio, sys
import harness

async def main(url):
    config = harness.ImportConfig(url=url, limit="5/s", workers=1, run="r")
    await harness.run_asyncio(config, on_start=lambda *_: print("began", flush=True))

def plain(url):
    config = harness.ImportConfig(url=url, limit="5/s", workers=1, run="r")
    harness.run(config, on_start=lambda *_: print("began", flush=True))

if sys.argv[1] == "asyncio":
    asyncio.run(main(sys.argv[2]))
else:
    plain(sys.argv[2])
"""


@pytest.mark.realtime
@pytest.mark.parametrize("how", ["asyncio", "plain"])
def test_ctrl_c_ends_it(how: str, api: Api, tmp_path: Path) -> None:
    """KeyboardInterrupt, in no group and after no other error; nobody holds what it has recorded."""
    # An interrupt can leave a coroutine that trio had made and not begun: Python then warns of it, after all else.
    words = [sys.executable, "-W", "ignore::RuntimeWarning", "-c", _INTERRUPTED, how, api.url]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        os.kill(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert said.rpartition("\n\n")[2].rstrip().endswith("\nKeyboardInterrupt")
    assert process.returncode == -signal.SIGINT
    found = [run for run in (tmp_path / "results").glob("*") if run.name == "r"]
    assert all(harness.open_run("r", tmp_path / "results").writer_pid is None for _ in found)


# --- what it says of itself -----------------------------------------------------------------------------------------


def test_one_version() -> None:
    """pyproject.toml's, in the package, and in a checkout that nobody has installed."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert harness.__version__ == version() == told


@pytest.mark.realtime
def test_a_checkout_that_is_not_installed_knows_its_version(tmp_path: Path) -> None:
    """Its packages alone, without what an installation writes about them."""
    for name in ("harness", "pyproject.toml"):
        (tmp_path / name).symlink_to(ROOT / name)
    code = "import sys; sys.path.insert(0, '.'); import harness.installation; print(harness.__version__)"
    made = subprocess.run([sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == version()


def test_everything_of_the_door_is_there() -> None:
    """Each name that the package exports, and none that is a module by accident."""
    for name in harness.__all__:
        assert not inspect.ismodule(getattr(harness, name)), name
    assert {"run", "run_asyncio", "run_import"} <= {*harness.__all__}


def test_both_packages_are_typed() -> None:
    """Type checkers read our annotations."""
    assert (ROOT / "harness" / "py.typed").exists()
    assert (ROOT / "server" / "harness_test_api" / "py.typed").exists()


def test_help_explains_every_setting() -> None:
    """`help(ImportConfig)` has the texts of the command line, with their defaults."""
    text = " ".join(pydoc.plain(pydoc.render_doc(ImportConfig)).replace("|", " ").split())
    for flag in FLAGS.values():
        assert " ".join(f"{flag.name}: {flag.said_in_python or flag.help_text}".split()) in text, flag.name


def test_a_setting_that_cannot_be_used_is_bad_input() -> None:
    """Of the package's own errors, and a ValueError as ever; without pydantic's, which holds what was typed."""
    with pytest.raises(harness.BadInput) as caught:
        ImportConfig(workers="ten")  # type: ignore[arg-type]
    assert str(caught.value) == "--workers must be a whole number or 'auto', not 'ten'"
    assert isinstance(caught.value, ValueError)
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)


# --- what is typed next ---------------------------------------------------------------------------------------------


def test_hints_say_what_was_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the module, by the script in PATH, by a script elsewhere, and below the current folder."""
    script = tmp_path / "bin" / "rate-limit-harness"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "harness" / "__main__.py")])
    assert paths.program() == "python -m harness"
    assert paths.program(".venv/bin/python") == ".venv/bin/python -m harness"
    monkeypatch.setattr(sys, "argv", [str(script), "import"])
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert paths.program() == str(script)
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin")
    assert paths.program() == "rate-limit-harness"
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    assert paths.program() == "bin/rate-limit-harness"


def test_what_to_install_is_said_for_this_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A checkout installs itself; a wheel is asked for by its name."""
    assert paths.installation("server") == "pip install -e '.[server]'"
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "harness" / "paths.py"))
    assert paths.installation("server") == "pip install 'rate-limit-harness[server]'"


def test_without_a_web_server_nothing_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An import without --url names the extra, before it makes anything."""
    monkeypatch.setattr("harness.installation.find_spec", lambda name: None if name.startswith("quart") else object())
    ask = r"^the test API needs a web server, and quart is not installed; run: pip install .*\[server\]', or name"
    with pytest.raises(harness.BadInput, match=ask):
        harness.run(ImportConfig(results=tmp_path / "results"))
    assert not (tmp_path / "results").exists()


async def _two() -> list[object]:
    configs = [ImportConfig(items=5, limit="50/1s", run=name, latency="1ms") for name in ("one", "two")]
    return list(await asyncio.gather(*map(harness.run_asyncio, configs), return_exceptions=True))


@pytest.mark.realtime
def test_a_second_import_in_one_loop_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence that says how to run both; the first is not disturbed."""
    monkeypatch.chdir(tmp_path)
    first, second = asyncio.run(_two())
    assert isinstance(first, harness.Run)
    assert first.status == "complete"
    assert isinstance(second, harness.BadInput)
    assert str(second).startswith("another import already runs in this thread; await that one first, or write: await ")


def test_settings_that_are_no_config_are_refused() -> None:
    """A dictionary is not taken for one."""
    with pytest.raises(harness.BadInput, match=r"^an import takes an ImportConfig, not a dict; write "):
        harness.run({"url": "https://api.test/x"})  # type: ignore[arg-type]
