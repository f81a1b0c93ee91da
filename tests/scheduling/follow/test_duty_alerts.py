"""The duty roster, alerts that climb, and questions that are not asked while nobody is there to read the answer."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction

from scheduling import dispatch
from scheduling.models import DutyShift, Message, StaffAlert, StaffNotice, WorkItem
from scheduling.schedule_checks import check_schedule
from scheduling.services import alerts, duty, windows
from staff import fields
from staff.errors import Clash, InvalidInput, RuleNotMet
from tests import factories
from tests.raw import as_owner, swap
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import receiving

pytestmark = pytest.mark.django_db
LA = ZoneInfo("America/Los_Angeles")


@pytest.fixture
def mailbox(settings, tmp_path):
    settings.PUBLIC_URL, settings.OUTBOX_DIR = "https://visits.example", str(tmp_path)
    with receiving(settings) as box:
        yield box


@pytest.fixture
def alert(clinic, clock, mailbox) -> StaffAlert:
    return alerts.raise_alert(
        key="test", site=clinic.site, patient=clinic.patient, reason="PHQ-9 item 9 answered 2", at=clock.now()
    )


def told(mailbox) -> list[str]:
    return [item["To"] for item in mailbox.taken if item["Subject"] == "Somebody needs you now"]


def test_it_climbs_every_fifteen_minutes_until_somebody_confirms(clinic, clock, mailbox, alert):
    dispatch.tick()
    assert told(mailbox) == [clinic.nurse.email]
    assert WorkItem.objects.get(key=f"alert:{alert.code}").owner == clinic.nurse
    clock.advance(minutes=14, seconds=59)
    dispatch.tick()
    assert told(mailbox) == [clinic.nurse.email]
    clock.advance(seconds=1)
    dispatch.tick()
    assert told(mailbox)[1:] == [clinic.clinician.email]
    clock.advance(minutes=15)
    dispatch.tick()
    assert sorted(told(mailbox)[2:]) == sorted([clinic.clinician.email, clinic.second_clinician.email])
    clock.advance(minutes=15)
    dispatch.tick()
    assert len(told(mailbox)) == 6, "everybody again"
    for _ in range(2):
        alerts.acknowledge_alert(alert=alert, by=clinic.second_clinician)
    clock.advance(hours=2)
    dispatch.tick()
    assert len(told(mailbox)) == 6
    assert WorkItem.objects.get(key=f"alert:{alert.code}").owner == clinic.second_clinician


def test_raised_twice_it_is_one_alert(clinic, clock, mailbox, alert):
    again = alerts.raise_alert(
        key="test", site=clinic.site, patient=clinic.patient, reason="again", at=clock.now()
    )
    assert (again.pk, StaffNotice.objects.count()) == (alert.pk, 1)


def test_an_empty_roster_tells_every_clinician_at_once(clinic, clock, mailbox):
    DutyShift.objects.update(cancelled_at=clock.now())
    alerts.raise_alert(key="night", site=clinic.site, patient=clinic.patient, reason="x", at=clock.now())
    dispatch.tick()
    assert sorted(told(mailbox)) == sorted([clinic.clinician.email, clinic.second_clinician.email])


def test_an_address_refused_for_good_does_not_cost_fifteen_minutes(clinic, clock, mailbox, alert):
    mailbox.rcpt_answers.append("550 no such user")
    dispatch.tick()
    dispatch.tick()
    assert told(mailbox) == [clinic.clinician.email]


def test_a_server_that_is_down_is_tried_again(clinic, clock, mailbox, alert):
    mailbox.rcpt_answers.append("451 busy")
    dispatch.tick()
    assert told(mailbox) == []
    StaffNotice.objects.update(lease_until=None)
    dispatch.tick()
    assert told(mailbox) == [clinic.nurse.email]


def test_a_text_goes_out_beside_the_mail(clinic, clock, mailbox, tmp_path):
    DutyShift.objects.filter(rank=1).update(cancelled_at=clock.now())
    duty.add_shift(
        site=clinic.site, user=clinic.nurse, start=clock.now() - timedelta(hours=1), end=clock.now() + timedelta(hours=8),
        by=clinic.coordinator, phone="+1 503 555 0177",
    )  # fmt: skip
    alerts.raise_alert(key="text", site=clinic.site, patient=clinic.patient, reason="x", at=clock.now())
    dispatch.tick()
    (text,) = (tmp_path / "sms").glob("*.txt")
    assert text.read_text().startswith("To: +15035550177")
    assert clinic.patient.family_name not in text.read_text()


def test_numbers_that_changed_places_on_the_roster_are_not_used(clinic, clock, client, mailbox, tmp_path):
    """Neither colleague gets a text meant for the other; both get the e-mail, and the coordinator an item."""
    DutyShift.objects.update(cancelled_at=clock.now())
    first, second = (
        duty.add_shift(
            site=clinic.site, user=user, rank=rank, start=clock.now() - timedelta(hours=1), phone=phone,
            end=clock.now() + timedelta(hours=8), by=clinic.coordinator,
        )
        for user, rank, phone in ((clinic.nurse, 1, "+1 503 555 0177"), (clinic.clinician, 2, "+1 503 555 0178"))
    )  # fmt: skip
    swap("scheduling_dutyshift", "phone", first.pk, second.pk)
    assert [item.kind for item in check_schedule(clock.now())] == ["sealed", "sealed"]
    alerts.raise_alert(key="swap", site=clinic.site, patient=clinic.patient, reason="x", at=clock.now())
    for _ in range(2):
        dispatch.tick()
    assert told(mailbox) == [clinic.nurse.email]
    assert not (tmp_path / "sms").exists()
    item = WorkItem.objects.open().get(key=f"duty:{first.code}")
    assert (item.role, "does not open" in item.title) == ("coordinator", True)
    client.force_login(clinic.coordinator)
    assert "number does not open" in client.get("/duty/").content.decode()
    assert [row["texts"] for row in client.get("/api/v1/duty-shifts/").json()["results"][:2]] == [None, None]
    duty.cancel_shift(shift=first, by=clinic.coordinator)
    assert not WorkItem.objects.open().filter(key=f"duty:{first.code}").exists()


def test_addresses_of_notices_that_changed_places_reach_nobody_and_the_alert_climbs(
    clinic, clock, mailbox, alert
):
    other = alerts.raise_alert(
        key="other", site=clinic.site, patient=clinic.patient, reason="x", at=clock.now()
    )
    swap("scheduling_staffnotice", "address", *StaffNotice.objects.values_list("pk", flat=True))
    dispatch.tick()
    assert told(mailbox) == []
    assert {row.state for row in StaffNotice.objects.filter(level=1)} == {"failed"}
    assert WorkItem.objects.open().filter(kind="message-failed", role="clinician").count() == 2
    dispatch.tick()
    assert told(mailbox) == [clinic.clinician.email] * 2, "the next rank at once, not after 15 minutes"
    assert other.notices.count() == 2


def test_numbers_from_before_are_sealed_by_the_migration_and_come_back(clinic, clock):
    """Both ways, twice; one that was copied into another row before never opens again."""
    migration = import_module("scheduling.migrations.0026_duty_numbers_are_sealed_to_their_row")
    place, shifts = "scheduling_dutyshift.phone", []
    for rank, phone in ((2, "+1 503 555 0177"), (3, "+1 503 555 0178")):
        DutyShift.objects.filter(rank=rank).update(cancelled_at=clock.now())
        shifts.append(duty.add_shift(
            site=clinic.site, user=clinic.nurse, rank=rank, start=clock.now(), phone=phone,
            end=clock.now() + timedelta(hours=8), by=clinic.coordinator,
        ))  # fmt: skip
    as_owner(migration.NO_RULES)
    editor = SimpleNamespace(connection=connection)
    for _ in range(2):
        migration.unseal_all(None, editor)
    with connection.cursor() as cursor:
        cursor.execute("SELECT phone FROM scheduling_dutyshift WHERE id = %s", [shifts[0].pk])
        assert fields.decrypt(cursor.fetchone()[0], context=place) == "+15035550177"
        stranger = fields.encrypt("x", context="scheduling_staffnotice.address")
        cursor.execute("UPDATE scheduling_dutyshift SET phone = %s WHERE id = %s", [stranger, shifts[1].pk])
    assert DutyShift.objects.get(pk=shifts[0].pk).phone == "+15035550177", (
        "readable before the migration, too"
    )
    for _ in range(2):
        migration.seal_all(None, editor)
    as_owner(migration.RULES)
    assert [DutyShift.objects.get(pk=row.pk).texts for row in shifts] == [True, None]


def test_friday_infusion_monday_holiday_becomes_a_call(clinic, clock, mailbox):
    """The check-in of Saturday morning is not sent: nobody is on duty from Friday evening to Tuesday."""
    friday = datetime(2026, 2, 13, 10, 0, tzinfo=LA)
    clock.set(friday - timedelta(days=2))
    DutyShift.objects.update(during=(friday - timedelta(hours=3), friday + timedelta(hours=9)))
    visit = w.book_course(clinic, [friday]).appointments.get()
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    clock.set(infusion.stopped_at)
    windows.reanchor(infusion=infusion)
    clock.set(Message.objects.get(kind="no_driving").due_at)
    dispatch.tick()
    row = Message.objects.get(kind="check_in")
    clock.set(row.due_at)
    for _ in range(2):
        dispatch.tick()
    row.refresh_from_db()
    assert (row.state, row.due_local) == ("dead", "Sat 14 Feb 2026, 09:00")
    item = WorkItem.objects.open().get(key=f"no-duty:{row.code}")
    assert (item.kind, item.role) == ("call-patient", "nurse")
    assert not any(item["Subject"] == "How was your night?" for item in mailbox.taken)
    windows.reanchor(infusion=infusion)
    assert Message.objects.filter(kind="check_in").count() == 1, "not planned again"
    assert "Please do not drive today" in mailbox.subjects, "advice needs no roster"


def test_gaps_and_cover(clinic, clock):
    DutyShift.objects.update(cancelled_at=clock.now())
    start = clock.now()
    for hours in ((0, 4), (6, 8)):
        duty.add_shift(
            site=clinic.site, user=clinic.nurse, start=start + timedelta(hours=hours[0]),
            end=start + timedelta(hours=hours[1]), by=clinic.coordinator,
        )  # fmt: skip
    (gap, rest) = duty.gaps(clinic.site, start, start + timedelta(hours=9))
    assert (gap.start, gap.end) == (start + timedelta(hours=4), start + timedelta(hours=6))
    assert rest.start == start + timedelta(hours=8)
    assert duty.covered(clinic.site, start, start + timedelta(hours=4))
    assert not duty.covered(clinic.site, start + timedelta(hours=3), start + timedelta(hours=5))


def test_what_a_shift_may_be(clinic, clock):
    start, end = clock.now(), clock.now() + timedelta(hours=8)
    place = {"site": clinic.site, "by": clinic.coordinator}
    with pytest.raises(InvalidInput):
        duty.add_shift(user=clinic.nurse, start=end, end=start, **place)
    with pytest.raises(InvalidInput):
        duty.add_shift(user=clinic.nurse, start=start, end=start + timedelta(days=8), **place)
    for person in (clinic.coordinator, clinic.outsider):
        with pytest.raises(RuleNotMet):
            duty.add_shift(user=person, start=start, end=end, rank=3, **place)
    with pytest.raises(Clash):
        duty.add_shift(user=clinic.clinician, start=start, end=end, rank=1, **place)
    with pytest.raises(IntegrityError, match="one_person_per_duty_rank"), transaction.atomic():
        factories.make_shift(clinic.site, clinic.clinician, rank=1)
    with pytest.raises(IntegrityError, match="alert_climbs_until_confirmed"), transaction.atomic():
        StaffAlert.objects.create(
            key="y", site=clinic.site, patient=clinic.patient, reason="x", raised_at=start, climbs_at=None
        )


def test_pages_of_roster_and_alerts(clinic, clock, client, alert):
    assert client.get("/duty/").status_code == 302
    client.force_login(clinic.admin)
    assert client.get("/duty/").status_code == 403
    client.force_login(clinic.nurse)
    assert client.get("/duty/").status_code == 200
    assert client.post("/duty/", {}).status_code == 403
    assert client.put(f"/alerts/{alert.code}/").status_code == 405
    assert clinic.patient.family_name in client.get(f"/alerts/{alert.code}/").content.decode()
    assert client.get("/alerts/").status_code == client.get("/open-loops/").status_code == 200
    assert client.get(f"/alerts/{alert.code}/confirm/").status_code == 405
    for _ in range(2):
        assert client.post(f"/alerts/{alert.code}/confirm/").status_code == 302
    alert.refresh_from_db()
    assert alert.acknowledged_by == clinic.nurse
    client.force_login(clinic.outsider)
    assert client.get(f"/alerts/{alert.code}/").status_code == 404
    client.force_login(clinic.coordinator)
    form = {
        "person": str(clinic.second_clinician.code), "start": "2026-03-03T18:00",
        "end": "2026-03-04T08:00", "rank": "3", "phone": "",
    }  # fmt: skip
    assert client.post("/duty/", form | {"rank": "1"}).status_code == 409
    assert client.post("/duty/", form | {"phone": "nonsense"}).status_code == 400
    before = DutyShift.objects.count()
    for _ in range(2):
        assert client.post("/duty/", form).status_code == 302
    assert DutyShift.objects.count() == before + 1
    shift = DutyShift.objects.latest("pk")
    client.post(f"/duty/{shift.code}/cancel/")
    shift.refresh_from_db()
    assert shift.cancelled_at is not None
