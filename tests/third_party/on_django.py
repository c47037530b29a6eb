"""Django REST framework: PageNumberPagination, its own AnonRateThrottle of 10 a second, a log of the last second.

Nothing is said of the limit but Retry-After when it refuses, in whole seconds.
"""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="of-tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # which sends what lacks its slash there
    USE_TZ=True,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
        "DEFAULT_THROTTLE_RATES": {"anon": "10/s"},
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "PAGE_SIZE": 10,
    },
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402 - it needs the settings
from django.http import Http404  # noqa: E402
from rest_framework import mixins, routers, serializers, viewsets  # noqa: E402

from tests.third_party.books import BOOKS, brief, number, whole  # noqa: E402

PATH, MODE = "/api/books/", "asgi"


class Brief(serializers.Serializer[dict[str, Any]]):
    """What the list says of a book."""

    id = serializers.IntegerField()
    title = serializers.CharField()
    pages = serializers.IntegerField()


class Whole(Brief):
    """A book."""

    author = serializers.CharField()
    price = serializers.FloatField()
    note = serializers.CharField(allow_null=True)


class Books(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Any]):
    """Books, read only."""

    def get_queryset(self) -> Any:
        """All of them, in order."""
        return [{"id": number(at), **brief(at)} for at in range(BOOKS)]

    def get_object(self) -> Any:
        """The one that the URL names."""
        named = {str(number(at)): {"id": number(at), **whole(at)} for at in range(BOOKS)}
        if self.kwargs["pk"] not in named:
            raise Http404
        return named[self.kwargs["pk"]]

    def get_serializer_class(self) -> Any:
        """An item says more than the list."""
        return Whole if self.action == "retrieve" else Brief


router = routers.SimpleRouter()
router.register("api/books", Books, basename="book")
urlpatterns = router.urls
app = get_asgi_application()
