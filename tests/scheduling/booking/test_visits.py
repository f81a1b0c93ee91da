"""One booked visit: moved, cancelled, skipped, not attended, checked in; and the booking that follows the infusion."""

from __future__ import annotations

import pytest
from django.db import transaction

from scheduling.models import Appointment, FollowUp, ResourceBooking, WorkItem
from scheduling.services import more_visits
from scheduling.services import series as series_service
from scheduling.services import visits as service
from scheduling.services.chair_use import stretch_overdue
from sessions import services as facts
from staff.errors import Clash, InvalidInput, RuleNotMet, StaleVersion, StateConflict
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, minutes, six, visits_of
from tests.scheduling.booking.steps import arrive, give, sign, start, stop

pytestmark = pytest.mark.django_db


def move(clinic, visit, at, **over):
    fields = {"appointment": visit, "start": at, "by": clinic.coordinator, "reason": "patient-asked"}
    return service.move_visit(**(fields | over))


class TestMove:
    def test_keeps_identity_siblings_and_where_it_came_from(self, clinic):
        series = book(clinic)
        before = visits_of(series)
        moved = move(clinic, before[2], local(clinic, 12, 13), note="Childcare")
        after = visits_of(series)
        assert [row.pk for row in after] == [row.pk for row in before]
        assert [row.during for row in after[:2] + after[3:]] == [
            row.during for row in before[:2] + before[3:]
        ]
        assert moved.during.lower == local(clinic, 12, 13)
        assert (moved.moved_from, moved.moved_by) == (before[2].during, clinic.coordinator)
        assert moved.version == before[2].version + 1
        assert moved.predicted_t0 - moved.during.lower == before[2].predicted_t0 - before[2].during.lower
        assert "Childcare" in moved.reason
        chair = moved.resource_bookings.get(resource__kind="chair")
        assert chair.during.lower == moved.during.lower
        assert moved.resource_bookings.count() == 3

    def test_follow_ups_move_along(self, clinic):
        series = book(clinic)
        visit = visits_of(series)[2]
        old = FollowUp.objects.get(visit=visit, kind="morning_check_in").target_at
        move(clinic, visit, local(clinic, 13, 9))
        assert FollowUp.objects.get(visit=visit, kind="morning_check_in").target_at == old + minutes(24 * 60)

    @pytest.mark.parametrize(
        ("day", "hour", "code"),
        [(10, 13, "gap"), (14, 9, "gap"), (3, 8, "past-start"), (12, 17, "not-available")],
    )
    def test_every_rule_holds_on_a_move(self, clinic, day, hour, code):
        series = book(clinic)
        visit = visits_of(series)[2]
        with pytest.raises(RuleNotMet) as caught:
            move(clinic, visit, local(clinic, day, hour))
        assert caught.value.code == code
        assert caught.value.message.startswith("3 of 6: ")
        assert caught.value.field in ("start", "chair")
        visit.refresh_from_db()
        assert visit.version == 1
        assert visit.resource_bookings.count() == 3

    def test_the_gap_to_the_next_visit_holds_too(self, clinic):
        series = book(clinic)
        with pytest.raises(RuleNotMet) as caught:
            move(clinic, visits_of(series)[2], local(clinic, 13, 17 - 4 + 1))
        assert caught.value.code == "gap"

    def test_a_taken_chair_gives_way_to_a_free_one(self, clinic):
        other = book(clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=13))
        series = book(clinic)
        moved = move(clinic, visits_of(series)[2], local(clinic, 12, 13, 30))
        assert moved.resource_bookings.get(resource__kind="chair").resource.name == "Chair 2"
        assert visits_of(other)[2].resource_bookings.get(resource__kind="chair").resource.name == "Chair 1"

    def test_a_named_chair_that_is_taken_is_refused(self, clinic):
        book(clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=13))
        visit = visits_of(book(clinic))[2]
        wanted = {
            "chair": str(clinic.chairs[0].code),
            "nurse": str(clinic.nurse_lane.code),
            "prescriber": str(clinic.clinician_lane.code),
        }
        with pytest.raises(Clash, match="Chair 1 is taken Thu 12 Mar 13:00-15:55"):
            move(clinic, visit, local(clinic, 12, 13, 30), **wanted)

    def test_a_stale_page_moves_nothing(self, clinic):
        visit = visits_of(book(clinic))[2]
        move(clinic, visit, local(clinic, 12, 13))
        with pytest.raises(StaleVersion):
            move(clinic, visit, local(clinic, 12, 10), expected_version=1)

    def test_an_unknown_reason_is_refused(self, clinic):
        visit = visits_of(book(clinic))[2]
        with pytest.raises(InvalidInput):
            move(clinic, visit, local(clinic, 12, 13), reason="because")

    def test_undo_brings_it_back(self, clinic):
        visit = visits_of(book(clinic))[2]
        moved = move(clinic, visit, local(clinic, 12, 13))
        back = service.undo_move(appointment=moved, by=clinic.coordinator, expected_version=moved.version)
        assert back.during == visit.during
        assert FollowUp.objects.filter(visit=visit, state="provisional").exists()

    def test_therapy_in_the_way_is_named_and_gives_way_only_when_told(self, clinic):
        series = book(clinic)
        session = other_visit(clinic, series, local(clinic, 13, 15))
        visit = visits_of(series)[2]
        with pytest.raises(RuleNotMet, match="Fri 13 Mar 15:00 would fall inside the no-therapy period"):
            move(clinic, visit, local(clinic, 13, 9))
        move(clinic, visit, local(clinic, 13, 9), displace_therapy=True)
        session.refresh_from_db()
        assert session.status == "displaced"
        assert WorkItem.objects.filter(key=str(session.code), resolved_at__isnull=True).exists()

    def test_the_quiet_time_before_an_infusion_holds(self, clinic):
        series = book(clinic)
        other_visit(clinic, series, local(clinic, 12, 8))
        with pytest.raises(RuleNotMet, match="Thu 12 Mar 08:00 must end 30 minutes before"):
            move(clinic, visits_of(series)[2], local(clinic, 12, 9, 10))

    def test_the_patient_is_in_one_place(self, clinic):
        series = book(clinic)
        other_visit(clinic, series, local(clinic, 13, 10), kind="preparation")
        with pytest.raises(Clash, match="another appointment Fri 13 Mar 10:00-10:50"):
            move(clinic, visits_of(series)[2], local(clinic, 13, 9))


def other_visit(clinic, series, at, kind="therapy", long=50):
    """Another booked visit of the patient, written as rows (windows are not the subject here)."""
    with transaction.atomic():
        row = Appointment.objects.create(
            kind=kind,
            status="booked",
            patient=series.patient,
            site=series.site,
            series=series,
            ordinal=2,
            during=(at, at + minutes(long)),
            practitioner=clinic.therapist,
            booked_by=clinic.therapist,
            booked_at=clinic.now,
        )
        ResourceBooking.objects.create(
            resource=clinic.therapist_lane, lane=1, appointment=row, during=(at, at + minutes(long))
        )
    return row


class TestTakenOffTheCalendar:
    def test_cancelled_frees_the_chair_and_stays_on_a_list(self, clinic):
        series = book(clinic)
        visit = visits_of(series)[3]
        service.cancel_visit(
            appointment=visit, by=clinic.coordinator, reason="patient-unwell", expected_version=1
        )
        visit.refresh_from_db()
        assert visit.status == "cancelled"
        assert not visit.resource_bookings.exists()
        item = WorkItem.objects.get(key=f"undated:{series.code}:4")
        assert (item.title, item.owner) == ("Infusion 4 of 6 has no date", clinic.coordinator)
        assert "Patient unwell (asked by the patient)" in item.detail
        series.refresh_from_db()
        assert series.status == "active"
        assert not FollowUp.objects.filter(visit=visit, state__in=FollowUp.OPEN).exists()

    def test_a_cancelled_infusion_gets_a_new_date(self, clinic):
        series = book(clinic)
        service.cancel_visit(appointment=visits_of(series)[3], by=clinic.coordinator, reason="staff")
        visit = more_visits.rebook_visit(
            series=series, choice=choice(clinic, 4, local(clinic, 16, 8)), by=clinic.coordinator
        )
        assert (visit.status, visit.ordinal) == ("booked", 4)
        assert WorkItem.objects.get(key=f"undated:{series.code}:4").resolved_at is not None

    def test_an_infusion_with_a_date_gets_no_second_one(self, clinic):
        series = book(clinic)
        with pytest.raises(StateConflict):
            more_visits.rebook_visit(
                series=series, choice=choice(clinic, 4, local(clinic, 16, 13)), by=clinic.coordinator
            )

    def test_the_gaps_hold_for_a_new_date(self, clinic):
        series = book(clinic)
        service.cancel_visit(appointment=visits_of(series)[3], by=clinic.coordinator, reason="staff")
        with pytest.raises(RuleNotMet) as caught:
            more_visits.rebook_visit(
                series=series, choice=choice(clinic, 4, local(clinic, 18, 13)), by=clinic.coordinator
            )
        assert caught.value.code == "gap"

    def test_skipping_every_infusion_ends_the_series(self, clinic):
        series = book(clinic)
        for visit in visits_of(series):
            service.omit_visit(appointment=visit, by=clinic.clinician, reason="responded")
        series.refresh_from_db()
        assert series.status == "ended"
        assert book(clinic).status == "active"

    def test_after_a_skipped_visit_the_maximum_counts_for_each_gap(self, clinic):
        series = book(clinic)
        rows = visits_of(series)
        service.omit_visit(appointment=rows[2], by=clinic.clinician, reason="adverse-effects")
        moved = move(clinic, rows[3], local(clinic, 17, 9))
        assert moved.during.lower == local(clinic, 17, 9)

    def test_a_lost_infusion_can_be_skipped(self, clinic):
        series = book(clinic)
        service.cancel_visit(appointment=visits_of(series)[5], by=clinic.coordinator, reason="staff")
        skipped = service.skip_infusion(series=series, ordinal=6, by=clinic.clinician, reason="responded")
        assert skipped.status == "omitted"
        assert not WorkItem.objects.filter(key=f"undated:{series.code}:6", resolved_at__isnull=True).exists()
        with pytest.raises(StateConflict):
            service.skip_infusion(series=series, ordinal=6, by=clinic.clinician, reason="responded")

    def test_no_show_only_after_the_planned_start(self, clinic, clock):
        visit = visits_of(book(clinic))[0]
        with pytest.raises(RuleNotMet):
            service.mark_no_show(appointment=visit, by=clinic.nurse, reason="no-contact")
        clock.set(visit.during.lower + minutes(45))
        service.mark_no_show(appointment=visit, by=clinic.nurse, reason="no-contact")
        visit.refresh_from_db()
        assert visit.status == "no-show"

    def test_what_is_over_cannot_be_cancelled(self, clinic):
        visit = visits_of(book(clinic))[0]
        service.cancel_visit(appointment=visit, by=clinic.coordinator, reason="staff")
        with pytest.raises(StateConflict):
            service.cancel_visit(appointment=visit, by=clinic.coordinator, reason="staff")

    def test_ending_a_series_cancels_what_lies_ahead(self, clinic, clock):
        series = book(clinic)
        rows = visits_of(series)
        give(clinic, rows[0], clock)
        service.cancel_visit(appointment=rows[4], by=clinic.coordinator, reason="staff")
        ended = series_service.end_series(
            series=series, by=clinic.clinician, reason="adverse-effects", expected_version=series.version
        )
        assert ended.status == "ended"
        states = [row.status for row in visits_of(series)]
        assert states == ["completed"] + ["cancelled"] * 5
        assert not WorkItem.objects.filter(key__startswith="undated", resolved_at__isnull=True).exists()
        assert FollowUp.objects.filter(visit=rows[0], state__in=FollowUp.OPEN).exists()
        with pytest.raises(StateConflict):
            series_service.end_series(series=series, by=clinic.clinician, reason="clinical")


class TestExtra:
    def test_it_is_the_next_visit_of_the_active_series(self, clinic):
        series = book(clinic)
        extra = more_visits.book_extra_infusion(
            patient=clinic.patient,
            protocol_version=clinic.version,
            weight_kg=series.weight_kg,
            choice=choice(clinic, 1, local(clinic, 30)),
            reason="partial-response",
            by=clinic.clinician,
        )
        series.refresh_from_db()
        assert (extra.series, extra.ordinal, series.visits) == (series, 7, 7)
        assert "Partial response" in extra.reason

    def test_the_minimum_gap_holds(self, clinic):
        series = book(clinic)
        with pytest.raises(RuleNotMet):
            more_visits.book_extra_infusion(
                patient=clinic.patient,
                protocol_version=clinic.version,
                weight_kg=series.weight_kg,
                choice=choice(clinic, 1, local(clinic, 24)),
                reason="partial-response",
                by=clinic.clinician,
            )
        series.refresh_from_db()
        assert series.visits == 6

    def test_without_a_series_it_is_one_of_its_own(self, clinic):
        single = factories.make_version("single-infusion", author=clinic.admin)
        extra = more_visits.book_extra_infusion(
            patient=clinic.patient,
            protocol_version=single,
            weight_kg=70,
            choice=choice(clinic, 1, local(clinic, 5)),
            reason="maintenance",
            by=clinic.clinician,
        )
        assert extra.series.visits == 1


class TestCheckIn:
    def test_opens_the_record_and_links_it(self, clinic, clock):
        visit = visits_of(book(clinic))[0]
        infusion = arrive(clinic, visit, clock)
        visit.refresh_from_db()
        assert (visit.status, visit.infusion) == ("arrived", infusion)
        assert (infusion.chair, infusion.planned_start, infusion.ordinal) == (
            "Chair 1",
            visit.during.lower,
            1,
        )

    def test_on_its_own_day_only(self, clinic, clock):
        visit = visits_of(book(clinic))[0]
        clock.set(visit.during.lower - minutes(24 * 60))
        with pytest.raises(RuleNotMet, match="booked for Thu 5 Mar"):
            service.check_in(appointment=visit, by=clinic.nurse)

    def test_once(self, clinic, clock):
        visit = visits_of(book(clinic))[0]
        arrive(clinic, visit, clock)
        with pytest.raises(StateConflict):
            service.check_in(appointment=visit, by=clinic.nurse)

    def test_not_while_something_rules_treatment_out(self, clinic, clock):
        visit = visits_of(book(clinic))[0]
        clinic.patient.contraindications.create(
            kind="pregnancy", severity="absolute", recorded_by=clinic.clinician, recorded_at=clinic.now
        )
        with pytest.raises(RuleNotMet):
            arrive(clinic, visit, clock)
        visit.refresh_from_db()
        assert visit.infusion is None


class TestFollowsTheInfusion:
    def test_states_follow_and_the_signature_frees_the_chair(self, clinic, clock):
        series = book(clinic)
        visit = visits_of(series)[0]
        infusion = start(clinic, visit, clock)
        assert state(visit) == "infusing"
        infusion = stop(clinic, infusion, clock)
        assert state(visit) == "recovering"
        assert visit.resource_bookings.count() == 3
        sign(clinic, infusion, clock)
        assert state(visit) == "completed"
        assert not visit.resource_bookings.exists()
        series.refresh_from_db()
        assert series.status == "active"

    def test_the_last_signature_completes_the_series(self, clinic, clock):
        single = factories.make_version("single-infusion", author=clinic.admin)
        series = book(clinic, protocol_version=single, visits=six(clinic)[:1])
        give(clinic, visits_of(series)[0], clock)
        series.refresh_from_db()
        assert series.status == "completed"
        assert series.ended_at is not None

    def test_not_given_asks_for_a_new_date(self, clinic, clock):
        series = book(clinic)
        visit = visits_of(series)[0]
        infusion = arrive(clinic, visit, clock)
        facts.mark_not_given(infusion=infusion, reason="Blood pressure above the limit", by=clinic.clinician)
        assert state(visit) == "cancelled"
        assert WorkItem.objects.filter(key=f"undated:{series.code}:1", resolved_at__isnull=True).exists()

    def test_a_late_start_stretches_the_chair_and_displaces_the_next_visit(self, clinic, clock):
        first = visits_of(book(clinic))[0]
        other = book(clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=12))
        second = visits_of(other)[0]
        start(clinic, first, clock, late=75)
        first.refresh_from_db()
        second.refresh_from_db()
        assert first.during.upper == local(clinic, 5, 12, 30)
        assert first.resource_bookings.get(resource__kind="chair").during.upper == local(clinic, 5, 12, 45)
        assert (second.status, second.owner) == ("displaced", clinic.coordinator)
        assert not second.resource_bookings.exists()
        item = WorkItem.objects.get(key=str(second.code))
        assert item.title == "Infusion visit 1 needs a new time"
        assert other.patient.family_name not in item.title + item.detail

    def test_a_displaced_visit_finds_a_new_time(self, clinic, clock):
        first = visits_of(book(clinic))[0]
        second = visits_of(
            book(clinic, patient=factories.make_patient(clinic.site), visits=six(clinic, hour=12))
        )[0]
        start(clinic, first, clock, late=75)
        moved = move(clinic, second, local(clinic, 5, 13), reason="displaced", initiator="clinic")
        assert moved.status == "booked"
        assert WorkItem.objects.get(key=str(second.code)).resolved_at is not None

    def test_an_overrun_in_recovery_is_found_by_the_tick(self, clinic, clock):
        visit = visits_of(book(clinic))[0]
        stop(clinic, start(clinic, visit, clock), clock)
        clock.set(visit.during.upper + minutes(2))
        assert stretch_overdue() == 1
        assert stretch_overdue() == 0
        visit.refresh_from_db()
        assert visit.during.upper == local(clinic, 5, 12, 0)

    def test_planned_therapy_is_booked_with_the_signature(self, clinic, clock):
        first = six(clinic)[0]
        session = series_service.TherapyChoice(
            1, "integration_1", local(clinic, 6, 15), str(clinic.therapist_lane.code)
        )
        series = book(clinic, therapy=[session])
        assert first.ordinal == 1
        give(clinic, visits_of(series)[0], clock)
        row = series.appointments.get(kind="therapy")
        assert row.status == "booked"
        assert row.follow_up.state == "booked"


def state(visit):
    visit.refresh_from_db()
    return visit.status
