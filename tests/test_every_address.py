"""Every address of the project, found by itself, is sent what nobody should send. None may answer with a 5xx, none may
write something when it refuses, and none may be open to a visitor.

New pages and endpoints are covered the day they get a route. What a field must say is tested beside its form.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from scheduling import dispatch
from tests import factories
from tests.scheduling.follow import world as w
from tests.staff.markup import Form, forms_of

pytestmark = pytest.mark.django_db

POISON: tuple[Any, ...] = (
    "NaN", "1e400", "7_0", "٧٠", "\x00", "\ud800", "-1", "9" * 40, "x" * 20_000, "2026-03-08T02:30", "99/99/9999",
    "<script>alert(1)</script>{{ 7*7 }}", "' OR 1=1 --", "\u202e",
)  # fmt: skip
WRONG_TYPES: tuple[Any, ...] = (True, None, [], {}, [[1]], {"a": {"b": 1}}, 10**30, -5, 1.5e308, 0)
RAW = (
    b"", b"null", b"[]", b'"text"', b"{", b'{"version": 1, "version": 2}', b'{"x": NaN}', b'{"x": 1e999}',
    b"[" * 5_000, b"\xff\xfe", b'{"nobody_asked_for_this": 1}',
)  # fmt: skip
HEADERS = {"Idempotency-Key": "6f6f3f0e-2c5a-4a53-9d9c-0a3d8f2f7b11", "If-Match": '"x.1"'}
KEPT = ("hidden", "checkbox", "radio", "select")  # what a person does not type
TABLES = ("patients", "protocols", "scheduling", "treatment_sessions", "staff")
WITHOUT = ("event", "idempot", "accesslog", "heartbeat")
OPEN_TO_VISITORS = re.compile(
    r"^(accounts/|admin/|api/docs|api/v1/(schema|token)|demo/|styleguide/|healthz/|livez|readyz|p/|calendar/|webhooks/|static/)"
)


@pytest.fixture
def inhabited(clinic: Any, clock: Any) -> dict[str, list[str]]:
    """A patient in an open window with a visit ahead; the codes of everything, by model."""
    series = w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)])
    infusion = w.given(clinic, series.appointments.get(ordinal=1))
    clock.set(w.current_window(infusion).t0)
    dispatch.tick()
    factories.make_version("single-infusion", active=False, author=clinic.admin)
    return codes()


@pytest.fixture
def everyone(clinic: Any) -> Any:
    """Somebody with every role: what is refused is refused for what was sent, not for who sent it."""
    return factories.make_user(
        "clinician", "nurse", "therapist", "coordinator", "protocol_admin", "manager", sites=[clinic.site]
    )


def codes() -> dict[str, list[str]]:
    found = {}
    for model in apps.get_models():
        if model._meta.app_label not in TABLES or model._meta.proxy or model.__name__.endswith("Event"):
            continue
        if any(field.name == "code" for field in model._meta.fields):
            found[model.__name__] = [str(code) for code in model.objects.values_list("code", flat=True)[:2]]
    return found


def rows() -> dict[str, int]:
    """How many rows each table holds."""
    names = [
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label in TABLES and not any(word in model._meta.db_table for word in WITHOUT)
    ]
    counts = ", ".join(f'(SELECT count(*) FROM "{name}")' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}")
        return dict(zip(names, cursor.fetchone(), strict=True))


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """Every route as a template such as `visits/<uuid:code>/move/`."""
    for item in (resolver or get_resolver()).url_patterns:
        here = prefix + str(item.pattern)
        if isinstance(item, URLResolver):
            yield from addresses(item, here)
        elif isinstance(item, URLPattern):
            yield here


PAGES = sorted(
    {item for item in addresses() if not item.startswith(("admin/", "api/", "^")) and "(?P" not in item}
)


def filled(template: str, known: dict[str, list[str]]) -> list[str]:
    """The address with each code that could be meant; every kind of thing is tried, most are simply not found."""
    if "<" not in template:
        return [f"/{template}"]
    simple = (
        template.replace("<slug:slug>", "six-in-three-weeks")
        .replace("<int:number>", "1")
        .replace("<int:step>", "1")
    )
    simple = re.sub(r"<int:\w+>", "1", simple)
    simple = re.sub(r"<slug:\w+>", "six-in-three-weeks", simple)
    simple = re.sub(r"<str:\w+>", "nothing", simple)
    if "<" not in simple:
        return [f"/{simple}"]
    return [f"/{re.sub(r'<(uuid:)?[a-z_]+>', code, simple)}" for code in likely_first(template, known)]


LEARNT: dict[
    str, str
] = {}  # first word of an address that takes a code -> the kind of thing whose code it takes


def _word(template: str) -> str:
    """`visits` of `visits/<uuid:code>/move/` and of `/api/v1/visits/{code}/move/`."""
    return re.split(r"[<{]", template.removeprefix("/api/v1/"))[0].strip("/")


def likely_first(template: str, known: dict[str, list[str]]) -> list[str]:
    """All codes, those first that an address with the same beginning took before: most others are not found."""
    expected = LEARNT.get(_word(template), "")
    kinds = sorted(known, key=lambda kind: kind != expected)
    return [code for kind in kinds for code in known[kind]]


def learn(template: str, path: str, known: dict[str, list[str]]) -> None:
    """Remember whose code was taken at this address."""
    LEARNT.update(
        {_word(template): kind for kind, found in known.items() if any(code in path for code in found)}
    )


@pytest.fixture
def as_everyone(everyone: Any, caplog: pytest.LogCaptureFixture) -> Client:
    caplog.set_level(logging.CRITICAL, logger="django.request")
    client = Client(raise_request_exception=False)
    client.force_login(everyone)
    return client


def mixtures(boxes: int, turns: int, poisons: tuple[Any, ...] = POISON) -> Iterator[list[Any]]:
    """`turns` times something else for each box, so that no refusal hides behind another for ever."""
    for turn in range(turns):
        yield [poisons[(place * 5 + turn * 3) % len(poisons)] for place in range(boxes)]


class Rubbish:
    """Sends rubbish and keeps what went wrong: answers of 5xx, refusals that wrote, refusals in the wrong shape."""

    def __init__(self) -> None:
        self.broken: list[Any] = []
        self.written: list[Any] = []
        self.unclear: list[Any] = []

    def send(self, what: str, requests: Iterable[Callable[[], Any]], shape: str = "") -> None:
        """All of them at one place; rows are counted when every one was refused. Nothing stays."""
        before, accepted = rows(), False
        with transaction.atomic():
            for number, request in enumerate(requests):
                with transaction.atomic():
                    answer = request()
                    transaction.set_rollback(answer.status_code < 400)
                accepted |= answer.status_code < 400
                if answer.status_code >= 500:
                    self.broken.append((what, number, answer.status_code))
                elif answer.status_code >= 400 and shape not in answer["Content-Type"]:
                    self.unclear.append((what, number, answer.status_code))
            if rows() != before:
                self.written.append((what, accepted))
            transaction.set_rollback(True)

    def check(self) -> None:
        assert self.broken == []
        assert self.written == []
        assert self.unclear == []


def test_no_page_answers_a_visitor(client: Client, inhabited: dict[str, list[str]]) -> None:
    shown = []
    for template in PAGES:
        if OPEN_TO_VISITORS.match(template):
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(filled(template, inhabited)[0])
            signs_in = answer.status_code == 302 and "/accounts/" in answer["Location"]
            if not signs_in and answer.status_code not in (401, 403, 404, 405):
                shown.append((template, method, answer.status_code))
    assert shown == []


def test_pages_refuse_what_cannot_be_and_write_nothing(
    as_everyone: Client, inhabited: dict[str, list[str]]
) -> None:
    """Every form of every page; in each turn other rubbish in each of its boxes."""
    rubbish, seen = Rubbish(), set()
    for template in PAGES:
        if OPEN_TO_VISITORS.match(template) or template.startswith("site/"):
            continue
        path, page = _first_shown(as_everyone, template, inhabited)
        if page is None:
            continue
        if page.status_code >= 500:
            rubbish.broken.append((path, "GET", page.status_code))
        for form in forms_of(page.content.decode()):
            target = form.action or path
            shape = (re.sub(r"[0-9a-f-]{36}", "*", target), tuple(sorted(form.fields)))
            if form.method == "post" and shape not in seen and not OPEN_TO_VISITORS.match(target.lstrip("/")):
                seen.add(shape)
                rubbish.send(target, _spoilt(as_everyone, form, target))
    rubbish.check()
    assert len(seen) > 30, "the forms are found"


def _first_shown(client: Client, template: str, known: dict[str, list[str]]) -> tuple[str, Any]:
    """The page for the first thing it knows; None when there is none or it is no page."""
    for path in filled(template, known):
        page = client.get(path)
        if page.status_code == 405:
            return path, None
        if page.status_code >= 500 or (page.status_code == 200 and "html" in page["Content-Type"]):
            learn(template, path, known)
            return path, page
    return "", None


def _spoilt(client: Client, form: Form, target: str) -> Iterator[Callable[[], Any]]:
    kept = {name: value for name, (kind, value) in form.fields.items() if kind in KEPT}
    boxes = [name for name in form.fields if name not in kept]
    for poisons in mixtures(len(boxes), 7):
        typed = {  # a lone surrogate cannot be sent as UTF-8; a browser sends U+FFFD
            name: poison.encode("utf-8", "replace").decode()
            for name, poison in zip(boxes, poisons, strict=True)
        }
        yield functools.partial(client.post, target, kept | typed)


def operations() -> Iterator[tuple[str, str, list[str]]]:
    """(path, method, names in the body) of every endpoint that changes something."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method in ("post", "patch", "put", "delete") and "token" not in path:
                content = operation.get("requestBody", {}).get("content", {})
                body = content.get("application/json", {}).get("schema", {})
                name = body.get("$ref", "").rsplit("/", 1)[-1]
                yield (
                    path,
                    method,
                    sorted(schema["components"]["schemas"].get(name, body).get("properties", {})),
                )


def test_the_api_refuses_what_cannot_be_and_writes_nothing(
    as_everyone: Client, inhabited: dict[str, list[str]]
) -> None:
    rubbish, found = Rubbish(), 0
    for path, method, names in operations():
        found += 1
        address = _own_address(as_everyone, path, method, inhabited)
        send = functools.partial(
            as_everyone.generic, method.upper(), address, content_type="application/json", headers=HEADERS
        )
        requests = (functools.partial(send, data=body) for body in _bodies(names))
        rubbish.send(f"{method} {path}", requests, shape="problem+json")
    rubbish.check()
    assert found > 40, "the endpoints are found"


def _own_address(client: Client, path: str, method: str, known: dict[str, list[str]]) -> str:
    """The path with the code of something it knows; when it knows none, with the first code."""
    if "{" not in path:
        return path
    tried = [re.sub(r"\{\w+\}", code, path) for code in likely_first(path, known)]
    for address in tried:
        answer = client.generic(method.upper(), address, b"{", content_type="application/json")
        if answer.status_code != 404:
            learn(path, address, known)
            return address
    return tried[0]


def _bodies(names: list[str]) -> Iterator[bytes]:
    yield from RAW
    for poisons in mixtures(len(names), 9, (*POISON, *WRONG_TYPES)):
        yield json.dumps(dict(zip(names, poisons, strict=True))).encode()
