"""Find the item at fault where a request for many fails for good, with few requests. No IO, no clock.

One id that an API does not like (400, 404) fails the whole batch, and so does a batch that is too large (413, 414, an
answer beyond --max-body). The two are told apart by what got through before:

    size unknown   (no batch of that size ever got through) both halves are asked for. Where both get through, twice,
                   it was the size, and batches are no larger than that half from then on
    size proven    an item is at fault. The first half is asked for. If it gets through, the fault lies in the second,
                   which is halved in its turn without being asked for as a whole; if it fails, the second goes back
                   to the others, of which it is likely one. So one bad id costs about log2(size) requests

Where no batch ever got through and items fail one by one as well, the batches are not at fault: each item is asked for
by itself then, which costs half as much as halving down to it.
"""

from __future__ import annotations

from harness.core.work import Task, Work
from harness.record.events import Batch, items_of

# Both halves of so many batches got through: it was the size. Of one, it may have been a moment's fault.
_ENOUGH = 2
# So many items failed by themselves before anything got through.
_MOST_SINGLES = 3


class Batches:
    """Puts the parts of a batch that failed for good back into `work`; told of each batch that got through or not."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._proven = 0  # the largest size that got through
        self._second: dict[
            Task, Task
        ] = {}  # by a first half that is asked for: what holds the fault if it gets through
        self._both: dict[Task, Task] = {}  # two halves of an unknown size, each by the other
        self._sizes = 0  # batches of which both halves got through
        self._singles = 0

    def got_through(self, task: Task) -> None:
        """Note that a batch was answered with its items, whatever it lacks."""
        self._proven = max(self._proven, _size(task))
        second, other = self._second.pop(task, None), self._both.pop(task, None)
        if second is not None:
            self._find(second)
        if other is not None and other not in self._both:  # the other one was answered before
            self._sizes += 1
            if self._sizes >= _ENOUGH:
                self._limit(max(_size(task), _size(other)))

    def failed(self, task: Task) -> bool:
        """Take in that a batch failed for good; False where it was of one item, which is then at fault."""
        self._let_go(task)
        if _size(task) == 1:
            self._singles += self._proven == 0
            if self._singles >= _MOST_SINGLES:
                self._limit(1)
            return False
        if _size(task) > (self._work.batch or 1):
            self._give_back(task)
        elif _size(task) <= self._proven:
            self._find(task)
        else:
            first, second = _halves(task)
            self._both |= {first: second, second: first}
            self._work.put_back(second)
            self._work.put_back(first)
        return True

    def retried(self, task: Task) -> None:
        """Note that the items of a batch are to be tried again later: nothing is known of its other half."""
        self._let_go(task)

    def _find(self, task: Task) -> None:
        """Go on with a batch that holds the fault."""
        if _size(task) == 1:
            self._work.put_back(task)
            return
        first, second = _halves(task)
        self._second[first] = second
        self._work.put_back(first)

    def _let_go(self, task: Task) -> None:
        second, other = self._second.pop(task, None), self._both.pop(task, None)
        if second is not None:
            self._give_back(second)
        if other is not None:
            self._both.pop(other, None)

    def _give_back(self, task: Task) -> None:
        """Let items be put together anew, with whatever is next to them."""
        ready, attempt = self._work.ready["item"], task.attempt
        ready.extendleft(item if attempt == 1 else Task("item", item, attempt) for item in reversed(items_of(task.key)))

    def _limit(self, size: int) -> None:
        self._work.batch = min(size, self._work.batch or 1)


def _size(task: Task) -> int:
    return len(items_of(task.key))


def _halves(task: Task) -> tuple[Task, Task]:
    ids = items_of(task.key)
    middle = -(-len(ids) // 2)
    return task._replace(key=Batch(ids[:middle])), task._replace(key=Batch(ids[middle:]))
