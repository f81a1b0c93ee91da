"""Sites: opened and changed by the people who manage the clinic."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import holidays
from django.db import IntegrityError, transaction

from staff import signals
from staff.clock import app_now
from staff.errors import Clash, InvalidInput, StaleVersion, StateConflict, constraint_name
from staff.history import acting
from staff.models import Site, User
from staff.services.fields import cleaned, one_line
from staff.strict import parse_text
from staff.zones import known_zones

# label, most characters, needed
TEXTS = {
    "name": ("Name", 120, True),
    "short_name": ("Short name", 24, True),
    "phone": ("Phone", 32, True),
    "address": ("Address", 200, False),
}
PLACE = frozenset({"time_zone", "country", "subdivision"})
FIELDS = frozenset({*TEXTS, *PLACE, "open_on_holidays"})
COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}", re.ASCII)
PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{4,}", re.ASCII)
IN_THE_WAY = "Visits are booked ahead at this site, at times of its own clock and under its licences."


def found_site(*, values: Mapping[str, Any], by: User | None) -> Site:
    """Open a site; whoever opens it works there, so that they see it. Raises InvalidInput, Clash for a name in use."""
    missing = {"name", "time_zone", "country", "phone"} - set(values)
    if missing:
        raise InvalidInput("This is missing.", code="required", field=min(missing))
    fields = cleaned(values, FIELDS, _clean_one)
    fields.setdefault("short_name", fields["name"][:24].strip())
    _check_place(fields["country"], fields.get("subdivision", ""))
    with acting(by):
        site = Site(**fields)
        _save(site)
        if by is not None:
            by.sites.add(site)
    return site


def update_site(
    *,
    site: Site,
    changes: Mapping[str, Any],
    by: User | None,
    expected_version: int | None = None,
    at: datetime | None = None,
) -> Site:
    """Change a site. Zone, country and subdivision only while nothing is booked ahead (StateConflict says why)."""
    fields = cleaned(changes, FIELDS, _clean_one)
    with acting(by):
        row = Site.objects.select_for_update().get(pk=site.pk)
        if expected_version is not None and row.version != expected_version:
            raise StaleVersion("Somebody changed this site since you opened the page. Nothing was saved.")
        moving = {name for name in PLACE & set(fields) if getattr(row, name) != fields[name]}
        if moving:
            signals.site_moving.send(Site, site=row, by=by, at=at or app_now())
            _check_place(fields.get("country", row.country), fields.get("subdivision", row.subdivision))
        for name, value in fields.items():
            setattr(row, name, value)
        row.version += 1
        _save(row)
    return row


def _save(site: Site) -> None:
    try:
        with transaction.atomic():
            site.save()
    except IntegrityError as error:
        name = constraint_name(error)
        if name == "site_stays_while_booked":
            raise StateConflict(IN_THE_WAY, code="booked-ahead", field="time_zone") from error
        if "name" not in name:
            raise
        raise Clash("There is a site with this name.", code="name-in-use", field="name") from error


def _clean_one(name: str, value: Any) -> Any:
    if name in TEXTS:
        return _text(name, value)
    if name == "open_on_holidays":
        return bool(value)
    text = parse_text(value, field=name, max_length=64, single_line=True)
    allowed, message = {
        "time_zone": (text in known_zones(), "Choose a time zone such as America/Los_Angeles."),
        "country": (bool(COUNTRY.fullmatch(text)), "Write the two letters of the country, such as US or GB."),
        "subdivision": (
            not text or bool(SUBDIVISION.fullmatch(text)),
            "Write the letters of the state or region, such as OR, or leave it empty.",
        ),
    }[name]
    if not allowed:
        raise InvalidInput(message, field=name)
    return text


def _text(name: str, value: Any) -> str:
    label, longest, needed = TEXTS[name]
    text = one_line(name, value, label, longest, needed=needed)
    if name == "phone" and not PHONE.fullmatch(text):
        raise InvalidInput("Write the number with its country code, such as +1 503 555 0140.", field=name)
    return text


def _check_place(country: str, subdivision: str) -> None:
    """A region that the holiday calendar of a country it knows does not have is a typing mistake."""
    known = holidays.list_supported_countries()
    if country in known and subdivision and known[country] and subdivision not in known[country]:
        raise InvalidInput(
            f"{country} has no region {subdivision}.", code="unknown-region", field="subdivision"
        )
