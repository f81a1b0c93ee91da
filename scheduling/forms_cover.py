"""Who is away and when, and what becomes of each therapy session. It reads; the service decides."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django import forms

from scheduling.services.cover import WORDS
from staff.errors import InvalidInput
from staff.forms import ClinicalForm
from staff.models import User
from staff.strict import parse_date, parse_instant

PREFIX = "choice-"
MOST_CHOICES = 200


class CoverForm(ClinicalForm):
    """Therapist, first and last day (both included, at the site). An empty day means tomorrow."""

    therapist = forms.ChoiceField(label="Therapist", required=False)
    first = forms.CharField(
        label="First day", required=False, max_length=10, widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.CharField(
        label="Last day", required=False, max_length=10, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, people: Iterable[User], tomorrow: date, me: User, **kwargs: Any) -> None:
        self.people = {str(one.code): one for one in people}
        self.tomorrow, self.me = tomorrow, me
        first = str(me.code) if str(me.code) in self.people else next(iter(self.people), "")
        kwargs["initial"] = {"therapist": first, "first": tomorrow.isoformat(), "last": tomorrow.isoformat()}
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.always_filled = True  # type: ignore[attr-defined]  # what stands there is the usual answer
        names = [(code, one.full_name) for code, one in self.people.items()]
        self.fields["therapist"].choices = names  # type: ignore[attr-defined]  # a ChoiceField

    def clean_first(self) -> date:
        """The first day."""
        return self._day("first") or self.tomorrow

    def clean_last(self) -> date:
        """The last day; the first when it is left empty."""
        return self._day("last") or self.cleaned_data.get("first") or self.tomorrow

    def _day(self, name: str) -> date | None:
        text = str(self.cleaned_data.get(name) or "").strip()
        if not text:
            return None
        try:
            return parse_date(text, field=name)
        except InvalidInput as refusal:
            raise forms.ValidationError(refusal.message, code=refusal.code) from refusal

    def asked(self) -> tuple[User, date, date]:
        """Who, first day, last day; the defaults when the form was only opened."""
        code = str(self.initial["therapist"])
        if not self.is_bound:
            return self.people[code], self.tomorrow, self.tomorrow
        data = self.cleaned_data
        return self.people[data["therapist"] or code], data["first"], data["last"]

    def choices(self) -> dict[str, tuple[datetime, User] | str]:
        """What was chosen, by code of the follow-up. Raises InvalidInput for anything that no page gave out."""
        named = [(name, value) for name, value in self.data.items() if name.startswith(PREFIX)]
        if len(named) > MOST_CHOICES:
            raise InvalidInput("Too many choices.", code="too-many", field="choices")
        codes = {code for _, value in named for code in [str(value).partition("|")[2]] if _is_code(code)}
        known = {str(one.code): one for one in User.objects.filter(code__in=codes, is_active=True)}
        return {
            name.removeprefix(PREFIX): _choice(str(value), known) for name, value in named if _keyed(name)
        }


def _keyed(name: str) -> bool:
    if not _is_code(name.removeprefix(PREFIX)):
        raise InvalidInput("Choose one of the offered times.", code="not-offered", field="choices")
    return True


def _is_code(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _choice(text: str, known: dict[str, User]) -> tuple[datetime, User] | str:
    if text in WORDS:
        return text
    moment, _, code = text.partition("|")
    if code not in known:
        raise InvalidInput("Choose one of the offered times.", code="not-offered", field="choices")
    return parse_instant(moment, field="choices"), known[code]
