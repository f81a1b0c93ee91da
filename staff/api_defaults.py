"""The classes that Django REST framework's settings name.

They stand apart from `staff.api`, because the framework imports them while it is still loading its own views.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import exceptions, pagination, parsers

from staff.errors import InvalidInput
from staff.strict import MAX_JSON_BYTES, load_json


class StrictJSONParser(parsers.BaseParser):
    """JSON without surprises: duplicate keys, depth over 32, over 256 KB, NaN, NUL and lone
    surrogates are 400.
    """

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            # No more is read than is needed to say that it is too much.
            return load_json(stream.read(MAX_JSON_BYTES + 1))
        except InvalidInput as error:
            raise exceptions.ParseError(detail=error.message, code=error.code) from error


class CodeCursorPagination(pagination.CursorPagination):
    """`{"next", "previous", "results"}` ordered by creation; at most 200 a page."""

    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-pk",)
