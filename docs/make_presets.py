"""Write docs/presets.md from the presets that come along: what each declares, its limits, and where that is from.

python docs/make_presets.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.spec.presets import Preset, load, names

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "presets.md"

HEAD = """# Presets

A preset is what is known of an API beforehand: where the records are in a page, what leads to the next one, the largest
page, where an item is, how a key is sent, and the documented limits. With one, an import needs a URL and a key:

    python -m harness check --preset github --url https://api.github.com/repos/OWNER/REPO/issues --token-env API_TOKEN
    python -m harness import --preset github --url https://api.github.com/repos/OWNER/REPO/issues --token-env API_TOKEN

Every setting can be given beside it, and wins: `--id id` for a list of GitHub's whose items go by their `id`,
`--limit 50/m` for a limit of your own. Where an API has limits by plan, `--plan` chooses; without it `default`
counts, or `anonymous`, where the API has such a limit and no key is given. If a header of the first answer names a
tighter limit than that, `check` and `import` say so; the limit stays until you give another.

A preset says what the importer believes. What the test API of the same name does is written elsewhere, so that one can
be tried on the other.

## One of your own

A file of the same keys, by its path: `--preset ./mine.toml`. Keys are the flags' names, with `_` for `-`; those that
may be repeated are lists. `about`, `url`, `[limits]`, `[docs]` and `warn` are for people and for `--plan`; none of
them is needed, but a fact in `[docs]` without an address and a day is refused.

    about = "Orders of our shop"
    records = "data.orders"
    id = "order_id"
    paging = "cursor"
    next = "meta.next"
    cursor_param = "after"
    size_param = "limit"
    per_page = 200
    item = "{list}/{id}"
    limits = "100/m"

Where some of an API's lists differ, a table `[[variant]]` says how: its settings count for lists whose URL holds its
`at`, such as `at = "/rest/api/2/search"` in the preset of Jira.

The URL of an item may be given whole, or by where it is from the list's: `{list}` is the list's URL without its query,
its last slash and `.json`; a path such as `../issue/{id}` is read as a link on the list's page would be. `{id}` is the
id, and `{attributes.url}` that field of the record.

## Facts

Facts were read in stored copies of the owners' documentation. The date is the page's own where it has one ("of"), else
the day on which the copy was read. What could not be found there says "not verified". APIs change: `check` tells what
answers say today.
"""


def page() -> str:
    """Return the whole page."""
    presets = [load(name) for name in names()]
    rows = "".join(map(_row, presets))
    table = "\n## All of them\n\n| preset | of | next page | largest page | limits |\n|---|---|---|---|---|\n" + rows
    return HEAD + table + "".join(map(_about, presets))


def _row(preset: Preset) -> str:
    settings = preset.settings
    limits = preset.limits.get("default")
    cells = (
        preset.name,
        preset.about,
        _paging(settings),
        str(settings.get("per_page", "")),
        f"`{limits}`" if limits else "",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _paging(settings: Any) -> str:
    kind = settings["paging"]
    if kind == "link":
        return f"link `{settings['next']}`" if "next" in settings else "header Link"
    if kind == "page":
        return f"number `{settings['page_param']}`"
    if kind == "keyset":
        return f"last id `{settings['cursor_param']}`"
    return f"cursor `{settings['next']}`"


def _about(preset: Preset) -> str:
    lines = [f"\n### {preset.name}\n", f"{preset.about}. For example `{preset.url}`\n"]
    plans = {plan: limits for plan, limits in preset.limits.items() if plan != "default"}
    if plans:
        told = "; ".join(f"`--plan {plan}` {limits}" for plan, limits in plans.items())
        lines.append(f"Limits by plan: {told}\n")
    lines += [f"{warn}\n" for warn in preset.warn]
    lines.append("".join(f"- {fact}: {told}\n" for fact, told in preset.docs))
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
