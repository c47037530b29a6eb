"""How one run reads its source: as it is declared, and as its first answers show where that leaves something open.

A `Rest` is pure and frozen. This holds the one that is gone by now, and replaces it where an answer shows more:

    page 1                how many records a page may have (`harness.source.page_sizes`)
    page 1 is refused     with parameters that nobody declared (`page`, the page size): without them
    page 1                what it makes believe (`harness.source.assuming`); from then on a run goes by that
    page 2 is page 1      and another parameter may take the cursor: by that one

Each time the page is asked for again, which is a request with a grant of its own. A client and a simulation ask here,
so that both come to the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from harness.core.answers import PageRead
from harness.record.events import FIRST_PAGE, Key, PageRef, numbered
from harness.source.assuming import Assumed, assume, counts_by_page, is_open
from harness.source.guess import Answer
from harness.source.page_sizes import PageSizes, Sized, is_open as is_size_open, is_said
from harness.source.records import Malformed
from harness.source.rest import Rest
from harness.spec.source import Source

_BAD_REQUEST = (400, 422)  # what strict APIs answer to a parameter that they do not know
_NOT_ALLOWED = 405
_ROUND = 10  # records: a multiple of that may be a page of a size that somebody chose
_NO_NUMBERS = (
    "the API refuses `page`, and nothing on page 1 says how the list goes on; name that with --next or --paging "
    "(--paging single if it is all on one page)"
)


class Reading:
    """The mapping that a run goes by. redact: takes secrets out of what is shown.

    on_assumed: told what page 1 makes believe, and once more where page 2 shows that it is another way on. find_size:
    look for the largest page, where nothing says its size; on_sized: told what was found.
    """

    def __init__(self, rest: Rest, redact: Callable[[str], str] = str, *, find_size: bool = False) -> None:
        self._sizes = PageSizes(rest.source) if find_size and is_size_open(rest.source) else None
        self._usual_size = rest.per_page
        self.rest = rest if self._sizes is None else Rest(self._sizes.on(rest.source), refused=rest.refused)
        self.on_sized: Callable[[Sized], None] | None = None
        self.assumed: Assumed | None = None
        self.on_assumed: Callable[[Assumed], None] | None = None
        self._redact = redact
        self._undecided = is_open(rest.source)
        self._first: PageRead | None = None  # page 1, as it was read
        self._answer: Answer | None = None  # the same, as it came
        self._may_be_second = False  # page 1, if `page` was sent with it
        self._known_as: dict[PageRef, PageRef] = {}
        self._file = ""  # of a list that came as CSV or JSON lines: a digest of page 1

    @property
    def is_undecided(self) -> bool:
        """Whether page 1 is still to show what nobody declared."""
        return self._undecided

    @property
    def itemless(self) -> bool:
        """Whether no items lie below the list: it came as a file."""
        return bool(self._file)

    @property
    def rivals(self) -> tuple[str, ...]:
        """Fields of a record that may name its item as well as the id that is assumed."""
        return () if self.assumed is None else self.assumed.rivals

    def go_by(self, source: Source, refused: Collection[str] | None = None, file: str = "") -> None:
        """Read the API as `source` says from here on.

        refused: the parameters that are not to be sent; None: those that are known to be refused. file: of `Assumed`.
        """
        self._undecided = False
        self._file = file or self._file
        self._read_by(source, refused)

    def _read_by(self, source: Source, refused: Collection[str] | None = None) -> None:
        source = source if self._sizes is None else self._sizes.on(source)
        self.rest = Rest(source, refused=self.rest.refused if refused is None else refused)

    # --- the size of pages ----------------------------------------------------------------------------------------

    @property
    def seeks_size(self) -> bool:
        """Whether page 1 is still to show how many records a page may have."""
        return self._sizes is not None and self._sizes.found is None

    @property
    def keeps_largest(self) -> bool:
        """Whether an answer that came before may still be the page that is read."""
        return self._sizes is not None and self._sizes.best > 0

    @property
    def usual_size(self) -> int | None:
        """How many records a page holds for which no size is asked, where that was seen."""
        return None if self._sizes is None else self._sizes.usual

    @property
    def refused_size(self) -> str | None:
        """The parameter that page 1 seemed to call its size by, where the API has refused it."""
        return None if self._sizes is None else self._sizes.refused_name

    def keep_size(self, sized: Sized | None) -> None:
        """Ask for pages of the size that a run has found, or, where it has looked for none, of the usual one."""
        if self._sizes is not None or sized is not None:
            self._sizes, sized = None, sized or Sized(self._usual_size)
            self._read_by(sized.on(self.rest.source))

    def size_refused(self, status: int, words: str) -> str | None:
        """Take in a refusal of page 1; return why to ask with another size, None where that is not to blame."""
        why = None if self._sizes is None else self._sizes.refused(status, words)
        if why is not None:
            self._read_by(self.rest.source)
        return why

    def too_much(self) -> str | None:
        """Take in that page 1 was too large, or did not come in time; return why fewer records are asked for."""
        why = None if self._sizes is None else self._sizes.too_much()
        if why is not None:
            self._read_by(self.rest.source)
        return why

    def sized(self, read: Callable[[Rest], PageRead], got: int) -> str | None:
        """Take in page 1, of `got` records; return why to ask for it again, None where its size is found.

        read: reads it by a mapping.
        """
        sizes, source = self._sizes, self.rest.source
        assert sizes is not None
        # By what came, not by what was asked for: it is short of nothing.
        page = read(Rest(Sized(got or None).on(source), refused=self.rest.refused))
        findings = () if self.assumed is None else self.assumed.findings
        size = next((one for one in findings if one.what == "size"), None)
        paging = source.resource.paging
        numbered = page.next_page is None and (paging is None or paging.type in ("page", "offset"))
        if size is not None and is_said(source, size.found):
            size = None
        param, sure = (None, False) if size is None else (size.found, size.is_sure)
        why = sizes.read(page, param, numbered=numbered, sure=sure)
        self._read_by(source)
        if sizes.found is not None and self.on_sized is not None:
            self.on_sized(sizes.found)
        return why

    # --- what is assumed ------------------------------------------------------------------------------------------

    def decide(self, first: Answer, *, items: bool = False) -> None:
        """Assume what page 1 makes believe, where the rules would not read the list as well by themselves.

        items: each is fetched, whatever the first of them show; then Malformed where it cannot be told where they lie.
        """
        try:
            plain: PageRead | None = self.rest.page_of(FIRST_PAGE, first.value, first.headers)[0]
        except Malformed:
            plain = None
        known = self.rest.source if self._sizes is None else self._sizes.off(self.rest.source)
        assumed = assume(known, first, plain, self.rest.refused)
        self._answer = first if assumed.others else None  # as large as its page
        self._assume(replace(assumed, line=self._redact(assumed.line), file=self._file))
        self._may_be_second = counts_by_page(assumed.source.resource.paging, first)
        if items and assumed.placeless and (plain is None or plain.ids):
            flags = "add --item URL, or --no-detail to take the list's records as they are"
            raise Malformed(f"it cannot be told where an item lies: {assumed.placeless}; {flags}")

    def _assume(self, assumed: Assumed) -> None:
        self.assumed = assumed
        self.go_by(assumed.source)
        if self.on_assumed is not None and assumed.line:
            self.on_assumed(assumed)

    def refused(self, key: Key, status: int) -> str | None:
        """Return the URL to ask for in place of one that was refused; None where its parameters are not to blame."""
        if status not in _BAD_REQUEST or not isinstance(key, PageRef):
            return None
        if self._is_second(key):
            return self._by_another(key)
        without = self.rest.refusing() if key == FIRST_PAGE and self._undecided else None
        if without is None:
            return None
        self.rest = without
        return without.page_url(FIRST_PAGE)

    def hint(self, key: Key, status: int) -> str:
        """Return what to declare where a page was answered with `status`, as far as that tells it; "" else."""
        if not self.rest.counts(key):
            return _NO_NUMBERS
        if status == _NOT_ALLOWED and key == FIRST_PAGE and self.rest.source.resource.method == "GET":
            return "the list is not asked for by GET; add --method POST, and --body with what it wants"
        return ""

    def known_as(self, key: PageRef) -> PageRef:
        """Return what a page is asked and read as: page 2 goes by another way on than page 1 had led to it by."""
        return self._known_as.get(key, key)

    def read(self, key: PageRef, page: PageRead, asked: str) -> str | None:
        """Take in a page that was read; answer the URL to ask for in its place, None where it is what was wanted.

        asked: the URL that it was asked for by.

        Which parameter takes a cursor back is told by its name alone, so several may do. Page 2 shows which is right:
        page 1 once more is none. And where `page` was sent to a list that leads on by links, page 1 may be the second
        of a list that counts from 0: it is asked for as its address is, with the size that has been found by now.
        Where `page` was not sent, it is the first already, whatever size it was asked for with.
        """
        if key == FIRST_PAGE:
            self._first, may_be_second, self._may_be_second = page, self._may_be_second, False
            begins = self.rest.page_url(FIRST_PAGE)
            return begins if may_be_second and _numbered_by(asked) != _numbered_by(begins) else None
        same = self._first is not None and bool(page.ids) and page.ids == self._first.ids
        return self._by_another(key) if same and self._is_second(key) else None

    def _is_second(self, key: PageRef) -> bool:
        first = self._first
        return first is not None and key == (first.next_page or numbered(2))

    def _by_another(self, key: PageRef) -> str | None:
        other = None if self.assumed is None else self.assumed.by_next()
        if other is None or self._answer is None or self._first is None:
            return None
        self._assume(other)
        again = self.rest.page_of(FIRST_PAGE, self._answer.value, self._answer.headers)[0]
        self._known_as[key] = again.next_page or numbered(2)
        return self.rest.page_url(self.known_as(key))

    def repeats_file(self, key: PageRef, text: str) -> bool:
        """Take in a page that came as CSV or JSON lines; answer whether it is page 1 once more: then that is all.

        Only what comes for another number shows that `page` is ignored: a file may be one page of several. A round
        number of records is no proof either: it may be the first page of a list that goes by another parameter.
        """
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        if key == FIRST_PAGE:
            self._file = digest
        numbered = key.number is not None and self.rest.source.resource.paging is None
        got = 0 if self._first is None else len(self._first.ids)
        return key != FIRST_PAGE and numbered and digest == self._file and (got == 0 or got % _ROUND != 0)


def _numbered_by(url: str) -> str | None:
    """Return the number of the page that a URL asks for; None where it names none."""
    return dict(parse_qsl(urlsplit(url).query)).get("page")
