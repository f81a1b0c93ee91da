"""What must never happen, 1 and 5: therapy inside [infusion start, T0), by any path; a window without a
signature.

Each refusal has a control: with the rule dropped (as the owner, inside the test's transaction) the harm is
possible.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, transaction

from scheduling.models import Appointment, PatientSpan, PlasticityWindow
from scheduling.services import therapy, windows
from sessions.models import IntegrationSession
from staff.errors import RuleNotMet
from tests.scheduling.follow import world as w

pytestmark = pytest.mark.django_db

INSERT = """
    WITH booked AS (
        INSERT INTO scheduling_appointment (code, kind, status, patient_id, site_id, during, mode, reason, booked_by_id,
                                            booked_at, version, practitioner_id)
        VALUES (gen_random_uuid(), 'therapy', %(status)s, %(patient)s, %(site)s, tstzrange(%(start)s, %(end)s),
                'in-person', '', %(by)s, now(), 1, %(by)s)
        RETURNING id)
    INSERT INTO scheduling_resourcebooking (resource_id, lane, appointment_id, during)
    SELECT %(lane)s, 1, id, tstzrange(%(start)s, %(end)s) FROM booked
"""


@pytest.fixture
def visit(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)


@pytest.fixture
def infusion(clinic, visit):
    return w.given(clinic, visit)


@pytest.fixture
def t0(infusion):
    return w.current_window(infusion).t0


def raw_therapy(clinic, start: datetime, status: str = "booked") -> None:
    """A therapy session written past every service."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            INSERT,
            {
                "patient": clinic.patient.pk,
                "site": clinic.site.pk,
                "by": clinic.therapist.pk,
                "lane": clinic.therapist_lane.pk,
                "start": start,
                "end": start + timedelta(minutes=50),
                "status": status,
            },
        )


@contextmanager
def without(*statements: str) -> Iterator[None]:
    """The control: some rules are dropped by the owner for a moment."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("RESET ROLE")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')
    yield


NO_EXCLUSION = "ALTER TABLE scheduling_patientspan DROP CONSTRAINT no_therapy_before_clearance"
NO_FIXED_TIMES = "DROP TRIGGER window_times_are_fixed ON scheduling_plasticitywindow"
NO_SIGNATURE_RULE = "DROP TRIGGER window_rests_on_its_signature ON scheduling_plasticitywindow"
NO_WAITING = "DROP TRIGGER therapy_waits_for_clearance ON treatment_sessions_integrationsession"
INSIDE = pytest.mark.parametrize("after_start", [0, 60, 200, 328])


@INSIDE
def test_raw_sql_insert_is_refused(clinic, infusion, after_start):
    with pytest.raises(IntegrityError, match="no_therapy_before_clearance"):
        raw_therapy(clinic, w.FIRST + timedelta(minutes=after_start))


def test_raw_sql_insert_exactly_at_t0_is_allowed(clinic, t0):
    raw_therapy(clinic, t0)
    assert Appointment.objects.filter(kind="therapy").count() == 1


def test_control_without_the_exclusion_the_insert_goes_through(clinic, infusion):
    with without(NO_EXCLUSION):
        raw_therapy(clinic, w.FIRST + timedelta(minutes=60))
    assert Appointment.objects.filter(kind="therapy").count() == 1


def test_before_the_infusion_has_even_started_its_predicted_period_is_kept_free(clinic, visit):
    with pytest.raises(IntegrityError, match="no_therapy_before_clearance"):
        raw_therapy(clinic, w.FIRST + timedelta(minutes=300))


@INSIDE
def test_service_refuses(clinic, visit, infusion, after_start):
    with pytest.raises(RuleNotMet) as refused:
        therapy.book_therapy(
            follow_up=w.follow_up(visit, "integration_1"),
            start=w.FIRST + timedelta(minutes=after_start),
            therapist=clinic.therapist,
            by=clinic.therapist,
            override_reason="clinical",
        )
    assert refused.value.code == "no-therapy-period"


def test_the_database_refuses_what_a_broken_service_lets_through(clinic, visit, infusion, monkeypatch):
    monkeypatch.setattr(therapy, "check_session", lambda *_: None)
    with pytest.raises(RuleNotMet) as refused:
        therapy.book_therapy(
            follow_up=w.follow_up(visit, "integration_1"),
            start=w.FIRST + timedelta(minutes=90),
            therapist=clinic.therapist,
            by=clinic.therapist,
        )
    assert refused.value.code == "no-therapy-before-clearance"
    assert not Appointment.objects.filter(kind="therapy").exists()


def test_raw_update_of_an_appointment_into_the_period_is_refused(clinic, t0):
    raw_therapy(clinic, t0)
    session = Appointment.objects.get(kind="therapy")
    with pytest.raises(IntegrityError, match="no_therapy_before_clearance"), transaction.atomic():
        Appointment.objects.filter(pk=session.pk).update(
            during=(t0 - timedelta(minutes=30), t0 + timedelta(minutes=20))
        )


def test_raw_update_of_t0_is_refused(infusion):
    with pytest.raises(IntegrityError, match="times of a window are not edited"), transaction.atomic():
        PlasticityWindow.objects.filter(infusion=infusion).update(t0=w.FIRST + timedelta(minutes=60))


def test_without_that_rule_moving_t0_over_a_booked_session_is_still_refused(clinic, infusion, t0):
    raw_therapy(clinic, t0)
    with (
        without(NO_FIXED_TIMES),
        pytest.raises(IntegrityError, match="no_therapy_before_clearance"),
        transaction.atomic(),
    ):
        PlasticityWindow.objects.current().update(t0=t0 + timedelta(minutes=10))


def test_control_without_both_rules_t0_moves_over_therapy(clinic, infusion, t0):
    raw_therapy(clinic, t0)
    with without(NO_FIXED_TIMES, NO_EXCLUSION):
        PlasticityWindow.objects.current().update(t0=t0 + timedelta(minutes=10))
    session = Appointment.objects.get(kind="therapy")
    assert PatientSpan.objects.filter(kind="no_therapy", during__overlap=session.during).exists()


def _raw_successor(infusion, **over) -> None:
    """A new current row by raw means, as somebody might who wants an earlier T0."""
    row = PlasticityWindow.objects.current().get(infusion=infusion)
    PlasticityWindow.objects.filter(pk=row.pk).update(superseded_at=row.computed_at)
    row.pk, row.superseded_at, row.generation = None, None, row.generation + 1
    row.code = uuid.uuid4()
    for name, value in over.items():
        setattr(row, name, value)
    row.save(force_insert=True)


def test_a_signed_window_earlier_than_what_was_signed_is_refused(infusion):
    with pytest.raises(IntegrityError, match="signed window may not begin"), transaction.atomic():
        _raw_successor(infusion, t0=w.FIRST + timedelta(minutes=140))
    with without(NO_SIGNATURE_RULE):
        _raw_successor(infusion, t0=w.FIRST + timedelta(minutes=140))
    assert w.current_window(infusion).t0 == w.FIRST + timedelta(minutes=140), "control"


def test_a_window_does_not_open_without_a_signature(clinic, visit):
    infusion = w.given(clinic, visit, signed=False)
    for status in ("pending", "open", "closed", "none"):
        with pytest.raises(IntegrityError, match="window_opens_only_when_signed"), transaction.atomic():
            PlasticityWindow.objects.current().update(status=status)
    w.as_owner("ALTER TABLE scheduling_plasticitywindow DROP CONSTRAINT window_opens_only_when_signed")
    PlasticityWindow.objects.current().update(status="pending")
    assert w.current_window(infusion).status == "pending", "control"


def test_a_window_does_not_open_before_t0(infusion, t0):
    with pytest.raises(IntegrityError, match="window_not_open_before_t0"), transaction.atomic():
        PlasticityWindow.objects.current().update(status="open", opened_at=t0 - timedelta(seconds=1))


def test_another_infusions_signature_opens_nothing(clinic, visit, infusion):
    other = w.start_pump(clinic, visit.series.appointments.get(ordinal=2))
    w.stop_pump(clinic, other)
    windows.reanchor(infusion=other)
    signed = w.current_window(infusion).sign_off
    with pytest.raises(IntegrityError, match="signed window may not begin"), transaction.atomic():
        _raw_successor(other, sign_off=signed, status="pending")


@pytest.mark.parametrize("minutes", [-300, -1])
def test_a_session_does_not_start_before_t0_by_raw_sql(clinic, infusion, t0, minutes):
    fields = {
        "patient": clinic.patient,
        "therapist": clinic.therapist,
        "started_at": t0 + timedelta(minutes=minutes),
    }
    with pytest.raises(IntegrityError, match="therapy may not start"), transaction.atomic():
        IntegrationSession.objects.create(**fields)
    with without(NO_WAITING):
        IntegrationSession.objects.create(**fields)
    assert IntegrationSession.objects.count() == 1, "control"


def test_a_session_starts_at_t0(clinic, infusion, t0):
    IntegrationSession.objects.create(patient=clinic.patient, therapist=clinic.therapist, started_at=t0)


def test_an_unsigned_infusion_locks_every_later_start(clinic, visit):
    w.given(clinic, visit, signed=False)
    with pytest.raises(IntegrityError, match="therapy may not start"), transaction.atomic():
        IntegrationSession.objects.create(
            patient=clinic.patient, therapist=clinic.therapist, started_at=w.FIRST + timedelta(days=9)
        )


def test_the_task_opens_nothing_that_is_not_signed(clinic, clock, visit):
    from scheduling.tasks import tick

    infusion = w.given(clinic, visit, signed=False)
    clock.set(w.FIRST + timedelta(days=1))
    tick()
    assert w.current_window(infusion).status == "provisional"
    with pytest.raises(RuleNotMet):
        therapy.start_therapy(follow_up=w.follow_up(visit, "integration_1"), by=clinic.therapist)


def test_the_app_role_does_not_write_spans(clinic, infusion):
    span = PatientSpan.objects.filter(patient=clinic.patient).first()
    for sql in ("DELETE FROM scheduling_patientspan", "UPDATE scheduling_patientspan SET kind = 'therapy'"):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    assert PatientSpan.objects.filter(pk=span.pk).exists()


def test_a_safety_contact_is_never_refused(clinic, clock, visit):
    infusion = w.start_pump(clinic, visit)
    windows.reanchor(infusion=infusion)
    clock.set(w.FIRST + timedelta(minutes=60))
    contact = w.facts.record_safety_contact(
        patient=clinic.patient,
        manner="phone",
        outcome="Called, anxious, stays with us",
        cssrs=1,
        by=clinic.therapist,
    )
    assert contact.pk
    assert not IntegrationSession.objects.exists()
