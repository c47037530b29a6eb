"""Say which items belong to which shard, and where a shard's folder lies.

A run that is imported by several processes has a folder for each of them, in the format of any run, below its own:

    results/<run>/shards/1/  run.json  lock  sent  events/  items/  snapshots/  feed.jsonl

The shard of an item follows from its id and their number alone, so that nothing need be kept of it.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.record.refs import ItemId

SHARDS = "shards"


def shard_of(item: ItemId, shards: int) -> int:
    """Return the number of the shard, from 1, that fetches `item`: the same in every process and every version."""
    return 1 + zlib.crc32(str(item).encode("utf-8", "surrogatepass")) % shards


def shards_of(about: Mapping[str, Any]) -> int:
    """Return by how many shards the run with this run.json is imported; 0 where one process does all of it."""
    said = about.get("config", {}).get("shards")
    return said if isinstance(said, int) and said > 1 else 0


def shard_folder(run: Path, number: int) -> Path:
    """Return the folder of shard `number`, from 1, of the run in the folder `run`."""
    return run / SHARDS / str(number)


def shard_folders(run: Path) -> list[Path]:
    """Return the folders of the shards that the run in the folder `run` has, in their order; [] where it has none."""
    found = [path for path in (run / SHARDS).glob("*") if path.name.isdecimal() and (path / "run.json").exists()]
    return sorted(found, key=lambda path: int(path.name))
