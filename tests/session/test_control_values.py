"""What a command to a running import may say, and what is refused before it does anything."""

from __future__ import annotations

from typing import Any

import pytest

from harness.record.events import ItemId
from harness.session.control import obey


class Steered:
    """A session that only remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def stop(self, reason: str = "stopped") -> None: ...

    def set_workers(self, workers: int) -> None:
        self.told.append(workers)

    def set_limits(self, tiers: Any) -> None:
        self.told.append(tiers)

    def retry_failed(self, items: Any = None) -> int:
        self.told.append(items)
        return 0

    def forget_failed(self, items: Any = None) -> int:
        self.told.append(items)
        return 0


@pytest.mark.parametrize("workers", [True, False, 0, 1001, 1.5, "x", [3]])
def test_a_number_of_workers_that_is_none(workers: Any) -> None:
    """Refused in one sentence, and nothing is changed: `True` counted as 1 and broke the record."""
    steered = Steered()
    with pytest.raises(ValueError, match=r"^workers must be a number from 1 to 1000, not "):
        obey(steered, "set", {"workers": workers, "limit": "5/1s"})
    assert steered.told == []


@pytest.mark.parametrize("items", ["abc", 3, {"a": 1}, [None], [1.5]])
@pytest.mark.parametrize("command", ["retry", "forget"])
def test_items_that_are_no_list_of_ids(command: Any, items: Any) -> None:
    """A text is not its characters."""
    steered = Steered()
    with pytest.raises(ValueError, match=r"^items must be a list of ids, not "):
        obey(steered, command, {"items": items})
    assert steered.told == []


def test_items_are_the_ids_that_the_record_knows() -> None:
    """As text or number; none at all are all."""
    steered = Steered()
    wanted: list[ItemId] = ["17", 18, "a"]
    obey(steered, "retry", {"items": wanted})
    obey(steered, "forget", {})
    assert steered.told == [[17, 18, "a"], None]
