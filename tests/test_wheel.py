"""The built wheel, installed alone into an empty environment, in a folder that holds a `server.py` of the user's own.

Packages come from where pip and uv are told to take them, at the versions of constraints.txt.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness_test_api import ServerConfig, running_in_thread

from harness.installation import version

pytestmark = pytest.mark.realtime

ROOT = Path(__file__).parent.parent
UV = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and nothing but what it asks for, and a folder to work in."""

    environment: Path
    folder: Path

    def run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, as somebody who has not activated it."""
        return subprocess.run(
            [self.environment / "bin" / program, *words],
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def harness(self, *words: str) -> str:
        """Run a command that is to end well; return what it printed."""
        made = self.run("rate-limit-harness", *words)
        assert made.returncode == 0, made.stderr
        return made.stdout

    def python(self, code: str) -> str:
        made = self.run("python", "-c", code)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return installed(str(wheel), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def with_server(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return installed(f"{wheel}[server]", tmp_path_factory.mktemp("server"))


def installed(what: str, at: Path) -> Installed:
    uv("venv", "--quiet", "--python", sys.executable, str(at / "env"))
    python = str(at / "env" / "bin" / "python")
    uv("pip", "install", "--quiet", "--python", python, "--constraint", str(ROOT / "constraints.txt"), what)
    (folder := at / "work").mkdir()
    (folder / "server.py").write_text("raise SystemExit('the server.py of somebody else was imported')\n")
    return Installed(at / "env", folder)


def uv(*words: str) -> None:
    """Run uv with its own settings, but without the environment that these tests run in."""
    environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    made = subprocess.run([UV, *words], env=environ, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr


# --- alone ----------------------------------------------------------------------------------------------------------


def test_every_file_of_the_packages_is_in_it(plain: Installed) -> None:
    """Scenarios, templates, scripts, styles and py.typed too: each file of the checkout."""
    site = Path(plain.python("import harness, pathlib; print(pathlib.Path(harness.__file__).parent.parent)"))
    assert plain.environment in site.parents
    for package, source in (("harness", ROOT / "harness"), ("harness_test_api", ROOT / "server" / "harness_test_api")):
        there = {path.relative_to(site / package) for path in files(site / package)}
        assert there == {path.relative_to(source) for path in files(source)}
        assert Path("py.typed") in there


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_it_says_its_version_by_every_name(plain: Installed) -> None:
    """The script, the module and the package."""
    said = f"rate-limit-harness {version()}\n"
    assert plain.harness("--version") == said
    assert plain.run("python", "-m", "harness", "--version").stdout == said
    assert plain.python("import harness; print(harness.__version__)") == version()


def test_no_web_server_comes_along(plain: Installed) -> None:
    """Nor pandas, matplotlib or Jupyter: those are extras."""
    extras = ["quart", "quart_trio", "quart_schema", "hypercorn", "pandas", "matplotlib", "jupyterlab"]
    code = f"from importlib.util import find_spec; print([name for name in {extras} if find_spec(name)])"
    assert plain.python(code) == "[]"


def test_the_test_api_decides_without_a_web_server(plain: Installed) -> None:
    """A run and a sweep in virtual time; what to type next is what was typed."""
    said = plain.harness("simulate", "--items", "30", "--limit", "20/s", "--workers", "3", "--run", "small")
    script = plain.environment / "bin" / "rate-limit-harness"
    assert "✓ complete" in said
    assert f"{script} show small" in said
    swept = plain.run("rate-limit-harness", "sweep", "--items", "30", "--limit", "20/s", "--grid", "workers=1,3")
    assert (swept.returncode, "2 of 2 runs done" in swept.stderr) == (0, True)
    assert "not compared: this needs pandas, which is not installed; run: pip install" in swept.stderr
    assert f"{script} compare sweep-" in swept.stdout
    assert "complete" in plain.harness("simulate", "--scenario", "laravel", "--items", "30")


def test_it_imports_from_a_url(plain: Installed) -> None:
    """From a test API that somebody else serves; the run is shown and exported."""
    with running_in_thread(ServerConfig(items=30, limit="none")) as api:
        said = plain.harness("import", "--url", api.url, "--limit", "50/s", "--run", "real", "--json")
    assert (json.loads(said)["status"], json.loads(said)["imported"]) == ("complete", 30)
    assert "✓ complete" in plain.harness("show", "real")
    code = "import harness; print(harness.open_run('real').items().num_rows)"
    assert plain.python(code) == "30"


def test_it_knows_the_presets(plain: Installed) -> None:
    """They are data of the package: listed, shown, and used."""
    listed = plain.harness("presets")
    for name in ("github", "stripe", "zendesk"):
        assert f"\n  {name} " in listed
        assert 'about = "' in plain.harness("presets", name)
    code = "import harness; print(harness.ImportConfig(preset='github', url='https://x.test/y').source.declared().name)"
    assert plain.python(code) == "github"


@pytest.mark.parametrize(
    "words",
    [
        ("import",),
        ("import", "--dry-run"),
        ("check",),
        ("server", "--port", "0"),
        ("sweep", "--live", "--grid", "workers=1"),
    ],
)
def test_what_needs_the_server_says_which_extra(plain: Installed, words: tuple[str, ...]) -> None:
    """One sentence and exit 2, before anything is made."""
    before = sorted(path.name for path in plain.folder.rglob("*"))
    made = plain.run("rate-limit-harness", *words)
    assert (made.returncode, made.stdout) == (2, "")
    assert made.stderr.startswith("harness: the test API needs a web server, and hypercorn is not installed; ")
    assert "pip install 'rate-limit-harness[server]'" in made.stderr
    assert made.stderr.count("\n") == 1
    assert sorted(path.name for path in plain.folder.rglob("*")) == before


def test_a_report_says_which_extra(plain: Installed) -> None:
    """It needs pandas and matplotlib, which an importer does not."""
    plain.harness("simulate", "--items", "5", "--limit", "20/s", "--run", "reported")
    made = plain.run("rate-limit-harness", "report", "reported")
    assert made.returncode == 2
    assert "run: pip install 'rate-limit-harness[report]'" in made.stderr


# --- with its server ------------------------------------------------------------------------------------------------


def test_with_the_extra_it_serves_and_imports(with_server: Installed) -> None:
    """Without --url, beside the server.py of somebody else; by the script, by the module, and from Python."""
    said = with_server.harness("import", "--items", "20", "--limit", "50/s", "--json")
    assert (json.loads(said)["status"], json.loads(said)["imported"]) == ("complete", 20)
    made = with_server.run("python", "-P", "-m", "harness", "import", "--items", "5", "--limit", "50/s", "--quiet")
    assert (made.returncode, made.stderr) == (0, "")
    code = "import harness; print(harness.run(harness.ImportConfig(items=5, limit='50/s', run='py')).status)"
    assert with_server.python(code) == "complete"
