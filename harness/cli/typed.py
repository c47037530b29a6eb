"""What was typed, to be typed again: the flags of a source, without its secrets."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from harness.cli.options import CHECKED
from harness.config import ImportConfig
from harness.flags import FLAGS
from harness.units import format_period


def as_typed(config: ImportConfig, only: Collection[str] | None = None) -> list[str]:
    """Return the flags of the source as they would be typed; of headers only the names, for the values are secret.

    only: the settings that were typed, where the others stand in a file.
    """
    words: list[str] = []
    for name in config.given():
        if name not in CHECKED or name == "as_json" or (only is not None and name not in only):
            continue
        if name == "header":
            shown = [*config.source.stored_headers, *(f"{one}: …" for one in config.source.header_names)]
            words += [word for header in shown for word in ("--header", header)]
            continue
        flag, value = FLAGS[name], config[name]
        if value == flag.default:
            continue
        if isinstance(value, bool):
            words.append(flag.flag if value is not True or flag.default is False else f"--{flag.name}")
        elif isinstance(value, Mapping):
            pairs = [json.dumps(value)] if name == "body" else [f"{one}={inner}" for one, inner in value.items()]
            words += [word for pair in pairs for word in (flag.flag, pair)]
        elif isinstance(value, tuple):
            words += [word for one in value for word in (flag.flag, str(one))]
        else:
            words += [flag.flag, format_period(value) if isinstance(value, float) else str(value)]
    return words
