"""Where the items of a list lie: at an address made of their id, or where the list's records say.

Declared is a template of the address. Where it names nothing but the fields of the id, the id is enough. Where it names
another field (`{url}`, or a `{slug}` beside the id), only the item's record knows: then each page that is read tells
the places of its items, and one is asked for by its place. Where nothing is declared, an item lies one segment below
the list. What proves who we are in the list's query is sent to items, too (`Links`).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from harness.record.events import Batch, ItemId
from harness.source.links import Links
from harness.source.records import Malformed
from harness.spec import ids as joined_ids
from harness.spec.source import Source
from harness.spec.templates import ItemTemplate, encoded, on_list


class ItemUrls:
    """The addresses of items. base: the list's URL without placeholders."""

    def __init__(self, source: Source, links: Links, base: str) -> None:
        resource = source.resource
        self._ids = resource.id
        self._links = links
        self._parts = urlsplit(base)
        place = resource.item
        self._template = None if place is None else ItemTemplate(on_list(place.url, resource.url))
        named = () if self._template is None else self._template.fields
        # Does an item's URL follow from its id? Else a page says where each item lies.
        self.are_told = any(name not in resource.id for name in named)

    def of(self, item: ItemId, place: str | None = None) -> str:
        """Return the URL of an item. place: where its page said that it lies."""
        if place is not None:
            return self._links.resolved(place)
        if self._template is not None:
            return self._links.resolved(self._of_id(self._template, item))
        parts = self._parts
        path = parts.path.rstrip("/") + "/" + encoded(str(item))
        return urlunsplit((parts.scheme, parts.netloc, path, "&".join(self._links.proof), ""))

    def _of_id(self, template: ItemTemplate, item: ItemId) -> str:
        if template.batch is not None:
            return template.of_ids(item)
        if self.are_told:
            raise Malformed(f"the list has not said where item {item} lies; start anew with --fresh")
        names = self._ids
        parts = dict(zip(names, joined_ids.parts(item, len(names)), strict=True)) if names else {}
        return template.of_parts(item, parts)

    def of_batch(self, batch: Batch) -> str:
        """Return the URL that asks for several items; only where the template has `{ids:N}`."""
        assert self._template is not None, "a batch without its URL"
        return self._links.resolved(self._template.of_ids(*batch.ids))

    def told(self, item: ItemId, record: Any) -> str:
        """Return where an item lies whose id does not say so, without the list's origin.

        Malformed where the record does not say it either, or names another host.
        """
        assert self._template is not None
        try:
            url = self._links.resolved(self._template.of_record(item, record))
        except ValueError as error:
            raise Malformed(str(error)) from None
        return self._links.without_origin(url)
