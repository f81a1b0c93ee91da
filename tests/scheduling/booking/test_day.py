"""The day as a whole: its sheet each morning, also as a file and on both clock changes; its closing with owners."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from scheduling.models import DayClosing, DaySheet, WorkItem
from scheduling.services.day_closing import close_day, open_lines
from scheduling.services.day_sheets import make_day_sheet, make_morning_sheets
from sessions import services
from staff.errors import InvalidInput, NotAllowed, StateConflict
from tests.scheduling.follow import world as follow
from tests.sessions import world

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (datetime(2026, 3, 8, 12, 59, tzinfo=UTC), datetime(2026, 3, 8, 13, 0, tzinfo=UTC)),  # clocks forward
        (datetime(2026, 11, 1, 13, 59, tzinfo=UTC), datetime(2026, 11, 1, 14, 0, tzinfo=UTC)),  # clocks back
    ],
)
def test_the_sheet_is_made_once_at_six_local(clinic, clock, before, after):
    clock.set(before)
    assert not DaySheet.objects.filter(site=clinic.site, day=before.date()).exists()
    make_morning_sheets()
    assert not DaySheet.objects.filter(site=clinic.site, day=before.date()).exists()
    clock.set(after)
    assert make_morning_sheets() >= 1
    assert DaySheet.objects.get(site=clinic.site).day == after.date()
    assert make_morning_sheets() == 0


def test_command_writes_a_file_that_is_readable_without_the_system(clinic, clock, tmp_path, capsys):
    call_command("day_sheet", site=clinic.site.short_name, out=str(tmp_path))
    (path,) = Path(tmp_path).iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert text.startswith("<!doctype html>")
    assert clinic.site.phone in text
    assert "<script" not in text
    assert capsys.readouterr().out == f"{clinic.site.short_name}: 2026-03-03, 0 visits, {path.name}\n"


def test_an_infusion_visit_stands_on_the_page_and_on_the_kept_copy(clinic, clock):
    """It has a chair and no practitioner; both sheets come."""
    follow.book_course(clinic, [follow.FIRST])
    day = follow.FIRST.astimezone(ZoneInfo(clinic.site.time_zone)).date()
    make_day_sheet(site=clinic.site, day=day)
    client = Client()
    client.force_login(clinic.nurse)
    for query in ({}, {"kept": "1"}):
        text = client.get(reverse("day_sheet"), {"day": day.isoformat(), **query}).content.decode()
        assert clinic.patient.mrn in text


def test_closing_needs_an_owner_for_each_open_thing(clinic, clock):
    infusion = world.given(clinic, clock)
    services.record_adverse_event(infusion=infusion, kind="nausea", severity="mild", by=clinic.nurse)
    lines = open_lines(clinic.site)
    assert {line.group for line in lines} >= {"Records", "Adverse events"}
    unowned = {line.key: clinic.clinician for line in lines[1:]}
    with pytest.raises(InvalidInput) as found:
        close_day(site=clinic.site, owners=unowned, by=clinic.nurse)
    assert found.value.code == "owner-needed"
    with pytest.raises(NotAllowed):
        close_day(site=clinic.site, owners={line.key: clinic.outsider for line in lines}, by=clinic.nurse)
    assert not DayClosing.objects.exists()
    assert not WorkItem.objects.filter(kind="unsigned").exists()
    closing = close_day(
        site=clinic.site, owners={line.key: clinic.clinician for line in lines}, by=clinic.nurse
    )
    assert len(closing.items) == len(lines)
    assert WorkItem.objects.get(kind="unsigned", key=str(infusion.code)).owner == clinic.clinician
    with pytest.raises(StateConflict):
        close_day(site=clinic.site, owners={}, by=clinic.nurse)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE scheduling_dayclosing SET items = '[]' WHERE id = %s", [closing.pk])


def test_pages_of_the_day(client, clinic, clock):
    infusion = world.given(clinic, clock)
    for name in ("day_sheet", "day_close"):
        url = reverse(name)
        assert client.get(url).status_code == 302
        client.force_login(clinic.therapist)
        assert client.get(url).status_code == 403
        client.force_login(clinic.nurse)
        assert client.get(url).status_code == 200
        client.logout()
    client.force_login(clinic.nurse)
    assert client.post(reverse("day_sheet")).status_code == 405
    assert client.get(reverse("day_sheet"), {"day": "soon"}).status_code == 404
    refused = client.post(reverse("day_close"), {f"owner|unsigned|{infusion.code}": "nobody"})
    assert refused.status_code == 400
    assert not DayClosing.objects.exists()
    chosen = {f"owner|{line.key}": str(clinic.clinician.code) for line in open_lines(clinic.site)}
    assert client.post(reverse("day_close"), chosen).status_code == 302
    assert client.post(reverse("day_close"), chosen).status_code == 409
    assert DayClosing.objects.get().day == date(2026, 3, 3)
