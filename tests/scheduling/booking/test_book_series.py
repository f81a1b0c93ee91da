"""A series is booked whole or not at all, and every occurrence is judged again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols import library
from scheduling.loaders import zone_of
from scheduling.models import Appointment, FollowUp, PatientSpan, ResourceBooking, TreatmentSeries
from scheduling.services import series as series_service
from staff.errors import Clash, InvalidInput, RuleNotMet, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import WEIGHT, book, choice, local, minutes, six, visits_of

pytestmark = pytest.mark.django_db


def test_books_six_visits_with_their_resources_and_follow_ups(clinic):
    series = book(clinic)
    rows = visits_of(series)
    assert [row.status for row in rows] == [Appointment.Status.BOOKED] * 6
    assert rows[0].during.upper - rows[0].during.lower == minutes(160)
    assert rows[0].predicted_t0 > rows[0].during.upper
    kinds = sorted(rows[0].resource_bookings.values_list("resource__kind", flat=True))
    assert kinds == ["chair", "clinician", "nurse"]
    chair = rows[0].resource_bookings.get(resource__kind="chair")
    assert chair.during.upper - chair.during.lower == minutes(175)
    assert FollowUp.objects.filter(visit=rows[0], kind="integration_1", state="provisional").exists()
    assert PatientSpan.objects.filter(patient=clinic.patient, kind="no_therapy").count() == 6


def refused(clinic, error, code, **over):
    """The refusal of a booking, after which nothing is written."""
    with pytest.raises(error) as caught:
        book(clinic, **over)
    assert caught.value.code == code
    assert not TreatmentSeries.objects.exists()
    assert not Appointment.objects.exists()
    assert not ResourceBooking.objects.exists()
    return caught.value


def changed(clinic, ordinal, **over):
    """`six` with one visit changed."""
    return [replace(item, **over) if item.ordinal == ordinal else item for item in six(clinic)]


def test_a_taken_chair_names_the_occurrence_and_books_nothing(clinic):
    other = factories.make_patient(clinic.site, family_name="Other")
    book(clinic, patient=other)
    Appointment.objects.infusions().exclude(ordinal=3).update(status="cancelled")
    ResourceBooking.objects.exclude(appointment__ordinal=3).delete()
    rows = TreatmentSeries.objects.count(), Appointment.objects.count(), ResourceBooking.objects.count()
    with pytest.raises(Clash) as caught:
        book(clinic, visits=changed(clinic, 3, start=local(clinic, 12, 10)))
    assert caught.value.message.startswith("3 of 6: Chair 1 is taken Thu 12 Mar 09:00-11:55")
    assert "Other" in caught.value.message
    assert caught.value.field == "visits.2.chair"
    assert caught.value.conflicts[0].resource == "Chair 1"
    assert rows == (
        TreatmentSeries.objects.count(),
        Appointment.objects.count(),
        ResourceBooking.objects.count(),
    )


def test_a_clash_tells_a_stranger_only_that_it_is_taken(clinic):
    other = factories.make_patient(clinic.site, family_name="Secret")
    book(clinic, patient=other)
    with pytest.raises(Clash) as caught:
        book(clinic, by=clinic.outsider, visits=[*changed(clinic, 1, start=local(clinic, 5, 10))])
    assert "Secret" not in caught.value.message
    assert all("Secret" not in item.detail for item in caught.value.conflicts)


def test_adjacent_stays_share_a_chair_after_the_turnover(clinic):
    book(clinic, patient=factories.make_patient(clinic.site))
    late = [replace(item, start=item.start + minutes(175)) for item in six(clinic)]
    assert book(clinic, visits=late).visits == 6


@pytest.mark.parametrize(
    ("ordinal", "day", "hour", "code", "words"),
    [
        (1, 3, 8, "past-start", "in the past"),
        (2, 6, 9, "gap", "at least 48 h are needed"),
        (4, 18, 9, "gap", "at most 96 h are allowed"),
        (6, 23, 7, "not-available", "Chair 1 is not available Mon 23 Mar 07:00-09:55"),
        (6, 20, 16, "gap", "at least"),
        (5, 18, 16, "not-available", "not available"),
        (2, 8, 9, "not-available", "Chair 1 is not available Sun 8 Mar"),
    ],
)
def test_rules_refuse_a_date(clinic, ordinal, day, hour, code, words):
    error = refused(clinic, RuleNotMet, code, visits=changed(clinic, ordinal, start=local(clinic, day, hour)))
    assert error.message.startswith(f"{ordinal} of 6: ")
    assert words in error.message


def test_a_weekday_that_the_protocol_does_not_give_is_refused(clinic):
    phase = replace(library.SIX_IN_THREE_WEEKS.phases[0], weekdays=(0, 1, 3, 4))
    definition = replace(library.SIX_IN_THREE_WEEKS, phases=(phase,))
    version = factories.make_version("no-wednesdays", author=clinic.admin, definition=definition)
    rows = changed(clinic, 3, start=local(clinic, 11))
    error = refused(clinic, RuleNotMet, "weekday", protocol_version=version, visits=rows)
    assert error.message == "3 of 6: Wednesdays are not among the protocol's weekdays."


def test_a_closed_day_is_named(clinic):
    clinic.site.closures.create(
        days=(local(clinic, 12).date(), local(clinic, 13).date()), reason="Moving house"
    )
    error = refused(clinic, RuleNotMet, "closed")
    assert error.message == "3 of 6: Thu 12 Mar 09:00: closed (Moving house)."


def test_a_public_holiday_is_closed(clinic):
    starts = [(21, 5), (25, 5), (28, 5), (1, 6), (4, 6), (8, 6)]
    visits = [choice(clinic, n, local(clinic, d, month=m)) for n, (d, m) in enumerate(starts, start=1)]
    error = refused(clinic, RuleNotMet, "closed", visits=visits)
    assert "Memorial Day" in error.message


def test_an_absence_of_the_nurse_is_named(clinic):
    clinic.nurse_lane.exceptions.create(during=(local(clinic, 9, 9), local(clinic, 9, 12)), reason="Course")
    error = refused(clinic, RuleNotMet, "not-available")
    assert error.message.startswith("2 of 6: Robin Vale is not available Mon 9 Mar 09:00-11:40")


def test_a_prescriber_without_a_licence_on_that_day_is_refused(clinic):
    clinic.clinician.licences.update(valid_during=("2024-01-01", local(clinic, 17).date()))
    error = refused(clinic, RuleNotMet, "not-licensed")
    assert error.message.startswith("5 of 6: Dr Dana Reed holds no prescriber's licence for US-OR")


def test_the_nurses_room_is_her_capacity_and_one_start_per_quarter_hour(clinic):
    for _ in range(2):
        book(
            clinic,
            patient=factories.make_patient(clinic.site),
            visits=six(clinic, hour=9 + _, chair=str(clinic.chairs[1 + _].code)),
        )
    with pytest.raises(Clash, match=r"1 of 6: Robin Vale has no room left"):
        book(clinic, visits=six(clinic, hour=11))


def test_two_starts_in_one_quarter_hour_need_two_nurses(clinic):
    book(
        clinic,
        patient=factories.make_patient(clinic.site),
        visits=six(clinic, chair=str(clinic.chairs[1].code)),
    )
    with pytest.raises(Clash, match=r"1 of 6: Robin Vale already starts an infusion at Thu 5 Mar 09:00"):
        book(clinic)
    late = [replace(item, start=item.start + minutes(15)) for item in six(clinic)]
    assert book(clinic, visits=late)


def test_open_choices_are_filled_with_what_is_free(clinic):
    book(clinic, patient=factories.make_patient(clinic.site))
    open_ones = [
        replace(item, start=item.start + minutes(15), chair="", nurse="", prescriber="")
        for item in six(clinic)
    ]
    rows = visits_of(book(clinic, visits=open_ones))
    chairs = {row.resource_bookings.get(resource__kind="chair").resource.name for row in rows}
    assert chairs <= {"Chair 2", "Chair 3"}


def test_one_active_series_per_patient(clinic):
    book(clinic)
    with pytest.raises(StateConflict) as caught:
        book(clinic, visits=six(clinic, hour=13))
    assert caught.value.code == "one-active-series-per-patient"


@pytest.mark.parametrize("numbers", [[1, 2, 3], [1, 2, 3, 4, 5, 5], [0, 1, 2, 3, 4, 5], [2, 3, 4, 5, 6, 7]])
def test_the_numbers_of_the_visits_must_be_the_protocols(clinic, numbers):
    rows = [replace(item, ordinal=n) for item, n in zip(six(clinic), numbers, strict=False)]
    refused(clinic, InvalidInput, "visits", visits=rows)


def test_ten_thousand_occurrences_are_refused(clinic):
    first = six(clinic)[0]
    refused(clinic, InvalidInput, "visits", visits=[replace(first, ordinal=n) for n in range(1, 10_001)])


def test_a_naive_start_is_refused(clinic):
    rows = changed(clinic, 2, start=local(clinic, 9).replace(tzinfo=None))
    refused(clinic, InvalidInput, "naive-time", visits=rows)


def test_a_chair_of_another_site_is_refused(clinic):
    elsewhere = factories.make_resource(factories.make_site(), "chair")
    error = refused(
        clinic, InvalidInput, "unknown-resource", visits=changed(clinic, 4, chair=str(elsewhere.code))
    )
    assert error.field == "visits.3.chair"


@pytest.mark.parametrize("code", ["not-a-code", "../1", "0"])
def test_codes_that_are_none_are_refused(clinic, code):
    refused(clinic, InvalidInput, "unknown-resource", visits=changed(clinic, 4, chair=code))


def test_a_nurse_is_no_prescriber(clinic):
    rows = changed(clinic, 1, prescriber=str(clinic.nurse_lane.code))
    refused(clinic, InvalidInput, "unknown-resource", visits=rows)


def test_only_the_active_version_is_booked(clinic):
    old = clinic.version
    old.status = "superseded"
    old.save(update_fields=["status"])
    refused(clinic, RuleNotMet, "version-not-active")


@pytest.mark.parametrize("status", ["inactive", "deceased"])
def test_only_active_patients_are_booked(clinic, status):
    clinic.patient.status = status
    clinic.patient.save(update_fields=["status"])
    refused(clinic, StateConflict, "patient-not-active")


def test_below_the_minimum_age_nothing_is_booked(clinic):
    clinic.patient.birth_date = local(clinic, 6).date().replace(year=2008)
    clinic.patient.save(update_fields=["birth_date"])
    refused(clinic, RuleNotMet, "eligibility-age")


def test_an_absolute_contraindication_rules_booking_out(clinic):
    add_contraindication(clinic, "pregnancy", "absolute")
    error = refused(clinic, RuleNotMet, "eligibility-pregnancy")
    assert "Do not book" in error.message


def test_a_caution_needs_a_prescriber_with_a_reason(clinic):
    add_contraindication(clinic, "bipolar_disorder", "caution")
    refused(clinic, RuleNotMet, "caution-needs-prescriber", caution_reason="Stable for years")
    refused(clinic, RuleNotMet, "caution-needs-prescriber", by=clinic.clinician, caution_reason=" ")
    series = book(clinic, by=clinic.clinician, caution_reason="Stable on lithium for years")
    assert "Stable on lithium" in series.status_reason


def add_contraindication(clinic, kind, severity):
    clinic.patient.contraindications.create(
        kind=kind, severity=severity, recorded_by=clinic.clinician, recorded_at=clinic.now
    )


@pytest.mark.parametrize("weight", ["19.9", "350.1", "0"])
def test_weights_outside_the_hard_limits_are_refused(clinic, weight):
    with pytest.raises(InvalidInput):
        book(clinic, weight_kg=type(WEIGHT)(weight))
    assert not Appointment.objects.exists()


def test_the_wall_clock_is_kept_over_both_nights_on_which_the_clocks_change(clinic, clock):
    spring = visits_of(book(clinic))  # 5 to 23 March: the clocks go forward on the 8th
    assert {row.during.lower.astimezone(zone_of(clinic.site)).hour for row in spring} == {9}
    gap = spring[1].during.lower - spring[0].during.lower
    assert gap == minutes(95 * 60)
    other = factories.make_patient(clinic.site)
    days = [(27, 10), (30, 10), (3, 11), (6, 11), (10, 11), (13, 11)]  # Fri 30 Oct to Tue 3 Nov is 97 hours
    autumn = [choice(clinic, n, local(clinic, d, 10, month=m)) for n, (d, m) in enumerate(days, start=1)]
    rows = visits_of(book(clinic, patient=other, visits=autumn))
    assert {row.during.lower.astimezone(zone_of(clinic.site)).hour for row in rows} == {10}
    assert rows[2].during.lower - rows[1].during.lower == minutes(97 * 60)


def test_therapy_is_reserved_inside_its_window(clinic):
    proposal = series_service.propose_series(
        patient=clinic.patient,
        protocol_version=clinic.version,
        weight_kg=WEIGHT,
        first_day=local(clinic, 5).date(),
        by=clinic.coordinator,
    )
    assert proposal.plan.complete
    visits = [
        choice(clinic, item.planned.ordinal, item.planned.start, chair=item.chair.code)
        for item in proposal.visits
    ]
    therapy = [
        series_service.TherapyChoice(item.planned.ordinal, part.kind, part.start, part.therapist)
        for item in proposal.visits
        for part in item.planned.therapy
        if part.kind == "integration_1"
    ]
    series = book(clinic, visits=visits, therapy=therapy)
    sessions = series.appointments.filter(kind="therapy")
    assert sessions.count() == 6
    for session in sessions:
        visit = series.appointments.infusions().get(ordinal=session.ordinal)
        assert session.status == "provisional"
        assert session.during.lower >= visit.predicted_t0
        assert session.follow_up.state == "booked"
        assert session.follow_up.assignee == clinic.therapist


def test_therapy_in_the_no_therapy_period_refuses_the_whole_booking(clinic):
    first = six(clinic)[0]
    session = series_service.TherapyChoice(
        1, "integration_1", first.start + minutes(200), str(clinic.therapist_lane.code)
    )
    error = refused(clinic, RuleNotMet, "no-therapy-period", therapy=[session])
    assert error.message.startswith("1 of 6: No-therapy period of infusion 1")


def test_therapy_by_somebody_unlicensed_where_the_patient_lives_is_refused(clinic):
    clinic.patient.jurisdiction = "US-WA"
    clinic.patient.save(update_fields=["jurisdiction"])
    session = series_service.TherapyChoice(
        1, "integration_1", local(clinic, 6, 15), str(clinic.therapist_lane.code)
    )
    refused(clinic, RuleNotMet, "not-licensed", therapy=[session])
