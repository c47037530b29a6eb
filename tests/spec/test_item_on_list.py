"""The URL of an item told by where it is from its list."""

from __future__ import annotations

import pytest

from harness.spec.templates import ItemTemplate, on_list


@pytest.mark.parametrize(
    ("item", "url", "whole"),
    [
        ("{list}/{id}", "https://x/v1/charges?limit=3", "https://x/v1/charges/{id}"),
        ("{list}/{id}.json", "https://x/orders.json?status=any", "https://x/orders/{id}.json"),
        ("{list}/{id}/", "https://x/api/users/", "https://x/api/users/{id}/"),
        ("{list}/show_many.json?ids={ids:100}", "https://x/t.json", "https://x/t/show_many.json?ids={ids:100}"),
        ("{list}/{id}", "https://x/{env:SHOP}/a?page={page}", "https://x/{env:SHOP}/a/{id}"),
        ("../../pages/{id}", "https://x/v1/databases/d/query", "https://x/v1/pages/{id}"),
        ("../issue/{id}", "https://x/rest/api/3/search/jql?jql=a", "https://x/rest/api/3/issue/{id}"),
        ("_doc/{id}", "https://x:9200/logs/_search", "https://x:9200/logs/_doc/{id}"),
        ("info?channel={id}", "https://x/api/list", "https://x/api/info?channel={id}"),
        ("/items/{a.b}", "https://x/api/list", "https://x/items/{a.b}"),
        ("https://y/items/{id}", "https://x/api/list", "https://y/items/{id}"),
        ("{url}", "https://x/api/list", "{url}"),
        ("{attributes.url}?x=1", "https://x/api/list", "{attributes.url}?x=1"),
    ],
)
def test_an_item_url_is_made_whole(item: str, url: str, whole: str) -> None:
    """With the list's address, as a link on its page, or as it is."""
    assert on_list(item, url) == whole
    assert ItemTemplate(whole).fields == ItemTemplate(item.replace("{list}", "")).fields


def test_a_list_that_moves_with_its_pages_is_no_place() -> None:
    """Its path would be another one with each page."""
    with pytest.raises(
        ValueError, match=r"the path of https://x/p\{page\}/a has a placeholder: write the item URL whole"
    ):
        on_list("{list}/{id}", "https://x/p{page}/a")
