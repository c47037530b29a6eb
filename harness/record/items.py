"""Write the imported items: items.parquet, and exports as CSV, JSON lines or Parquet (`formats`).

In items.parquet each imported item stands once, with the API's own fields as typed columns (`kinds` says which type,
`columns` which columns). Exports are made of the same payloads, as one file that other programs read. The rows of all
of them stand in the order of the list (`order`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import IO

from harness.errors import BadInput
from harness.record.events import ItemId
from harness.record.files import replace_file
from harness.record.formats import FORMATS, PLAIN, WRITERS, Options
from harness.record.order import in_list_order
from harness.record.run import Run

Wanted = Callable[[ItemId], bool]


def write_items(
    folder: Path, wanted: Wanted = lambda _: True, to: Path | None = None, options: Options = PLAIN
) -> Path:
    """Write `items.parquet` into the run's folder (or `to`) with the `wanted` items; answers its path."""
    path = folder / "items.parquet" if to is None else to
    with in_list_order(folder, wanted, beside=path.parent, moments=options.imported_at) as items:
        replace_file(path, lambda temporary: WRITERS["parquet"](items, temporary, options))
    return path


def export(run: Run, to: Path | IO[bytes], kind: str | None = None, options: Options | None = None) -> int:
    """Write every item that `run` has imported so far, in the order of its list; answers how many.

    to: a file, which is replaced in one moment, or a stream, which need not be seekable. kind: csv, jsonl or parquet;
    of a file the default is what its name ends in. options: the default is what the run was told. jsonl: each payload
    as it came, a line each. csv: a column for each field, objects and arrays as JSON text. BadInput for another ending
    or a folder that is not there.
    """
    wanted_kind = _kind_of(to, kind)
    if isinstance(to, Path):
        _refuse_unwritable(to)
    state = run.state()
    options = Options.of(run.in_force) if options is None else options
    beside = to.parent if isinstance(to, Path) else Path(gettempdir())
    wanted = lambda item: state.items.state(item) == "imported"  # noqa: E731
    with in_list_order(run.folder, wanted, beside=beside, moments=options.imported_at) as items:
        if not isinstance(to, Path):
            return WRITERS[wanted_kind](items, to, options)
        count = 0

        def write(temporary: Path) -> None:
            nonlocal count
            count = WRITERS[wanted_kind](items, temporary, options)

        replace_file(to, write)
    return count


def _kind_of(to: Path | IO[bytes], kind: str | None) -> str:
    if kind is None and not isinstance(to, Path):
        raise BadInput("a stream has no extension that says its format; name one of csv, jsonl or parquet")
    found = to.suffix.lower().removeprefix(".") if kind is None and isinstance(to, Path) else kind
    if found not in FORMATS:
        raise BadInput(f"{to} has an unsupported extension; use .csv, .jsonl or .parquet")
    return found


def _refuse_unwritable(path: Path) -> None:
    if not path.parent.is_dir():
        raise BadInput(f"{path} cannot be written: there is no folder {path.parent}; make it, or choose another")
    if path.is_dir():
        raise BadInput(f"{path} cannot be written: it is a folder; name a file")
