"""A report is one page that needs nothing but itself, and says in words whatever it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest

from harness.lab.comparison import panels
from harness.lab.rows import COLUMNS
from harness.record.choice import WORLD
from harness.record.state import Failure
from harness.record.status import RunStatus
from harness.views.plots import svg
from harness.views.report import Report, RunPart, SweepPart, make_report
from harness.views.report.choices import choices, sweep_headline
from tests.views.plots.samples import FIRST, LIMIT, SECOND, frame, sweep
from tests.views.samples import COMPLETE

ABOUT: dict[str, Any] = {
    "config": {"workers": 10, "limit": "500/20s+2000/100s", "items": 1000, "detail": True, "url": None},
    "versions": {"harness": "0.1.0", "python": "3.11.7"},
    "created": "2026-11-23T15:52:04Z",
    "host": "host",
    "seed": 7,
    "simulated": True,
}
RUN = RunPart(COMPLETE, ABOUT, frame(FIRST))
SWEEP = SweepPart("demo", sweep(), {"versions": {"harness": "0.1.0"}, "repeat": 3})


class Outline(HTMLParser):
    """Tags with their attributes, and the text between them; what is not closed properly is an error."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += " " + " ".join(data.split())


@pytest.fixture(scope="module")
def whole() -> Report:
    other = replace(RUN, summary=replace(COMPLETE, run="other"), events=frame(FIRST, SECOND))
    return make_report([RUN, other], [SWEEP], made="now", version="0.1.0")


def test_it_is_whole_and_loads_nothing(whole: Report) -> None:
    """Every tag is closed; no script, no address of anything, and a policy that would refuse both."""
    page = Outline(whole.html)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.tags}
    addresses = [attrs[name] or "" for _, attrs in page.tags for name in ("src", "href", "xlink:href") if name in attrs]
    assert addresses
    assert all(address.startswith("#") for address in addresses)
    assert "url(http" not in whole.html
    policies = [attrs.get("content") for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_every_figure_has_its_words_and_its_table(whole: Report) -> None:
    """An image by role, with an alternative text and a table of its data that can be reached by keyboard."""
    page = Outline(whole.html)
    images = [attrs for _, attrs in page.tags if attrs.get("role") == "img"]
    tables = [attrs for _, attrs in page.tags if (attrs.get("aria-label") or "").startswith("Data of the figure")]
    assert len(images) == len(tables) == len(whole.pictures) == 4 + 1 + 3 + 3
    assert all(len(image["aria-label"] or "") > 30 for image in images)
    assert all(table.get("tabindex") == "0" for table in tables)
    assert all(picture.table.rows for picture in whole.pictures)
    assert len({picture.name for picture in whole.pictures}) == len(whole.pictures)


def test_what_was_run_and_in_which_versions(whole: Report) -> None:
    """Settings, versions and seed of the run; what the sweep varied and what not."""
    text = Outline(whole.html).text
    for words in ("simulated, in virtual time", "500/20s+2000/100s", "3.11.7", "seed 7", "lognormal:80ms"):
        assert words in text
    assert "36 runs of 12 combinations of settings" in text
    assert "1 run did not complete and count in no mean" in text
    assert "it broke" in text


def headings(section: str) -> list[str]:
    return [
        re.sub(r"<[^>]+>", "", found).strip()
        for found in re.findall(r"<(?:h3|summary)[^>]*>(.*?)</(?:h3|summary)>", section, re.DOTALL)
    ]


def test_the_report_of_a_run_tells_its_story_in_order() -> None:
    """What, how long, what held it up, what failed, the limits; then what is folded. The figures stand where they
    belong.
    """
    page = make_report([RUN], [], made="now", version="1").html
    (html,) = re.findall(r"<section.*?</section>", page, re.DOTALL)
    story = [
        "What was imported",
        "How long it took, beside the best possible",
        "What held it up",
        "What failed",
        "How much of each limit was used",
        "With which settings",
        "In which versions",
        "Reference efficiency, and where it misleads",
    ]
    assert [title for title in headings(html) if title in story] == story
    held_up = html.split("<h3>What held it up")[1].split("<h3>")[0]
    assert held_up.count("<figure") == html.count("<figure") == 3


def test_the_answer_comes_first() -> None:
    """What to choose, and why: what more would gain, what fewer workers would lose, and which settings are refused."""
    assert sweep_headline(SWEEP) == (
        "Choose window with 100 workers, limit 4/10s: 12.0 s, 83.7 % of best possible, no 429s. No setting is faster."
        " 10 workers would take 9.0 s longer. 6 settings had 429s, 100.0 per 1,000 at most."
    )


def test_the_faster_that_is_refused_is_named_too() -> None:
    """If a strategy is faster and refused, both are told."""
    runs = sweep()
    runs.loc[runs.pacing == "retry-after", "duration_s"] -= 8
    said = sweep_headline(SweepPart("demo", runs))
    assert said.startswith("Choose retry-after with 100 workers, limit 4/10s: 9.0 s")
    assert "Without 429s: window with 100 workers, limit 4/10s, 3.0 s longer." in said


def test_settings_within_the_noise_are_named_as_a_tie() -> None:
    """12 s with 100 workers and 12.2 s with 50, give or take 2.5 s: neither is called faster."""
    runs = sweep()[lambda runs: (runs.pacing == "window") & (runs.limit == LIMIT) & (runs.workers == 100)]
    few = runs.assign(workers=50, duration_s=runs.duration_s + 0.05)
    slower = runs.assign(workers=50, duration_s=runs.duration_s + 0.2)
    said = sweep_headline(SweepPart("demo", pd.concat([runs, few])))
    assert said.startswith("Choose window with 50 workers: 12.1 s")
    assert "No setting is faster beyond the noise (window with 100 workers: 50 ms less)." in said
    (choice,) = choices(SweepPart("demo", pd.concat([runs, slower])))
    assert list(choice.table["verdict"]) == ["choose", "as fast"]


def test_only_like_is_compared_with_like() -> None:
    """Two amounts of work: two choices, and the shorter one is not called the faster setting."""
    more = sweep().assign(items=200, duration_s=sweep().duration_s * 2, server_limit="7/10s")
    found = choices(SweepPart("demo", pd.concat([sweep(), more])))
    assert [choice.world for choice in found] == [
        "Items 100, server's limit 5/10s: ",
        "Items 200, server's limit 7/10s: ",
    ]
    assert [choice.table["mean"].min() for choice in found] == [12.0, 24.0]
    assert all("No setting is faster." in choice.sentence for choice in found)


def test_a_setting_of_which_a_run_failed_is_not_chosen() -> None:
    """The fastest did not always complete: the next is chosen, and the table says why."""
    runs = sweep()[lambda runs: (runs.pacing == "window") & (runs.limit == LIMIT)].reset_index(drop=True)
    runs.loc[runs.index[-1], ["status", "error", "duration_s", "optimality"]] = ["failed", "it broke", None, None]
    (choice,) = choices(SweepPart("demo", runs))
    assert "Choose window with 10 workers" in choice.sentence
    assert choice.table["verdict"].iloc[0] == "1 run did not complete"


def test_the_report_and_compare_choose_the_same() -> None:
    """`compare` and the report of a sweep rest on one rule."""
    frame = sweep().assign(simulated=True, refusals=None, workers_auto=False, server_optimality=None, run="")
    frame = frame.assign(server_bound_s=frame.bound_s, requests_page=1, requests_item=100)
    missing = {name: None for name in (*COLUMNS, *WORLD) if name not in frame}
    (panel,) = panels(frame.assign(**missing))
    (choice,) = choices(SweepPart("demo", sweep()))
    assert panel.best is not None
    chosen = choice.table.iloc[choice.chosen or 0]
    assert (panel.best.labels["pacing"], panel.best.labels["workers"]) == (chosen["pacing"], str(chosen["workers"]))
    assert panel.best.duration_s == chosen["mean"]


def test_figures_follow_the_page_into_the_dark_and_files_do_not(whole: Report) -> None:
    """In the page ink is a variable; in the SVG that is kept it is ink. Each is there for a page and for a phone."""
    drawings = re.findall(r"<svg .*?</svg>", whole.html, re.DOTALL)
    assert len(drawings) == 2 * len(whole.pictures)
    assert all("var(--ink, #1b1b1f)" in drawing for drawing in drawings)
    assert all(not re.search(r"(?<!--ink, )#1b1b1f", drawing) for drawing in drawings)
    assert all("var(" not in text for text in whole.svgs.values())


def test_the_same_parts_make_the_same_page() -> None:
    """Byte for byte: a report can be compared with an older one."""
    one, other = (make_report([RUN], [], made="now", version="1").html for _ in range(2))
    assert one == other


def test_what_a_server_or_a_file_says_is_text_and_never_markup() -> None:
    """Names, settings, reasons and errors with tags in them come out as they are written."""
    evil = "<script>alert(1)</script>"
    failures = [Failure("item", evil, 1, 0.0, 500, evil, evil, None)]
    summary = replace(COMPLETE, run=evil, strategy=evil)
    run = RunPart(summary, {**ABOUT, "config": {"url": evil}, "host": evil}, frame(FIRST), failures)
    runs = sweep().assign(pacing=evil, latency=evil, error=evil)
    html = make_report([run], [SweepPart(evil, runs, {"host": evil})], made=evil, version=evil).html
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 10
    assert Outline(html).open == []


def test_an_unfinished_run_and_an_empty_sweep_are_told_as_such() -> None:
    """No bound, no answers, no rows: a page all the same."""
    bare = replace(
        COMPLETE,
        status=RunStatus.INTERRUPTED,
        bound_s=None,
        optimality=None,
        reference_efficiency=None,
        lost_to=None,
        total=None,
    )
    nothing = RunPart(bare, {}, frame([FIRST[0]]))
    page = Outline(make_report([nothing], [SweepPart("none", sweep().iloc[:0])], made="now", version="1").html)
    assert "No run has ended, so there is nothing to compare." in page.text
    assert "interrupted: 1,000 imported, 0 failed" in page.text


def test_failures_are_listed_up_to_twenty() -> None:
    """With what, how often, status and why; the rest is counted."""
    failures = [Failure("item", at, 5, 0.0, 503, "server error", "busy", None) for at in range(30)]
    page = Outline(make_report([replace(RUN, failures=failures)], [], made="now", version="1").html)
    assert "What failed, the first 20 of 30" in page.text
    assert page.text.count("server error: busy") == 20


def test_pictures_hold_what_their_files_hold(whole: Report) -> None:
    """The SVG that is written is the figure's own."""
    picture = whole.pictures[-1]
    assert svg(picture.figure, picture.name) == whole.svgs[picture.name]
