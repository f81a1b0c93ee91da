"""A weight that was wrong, found after the start: corrected by another person; dose facts stay, clearance follows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from sessions import services
from sessions.models import Infusion, WeightCorrection
from sessions.services.readiness import earlier_weights
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from tests import factories
from tests.sessions import world

pytestmark = pytest.mark.django_db
WHY = "Typed from the wrong chart"


@pytest.fixture
def given(clinic, clock):
    infusion = world.ready(clinic)
    services.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=40)
    services.record_pump_event(infusion=infusion, kind="stop", by=clinic.nurse)
    return Infusion.objects.get(pk=infusion.pk)


@pytest.fixture
def other_nurse(clinic):
    return factories.make_user("nurse", sites=[clinic.site], full_name="Noor Haddad")


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_dose_stays_and_clearance_is_worked_out_again(clinic, given, other_nurse):
    before = services.current_estimate(given)
    row = services.correct_weight(infusion=given, weight_kg=Decimal("95.0"), reason=WHY, by=other_nurse)
    after = Infusion.objects.get(pk=given.pk)
    assert (after.weight_kg, after.ordered_mg, after.delivered_mg) == (
        given.weight_kg,
        given.ordered_mg,
        given.delivered_mg,
    )
    assert (row.recorded_kg, after.version) == (given.weight_kg, given.version + 1)
    found = services.current_estimate(after)
    assert found.generation == before.generation + 1
    assert found.inputs["weight_kg"] == 95.0
    assert found.t_pk != before.t_pk
    again = services.correct_weight(infusion=after, weight_kg=Decimal("94.0"), reason=WHY, by=other_nurse)
    assert list(WeightCorrection.objects.current()) == [again]
    later = Infusion(patient=given.patient, pk=0)
    assert earlier_weights(later)[-1] == Decimal("94.0")


def test_who_weighed_does_not_correct_and_nonsense_is_refused(clinic, given, other_nurse):
    for by, weight, reason, refusal in (
        (clinic.nurse, "95", WHY, RuleNotMet),
        (other_nurse, "19.9", WHY, InvalidInput),
        (other_nurse, "351", WHY, InvalidInput),
        (other_nurse, str(given.weight_kg), WHY, InvalidInput),
        (other_nurse, "95", "  ", InvalidInput),
    ):
        with pytest.raises(refusal):
            services.correct_weight(infusion=given, weight_kg=Decimal(weight), reason=reason, by=by)
    assert not WeightCorrection.objects.exists()


def test_before_the_start_the_patient_is_weighed_again(clinic, clock, other_nurse):
    infusion = world.ready(clinic)
    with pytest.raises(StateConflict):
        services.correct_weight(infusion=infusion, weight_kg=Decimal(95), reason=WHY, by=other_nurse)


def test_the_database_refuses_the_same_person_and_any_rewriting(clinic, given, other_nurse):
    services.correct_weight(infusion=given, weight_kg=Decimal("95.0"), reason=WHY, by=other_nurse)
    copy = """INSERT INTO treatment_sessions_weightcorrection
              (code, infusion_id, recorded_kg, weight_kg, reason, entered_at, entered_by_id, superseded_at)
              SELECT gen_random_uuid(), infusion_id, recorded_kg, 96, reason, now(), {by}, now()
              FROM treatment_sessions_weightcorrection"""
    for sql in (
        copy.format(by=clinic.nurse.pk),
        "UPDATE treatment_sessions_weightcorrection SET weight_kg = 60",
        "DELETE FROM treatment_sessions_weightcorrection",
    ):
        with pytest.raises((IntegrityError, ProgrammingError)), transaction.atomic():
            connection.cursor().execute(sql)
    with transaction.atomic():
        connection.cursor().execute(copy.format(by=other_nurse.pk))


def test_the_page(clinic, given, other_nurse):
    url = reverse("weight_correct", args=[given.code])
    assert Client().get(url).status_code == 302
    assert signed_in(clinic.therapist).get(url).status_code == 403
    assert signed_in(clinic.outsider).get(url).status_code in (403, 404)
    nurse = signed_in(other_nurse)
    assert nurse.get(url).status_code == 200
    sent = {
        "weight_kg": "95",
        "reason": WHY,
        "version": given.version,
        "patient_code": str(given.patient.code),
    }
    assert nurse.post(url, sent | {"weight_kg": "1000"}).status_code == 422
    assert not WeightCorrection.objects.exists()
    assert nurse.post(url, sent).status_code == 302
    assert nurse.post(url, sent).status_code in (409, 412)
    page = nurse.get(reverse("infusion_detail", args=[given.code])).content.decode()
    assert "Corrected to" in page
    assert WHY in page
    assert WeightCorrection.objects.count() == 1
