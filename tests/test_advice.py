"""What is advised after a list that was not understood: nobody loses records by typing it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import pytest
import trio

from harness.cli.decide import _advice, _command
from harness.cli.ended import next_commands
from harness.cli.failed import _ways_out, forget_command
from harness.config import ImportConfig
from harness.errors import BadInput
from harness.record.events import Role
from harness.record.run import Run
from harness.record.state import Failure
from harness.record.status import RunStatus
from harness.session.checking import Checked
from harness.views.checked import check_text
from harness.views.screen import Screen
from tests.core.lists import URL, Answers, Reply, importing, numbered, records
from tests.core.test_listing import SIXTY, ignoring
from tests.faults.imports import answering, http, imported
from tests.session.test_shapes import checked, imported as imported_in_process, saved


def advised(answers: Answers, **about: Any) -> list[str]:
    """The next commands after an import of a list that failed. about: what else its run.json holds."""
    done = importing(answers).done
    assert done is not None
    assert done.status == "failed"
    run = SimpleNamespace(about={"reason": done.reason, **about})
    return next_commands(cast("Run", run), RunStatus.FAILED, Path("results"))


@pytest.mark.parametrize(
    "about", [{"nextPageToken": "t"}, {"has_more": True}, {"next": "?page=1"}, {"count": 3, "cursor": "x"}]
)
def test_a_list_that_goes_on_is_not_to_be_accepted(about: dict[str, Any]) -> None:
    """A1, A2: --accept-list would leave out the rest: the reason says so, and no next command has it."""
    answers = ignoring({"data": records(1, 2, 3), **about})
    assert advised(answers) == ["show {run}"]
    asked = {"url": "https://a.test/b?c={page}", "token_env": ["A", "B"], "preset": "drf"}
    checks = "check --preset drf --url 'https://a.test/b?c={{page}}' --token-env A --token-env B"
    assert advised(answers, config=asked) == [checks, "show {run}"]
    done = importing(answers).done
    assert done is not None
    assert done.reason.endswith("--accept-list takes what was read as all there is")


def test_a_list_that_is_not_what_it_declares_is_looked_at_first() -> None:
    """A9: resuming alone reads the same."""
    assert advised(numbered(SIXTY, lambda _: {"total": 75})) == ["show {run}", "resume {run} --accept-list"]


def test_a_page_that_failed_may_pass_on_resume() -> None:
    """A4, A11: a guessed page that answered 500 or 400 may be asked again; accepting the end comes second."""
    answers = numbered(SIXTY, None, Reply("{}", 400))
    assert advised(answers) == ["resume {run}", "resume {run} --accept-list"]


@pytest.mark.parametrize("about", [{"nextPageToken": "t"}, {"has_more": True}, {}])
def test_check_advises_no_import_that_would_leave_out_records(about: dict[str, Any]) -> None:
    """A1, A2, A3: the problem is said with what --accept-list would do; who typed it is taken at their word."""
    answers = ignoring({"data": records(1, 2, 3), **about})
    found, accepting = checked(answers), checked(answers, accept_list=True)
    assert found is not None
    assert accepting is not None
    assert _command(ImportConfig(url=URL), found) == ""
    assert _command(ImportConfig(url=URL, accept_list=True), accepting).startswith(f"import --url {URL} --accept-list")
    text = check_text(found, Screen(), program="python -m harness", command="")
    assert "--accept-list" in text
    assert "  next " not in text


def test_check_advises_an_import_that_works(tmp_path: Path) -> None:
    """Without a problem the next commands are there, without the flag; the file that the first saves is imported."""
    answers = numbered(SIXTY, lambda _: {"total": 60, "last_page": 3})
    found = checked(answers)
    assert isinstance(found, Checked)
    told = _advice(ImportConfig(url=URL), found, None)
    assert told == {"save": f"check --url {URL} --save items.toml", "command": "import --config items.toml"}
    assert check_text(found, Screen(), program="python -m harness", **told).splitlines()[-2:] == [
        f"Save it:    python -m harness check --url {URL} --save items.toml",
        "Import it:  python -m harness import --config items.toml",
    ]
    run = imported_in_process(answers, tmp_path, saved(found, tmp_path))
    assert (run.status, run.state().imported) == ("complete", 60)


def test_check_says_each_line_of_the_guess_with_its_evidence() -> None:
    """As UX.md has it: records, id, paging, end, items, limits; then the ways to import it."""
    found = checked(numbered(SIXTY, lambda _: {"total": 60, "last_page": 3}))
    assert isinstance(found, Checked)
    assert check_text(found, Screen(), program="python -m harness").splitlines() == [
        "✓ can be imported  (5 requests: 200 200 200 200 200)",
        "  list       20 items on the first page of 60 in 3 pages",
        "  records    data              20 a page                 (the only array of objects)",
        "  id         id                                          (unique on 2 pages)",
        "  paging     pages             page numbers -> page      (last_page; page 2 has other records than page 1)",
        "  end        last_page pages, as it is told; not reached by this check",
        f"  items      {URL}/{{id}}  (assumed: below the list)",
        "             3 fields each, 2 of them not in the list",
        "  latency    0 s, 0 s, 0 s, 0 s, 0 s",
        "  limits     No rate-limit headers found. Pass --limit if you know the limits; otherwise they will be learned",
    ]


@pytest.mark.parametrize(
    ("kinds", "ways"),
    [
        (("list",), ["resume"]),
        (("item",), ["failed retry", "failed forget"]),
        (("item", "list"), ["failed retry", "failed forget"]),
    ],
)
def test_pages_that_failed_are_not_to_be_forgotten(kinds: tuple[Role, ...], ways: list[str]) -> None:
    """A10: resume reads a page again; only items can be given up."""
    failures = [Failure(role, 7, 1, 0.0, 403, "status 403", "Forbidden", None) for role in kinds]
    assert _ways_out(cast("Run", SimpleNamespace(about={})), failures) == ways


def test_forget_says_that_pages_cannot_be_forgotten(tmp_path: Path) -> None:
    """A10: a run of which only the page past the end failed: a sentence and exit 2, not `no failure matches`."""

    def answer(path: str) -> Any:
        number = int(dict(parse_qsl(urlsplit(path).query))["page"])
        return records(1, 2, 3) if number == 1 else http({}, "405 Method Not Allowed")

    async def play() -> None:
        async with answering(answer) as heard:
            await imported(tmp_path, f"{heard.url}/items", detail=False)

    trio.run(play)
    with pytest.raises(BadInput, match=r"pages? .*failed, and pages cannot be forgotten; resume continues the list"):
        forget_command("r", (), None, (), tmp_path / "results")
