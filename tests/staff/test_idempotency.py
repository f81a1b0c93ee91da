"""Two requests with one key at once: whoever is refused by what its twin has just written gets the twin's answer."""

from __future__ import annotations

import pytest
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from staff.api import idempotent
from staff.errors import StateConflict
from staff.models import IdempotencyRecord
from tests import factories

pytestmark = pytest.mark.django_db
KEY = "double-click-1"


@pytest.fixture
def ask():
    """`ask(first, body)` is what this person gets for that body; the act answers 201."""
    user = factories.make_user("coordinator")

    def send(first, body=None):
        plain = APIRequestFactory().post("/", body or {"a": 1}, format="json", HTTP_IDEMPOTENCY_KEY=KEY)
        request = Request(plain, parsers=[JSONParser()])
        request.user = user
        return idempotent(request, "made", lambda: Response({"code": "one"}, status=201), first=first)

    return send


def taken():
    raise StateConflict("Somebody has it.", code="taken")


def test_the_twin_that_comes_between_two_looks_answers_for_both(ask):
    def twin_is_faster():
        ask(lambda: None)
        taken()

    found = ask(twin_is_faster)
    assert (found.status_code, found.data, found["Idempotent-Replay"]) == (201, {"code": "one"}, "true")
    assert IdempotencyRecord.objects.count() == 1


def test_another_body_under_the_twins_key_is_told_so(ask):
    def twin_is_faster():
        ask(lambda: None)
        taken()

    assert ask(twin_is_faster, {"a": 2}).status_code == 422


def test_without_a_twin_the_refusal_stands_and_nothing_is_kept(ask):
    with pytest.raises(StateConflict):
        ask(taken)
    assert not IdempotencyRecord.objects.exists()
    assert ask(lambda: None).status_code == 201, "the key can be used again"
