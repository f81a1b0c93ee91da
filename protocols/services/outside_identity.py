"""Who is no outside reviewer: anybody with an account here, and whoever wrote the text under another address.

Addresses, names and registrations are compared by functions of the database (`mail_identity`, `name_identity`,
`number_identity`), the same that its triggers use: a tag (`ada+review@`), a title, the order of names, spaces and dots
make nobody another person. What nobody can know is a private address under an invented name: the version stays marked
with who sent the link and who signed, by name and registration.
"""

from __future__ import annotations

from typing import Any

from django.db.models import CharField, F, Func, Q, Value
from django.db.models.functions import Length, StrIndex

from protocols.models import ProtocolVersion
from staff.errors import RuleNotMet
from staff.models import Licence, User

SHORTEST_NUMBER = 5  # a shorter licence number may be part of another one by chance


def _same(function: str, value: Any) -> Func:
    return Func(value, function=function, output_field=CharField())


def check_address(email: str) -> None:
    """Raises RuleNotMet `reviewer-is-staff` for an address, present or past, of somebody with an account here."""
    wanted = _same("mail_identity", Value(email))
    events: Any = User._meta.get_field("events").related_model  # the history of addresses
    for rows in (User.objects, events.objects):
        if rows.annotate(identity=_same("mail_identity", F("email"))).filter(identity=wanted).exists():
            raise RuleNotMet(
                "This is the address of somebody who works here. Colleagues sign in and approve; an author never does.",
                code="reviewer-is-staff",
                field="email",
            )


def check_name(version: ProtocolVersion, name: str, *, field: str) -> None:
    """Raises RuleNotMet `reviewer-is-author` for the name of somebody who wrote the text."""
    found = _writers(version).annotate(identity=_same("name_identity", F("full_name")))
    if found.filter(identity=_same("name_identity", Value(name))).exists():
        raise RuleNotMet(
            "This is the name of somebody who wrote the text. Its author never reviews it.",
            code="reviewer-is-author",
            field=field,
        )


def check_registration(version: ProtocolVersion, registration: str) -> None:
    """Raises RuleNotMet `reviewer-is-author` for a licence number of somebody who wrote the text."""
    numbers = Licence.objects.filter(user__in=_writers(version)).annotate(
        identity=_same("number_identity", F("number"))
    )
    given = _same("number_identity", Value(registration))
    inside = numbers.annotate(long=Length("identity"), place=StrIndex(given, F("identity")))
    if inside.filter(long__gte=SHORTEST_NUMBER, place__gt=0).exists():
        raise RuleNotMet(
            "This is the registration of somebody who wrote the text. Its author never reviews it.",
            code="reviewer-is-author",
            field="registration",
        )


def _writers(version: ProtocolVersion) -> Any:
    """Everybody who is or ever was the author of the text, by the history that nobody can edit."""
    events: Any = version.events  # type: ignore[attr-defined]  # added by the history library
    return User.objects.filter(Q(pk=version.author_id) | Q(pk__in=events.values("author")))
