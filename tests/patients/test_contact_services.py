"""Addresses: stored in one form, encrypted, used only when verified, consented and not opted out."""

from datetime import time

import pytest
from django.db import connection

from patients import services
from patients.models import ContactPoint, ContactPreference
from patients.services.addresses import normalise
from staff.errors import InvalidInput, RuleNotMet, StaleVersion, StateConflict
from tests.factories import make_patient


@pytest.fixture
def patient(clinic):
    return make_patient(clinic.site)


@pytest.fixture
def point(clinic, patient):
    return services.add_contact_point(
        patient=patient, channel="sms", address="(503) 555-0142", by=clinic.coordinator
    )


@pytest.mark.parametrize(
    ("channel", "typed", "stored"),
    [
        ("sms", "(503) 555-0142", "+15035550142"),
        ("sms", "+44 7700 900123", "+447700900123"),
        ("sms", " 503.555.0142 ", "+15035550142"),
        ("email", "Mara.Ellison@Mail.Example", "mara.ellison@mail.example"),
    ],
)
def test_addresses_have_one_stored_form(channel, typed, stored):
    assert normalise(channel, typed, country="US") == stored


@pytest.mark.parametrize(
    ("channel", "typed", "field"),
    [
        ("sms", "12", "address"),
        ("sms", "1-800-FLOWERS", "address"),
        ("sms", "5035550142 ext. 9", "address"),
        ("sms", "mara@mail.example", "address"),
        ("sms", "", "address"),
        ("email", "mara", "address"),
        ("email", "mara@mail.example\nBcc: x@y.example", "address"),
        ("email", "m\u00e4ra@mail.example", "address"),
        ("email", "mara@mail.example\x00", "address"),
        ("email", "a" * 250 + "@mail.example", "address"),
        ("pigeon", "roof", "channel"),
        ("email", 7, "address"),
    ],
)
def test_what_cannot_be_written_to_is_refused(channel, typed, field):
    with pytest.raises(InvalidInput) as refused:
        normalise(channel, typed, country="US")
    assert refused.value.field == field


def test_the_stored_address_is_encrypted(point):
    with connection.cursor() as cursor:
        cursor.execute("SELECT address, address_index FROM patients_contactpoint WHERE id = %s", [point.pk])
        stored, index = cursor.fetchone()
        cursor.execute(
            "SELECT string_agg(address, ' ') FROM patients_contactpointevent WHERE id = %s", [point.pk]
        )
        history = cursor.fetchone()[0]
    assert "5550142" not in stored + index + history
    assert ContactPoint.objects.get(pk=point.pk).address == "+15035550142"


def test_the_first_address_is_used_first_and_the_same_one_is_not_added_twice(clinic, patient, point):
    assert point.preferred
    second = services.add_contact_point(
        patient=patient, channel="email", address="m@mail.example", by=clinic.coordinator
    )
    assert not second.preferred
    with pytest.raises(StateConflict):
        services.add_contact_point(
            patient=patient, channel="sms", address="+1 503 555 0142", by=clinic.coordinator
        )
    assert patient.contact_points.count() == 2


def test_an_address_is_usable_after_verification_and_consent_and_never_after_an_opt_out(clinic, point):
    assert not point.usable
    services.verify_contact_point(contact_point=point, address_again="503 555 0142", by=clinic.nurse)
    assert not ContactPoint.objects.get(pk=point.pk).usable
    services.consent_contact_point(contact_point=point, by=clinic.nurse)
    assert ContactPoint.objects.get(pk=point.pk).usable
    services.opt_out(contact_point=point, by=None)
    assert not ContactPoint.objects.get(pk=point.pk).usable


def test_verification_compares_with_the_address_on_file(clinic, point):
    with pytest.raises(RuleNotMet) as refused:
        services.verify_contact_point(contact_point=point, address_again="503 555 0143", by=clinic.nurse)
    assert refused.value.field == "address_again"
    assert ContactPoint.objects.get(pk=point.pk).verified_at is None


def test_an_opt_out_is_accepted_twice_and_keeps_its_first_time(clinic, clock, point):
    first = services.opt_out(contact_point=point, by=clinic.nurse).opted_out_at
    clock.advance(hours=1)
    assert services.opt_out(contact_point=point, by=clinic.nurse).opted_out_at == first


def test_a_new_consent_takes_back_an_opt_out(clinic, clock, point):
    services.opt_out(contact_point=point, by=clinic.nurse)
    clock.advance(hours=1)
    again = services.consent_contact_point(contact_point=point, by=clinic.nurse)
    assert again.opted_out_at is None
    assert again.consented_at == clock.now()


def test_a_stale_page_changes_nothing(clinic, point):
    services.consent_contact_point(contact_point=point, expected_version=1, by=clinic.nurse)
    with pytest.raises(StaleVersion):
        services.verify_contact_point(
            contact_point=point, address_again="+15035550142", expected_version=1, by=clinic.nurse
        )
    assert ContactPoint.objects.get(pk=point.pk).verified_at is None


def test_one_address_is_preferred_at_a_time(clinic, patient, point):
    second = services.add_contact_point(
        patient=patient, channel="email", address="m@mail.example", by=clinic.nurse
    )
    services.set_preferred(contact_point=second, by=clinic.nurse)
    assert list(patient.contact_points.filter(preferred=True)) == [second]
    services.opt_out(contact_point=point, by=clinic.nurse)
    with pytest.raises(StateConflict):
        services.set_preferred(contact_point=point, by=clinic.nurse)
    third = services.add_contact_point(
        patient=patient, channel="email", address="n@mail.example", preferred=True, by=clinic.nurse
    )
    assert list(patient.contact_points.filter(preferred=True)) == [third]


def test_quiet_hours_grow_but_never_shrink(clinic, patient):
    services.set_quiet_hours(patient=patient, quiet_from=time(20), quiet_until=time(9, 30), by=clinic.nurse)
    stored = ContactPreference.objects.get(patient=patient)
    assert (stored.quiet_from, stored.quiet_until) == (time(20), time(9, 30))
    for start, end, field in [
        (time(21, 31), time(8), "quiet_from"),
        (time(21, 30), time(7, 59), "quiet_until"),
        (time(12), time(8, 1), "quiet_until"),
    ]:
        with pytest.raises(InvalidInput) as refused:
            services.set_quiet_hours(patient=patient, quiet_from=start, quiet_until=end, by=clinic.nurse)
        assert refused.value.field == field
    stored.refresh_from_db()
    assert stored.quiet_from == time(20)


def test_messages_can_be_held_and_released(clinic, clock, patient):
    held = services.hold_messages(patient=patient, by=clinic.therapist)
    first = held.all_messages_stopped_at
    clock.advance(minutes=5)
    again = services.hold_messages(patient=patient, by=clinic.nurse)
    assert (again.all_messages_stopped_at, again.messages_held_by) == (first, clinic.therapist)
    assert services.release_messages(patient=patient, by=clinic.nurse).all_messages_stopped_at is None
