"""A form that is sent twice does its act once: the second time finds what the first one made.

The page carries a random token. Token and result are written in the same transaction as the act, so a token exists
exactly when the act happened. The API has its own form of this (`Idempotency-Key`, staff/api.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.db import transaction

from staff.errors import InvalidInput
from staff.models import IdempotencyRecord, User

TOKEN = re.compile(r"[0-9a-f-]{36}", re.ASCII)


@transaction.atomic
def once(*, user: User, token: str, route: str, act: Callable[[], str]) -> tuple[str, bool]:
    """(result, done now): run `act` unless this person's token was used on this route before.

    `act` returns the code of what it made. Raises InvalidInput for a token that no page gave out.
    """
    if not TOKEN.fullmatch(token):
        raise InvalidInput("Reload the page and try again.", code="token")
    record, created = IdempotencyRecord.objects.get_or_create(
        user=user, key=token, route=f"page:{route}", defaults={"request_hash": token}
    )
    if not created:
        return str((record.body or {}).get("result", "")), False
    result = act()
    record.status, record.body = 200, {"result": result}
    record.save(update_fields=["status", "body"])
    return result, True
