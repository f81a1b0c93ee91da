"""The day as a whole: its sheet each morning, also as a file and on both clock changes; its closing with owners."""

from __future__ import annotations

import getpass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from scheduling.models import DayClosing, DaySheet, WorkItem
from scheduling.services.day_closing import close_day, open_lines
from scheduling.services.day_sheets import make_day_sheet, make_morning_sheets
from sessions import services
from staff.errors import InvalidInput, NotAllowed, StateConflict
from tests import factories
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
    assert {item["patient"] for item in closing.items} == {str(clinic.patient)}
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
    newcomer = factories.make_user("nurse", sites=[clinic.site], full_name="Ina Vited")
    assert newcomer.full_name in client.get(reverse("day_close")).content.decode()
    type(newcomer).objects.filter(pk=newcomer.pk).update(invited_at=follow.FIRST)
    assert newcomer.full_name not in client.get(reverse("day_close")).content.decode()
    assert client.post(reverse("day_sheet")).status_code == 405
    assert client.get(reverse("day_sheet"), {"day": "soon"}).status_code == 404
    refused = client.post(reverse("day_close"), {f"owner|unsigned|{infusion.code}": "nobody"})
    assert refused.status_code == 400
    assert not DayClosing.objects.exists()
    chosen = {f"owner|{line.key}": str(clinic.clinician.code) for line in open_lines(clinic.site)}
    assert client.post(reverse("day_close"), chosen).status_code == 302
    assert client.post(reverse("day_close"), chosen).status_code == 409
    assert DayClosing.objects.get().day == date(2026, 3, 3)


def test_the_api_and_the_command_close_the_day_like_the_page(clinic, clock, capsys):
    infusion = world.given(clinic, clock)
    client, url = APIClient(), "/api/v1/day-closings/"
    asked = {"site": str(clinic.site.code)}
    key = {"Idempotency-Key": "close-the-day-1"}
    assert client.get(url, asked).status_code in (401, 403)
    client.force_authenticate(clinic.therapist)
    assert client.get(url, asked).status_code == 403
    client.force_authenticate(clinic.nurse)
    for other in ("", "x", "00000000-0000-4000-8000-000000000000"):
        assert client.get(url, {"site": other}).status_code == 404
    state = client.get(url, asked).json()
    lines = [line["key"] for line in state["open"]]
    assert f"unsigned|{infusion.code}" in lines
    assert state["closing"] is None
    assert client.post(url, asked, format="json").status_code == 400, "no Idempotency-Key"
    nobody = asked | {"owners": {line: str(clinic.outsider.code) for line in lines}}
    for body in (asked, nobody, asked | {"owners": {lines[0]: "x"}}, {"site": "x"}):
        assert client.post(url, body, format="json", headers=key).status_code in (400, 422)
    assert not DayClosing.objects.exists()
    call_command("close_day", site=clinic.site.short_name)
    assert "Nothing was written" in capsys.readouterr().out
    with pytest.raises(CommandError, match="owner"):
        call_command("close_day", site=clinic.site.short_name, by=clinic.nurse.email)
    body = asked | {"owners": {line: str(clinic.clinician.code) for line in lines}}
    for _ in range(2):
        answer = client.post(url, body, format="json", headers=key)
        assert answer.status_code == 201
    assert (DayClosing.objects.get().closed_by, DayClosing.objects.get().operator) == (clinic.nurse, "")
    assert (
        client.post(url, body, format="json", headers={"Idempotency-Key": "another-key"}).status_code == 409
    )
    assert client.get(url, asked).json()["open"] == []


def test_the_command_gives_what_has_no_owner_to_one_person(clinic, clock, capsys):
    infusion = world.given(clinic, clock)
    names = {"by": clinic.nurse.email, "owner": clinic.clinician.email}
    call_command("close_day", site=clinic.site.short_name, **names)
    assert f"by the operator, in the name of {clinic.nurse.full_name}" in capsys.readouterr().out
    closing = DayClosing.objects.get()
    assert (closing.closed_by, closing.operator) == (clinic.nurse, getpass.getuser())
    context = WorkItem.objects.get(kind="unsigned", key=str(infusion.code)).events.last().pgh_context
    said = {"user": None, "operator": closing.operator, "in_the_name_of": clinic.nurse.pk}
    assert said.items() <= context.metadata.items()
    page = Client()
    page.force_login(clinic.nurse)
    assert "By the operator of the server" in page.get(reverse("day_close")).content.decode()
    assert WorkItem.objects.get(kind="unsigned", key=str(infusion.code)).owner == clinic.clinician
