"""Helpers of the endpoints: the validated body, passwords typed for one act, one record as an answer."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from sessions.models import Infusion
from sessions.serializers import InfusionDetailSerializer
from sessions.views.people import confirmed_person
from staff.api import etag
from staff.errors import InvalidInput
from staff.models import User


def second_person(request: Request, data: dict[str, Any]) -> User | None:
    """The person whose own e-mail and password stand under `second_person`; None when nobody does."""
    given = data.pop("second_person", None)
    if given is None:
        return None
    return confirmed_person(
        request._request, given["email"], given["password"], field="second_person.password"
    )


def confirm_caller(request: Request, user: User, password: str) -> None:
    """The caller's own password, typed for this act. Raises InvalidInput at `password`."""
    if confirmed_person(request._request, user.email, password, field="password") != user:
        raise InvalidInput("This is not your password.", code="wrong-password", field="password")


def record_answer(infusion: Infusion, status: int = 200) -> Response:
    """The record as it is now, with its ETag."""
    fresh = Infusion.objects.for_record().get(pk=infusion.pk)
    return Response(
        InfusionDetailSerializer(fresh).data, status=status, headers={"ETag": etag(fresh.code, fresh.version)}
    )
