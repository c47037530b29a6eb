"""compose.yaml and the Dockerfile as far as they can be checked without Docker: what they name exists."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from harness_test_api.cli import main as server_cli

from harness.cli.commands import SECTIONS
from harness.installation import version

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMMANDS = {command.name: command for section in SECTIONS.values() for command in section}
OURS = [name for name, service in SERVICES.items() if service["command"][0] == PROJECT["name"]]
DASK = [name for name, service in SERVICES.items() if service["command"][0] == "dask"]


def test_every_image_has_a_version() -> None:
    """Ours the one of this checkout: a tag that moves would bring another one tomorrow."""
    images = [service["image"] for service in SERVICES.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert all(re.fullmatch(r"[a-z/-]+:\d[\w.-]*", image) for image in images)
    assert {image for image in images if image.startswith(PROJECT["name"])} == {f"{PROJECT['name']}:{version()}"}


def test_ports_are_those_of_this_machine_alone() -> None:
    """Neither the store nor the scheduler asks for a password."""
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)
    assert not any("network_mode" in service for service in SERVICES.values())


@pytest.mark.parametrize("name", OURS)
def test_our_commands_and_their_flags_exist(name: str) -> None:
    """As they are typed in the command's own grammar."""
    _, command, *words = SERVICES[name]["command"]
    of = server_cli if command == "server" else COMMANDS[command]  # which hands its words on
    made: click.Context = of.make_context(command, [*words], resilient_parsing=False)
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= {
        option for parameter in made.command.params for option in parameter.opts
    }


@pytest.mark.parametrize("name", DASK)
def test_the_commands_of_dask_and_their_flags_exist(name: str) -> None:
    """In the version that the image is given."""
    _, command, *words = SERVICES[name]["command"]
    (found,) = [point for point in entry_points(group="dask_cli") if point.name == command]
    options = {option for parameter in found.load().params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options


def test_services_find_each_other() -> None:
    """By the names of services that exist, at the ports that these listen on."""
    named = re.findall(r"(?:dask|http|tcp|redis)://([a-z]+):(\d+)", (ROOT / "compose.yaml").read_text())
    assert named
    listen = {"scheduler": "8786", "valkey": "6379", "api": "8000"}
    assert all(listen[service] == port for service, port in named)
    for service in SERVICES.values():
        assert {*service.get("depends_on", ())} <= {*SERVICES}
        assert all("healthcheck" in SERVICES[needed] for needed in service.get("depends_on", ()))


def test_all_that_share_the_results_see_them_at_the_same_path() -> None:
    """The check of a cluster would refuse them else."""
    assert {str(SERVICES[name]["volumes"]) for name in (*OURS, *DASK)} == {"['./results:/data/results']"}
    assert all("--results=/data/results" in SERVICES[name]["command"] for name in OURS if name != "api")


def test_the_image_installs_extras_that_exist() -> None:
    """And files that are in the checkout."""
    (extras,) = re.findall(r'"/src\[(.*?)\]"', DOCKERFILE)
    assert {*extras.split(",")} <= {*PROJECT["optional-dependencies"]}
    assert "dask" in extras
    assert (ROOT / "constraints.txt").exists()
