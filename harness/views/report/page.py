"""The page: a template, filled with sections of plain values, with every figure drawn into it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from harness.views.plots import looks, svg
from harness.views.report.content import RunPart, SweepPart
from harness.views.report.pictures import Picture
from harness.views.report.sections import comparison_section, run_section, sweep_section

# What a page in the dark draws in other colours; only these colours are used for nothing else.
_EXCHANGED = {looks.INK: "ink", looks.MUTED: "muted", looks.GRID: "grid", looks.PAPER: "paper"}


# Of a coordinate in points: a hundredth is finer than any screen, and what follows is half of a page's size.
_TOO_FINE = re.compile(r"(\.\d\d)\d+")


@dataclass(frozen=True, slots=True)
class Report:
    """The page, and its pictures to be kept as files beside it. svgs: each as it was drawn for the page, by name."""

    html: str
    pictures: tuple[Picture, ...]
    svgs: Mapping[str, str]


def make_report(runs: Sequence[RunPart], sweeps: Sequence[SweepPart], *, made: str, version: str) -> Report:
    """Return a page about `sweeps` and `runs`. made: when, in words. version: of the harness that makes it.

    What was read from files and servers is text in it, never markup; it loads nothing and runs no script.
    """
    sections = [sweep_section(at, part) for at, part in enumerate(sweeps, 1)]
    if len(runs) > 1:
        sections.append(comparison_section(runs))
    sections += [run_section(at, part) for at, part in enumerate(runs, 1)]
    names = [*(part.name for part in sweeps), *(part.name for part in runs)]
    title = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    pictures = tuple(chain.from_iterable(section.pictures for section in sections))
    svgs = {picture.name: svg(picture.figure, picture.name) for picture in pictures}
    small = {one.name: svg(one.small, f"{one.name}-small") for one in pictures if one.small is not None}
    environment = Environment(
        loader=PackageLoader("harness.views.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page.html.jinja").render(
        title=title,
        sections=sections,
        made=made,
        version=version,
        looks=looks,
        draw=lambda picture: _inline(svgs[picture.name], picture.figure),
        draw_small=lambda picture: _inline(small[picture.name], picture.small) if picture.name in small else "",
    )
    return Report(html, pictures, svgs)


def _inline(drawn: str, figure: Figure) -> Markup:
    """Return the figure as an element of the page, in colours that follow the page's, and without its heading, which
    the page says as text.
    """
    text = re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.DOTALL)
    for color, name in _EXCHANGED.items():
        text = re.sub(rf"(?<=[:\s]){color}\b", f"var(--{name}, {color})", text)
    # The figure has a name and a description of its own, so what is inside is for the eyes.
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' d="[^"]*"', lambda path: _TOO_FINE.sub(r"\1", path[0]), text)
    cut_pt = 72 * getattr(figure, "heading_in", 0.0)

    def head(found: re.Match[str]) -> str:
        left, top, width, height = map(float, found[1].split())
        shown = f"{left:g} {top + cut_pt:g} {width:g} {height - cut_pt:g}"
        return f'<svg viewBox="{shown}" aria-hidden="true">'

    return Markup(re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', head, text, count=1))
