"""Reading the fields of a patient record, whoever sends them. Raises InvalidInput naming the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings

from patients.models import Patient
from staff.errors import InvalidInput
from staff.strict import parse_decimal, parse_text
from staff.zones import known_zones

MIN_HEIGHT_CM, MAX_HEIGHT_CM = Decimal(100), Decimal(230)
EARLIEST_BIRTH = date(1900, 1, 1)
TEXTS = {"mrn": ("Record number", 32), "given_name": ("Given name", 80), "family_name": ("Family name", 80)}
LONGEST_INTERPRETER = 60
FIELDS = frozenset(
    {*TEXTS, "birth_date", "sex", "height_cm", "time_zone", "language", "interpreter", "jurisdiction"}
)
_JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)


def clean(values: Mapping[str, Any], *, today: date) -> dict[str, Any]:
    """The given fields, checked and in stored form. `today` is the site's day."""
    unknown = set(values) - FIELDS
    if unknown:
        raise InvalidInput("This field cannot be changed here.", field=min(unknown))
    return {name: _clean_one(name, value, today) for name, value in values.items()}


def _clean_one(name: str, value: Any, today: date) -> Any:
    if name in TEXTS:
        return _text(name, value)
    if name == "interpreter":
        text = parse_text(value, field=name, max_length=LONGEST_INTERPRETER, single_line=True)
        return " ".join(text.split())
    if name == "birth_date":
        return _birth_date(value, today)
    if name == "height_cm":
        return _height(value)
    allowed, message = {
        "sex": (value in Patient.Sex.values, "Choose female or male, as on the chart."),
        "time_zone": (value in known_zones(), "Choose a time zone such as America/Los_Angeles."),
        "language": (value in dict(settings.LANGUAGES), "Choose a language from the list."),
        "jurisdiction": (
            isinstance(value, str) and bool(_JURISDICTION.fullmatch(value)),
            "Write the country, and the state where there is one, as in US-OR or GB.",
        ),
    }[name]
    if not allowed:
        raise InvalidInput(message, field=name)
    return value


def _text(name: str, value: Any) -> str:
    label, longest = TEXTS[name]
    text = " ".join(parse_text(value, field=name, max_length=longest, single_line=True).split())
    if not text:
        raise InvalidInput(f"{label} is missing.", code="required", field=name)
    return text


def _birth_date(value: Any, today: date) -> date:
    if not isinstance(value, date):
        raise InvalidInput("Enter a date, such as 1984-05-17.", field="birth_date")
    if value > today:
        raise InvalidInput("The birth date lies in the future.", code="in-the-future", field="birth_date")
    if value < EARLIEST_BIRTH:
        raise InvalidInput("Check the year: it is before 1900.", code="out-of-range", field="birth_date")
    return value


def _height(value: Any) -> Decimal | None:
    if value is None:
        return None
    return parse_decimal(
        value, field="height_cm", min_value=MIN_HEIGHT_CM, max_value=MAX_HEIGHT_CM, max_places=1, unit="cm"
    )
