"""The scripts of the continuous integration: which interpreters they find, and which they leave out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
MINOR = sys.version_info.minor


def fake(path: Path, minor: int | None) -> Path:
    """An interpreter of that minor version as far as the script asks; None: one that cannot run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {minor} {path}\n" if minor is not None else "#!/bin/sh\nexit 127\n")
    path.chmod(0o755)
    return path


def found(folder: Path) -> tuple[list[str], str]:
    """(what the script names, what it says of others), with only the interpreters that lie below `folder`."""
    made = subprocess.run(
        [ROOT / ".ci" / "interpreters", sys.executable],
        env={"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "PYENV_ROOT": str(folder / "pyenv"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    ours = [line for line in made.stdout.splitlines() if str(folder) in line]
    return ours, made.stderr


def test_the_newer_ones_are_found_once_each(tmp_path: Path) -> None:
    """In PATH and among pyenv's versions; one as old or older is left out, and so is a second of the same version."""
    newer = MINOR + 50  # so that no real one on this machine is in its way
    first = fake(tmp_path / "bin" / f"python3.{newer}", newer)
    fake(tmp_path / "pyenv" / "versions" / f"3.{newer}.1" / "bin" / "python", newer)
    second = fake(tmp_path / "pyenv" / "versions" / f"3.{newer + 1}.0" / "bin" / "python", newer + 1)
    fake(tmp_path / "bin" / "python3.6", 6)
    fake(tmp_path / "pyenv" / "versions" / f"3.{MINOR}.9" / "bin" / "python", MINOR)
    assert found(tmp_path)[0] == [f"3.{newer} {first}", f"3.{newer + 1} {second}"]


def test_one_that_cannot_run_is_said_and_left_out(tmp_path: Path) -> None:
    """A pyenv shim of a version that is not chosen: the version itself is then found in pyenv's folder."""
    newer = MINOR + 50
    shim = fake(tmp_path / "bin" / f"python3.{newer}", None)
    real = fake(tmp_path / "pyenv" / "versions" / f"3.{newer}.0" / "bin" / "python", newer)
    named, said = found(tmp_path)
    assert named == [f"3.{newer} {real}"]
    assert f"{shim} cannot run: skipped\n" in said


def test_none_is_no_failure(tmp_path: Path) -> None:
    """A machine with one Python has nothing more to test with."""
    assert found(tmp_path)[0] == []


def test_a_named_interpreter_is_used_or_refused(tmp_path: Path) -> None:
    """make PYTHON=… takes no other in its place: one that is too old ends it in a sentence, before anything is made."""
    old = fake(tmp_path / "py thon", None)
    made = subprocess.run(
        ["make", f"{tmp_path}/venv/bin/python", f"VENV={tmp_path}/venv", f"PYTHON={old}"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode != 0
    assert made.stdout == (
        f"{old} cannot be used: it must be Python 3.11 or newer with the venv module "
        "(Debian: apt install python3-venv).\n"
    )
    assert not (tmp_path / "venv").exists()


def test_no_property_test_is_judged_by_the_clock() -> None:
    """Hypothesis's own deadline is off, for all who do not set another: a busy machine is not a fault."""
    from hypothesis import HealthCheck, settings

    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check
