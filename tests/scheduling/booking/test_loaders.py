"""From rows to the planner's inputs: hours in the site's wall clock, exceptions, closures, holidays, load, licences."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from protocols import library
from scheduling.domain.intervals import Interval
from scheduling.loaders import load_site, public_holidays, zone_of
from scheduling.models import Availability, Closure
from scheduling.planning import load_patient, predicted_clearance, therapists_for
from scheduling.services.proposals import propose_series
from scheduling.services.visit_options import visit_options
from staff.errors import InvalidInput, RuleNotMet
from tests import factories
from tests.scheduling.booking.helpers import WEIGHT, book, local, minutes, six, visits_of

pytestmark = pytest.mark.django_db


def chair_hours(clinic, first, until):
    load = load_site(clinic.site, first=first, until=until)
    return load.by_code(str(clinic.chairs[0].code)).free


def test_hours_keep_the_wall_clock_over_the_night_on_which_the_clocks_change(clinic):
    friday, monday = chair_hours(clinic, date(2026, 3, 6), date(2026, 3, 10))
    assert (friday.start.hour, monday.start.hour) == (16, 15)
    zone = zone_of(clinic.site)
    assert {item.start.astimezone(zone).time() for item in (friday, monday)} == {time(8)}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Africa/Casablanca", date(2026, 2, 15), 25),
        ("Pacific/Apia", date(2026, 5, 3), 24),
        ("Europe/London", date(2026, 3, 29), 23),
        ("America/New_York", date(2026, 11, 1), 25),
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_say(clinic, zone, day, hours):
    site = factories.make_site(time_zone=zone, country="ZZ", subdivision="")
    chair = factories.make_resource(site, "chair")
    chair.availabilities.all().delete()
    Availability.objects.create(resource=chair, weekday=6, start_time=time(0), end_time=time(23, 59))
    (free,) = load_site(site, first=day, until=date.fromordinal(day.toordinal() + 1)).resources[0].free
    assert free.duration.total_seconds() / 3600 == hours


def test_away_wins_over_the_hours_and_extra_wins_over_a_closed_day(clinic):
    chair = clinic.chairs[0]
    chair.exceptions.create(during=(local(clinic, 5, 10), local(clinic, 5, 12)), reason="Repair")
    Closure.objects.create(site=clinic.site, days=("2026-03-06", "2026-03-07"), reason="Closed")
    chair.exceptions.create(
        during=(local(clinic, 6, 9), local(clinic, 6, 11)), available=True, reason="Extra clinic"
    )
    free = chair_hours(clinic, date(2026, 3, 5), date(2026, 3, 7))
    assert free == (
        Interval(local(clinic, 5, 8), local(clinic, 5, 10)),
        Interval(local(clinic, 5, 12), local(clinic, 5, 18)),
        Interval(local(clinic, 6, 9), local(clinic, 6, 11)),
    )


def test_hours_with_a_validity_hold_on_those_days_only(clinic):
    chair = clinic.chairs[0]
    chair.availabilities.all().delete()
    Availability.objects.create(
        resource=chair,
        weekday=3,
        start_time=time(9),
        end_time=time(10),
        valid_during=("2026-03-05", "2026-03-12"),
    )
    free = chair_hours(clinic, date(2026, 3, 1), date(2026, 4, 1))
    assert free == (Interval(local(clinic, 5, 9), local(clinic, 5, 10)),)


def test_public_holidays_follow_country_and_subdivision(clinic):
    may = public_holidays(clinic.site, date(2026, 5, 1), date(2026, 6, 1))
    assert may == {date(2026, 5, 25): "Memorial Day"}
    unknown = factories.make_site(country="ZZ", subdivision="")
    assert public_holidays(unknown, date(2026, 1, 1), date(2027, 1, 1)) == {}
    odd = factories.make_site(country="US", subdivision="XX")
    assert date(2026, 12, 25) in public_holidays(odd, date(2026, 12, 1), date(2027, 1, 2))
    clinic.site.open_on_holidays = True
    assert public_holidays(clinic.site, date(2026, 5, 1), date(2026, 6, 1)) == {}


def test_existing_bookings_are_load_and_nurses_know_their_starts(clinic):
    visit = visits_of(book(clinic))[0]
    load = load_site(clinic.site, first=date(2026, 3, 5), until=date(2026, 3, 6))
    chair, nurse = (load.by_code(str(item.code)) for item in (clinic.chairs[0], clinic.nurse_lane))
    assert chair.busy == (Interval(visit.during.lower, visit.during.lower + minutes(175)),)
    assert nurse.busy == (Interval(visit.during.lower, visit.during.lower + minutes(160)),)
    assert (nurse.starts, chair.starts) == ((visit.during.lower,), ())
    without = load_site(clinic.site, first=date(2026, 3, 5), until=date(2026, 3, 6), without=[visit.pk])
    assert without.by_code(str(clinic.chairs[0].code)).busy == ()


def test_only_resources_in_use_are_offered(clinic):
    clinic.chairs[0].active = False
    clinic.chairs[0].save(update_fields=["active"])
    load = load_site(clinic.site, first=date(2026, 3, 5), until=date(2026, 3, 6))
    assert load.by_code(str(clinic.chairs[0].code)) is None


def test_queries_do_not_depend_on_the_number_of_resources(clinic):
    def cost():
        with CaptureQueriesContext(connection) as found:
            load_site(clinic.site, first=date(2026, 3, 1), until=date(2026, 4, 1))
        return len(found)

    few = cost()
    for _ in range(10):
        factories.make_resource(clinic.site, "chair")
    assert cost() == few <= 7


def test_therapists_are_licensed_speak_the_language_and_the_own_one_comes_first(clinic):
    clinic.patient.therapist = clinic.other_therapist
    load = load_site(clinic.site, first=date(2026, 3, 5), until=date(2026, 3, 12))
    assert [item.name for item in therapists_for(load, clinic.patient)] == ["Kim Park", "Jo Lindqvist"]
    clinic.therapist.licences.update(valid_during=("2026-03-09", "2026-03-10"))
    load = load_site(clinic.site, first=date(2026, 3, 5), until=date(2026, 3, 12))
    last = therapists_for(load, clinic.patient)[-1]
    assert last.free == (Interval(local(clinic, 9, 8), local(clinic, 9, 18)),)
    clinic.patient.language = "es"
    assert therapists_for(load, clinic.patient) == ()


def test_what_a_patient_has_already(clinic, clock):
    series = book(clinic)
    who = load_patient(clinic.patient, at=clinic.now)
    assert len(who.busy()) == 6
    assert len(who.no_therapy) == 6
    assert who.last_start == visits_of(series)[-1].during.lower


def test_the_predicted_therapy_time_is_the_models_and_never_before_the_observation_ends(clinic):
    adult = predicted_clearance(
        library.SIX_IN_THREE_WEEKS, clinic.patient, weight_kg=WEIGHT, on=date(2026, 3, 5)
    )
    assert adult.dose_mg == Decimal("35.0")
    assert adult.minutes > 120
    clinic.patient.birth_date = date(1950, 1, 1)
    old = predicted_clearance(
        library.SIX_IN_THREE_WEEKS, clinic.patient, weight_kg=WEIGHT, on=date(2026, 3, 5)
    )
    assert old.minutes > adult.minutes
    assert any("Age above 60" in item for item in old.warnings)
    heavy = predicted_clearance(
        library.SIX_IN_THREE_WEEKS, clinic.patient, weight_kg=Decimal("140"), on=date(2026, 3, 5)
    )
    assert heavy.over_ceiling
    assert "above the protocol's limit of 60 mg" in heavy.warnings[0]


def test_another_route_than_the_vein_is_planned_as_stated_never_by_the_model(clinic):
    text = library.SIX_IN_THREE_WEEKS
    elsewhere = replace(text, dose=replace(text.dose, route="im", route_reason="refusal"))
    with pytest.raises(RuleNotMet) as refused:
        predicted_clearance(elsewhere, clinic.patient, weight_kg=WEIGHT, on=date(2026, 3, 5))
    assert refused.value.code == "route-without-model"
    stated = replace(elsewhere, clearance=replace(text.clearance, unmodelled_hours=24))
    found = predicted_clearance(stated, clinic.patient, weight_kg=WEIGHT, on=date(2026, 3, 5))
    assert (found.minutes, found.dose_mg) == (24 * 60, Decimal("35.0"))
    assert "No model covers this route" in found.warnings[0]


# --- Proposals -----------------------------------------------------------------------------------------------------


def propose(clinic, **over):
    fields = {
        "patient": clinic.patient,
        "protocol_version": clinic.version,
        "weight_kg": WEIGHT,
        "first_day": date(2026, 3, 5),
        "by": clinic.coordinator,
    }
    return propose_series(**(fields | over))


def test_a_proposal_can_be_booked_as_it_is(clinic):
    proposal = propose(clinic)
    assert proposal.plan.complete
    choices = [
        type(six(clinic)[0])(
            item.planned.ordinal, item.planned.start, item.chair.code, item.nurse.code, item.prescriber.code
        )
        for item in proposal.visits
    ]
    rows = visits_of(book(clinic, visits=choices))
    assert [row.predicted_t0 for row in rows] == [item.planned.t0_predicted for item in proposal.visits]
    kinds = {item.kind for item in proposal.visits[0].kept}
    assert kinds >= {"no_driving", "rest_message", "morning_check_in", "integration_1"}
    stored = {(item.kind, item.target_at) for item in rows[0].follow_ups.filter(state="provisional")}
    shown = {(item.kind, item.target) for item in proposal.visits[0].kept}
    assert stored == shown


@pytest.mark.parametrize("assigned", [True, False])
def test_preview_and_booking_agree_for_every_visit(clinic, assigned):
    if not assigned:
        clinic.patient.therapist = None
        clinic.patient.save(update_fields=["therapist"])
    proposal = propose(clinic)
    choices = [
        type(six(clinic)[0])(item.planned.ordinal, item.planned.start, item.chair.code, item.nurse.code, "")
        for item in proposal.visits
    ]
    rows = visits_of(book(clinic, visits=choices))
    for row, item in zip(rows, proposal.visits, strict=True):
        stored = {(f.kind, f.ordinal, f.target_at) for f in row.follow_ups.filter(state="provisional")}
        assert stored == {(f.kind, f.ordinal, f.target) for f in item.kept}


def test_a_proposal_says_what_is_still_missing_and_what_speaks_against_it(clinic):
    clinic.patient.contraindications.create(
        kind="pregnancy", severity="absolute", recorded_by=clinic.clinician, recorded_at=clinic.now
    )
    proposal = propose(clinic)
    assert proposal.to_do == ("Consent to this version", "Education, taught back")
    assert [item.severity for item in proposal.findings] == ["block"]


def test_staff_follow_ups_on_a_closed_day_are_named_with_their_owner(clinic):
    Closure.objects.create(site=clinic.site, days=("2026-03-06", "2026-03-07"), reason="Moving house")
    single = factories.make_version("single-infusion", author=clinic.admin)
    proposal = propose(clinic, protocol_version=single, pinned={1: local(clinic, 5, 9)})
    assert any("Fri 6 Mar (Moving house): on the nurse's list" in item for item in proposal.remarks)


@pytest.mark.parametrize("first_day", [date(2026, 3, 2), date(2027, 3, 6), date(1066, 10, 14)])
def test_days_that_cannot_be_planned_from(clinic, first_day):
    with pytest.raises(InvalidInput):
        propose(clinic, first_day=first_day)


def test_after_a_recent_infusion_the_next_series_keeps_the_minimum_gap(clinic):
    single = factories.make_version("single-infusion", author=clinic.admin)
    earlier = visits_of(book(clinic, protocol_version=single, visits=six(clinic)[:1]))[0]
    proposal = propose(clinic, first_day=date(2026, 3, 5))
    assert proposal.visits[0].planned.start >= earlier.during.lower + minutes(48 * 60)


def test_other_times_for_one_visit_leave_the_gaps_whole(clinic):
    series = book(clinic)
    rows = visits_of(series)
    found = visit_options(series=series, ordinal=3)
    assert found.choices
    for item in found.choices:
        assert minutes(48 * 60) <= item.start - rows[1].during.lower <= minutes(96 * 60)
        assert minutes(48 * 60) <= rows[3].during.lower - item.start <= minutes(96 * 60)
    starts = [item.start for item in found.choices]
    assert all(b - a >= minutes(60) for a, b in pairwise(starts))
    assert starts == sorted(starts)
    assert all(item > datetime(2026, 3, 3, tzinfo=UTC) for item in starts)
