"""Tags: words that people give a run beside its name, kept in `tags.json` in its folder.

The file is theirs alone. A session neither reads nor writes it, and whoever tags a run takes neither the run's lock nor
writes its run.json, so that a session under way notices nothing. Two people who tag the same run at once wait for each
other at the folder itself, whose lock nobody else takes.
"""

from __future__ import annotations

import fcntl
import json
import os
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import BadInput, NoSuchRun
from harness.record.files import sync_folder, unwritable

TAGS = "tags.json"
# Not `.tmp`: a session that begins clears those away.
TAGS_NEW = "tags.json.new"
# A tag is a word to find a run by, and stands in a cell of a table.
MOST_TAGS, LONGEST_TAG = 20, 40
_MOST_BYTES = 100_000


def read_tags(folder: Path) -> tuple[str, ...]:
    """Return the tags of the run in `folder`, in alphabetical order; none where the file is not what this writes."""
    try:
        with open(folder / TAGS, "rb") as file:
            said = json.loads(file.read(_MOST_BYTES))
        return tuple(sorted({checked_tag(tag) for tag in said}))[:MOST_TAGS]
    except (OSError, ValueError, TypeError, RecursionError, BadInput):
        return ()


def checked_tag(text: object) -> str:
    """Return a tag as it is kept; BadInput where it is not 1 to 40 characters in one line, without a comma."""
    tag = unicodedata.normalize("NFC", text).strip() if isinstance(text, str) else ""
    if not 1 <= len(tag) <= LONGEST_TAG or "," in tag or not tag.isprintable() or tag.startswith("-"):
        wrong = f"{text!r} cannot be a tag"
        raise BadInput(f"{wrong}; use 1 to {LONGEST_TAG} characters in one line, no comma, and no dash at the start")
    return tag


def change_tags(folder: Path, add: Iterable[str] = (), remove: Iterable[str] = ()) -> tuple[str, ...]:
    """Give the run in `folder` tags and take some away; return those that it has then.

    BadInput for what cannot be a tag or for more than 20, NoSuchRun where the folder is gone, RecordError where the
    disk refuses.
    """
    wanted, unwanted = {checked_tag(tag) for tag in add}, {checked_tag(tag) for tag in remove}
    with _alone(folder):
        before = read_tags(folder)
        after = tuple(sorted((set(before) | wanted) - unwanted))
        if len(after) > MOST_TAGS:
            raise BadInput(f"run {folder.name} would have {len(after)} tags, and {MOST_TAGS} are the most; remove some")
        if after != before:
            _write(folder, after)
    return after


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        raise NoSuchRun(f"{folder} does not exist any more: it was deleted meanwhile; see which there are") from None
    try:
        with suppress(OSError):  # some network disks lock no folders: then the last to write wins
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(folder: Path, tags: tuple[str, ...]) -> None:
    path = folder / TAGS_NEW
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(tags, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(path, folder / TAGS)
        sync_folder(folder)
    except OSError as error:
        raise unwritable(folder / TAGS, error) from None
