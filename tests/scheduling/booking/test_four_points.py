"""Minimum gap, no-therapy period and limits of exposure are asked at booking, at every move, at check-in and at the start
of the pump; a prescriber decides, and is asked once. Gates have their own module (test_gates.py).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patients.services import record_prior_exposure
from protocols.library import SIX_IN_THREE_WEEKS
from scheduling.domain.spacing import rested_from
from scheduling.models import Appointment
from scheduling.services import visits as visit_service
from scheduling.services.proposals import propose_series
from scheduling.services.visit_options import visit_options
from sessions import services as facts
from sessions.exposure import Elsewhere, Treatment, beyond
from sessions.models import GateAnswer, Infusion
from staff.errors import RuleNotMet
from tests import factories
from tests.scheduling.booking.helpers import book, choice, local, six, visits_of
from tests.scheduling.booking.steps import arrive, give, prepare
from tests.sessions.world import NORMAL

pytestmark = pytest.mark.django_db
REASON = "Benefit lasts ten days only; bladder symptoms asked, none."
EXPOSED = "exposure-needs-prescriber"


def limits(**over):
    return replace(SIX_IN_THREE_WEEKS, **over)


# --- The rule itself -----------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 60))
def test_exactly_at_the_limit_is_inside_one_more_is_not(here, elsewhere, most):
    at = datetime(2026, 3, 3, 17, tzinfo=UTC)
    others = [Treatment(at - timedelta(days=n + 1)) for n in range(here)]
    rows = [Elsewhere(elsewhere)] if elsewhere else []
    words = beyond(limits(most_treatments_in_life=most), Treatment(at), others, rows)
    assert (words is None) == (here + elsewhere + 1 <= most)
    assert beyond(limits(), Treatment(at), others, rows) is None, "a text without a limit limits nothing"


@pytest.mark.parametrize(
    ("ago", "words"),
    [(timedelta(days=365), None), (timedelta(days=365, seconds=-1), "treatment 2 within twelve")],
)
def test_the_year_is_365_elapsed_days_and_later_ones_do_not_count(ago, words):
    at = datetime(2026, 3, 8, 9, tzinfo=UTC)  # the night before, the clocks of the site went forward
    text = limits(most_treatments_in_year=1)
    found = beyond(text, Treatment(at), [Treatment(at - ago), Treatment(at + timedelta(days=3))])
    assert (found is None) if words is None else words in (found or "")
    old = Elsewhere(40, date(2025, 3, 8))
    assert beyond(text, Treatment(at), [], [old, Elsewhere(9)]) is None, "long ago, or nobody knows when"


def test_amounts_that_nobody_knows_are_not_made_up():
    at = datetime(2026, 3, 3, 17, tzinfo=UTC)
    text = limits(most_mg_in_life=Decimal(100))
    known = Treatment(at - timedelta(days=7), Decimal(60))
    assert beyond(text, Treatment(at, Decimal(40)), [known, Treatment(at - timedelta(days=9))]) is None
    assert "make 105 mg" in (
        beyond(text, Treatment(at, Decimal(40)), [known], [Elsewhere(2, None, Decimal(5))]) or ""
    )


# --- Exposure: book, move, check-in, start ---------------------------------------------------------------------------


def elsewhere(clinic, count):
    record_prior_exposure(
        patient=clinic.patient, route="iv", count=count, source="Letter", by=clinic.clinician
    )


@pytest.fixture
def limited(clinic):
    """A text that allows eight treatments in a life; the patient has had three."""
    version = factories.make_version(
        "limited", author=clinic.admin, definition=limits(most_treatments_in_life=8)
    )
    factories.make_eligible(clinic.patient, version)
    elsewhere(clinic, 3)
    return version


def overridden(visit=None, infusion=None):
    rows = GateAnswer.objects.current().filter(gate="exposure", outcome="overridden")
    rows = rows.filter(visit=visit.code) if visit else rows
    return (rows.filter(infusion=infusion) if infusion else rows).count()


def test_booking_and_moving_past_a_limit_need_a_prescriber_and_keep_the_reason(clinic, limited):
    with pytest.raises(RuleNotMet, match="6 of 6: It would be treatment 9 in this patient's life") as caught:
        book(clinic, protocol_version=limited, close_reason=REASON)  # by the coordinator
    assert (caught.value.code, caught.value.field) == (EXPOSED, "close_reason")
    with pytest.raises(RuleNotMet):
        book(clinic, protocol_version=limited, by=clinic.clinician)  # without a reason
    assert not Appointment.objects.exists()
    series = book(clinic, protocol_version=limited, by=clinic.clinician, close_reason=REASON)
    rows = visits_of(series)
    assert [overridden(row) for row in rows] == [0, 0, 0, 0, 0, 1]
    answer = GateAnswer.objects.get(visit=rows[5].code)
    assert (answer.note, answer.answered_by, answer.reason_code) == (REASON, clinic.clinician, "other")
    # What was decided about a visit stays decided when it moves; what becomes known later is asked at the next move.
    asked = {"by": clinic.coordinator, "reason": "staff"}
    visit_service.move_visit(appointment=rows[5], start=local(clinic, 23, 8), **asked)
    elsewhere(clinic, 1)
    with pytest.raises(RuleNotMet) as caught:
        visit_service.move_visit(appointment=rows[4], start=local(clinic, 19, 8), **asked)
    assert (caught.value.code, caught.value.field) == (EXPOSED, "close_reason")
    decided = {"by": clinic.clinician, "reason": "staff", "close_reason": REASON}
    visit_service.move_visit(appointment=rows[4], start=local(clinic, 19, 8), **decided)
    assert overridden(rows[4]) == 1


def test_check_in_past_a_limit_is_decided_once(clinic, clock, limited):
    visit = visits_of(book(clinic, protocol_version=limited, by=clinic.clinician, close_reason=REASON))[0]
    elsewhere(clinic, 8)
    with pytest.raises(
        RuleNotMet, match=r"treatment 12 .* Only a prescriber checks the patient in"
    ) as caught:
        arrive(clinic, visit, clock)
    assert (caught.value.code, caught.value.field) == (EXPOSED, "override_reason")
    assert not Infusion.objects.exists(), "nothing is half done"
    infusion = visit_service.check_in(appointment=visit, by=clinic.clinician, override_reason=REASON)
    assert overridden(visit, infusion) == 1
    assert not facts.start_gate(infusion, clock.now()).decides or all(
        item.code != "exposure" for item in facts.start_gate(infusion, clock.now()).decides
    ), "the start does not ask the same again"


def test_what_becomes_known_after_check_in_is_asked_at_the_start_and_never_keeps_a_fact_out(
    clinic, clock, limited
):
    visit = visits_of(book(clinic, protocol_version=limited, by=clinic.clinician, close_reason=REASON))[0]
    infusion = prepare(clinic, arrive(clinic, visit, clock))
    elsewhere(clinic, 8)
    clock.set(visit.during.lower)
    facts.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
    with pytest.raises(RuleNotMet, match="treatment 12") as caught:
        facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert caught.value.code == "start-needs-prescriber"
    facts.record_pump_event(infusion=infusion, kind="start", by=clinic.clinician, reason=REASON)
    infusion.refresh_from_db()
    assert infusion.started_at == visit.during.lower
    assert overridden(None, infusion) == 1


# --- Minimum gap: check-in and start (booking and moves: test_book_series.py, test_visits.py) ------------------------


def every_48_hours(clinic):
    days = (9, 11, 13, 16, 18, 20)
    return [choice(clinic, n, local(clinic, day)) for n, day in enumerate(days, start=1)]


def test_the_gap_counts_from_when_the_infusion_before_really_started(clinic, clock):
    first, second, *_ = visits_of(book(clinic, visits=every_48_hours(clinic)))
    give(clinic, first, clock, late=30)
    with pytest.raises(
        RuleNotMet, match=r"47\.5 h after the infusion of Mon 9 Mar 09:30: at least 48 h"
    ) as caught:
        arrive(clinic, second, clock)
    assert (caught.value.code, caught.value.field) == ("gap", "override_reason")
    with pytest.raises(RuleNotMet):
        visit_service.check_in(appointment=second, by=clinic.nurse, override_reason=REASON)  # no prescriber
    infusion = visit_service.check_in(appointment=second, by=clinic.clinician, override_reason=REASON)
    kept = GateAnswer.objects.get(gate="minimum_gap")
    assert (kept.infusion, kept.visit, kept.note) == (infusion, second.code, REASON)
    assert "minimum_gap" not in [item.code for item in facts.start_gate(infusion, clock.now()).decides]


def test_a_start_before_the_gap_is_over_is_a_prescribers_decision(clinic, clock):
    first, second, *_ = visits_of(book(clinic, visits=every_48_hours(clinic)))
    give(clinic, first, clock)
    infusion = prepare(clinic, arrive(clinic, second, clock))
    clock.set(second.during.lower - timedelta(minutes=10))
    facts.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
    line = next(row for row in facts.start_gate(infusion, clock.now()).lines if row.kind == "minimum_gap")
    assert line.finding is not None
    assert line.finding.recheck_at == second.during.lower, "it says from when it may start"
    with pytest.raises(RuleNotMet, match="at least 48 h") as caught:
        facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert caught.value.code == "start-needs-prescriber"
    with pytest.raises(RuleNotMet) as caught:
        facts.record_pump_event(infusion=infusion, kind="start", by=clinic.clinician)
    assert caught.value.code == "start-needs-reason"
    clock.set(second.during.lower)
    facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)


def test_the_gap_counts_from_the_last_day_elsewhere_too(clinic, clock):
    """Booking, moving, the times offered, check-in and start; the hour elsewhere is not known, so its whole day counts."""
    known = {"patient": clinic.patient, "route": "iv", "source": "Letter", "by": clinic.nurse}
    record_prior_exposure(**known, count=2, first_on=date(2026, 2, 1), last_on=date(2026, 3, 3))
    with pytest.raises(
        RuleNotMet, match=r"1 of 6: Too soon after .* on Tue 3 Mar, .* so from Fri 6 Mar 00:00"
    ):
        book(clinic, visits=six(clinic))
    plan = propose_series(
        patient=clinic.patient, protocol_version=clinic.version, weight_kg=Decimal(70),
        first_day=date(2026, 3, 4), by=clinic.coordinator,
    )  # fmt: skip
    assert plan.visits[0].planned.start >= local(clinic, 6, 0)
    single = factories.make_version("single-infusion", author=clinic.admin)
    series = book(clinic, protocol_version=single, visits=[choice(clinic, 1, local(clinic, 6))])
    first = visits_of(series)[0]
    clock.set(local(clinic, 6, 8))
    record_prior_exposure(**known, count=1, first_on=date(2026, 3, 5))
    earliest = rested_from(date(2026, 3, 5), single.read().phases[0], ZoneInfo(clinic.site.time_zone))
    offered = visit_options(series=series, ordinal=1)
    assert offered.choices
    assert all(item.start >= earliest > first.during.lower for item in offered.choices)
    with pytest.raises(RuleNotMet, match=r"on Thu 5 Mar.* a prescriber checks the patient in") as caught:
        arrive(clinic, first, clock)
    assert (caught.value.code, caught.value.field) == ("gap", "override_reason")
    infusion = visit_service.check_in(appointment=first, by=clinic.clinician, override_reason=REASON)
    assert "minimum_gap" not in [item.code for item in facts.start_gate(infusion, clock.now()).decides]


def test_what_was_given_elsewhere_yesterday_is_asked_at_the_start(clinic, clock):
    visit = visits_of(book(clinic))[0]
    infusion = prepare(clinic, arrive(clinic, visit, clock))
    clock.set(visit.during.lower)
    facts.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
    assert not facts.start_gate(infusion, clock.now()).decides
    record_prior_exposure(
        patient=clinic.patient, route="intranasal", count=1, source="Patient", by=clinic.nurse,
        last_on=date(2026, 3, 4),
    )  # fmt: skip
    line = next(row for row in facts.start_gate(infusion, clock.now()).lines if row.kind == "minimum_gap")
    assert line.finding.recheck_at == local(clinic, 7, 0)
    with pytest.raises(RuleNotMet, match="Too soon after the treatment elsewhere on Wed 4 Mar") as caught:
        facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    assert caught.value.code == "start-needs-prescriber"


# --- No-therapy period: start (booking, moves and the database: test_book_series.py, test_no_therapy_period.py) ------


def test_nobody_starts_the_pump_over_therapy_that_runs_or_has_just_ended(clinic, clock):
    visit = visits_of(book(clinic, visits=six(clinic)))[0]
    infusion = prepare(clinic, arrive(clinic, visit, clock))
    clock.set(visit.during.lower)
    facts.record_vitals(infusion=infusion, by=clinic.nurse, **NORMAL)
    session = facts.start_integration(
        patient=clinic.patient, infusion=None, therapist=clinic.therapist, mode="video", by=clinic.therapist
    )
    with pytest.raises(RuleNotMet, match="Therapy has been under way"):
        facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=10)
    facts.complete_integration(
        session=session, by=clinic.therapist, note=facts.NoteText("Goal", "Walk", "Mornings", 3, "Fair")
    )
    with pytest.raises(RuleNotMet, match="less than 30 minutes before"):
        facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)
    clock.advance(minutes=30)
    facts.record_pump_event(infusion=infusion, kind="start", by=clinic.nurse)


def test_a_prescriber_decides_on_a_page_of_its_own(clinic, clock, client):
    first, second, *_ = visits_of(book(clinic, visits=every_48_hours(clinic)))
    give(clinic, first, clock, late=30)
    clock.set(second.during.lower)
    url, page = f"/visits/{second.code}/check-in/", f"/visits/{second.code}/check-in/decide/"
    version = {"version": second.version}
    client.force_login(clinic.nurse)
    assert b"a prescriber checks the patient in" in client.post(url, version).content
    assert client.get(page).status_code == 403
    client.force_login(clinic.clinician)
    assert client.post(url, version).headers["Location"] == page
    shown = client.get(page)
    assert b"47.5 h after the infusion" in shown.content
    fields = {"version": second.version, "patient_code": str(clinic.patient.code)}
    assert client.post(page, fields).status_code == 422, "a reason is asked"
    assert not Infusion.objects.filter(started_at=None).exists()
    done = client.post(page, fields | {"override_reason": REASON})
    assert done.status_code == 302, done.content.decode()[:2000]
    assert client.post(page, fields | {"override_reason": REASON}).status_code == 302, (
        "pressed twice, one record"
    )
    assert Infusion.objects.count() == 2
