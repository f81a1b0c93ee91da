"""Contraindications and earlier treatment."""

from datetime import date
from decimal import Decimal

import pytest

from patients import services
from patients.contraindications import KINDS, label
from patients.models import Contraindication, PriorExposure
from staff.errors import InvalidInput, StateConflict
from tests.factories import make_patient


@pytest.fixture
def patient(clinic):
    return make_patient(clinic.site)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_on_the_list_can_be_stored_with_its_usual_weight(clinic, patient, kind):
    item = services.record_contraindication(patient=patient, kind=kind, note="As told", by=clinic.clinician)
    assert item.severity == KINDS[kind].severity
    assert (item.recorded_by, item.recorded_at) == (clinic.clinician, clinic.now)
    assert label(kind) != kind


def test_one_of_a_kind_is_open_at_a_time_and_can_come_back(clinic, patient):
    first = services.record_contraindication(patient=patient, kind="pregnancy", by=clinic.clinician)
    with pytest.raises(StateConflict):
        services.record_contraindication(patient=patient, kind="pregnancy", by=clinic.clinician)
    services.resolve_contraindication(contraindication=first, reason="Test negative", by=clinic.clinician)
    with pytest.raises(StateConflict):
        services.resolve_contraindication(contraindication=first, reason="Test negative", by=clinic.clinician)
    services.record_contraindication(patient=patient, kind="pregnancy", by=clinic.clinician)
    assert patient.contraindications.count() == 2


def test_the_reason_for_closing_is_in_the_history(clinic, patient):
    item = services.record_contraindication(patient=patient, kind="pregnancy", by=clinic.clinician)
    services.resolve_contraindication(
        contraindication=item, reason="Test negative", by=clinic.second_clinician
    )
    last = item.events.select_related("pgh_context").order_by("pgh_id").last()
    assert last.pgh_context.metadata["reason"] == "Test negative"
    assert last.pgh_context.metadata["user"] == clinic.second_clinician.pk


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"kind": "bad aura"}, "kind"),
        ({"severity": "fatal"}, "severity"),
        ({"note": "x" * 301}, "note"),
        ({"note": "a\x00"}, "note"),
        ({"kind": "other", "note": " "}, "note"),
    ],
)
def test_a_contraindication_that_cannot_be_read_is_refused(clinic, patient, over, field):
    given = {"kind": "pregnancy", "by": clinic.clinician} | over
    with pytest.raises(InvalidInput) as refused:
        services.record_contraindication(patient=patient, **given)
    assert refused.value.field == field
    assert not Contraindication.objects.filter(patient=patient).exists()


EXPOSURE = {"route": "iv", "count": 6, "source": "Referral letter"}


def test_earlier_treatment_is_recorded_once(clinic, patient):
    services.record_prior_exposure(patient=patient, by=clinic.nurse, total_mg=Decimal("210.5"), **EXPOSURE)
    with pytest.raises(StateConflict):
        services.record_prior_exposure(
            patient=patient, by=clinic.nurse, total_mg=Decimal("210.5"), **EXPOSURE
        )
    services.record_prior_exposure(patient=patient, by=clinic.nurse, **EXPOSURE)
    with pytest.raises(StateConflict):
        services.record_prior_exposure(patient=patient, by=clinic.nurse, **EXPOSURE)
    assert patient.prior_exposures.count() == 2


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"route": "rectal"}, "route"),
        ({"count": 0}, "count"),
        ({"count": True}, "count"),
        ({"count": 10**30}, "count"),
        ({"total_mg": Decimal("Infinity")}, "total_mg"),
        ({"total_mg": Decimal("0")}, "total_mg"),
        ({"total_mg": "7_0"}, "total_mg"),
        ({"source": ""}, "source"),
        ({"first_on": date(2026, 3, 4)}, "first_on"),
        ({"first_on": date(2025, 3, 4), "last_on": date(2025, 3, 3)}, "last_on"),
    ],
)
def test_an_exposure_that_cannot_be_is_refused(clinic, patient, over, field):
    with pytest.raises(InvalidInput) as refused:
        services.record_prior_exposure(patient=patient, by=clinic.nurse, **(EXPOSURE | over))
    assert refused.value.field == field
    assert not PriorExposure.objects.filter(patient=patient).exists()
