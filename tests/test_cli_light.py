"""What the command line loads: help, `--version` and typos next to nothing, and Parquet only where it is read.

Each command runs in a process of its own, which says at its end what it has imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from harness.cli.main import cli
from harness.config import SETTINGS, ImportConfig
from harness.flags import FLAGS, Flag
from harness.lab.experiment import simulate_run
from harness.record.control import Inbox
from harness.record.run import create_run

HEAVY = {"pydantic", "pyarrow", "httpx2", "quart", "trio", "numpy", "rich", "pandas", "matplotlib"}
PARQUET = {"pyarrow", "numpy", "pandas"}

_RUN = """
import atexit, json, os, sys
atexit.register(lambda: open("loaded.json", "w").write(json.dumps(sorted(sys.modules))))
from harness.cli import main
main(sys.argv[1:])
"""


def modules_of(folder: Path, *args: str) -> tuple[int, str, set[str]]:
    """(exit code, what it printed, modules loaded at its end) of a command run in `folder`."""
    made = subprocess.run(
        [sys.executable, "-c", _RUN, *args],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return made.returncode, made.stdout, set(json.loads((folder / "loaded.json").read_text()))


def _commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if name != "server":  # becomes the test API's own command line: see below
            yield (*before, name)
        if isinstance(command, click.Group):
            yield from _commands(command, *before, name)


_HELP_AND_TYPOS = """
import contextlib, io, json, sys
from harness.cli import main
codes = []
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main(line)
        except SystemExit as ended:
            codes.append([" ".join(line), ended.code, sorted({name.split(".")[0] for name in sys.modules})])
print(json.dumps(codes))
"""


def test_help_version_and_typos_load_nothing_heavy(tmp_path: Path) -> None:
    """Of every command, also of those within `failed`: one process asks for all, so that none may load anything."""
    everything = list(_commands(cli))
    assert len(everything) > 20
    lines = [
        [], ["--help"], ["-h"], ["--version"], ["imprt"], ["failed", "lst", "a", "b"], ["import", "--itms", "5"],
        ["import", "--workers"], ["prune", "--keep", "x"], ["show", "--results"], ["explain"], ["import", "a b"],
        *([*command, "--help"] for command in everything),
        *([*command, "--no-such-flag"] for command in everything),
    ]  # fmt: skip
    made = subprocess.run(
        [sys.executable, "-c", _HELP_AND_TYPOS, json.dumps(lines)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    answered = json.loads(made.stdout)
    assert [line for line, _, _ in answered] == [" ".join(line) for line in lines]
    for line, code, loaded in answered:
        assert code == (0 if line.endswith(("-h", "--help", "--version")) else 2), line
        assert not HEAVY & set(loaded), line


@pytest.mark.realtime
@pytest.mark.parametrize("args", [("--help",), ("--version",), ("server", "--help"), ("server", "--prot", "1")])
def test_the_whole_process_loads_nothing_heavy(args: tuple[str, ...], tmp_path: Path) -> None:
    """As typed, `python -m harness`, from the first module on; `server` goes on as the test API's command line."""
    made = subprocess.run(
        [sys.executable, "-m", "harness", *args],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in made.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert {"harness", "click"} <= loaded
    assert not HEAVY & loaded
    assert made.returncode == (2 if "--prot" in args else 0)


@pytest.mark.realtime
def test_version_is_the_packages(tmp_path: Path) -> None:
    """`--version` says the name under which it is installed, and the version."""
    from importlib.metadata import version

    code, said, _ = modules_of(tmp_path, "--version")
    assert (code, said) == (0, f"rate-limit-harness {version('rate-limit-harness')}\n")


# --- commands that read only JSON ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that is complete, and so has its summary."""
    folder = tmp_path_factory.mktemp("light")
    outcome = simulate_run(ImportConfig(items=5, run="done", limit="50/s"), results=folder / "results")
    assert outcome.summary.status == "complete"
    return folder


@pytest.mark.realtime
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("runs",), "✓ done"),
        (("watch", "done"), "✓ complete"),
        (("prune", "--keep", "1"), "nothing to remove"),
        (("prune", "--keep", "0"), "refusing to delete 1 run ("),
        (("pause", "done"), "run done is not running (complete)"),
        (("set", "nope", "--workers", "3"), "no run named 'nope' in results"),
    ],
)
def test_what_reads_json_loads_no_parquet(args: tuple[str, ...], said: str, ended: Path) -> None:
    """The table of runs, the summary of one that has ended, and what is refused."""
    _, out, loaded = modules_of(ended, *args)
    assert said in out
    assert not PARQUET & loaded


@pytest.mark.realtime
@pytest.mark.parametrize("args", [("pause",), ("stop",), ("set", "--workers", "3"), ("set", "--limit", "5/s")])
def test_a_word_to_a_running_import_loads_no_parquet(args: tuple[str, ...], tmp_path: Path) -> None:
    """Asked and answered through JSON in the run's folder; this thread stands for the session that imports."""
    run = create_run(tmp_path / "results", "r", {"config": {}}, 0.0)
    over = threading.Event()
    heard = []

    def session() -> None:
        while not over.wait(0.01):
            for request in inbox.commands():
                heard.append(request.command)
                inbox.answer(request.path)

    with run.locked():
        inbox = Inbox(run.folder, 1)
        listening = threading.Thread(target=session)
        listening.start()
        try:
            code, out, loaded = modules_of(tmp_path, *args)
        finally:
            over.set()
            listening.join()
    assert (code, heard) == (0, [args[0]]), out
    assert not PARQUET & loaded


# --- one source of flags --------------------------------------------------------------------------------------------


def test_every_setting_is_a_flag_and_every_flag_a_setting() -> None:
    """The same names in the same order, and the config's defaults and texts are the table's own."""
    assert list(FLAGS) == list(SETTINGS)
    for name, field in SETTINGS.items():
        flag = FLAGS[name]
        assert (field.default, field.description) == (flag.default, flag.said_in_python or flag.help)
        assert field.alias == (flag.alias or (name if flag.field != name else None))


def test_the_help_names_what_the_config_reads() -> None:
    """A switch is a bool and nothing else is; N is read as a whole number, TIME as seconds or a moment."""
    texts = {"N": "1", "TIME": "30s", "SHARE": "80%", "SIZE": "32MB", "FOLDER": "results"}
    for name, flag in FLAGS.items():
        assert flag.is_switch == (SETTINGS[name].annotation in (bool, bool | None)), name
        if flag.takes in texts:
            text = "06:00" if name == "until" else texts[flag.takes]
            value = ImportConfig(**{name: text})[name]
            expected = {"N": 1, "TIME": 30.0, "SHARE": 0.8, "SIZE": 32_000_000, "FOLDER": Path("results")}[flag.takes]
            assert value == (text if name == "until" else expected), name


def test_what_may_be_repeated_is_read_as_several() -> None:
    """`many` in the table and a field that takes a list are the same settings."""
    several = {"limit": ["5/s", "9/m"], "server_limit": ["5/s", "9/m"], "cost": ["list=1", "item=2"]}
    several |= {"header": ["A: b", "C: d"], "allow_host": ["a.example", "b.example"]}
    several |= {"refused_when": ["403", "400:rate limit"], "fail_when": ["200:error", "ok=false"]}
    several |= {"param": ["a=1", "b=2"], "id": ["a", "b"], "end": ["400", "404"], "token_env": ["A", "B"]}
    assert {name for name, flag in FLAGS.items() if flag.many} == set(several)
    for name, texts in several.items():
        assert len(ImportConfig(**{name: texts})[name]) == 2


@pytest.mark.parametrize(
    ("flag", "typed", "text"),
    [
        (Flag("per_page", "items a page", "N", default=100), "--per-page", "items a page [default 100]"),
        (Flag("detail", "no details", None, default=True), "--no-detail", "no details"),
        (Flag("detail", "no details", None, negative=True), "--no-detail", "no details"),
        (Flag("fresh", "anew", None, default=False), "--fresh", "anew"),
        (Flag("as_json", "as JSON", None, default=False, alias="json"), "--json", "as JSON"),
        (Flag("timeout", "how long", "TIME", default=30.0), "--timeout", "how long [default 30s]"),
        (Flag("retry_delays", "waits", default=(30.0, 0.5)), "--retry-delays", "waits [default 30,0.5]"),
        (Flag("share", "part [all]", "SHARE", default=1.0), "--share", "part [all]"),
        (Flag("breaker", "in a row", "N", default=0), "--breaker", "in a row [default 0]"),
        (Flag("header", "sent", default=(), many=True), "--header", "sent"),
    ],
)
def test_a_row_of_the_table(flag: Flag, typed: str, text: str) -> None:
    """The flag as typed, and its help with the default where the help does not say it itself."""
    assert (flag.flag, flag.help_text) == (typed, text)
