"""Licences to practise: added, ended, corrected. Never deleted; what changed is in the history."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from staff import signals
from staff.clock import app_now
from staff.errors import Clash, InvalidInput, StaleVersion, constraint_name
from staff.history import acting
from staff.models import Licence, User
from staff.strict import parse_text

JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", re.ASCII)
EARLIEST, LATEST = date(1950, 1, 1), date(2100, 1, 1)


def record_licence(
    *,
    user: User,
    profession: str,
    jurisdiction: str,
    number: str,
    valid_from: date,
    last_day: date | None = None,
    by: User | None,
    at: datetime | None = None,
) -> tuple[Licence, tuple[str, ...]]:
    """Record a licence valid from `valid_from` to `last_day`, both included (None: no end is known).

    Raises InvalidInput naming the field, Clash when one of the kind stands in these days.
    """
    licence = Licence(user=user, version=1)
    _fill(licence, profession, jurisdiction, number, valid_from, last_day)
    return _write(licence, by, at)


def correct_licence(
    *,
    licence: Licence,
    profession: str,
    jurisdiction: str,
    number: str,
    valid_from: date,
    last_day: date | None,
    by: User | None,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> tuple[Licence, tuple[str, ...]]:
    """Put right what was typed wrongly, or end it: the whole licence as it is."""
    with acting(by):
        row = _locked(licence, expected_version)
        _fill(row, profession, jurisdiction, number, valid_from, last_day)
        row.version += 1
        return _write(row, by, at)


def end_licence(
    *,
    licence: Licence,
    last_day: date,
    by: User | None,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> tuple[Licence, tuple[str, ...]]:
    """Say on which day it ends (included). Returns what it no longer covers, in sentences; the items are on lists."""
    with acting(by):
        row = _locked(licence, expected_version)
        if last_day < row.valid_during.lower:
            raise InvalidInput(
                "The last day lies before the first.", code="end-before-start", field="last_day"
            )
        row.valid_during = DateRange(row.valid_during.lower, last_day + timedelta(days=1))
        row.version += 1
        return _write(row, by, at)


def _locked(licence: Licence, expected_version: int | None) -> Licence:
    row = Licence.objects.select_for_update().get(pk=licence.pk)
    if expected_version is not None and row.version != expected_version:
        raise StaleVersion("Somebody changed this licence since you opened the page. Nothing was saved.")
    return row


def _fill(
    licence: Licence,
    profession: str,
    jurisdiction: str,
    number: str,
    valid_from: date,
    last_day: date | None,
) -> None:
    if profession not in Licence.Profession.values:
        raise InvalidInput("Choose a profession from the list.", field="profession")
    if not JURISDICTION.fullmatch(jurisdiction):
        raise InvalidInput(
            "Write the country, and the state where there is one, as in US-OR or GB.", field="jurisdiction"
        )
    text = parse_text(number, field="number", max_length=40, single_line=True)
    if not text:
        raise InvalidInput("The number is missing.", code="required", field="number")
    if not EARLIEST <= valid_from < LATEST:
        raise InvalidInput("Check the year.", code="out-of-range", field="valid_from")
    if last_day is not None and not valid_from <= last_day < LATEST:
        raise InvalidInput(
            "The last day lies before the first, or too far ahead.", code="end-before-start", field="last_day"
        )
    licence.profession, licence.jurisdiction, licence.number = profession, jurisdiction, text
    licence.valid_during = DateRange(valid_from, None if last_day is None else last_day + timedelta(days=1))


def _write(licence: Licence, by: User | None, at: datetime | None) -> tuple[Licence, tuple[str, ...]]:
    try:
        with acting(by):
            with transaction.atomic():
                licence.save()
            answers = signals.licence_changed.send(Licence, person=licence.user, by=by, at=at or app_now())
    except IntegrityError as error:
        if constraint_name(error) != "licence_one_at_a_time":
            raise
        raise Clash(
            "A licence of this profession and place stands in these days already. Correct or end that one.",
            code="licence-overlaps",
            field="valid_from",
        ) from error
    return licence, tuple(line for _, lines in answers for line in lines or ())
