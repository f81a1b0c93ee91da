"""What every endpoint shares: strict JSON in, RFC 9457 problems out, cursor pages, preconditions, idempotency."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, transaction
from django.http import Http404
from rest_framework import exceptions, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from staff.errors import DomainError, InvalidInput, StaleVersion, constraint_name
from staff.models import IdempotencyRecord, User
from staff.strict import parse_date, parse_decimal, parse_instant, parse_integer, parse_text

log = logging.getLogger("clearwindow.api")
PROBLEM = "application/problem+json"
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_.:-]{8,80}", re.ASCII)


def _strictly(parse: Callable[..., Any], value: Any, **options: Any) -> Any:
    try:
        return parse(value, field="value", **options)
    except InvalidInput as error:
        raise serializers.ValidationError(error.message, code=error.code) from error


class StrictDecimalField(serializers.DecimalField):
    """A finite decimal; true, NaN, "7_0" and other scripts' digits are refused."""

    def to_internal_value(self, data: Any) -> Decimal:
        return super().to_internal_value(_strictly(parse_decimal, data))


class StrictIntegerField(serializers.IntegerField):
    """A whole number between min_value and max_value (defaults keep it inside PostgreSQL's integer)."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", 0)
        options.setdefault("max_value", 2_000_000_000)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        return super().to_internal_value(_strictly(parse_integer, data))


class InstantField(serializers.DateTimeField):
    """RFC 3339 with an offset. Naive times are refused: nobody can know which one was meant."""

    def to_internal_value(self, value: Any) -> datetime:
        return cast("datetime", _strictly(parse_instant, value))


class StrictDateField(serializers.DateField):
    """A calendar day written YYYY-MM-DD in the digits 0 to 9."""

    def to_internal_value(self, value: Any) -> date:
        return cast("date", _strictly(parse_date, value))


class StrictCharField(serializers.CharField):
    """Text without NUL, surrogates or hidden marks; numbers and booleans are not text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(_strictly(parse_text, data) if data.strip() else data)


class StrictBooleanField(serializers.BooleanField):
    """JSON true or false; nothing that merely looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses keys that it does not know, naming each."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise serializers.ValidationError(
                {"non_field_errors": ["Send a JSON object."]}, code="not-an-object"
            )
        unknown = sorted(set(data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError(
                {name: ["This key is not known."] for name in unknown}, code="unknown-key"
            )
        return super().to_internal_value(data)


# --- Problems (RFC 9457) ---


def problem(
    code: str,
    http_status: int,
    detail: str,
    *,
    request: Any = None,
    errors: list[dict[str, str]] | None = None,
    conflicts: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """One problem document. `errors` point at fields by JSON pointer, `conflicts` name what stands in the way."""
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": http_status,
        "detail": detail,
    }
    reference = getattr(getattr(request, "_request", request), "reference", None)
    if reference:
        body["instance"] = f"/requests/{reference}"
    if errors:
        body["errors"] = errors
    if conflicts:
        body["conflicts"] = conflicts
    return Response(body, status=http_status, headers=headers, content_type=PROBLEM)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every refusal is a problem document; database texts never leave the server."""
    request = context.get("request")
    if isinstance(error, DomainError):
        return _domain_problem(error, request)
    if isinstance(error, Http404):
        return problem("not-found", 404, "There is nothing here for you.", request=request)
    if isinstance(error, PermissionDenied):
        return problem("not-allowed", 403, "Your role does not allow this.", request=request)
    if isinstance(error, exceptions.ValidationError):
        return problem(
            "invalid", 400, "Some fields need another look.", request=request, errors=_pointers(error.detail)
        )
    if isinstance(error, IntegrityError):
        log.warning("refused by constraint %s", constraint_name(error))
        return problem(
            constraint_name(error).replace("_", "-") or "conflict",
            409,
            "The database refused this.",
            request=request,
        )
    if isinstance(error, DatabaseError):
        log.error("database error %s", type(error).__name__)
        return problem(
            "unavailable", 503, "The database is not available right now. Try again.", request=request
        )
    response = exception_handler(error, context)
    if response is None or not isinstance(error, exceptions.APIException):
        return response
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else "refused"
    headers = {
        name: response[name] for name in ("WWW-Authenticate", "Retry-After", "Allow") if name in response
    }
    return problem(
        code.replace("_", "-"), response.status_code, str(error.detail), request=request, headers=headers
    )


def _domain_problem(error: DomainError, request: Any) -> Response:
    pointer = (
        [{"pointer": f"/{error.field.replace('.', '/')}", "code": error.code, "detail": error.message}]
        if error.field
        else None
    )
    conflicts = [
        {"resource": item.resource, "from": item.starts_at, "until": item.ends_at, "detail": item.detail}
        for item in error.conflicts
    ]
    headers = {"Retry-After": "1"} if error.status == 503 else None
    return problem(
        error.code,
        error.status,
        error.message,
        request=request,
        errors=pointer,
        conflicts=conflicts,
        headers=headers,
    )


def _pointers(detail: Any, path: str = "") -> list[dict[str, str]]:
    if isinstance(detail, Mapping):
        return [item for key, value in detail.items() for item in _pointers(value, f"{path}/{key}")]
    if isinstance(detail, list):
        found: list[dict[str, str]] = []
        for number, value in enumerate(detail):
            nested = isinstance(value, (Mapping, list))
            found += _pointers(value, f"{path}/{number}" if nested else path)
        return found
    return [{"pointer": path or "/", "code": str(getattr(detail, "code", "invalid")), "detail": str(detail)}]


def checked(serializer: serializers.BaseSerializer[Any]) -> dict[str, Any]:
    """The validated body. Raises DRF's ValidationError, which becomes a 400 problem."""
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


# --- Preconditions and idempotency ---


def etag(code: object, version: int) -> str:
    """Strong validator of one record: its code and version."""
    return f'"{code}.{version}"'


def expected_version(request: Request, code: object) -> int:
    """Version named by If-Match. 428 when the header is missing, 412 when it belongs to something else."""
    header = request.headers.get("If-Match", "")
    if not header:
        raise PreconditionRequired()
    prefix = f'"{code}.'
    number = header.removeprefix(prefix).removesuffix('"')
    if not header.startswith(prefix) or not number.isascii() or not number.isdigit() or len(number) > 9:
        raise StaleVersion("This record has changed since you read it. Read it again.")
    return int(number)


class PreconditionRequired(exceptions.APIException):
    """428: changing a record needs If-Match."""

    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_detail = "Send If-Match with the ETag you read."
    default_code = "precondition-required"


def idempotent(
    request: Request, route: str, act: Callable[[], Response], *, first: Callable[[], object] | None = None
) -> Response:
    """Run `act` once per (user, Idempotency-Key, route). A repeat gets the first answer; another body is 422.

    first: what may refuse a key that is new before anything is written or locked; it only reads. The record is written
    in the same transaction as the act, so an answer exists exactly when the act happened.
    Refusals (4xx raised as errors) are not recorded: nothing was done, and the caller may try again.
    """
    key = request.headers.get("Idempotency-Key", "")
    if not IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidInput(
            "Send an Idempotency-Key header of 8 to 80 letters, digits and _.:-", code="idempotency-key"
        )
    digest = hashlib.sha256(json.dumps(request.data, sort_keys=True, default=str).encode()).hexdigest()
    user = cast("User", request.user)
    if first is not None:
        same = IdempotencyRecord.objects.filter(user=user, key=key, route=route)
        known = same.first()
        if known is not None:
            return _replay(known, digest, request)
        try:
            first()
        except DomainError:
            twin = (
                same.first()
            )  # done between our two looks: what refuses this one is what the twin has written
            if twin is None:
                raise
            return _replay(twin, digest, request)
    with transaction.atomic():
        record, created = IdempotencyRecord.objects.get_or_create(
            user=user, key=key, route=route, defaults={"request_hash": digest}
        )
        if not created:
            return _replay(record, digest, request)
        response = act()
        record.status, record.body = response.status_code, json.loads(json.dumps(response.data, default=str))
        record.save(update_fields=["status", "body"])
        return response


def _replay(record: IdempotencyRecord, digest: str, request: Request) -> Response:
    if record.request_hash != digest:
        return problem(
            "idempotency-key-reused", 422, "This key was used for another request.", request=request
        )
    return Response(record.body, status=record.status or 200, headers={"Idempotent-Replay": "true"})


class ServiceViewSet(viewsets.GenericViewSet[Any]):
    """Base of the viewsets: lookup by opaque code, never by primary key; writes go through services."""

    lookup_field = "code"
    lookup_value_regex = "[0-9a-f-]{36}"

    @property
    def user(self) -> User:
        """The authenticated caller."""
        return cast("User", self.request.user)
