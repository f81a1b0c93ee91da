"""The OpenAPI description is made without a database: the imagined caller holds no role and works nowhere."""

from __future__ import annotations

from typing import Any

from drf_spectacular.plumbing import build_mock_request

from staff.models import User


def mock_request(method: str, path: str, view: Any, original_request: Any, **options: Any) -> Any:
    """The request that views see while they are described."""
    request = build_mock_request(method, path, view, original_request, **options)
    nobody = User(pk=0, full_name="Nobody")
    nobody._role_names, nobody._site_ids = frozenset(), frozenset()
    request.user = nobody
    return request
