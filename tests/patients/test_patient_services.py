"""Who the patient is, who treats them: rules of the services, on PostgreSQL as the app role."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from patients import services
from patients.models import Patient
from staff.errors import Clash, InvalidInput, RuleNotMet, StaleVersion, StateConflict
from tests.factories import make_licence, make_patient, make_site, make_user

PERSON = {
    "mrn": "RC-0001",
    "given_name": "Mara",
    "family_name": "Ellison",
    "birth_date": date(1984, 5, 17),
    "sex": "F",
}


def register(clinic, **over):
    return services.create_patient(site=clinic.site, by=clinic.coordinator, **(PERSON | over))


def test_a_patient_gets_the_sites_zone_and_jurisdiction(clinic):
    patient = register(clinic)
    assert (patient.time_zone, patient.jurisdiction) == ("America/Los_Angeles", "US-OR")
    assert patient.created_at == clinic.now
    assert Patient.objects.get(pk=patient.pk).version == 1


def test_the_history_names_who_registered_the_patient(clinic):
    patient = register(clinic)
    event = patient.events.select_related("pgh_context").get()
    assert event.pgh_context.metadata["user"] == clinic.coordinator.pk


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mrn", ""),
        ("mrn", "x" * 33),
        ("mrn", "a\x00b"),
        ("given_name", "   "),
        ("family_name", "\ud800"),
        ("family_name", "El\nlison"),
        ("birth_date", date(2026, 3, 4)),
        ("birth_date", date(1899, 12, 31)),
        ("birth_date", "1984-05-17"),
        ("sex", "X"),
        ("height_cm", Decimal("99.9")),
        ("height_cm", Decimal("NaN")),
        ("height_cm", True),
        ("time_zone", "Mars/Olympus"),
        ("language", "xx"),
        ("jurisdiction", "Oregon"),
    ],
)
def test_unreadable_values_are_refused_at_their_field(clinic, field, value):
    before = Patient.objects.count()
    with pytest.raises(InvalidInput) as refused:
        register(clinic, **{field: value})
    assert refused.value.field == field
    assert Patient.objects.count() == before


def test_today_is_the_sites_day_for_a_birth_date(clinic, clock):
    clock.set(clock.now().replace(hour=6))  # 22:00 on 2 March in Los Angeles, 3 March in UTC
    assert register(clinic, birth_date=date(2026, 3, 2)).birth_date == date(2026, 3, 2)
    with pytest.raises(InvalidInput):
        register(clinic, mrn="RC-2", birth_date=date(2026, 3, 3), confirm_different=True)


def test_a_record_number_is_used_once_at_a_site_whatever_its_case(clinic):
    register(clinic)
    with pytest.raises(Clash) as refused:
        register(
            clinic, mrn="rc-0001", family_name="Nakamura", given_name="Theo", birth_date=date(1970, 1, 1)
        )
    assert refused.value.field == "mrn"
    elsewhere = make_site()
    assert services.create_patient(site=elsewhere, by=clinic.coordinator, **PERSON).mrn == "RC-0001"


@pytest.mark.parametrize(
    "other",
    [
        {"given_name": "Marta"},
        {"given_name": "Mara", "family_name": "Elison", "birth_date": date(1990, 1, 1)},
        {"given_name": "Ellison", "family_name": "Mara"},
        {"given_name": "Martha", "family_name": "Ellisen"},
    ],
)
def test_a_similar_name_has_to_be_compared_first(clinic, other):
    register(clinic)
    with pytest.raises(RuleNotMet) as refused:
        register(clinic, mrn="RC-0002", **other)
    assert refused.value.code == "similar-patient"
    assert register(clinic, mrn="RC-0002", confirm_different=True, **other).pk


@pytest.mark.parametrize(
    "other",
    [
        {"given_name": "Theo", "family_name": "Nakamura"},
        {"given_name": "Ruth", "family_name": "Abernathy", "birth_date": date(1990, 1, 1)},
    ],
)
def test_an_unlike_name_is_no_alarm_even_with_the_same_birth_date(clinic, other):
    register(clinic)
    assert register(clinic, mrn="RC-0002", **other).pk


def test_an_update_raises_the_version_once_and_a_stale_one_changes_nothing(clinic):
    patient = register(clinic)
    changed = services.update_patient(
        patient=patient, changes={"height_cm": Decimal("171.5")}, expected_version=1, by=clinic.nurse
    )
    assert (changed.version, changed.height_cm) == (2, Decimal("171.5"))
    with pytest.raises(StaleVersion):
        services.update_patient(
            patient=patient, changes={"height_cm": Decimal("180")}, expected_version=1, by=clinic.nurse
        )
    assert Patient.objects.get(pk=patient.pk).height_cm == Decimal("171.5")


def test_an_update_that_changes_nothing_keeps_the_version(clinic):
    patient = register(clinic)
    same = services.update_patient(
        patient=patient, changes={"given_name": "Mara"}, expected_version=1, by=clinic.nurse
    )
    assert same.version == 1


def test_only_identity_fields_can_be_updated(clinic):
    patient = register(clinic)
    with pytest.raises(InvalidInput) as refused:
        services.update_patient(
            patient=patient, changes={"status": "deceased"}, expected_version=1, by=clinic.nurse
        )
    assert refused.value.field == "status"


def test_a_new_name_like_another_patients_has_to_be_compared(clinic):
    register(clinic)
    other = register(clinic, mrn="RC-0002", given_name="Theo", family_name="Nakamura")
    with pytest.raises(RuleNotMet):
        services.update_patient(
            patient=other,
            changes={"given_name": "Mara", "family_name": "Ellisson"},
            expected_version=1,
            by=clinic.coordinator,
        )
    assert Patient.objects.get(pk=other.pk).family_name == "Nakamura"


def test_a_therapist_needs_role_site_and_a_licence_on_the_day(clinic):
    patient = make_patient(clinic.site)
    services.assign_therapist(patient=patient, therapist=clinic.therapist, by=clinic.coordinator)
    assert Patient.objects.get(pk=patient.pk).therapist == clinic.therapist

    no_licence = make_user("therapist", sites=[clinic.site])
    elsewhere = make_user("therapist", sites=[make_site()])
    make_licence(elsewhere)
    expired = make_user("therapist", sites=[clinic.site])
    make_licence(expired, valid_during=(date(2024, 1, 1), date(2026, 3, 3)))
    other_state = make_user("therapist", sites=[clinic.site])
    make_licence(other_state, jurisdiction="US-WA")
    for person, code in [
        (clinic.nurse, "wrong-person"),
        (elsewhere, "wrong-person"),
        (no_licence, "no-licence"),
        (expired, "no-licence"),
        (other_state, "no-licence"),
    ]:
        with pytest.raises(RuleNotMet) as refused:
            services.assign_therapist(patient=patient, therapist=person, by=clinic.coordinator)
        assert (refused.value.code, refused.value.field) == (code, "therapist")
    assert Patient.objects.get(pk=patient.pk).therapist == clinic.therapist


def test_a_licence_is_valid_up_to_but_not_on_its_last_day(clinic):
    patient = make_patient(clinic.site)
    person = make_user("therapist", sites=[clinic.site])
    make_licence(person, valid_during=(date(2024, 1, 1), date(2026, 3, 4)))
    services.assign_therapist(patient=patient, therapist=person, by=clinic.coordinator)
    services.assign_therapist(patient=patient, therapist=None, by=clinic.coordinator)
    with pytest.raises(RuleNotMet):
        services.assign_therapist(
            patient=patient, therapist=person, by=clinic.coordinator, at=clinic.now + timedelta(days=1)
        )


def test_the_team_is_assigned_whole_or_not_at_all(clinic):
    patient = make_patient(clinic.site)
    with pytest.raises(RuleNotMet):
        services.assign_team(
            patient=patient,
            therapist=clinic.therapist,
            prescriber=clinic.nurse,
            expected_version=1,
            by=clinic.coordinator,
        )
    found = Patient.objects.get(pk=patient.pk)
    assert (found.therapist, found.prescriber, found.version) == (None, None, 1)
    services.assign_team(
        patient=patient,
        therapist=clinic.therapist,
        prescriber=clinic.clinician,
        expected_version=1,
        by=clinic.coordinator,
    )
    found = Patient.objects.get(pk=patient.pk)
    assert (found.therapist, found.prescriber) == (clinic.therapist, clinic.clinician)


def test_a_death_is_taken_back_only_as_a_mistake(clinic):
    patient = make_patient(clinic.site)
    services.set_status(patient=patient, status="deceased", by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.set_status(patient=patient, status="active", by=clinic.nurse)
    back = services.set_status(patient=patient, status="active", correction=True, by=clinic.nurse)
    assert back.status == "active"
    with pytest.raises(RuleNotMet):
        services.set_status(patient=patient, status="gone", by=clinic.nurse)
