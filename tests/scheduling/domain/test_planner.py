"""One series as the page asks for it: legal, exact, explained, and kept over clock changes."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import Elapsed
from protocols.library import SHIPPED, SINGLE_INFUSION, SIX_IN_THREE_WEEKS
from scheduling.domain.availability import WeeklyHours, free_intervals
from scheduling.domain.followups import InfusionAnchors, plan_follow_ups
from scheduling.domain.intervals import Interval, covered, peak_load
from scheduling.domain.localtime import local_date
from scheduling.domain.planner import Resource, SeriesRequest, options, plan_series
from scheduling.domain.spacing import gap_refusal
from scheduling.domain.therapy import InfusionFacts, therapy_allowed
from staff.errors import InvalidInput
from tests.scheduling.domain.test_availability import ZONES

BERLIN = ZoneInfo("Europe/Berlin")
FIRST, UNTIL = date(2026, 11, 16), date(2027, 2, 1)
HOLIDAYS = {date(2026, 12, 25): "Christmas Day"}


def hours(opens: int, closes: int, zone=BERLIN, first=FIRST, until=UNTIL, days=range(5), holidays=HOLIDAYS):
    weekly = [WeeklyHours(day, time(opens), time(closes)) for day in days]
    return free_intervals(hours=weekly, zone=zone, first=first, until=until, holidays=holidays)


SITE, THERAPY = hours(8, 18), hours(9, 17)


def local(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


def team(prefix: str, count: int, free, capacity: int = 1, **more):
    return tuple(Resource(f"{prefix}{n}", f"{prefix} {n}", free, capacity, **more) for n in range(count))


def request(definition=SIX_IN_THREE_WEEKS, **more) -> SeriesRequest:
    base = SeriesRequest(
        definition=definition,
        zone=BERLIN,
        earliest=local(24, 8),
        until=datetime(2027, 1, 8, tzinfo=UTC),
        clearance_minutes=389,
        site_open=SITE,
        chairs=team("C", 2, SITE),
        nurses=team("N", 1, SITE, 2),
        prescribers=team("M", 2, SITE, 4),
        therapists=team("T", 2, THERAPY),
        closed=HOLIDAYS,
    )
    return replace(base, **more)


def check(asked: SeriesRequest, plan) -> None:
    """Every rule that a plan must satisfy, asked of the other pure modules."""
    definition, zone = asked.definition, asked.zone
    people = {
        item.code: item for item in (*asked.chairs, *asked.nurses, *asked.prescribers, *asked.therapists)
    }
    facts = [
        InfusionFacts(v.ordinal, v.start, started=False, t0=v.t0_predicted, signed=False) for v in plan.visits
    ]
    night = definition.follow_up("integration_1")
    previous = asked.previous_start
    for visit in plan.visits:
        phase = definition.gap_before(visit.ordinal) or definition.phases[0]
        if previous is not None:
            assert gap_refusal(previous, visit.start, phase, zone, asked.long_gap.get(visit.ordinal)) is None
        previous = visit.start
        assert local_date(visit.start, zone).weekday() in phase.weekdays
        whole = Interval(visit.start, visit.chair_until)
        assert covered(asked.site_open, whole)
        assert peak_load([whole, *people[visit.chair].busy]) <= max(1, peak_load(people[visit.chair].busy))
        for part in definition.staffing:
            code = visit.nurse if part.role == "nurse" else visit.prescriber
            there = Interval(
                visit.start + timedelta(minutes=part.from_minute),
                visit.start + timedelta(minutes=part.to_minute),
            )
            assert covered(people[code].free, there)
            inside = [item for item in people[code].busy if item.overlaps(there)]
            assert peak_load([there, *inside]) <= people[code].capacity
        assert visit.start not in people[visit.nurse].starts
        for session in visit.therapy:
            held = Interval(session.start, session.end)
            assert covered(people[session.therapist].free, held)
            assert not any(item.overlaps(held) for item in people[session.therapist].busy)
            verdict = therapy_allowed(
                held, infusions=facts, rule=definition.window, zone=zone, night_rule=night
            )
            assert verdict.allowed, verdict.refusals
    assert plan.cost == sum(plan.cost_parts.values())


def busy(seed: int, free, share: float, length: int = 180):
    """Existing bookings on about that share of the days."""
    picks = [item for n, item in enumerate(free) if (n * 7919 + seed * 104729) % 100 < share * 100]
    return tuple(
        Interval(
            item.start + timedelta(minutes=30 * (n % 6)),
            item.start + timedelta(minutes=30 * (n % 6) + length),
        )
        for n, item in enumerate(picks)
    )


def test_the_plain_series_is_planned_in_full():
    plan = plan_series(request())
    assert plan.complete
    assert [visit.ordinal for visit in plan.visits] == [1, 2, 3, 4, 5, 6]
    assert all(visit.therapy and not visit.missing_therapy for visit in plan.visits)
    assert [session.kind for session in plan.visits[-1].therapy] == ["integration_1", "integration_2"]
    assert plan.warnings == ()
    check(request(), plan)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(sorted(SHIPPED)),
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.3, 0.6]),
    st.integers(300, 900),
)
def test_every_plan_obeys_every_rule(name, seed, share, clearance):
    asked = request(
        SHIPPED[name],
        clearance_minutes=clearance,
        chairs=tuple(
            replace(item, busy=busy(seed + n, SITE, share)) for n, item in enumerate(team("C", 2, SITE))
        ),
        nurses=(Resource("N0", "N", SITE, 2, busy(seed, SITE, share) * 2),),
        therapists=tuple(
            replace(item, busy=busy(seed + n, THERAPY, share)) for n, item in enumerate(team("T", 2, THERAPY))
        ),
    )
    plan = plan_series(asked)
    if plan.complete:
        check(asked, plan)
    else:
        assert plan.refusals[0].code == "no-date"


def test_sessions_are_planned_where_the_follow_ups_will_ask_for_them():
    """The planner's windows and `plan_follow_ups` are two readings of one rule."""
    asked = request()
    plan = plan_series(asked)
    for visit, after in zip(plan.visits, [*plan.visits[1:], None], strict=True):
        anchors = InfusionAnchors(
            visit.ordinal, visit.start, visit.start + timedelta(minutes=40), visit.t0_predicted
        )
        wanted = {
            (item.kind, item.ordinal): item
            for item in plan_follow_ups(
                asked.definition,
                anchors=anchors,
                zone=BERLIN,
                next_infusion_start=after.start if after else None,
                is_last=after is None,
            )
        }
        for session in visit.therapy:
            task = wanted[(session.kind, 1)]
            assert task.dropped is None
            assert task.earliest <= session.start
            assert session.end <= task.hard_latest


def test_a_taken_nurse_is_named_with_the_times():
    whole_day = tuple(item for item in SITE if local_date(item.start, BERLIN) == date(2026, 12, 4))
    asked = request(nurses=(Resource("N0", "N", SITE, 2, busy=whole_day * 2),), until=local(20, 0, month=12))
    texts = [item.text for item in plan_series(asked).refusals]
    assert "Fri 4 Dec: no nurse free 08:00-17:45" in texts


def test_reasons_are_asked_in_order_and_name_what_is_left():
    day = date(2026, 12, 4)
    (site,) = (item for item in SITE if local_date(item.start, BERLIN) == day)
    morning = Interval(local(4, 8, month=12), local(4, 12, month=12))

    def reason(**more) -> str:
        asked = request(until=local(20, 0, month=12), **more)
        return next((item.text for item in plan_series(asked).refusals if item.day == day), "")

    assert reason() == ""
    assert reason(barred_days={day: "patient on leave"}) == "Fri 4 Dec: patient on leave"
    assert reason(patient_busy=(site,)) == "Fri 4 Dec: patient not available 08:00-17:45"
    chairs = team("C", 2, SITE, busy=(site,))
    assert reason(chairs=chairs) == "Fri 4 Dec: no chair free 08:00-17:45"
    chairs = team("C", 2, SITE, busy=(Interval(morning.start, local(4, 14, month=12)),))
    nurse = (Resource("N0", "N", SITE, 1, busy=(Interval(local(4, 14, month=12), site.end),)),)
    assert reason(chairs=chairs, nurses=nurse) == "Fri 4 Dec: no nurse free 14:00-17:45"
    shut = tuple(item for item in SITE if item is not site)
    assert reason(site_open=shut) == "Fri 4 Dec: clinic closed"
    assert reason(site_open=shut, closed={day: "St Barbara"}) == "Fri 4 Dec: closed (St Barbara)"


def test_a_closure_of_a_week_cannot_be_crossed_and_the_long_gap_is_offered_by_name():
    closed = {date(2026, 12, n): "Renovation" for n in range(2, 9)}
    shut = tuple(item for item in SITE if local_date(item.start, BERLIN) not in closed)
    asked = request(site_open=shut, closed=closed, until=local(15, 0, month=12))
    plan = plan_series(asked)
    assert not plan.complete
    assert plan.long_gap_offer is None
    assert "has no date" in plan.refusals[0].text
    assert any("Renovation" in item.text for item in plan.refusals)
    offer = plan_series(replace(asked, long_gap_limit_hours=240)).long_gap_offer
    assert offer is not None
    assert offer.plan.complete
    assert 96 < offer.gap_hours <= 240
    assert f"before infusion {offer.ordinal}" in offer.text
    approved = replace(asked, long_gap={offer.ordinal: 240})
    assert plan_series(approved).complete
    check(approved, plan_series(approved))


def test_no_therapist_in_the_window_is_warned_before_anything_is_given():
    plan = plan_series(request(therapists=()))
    assert plan.complete
    assert len(plan.warnings) == 6
    assert plan.warnings[0].text.startswith("No therapist free in the window after infusion 1")


def test_dates_with_a_therapist_are_preferred():
    few = tuple(item for item in THERAPY if local_date(item.start, BERLIN).weekday() in (1, 4))
    plan = plan_series(request(therapists=team("T", 1, few)))
    assert plan.complete
    assert not any("integration_1" in visit.missing_therapy for visit in plan.visits)


def test_options_of_one_row_keep_the_others_and_begin_with_the_best():
    asked = request()
    plan = plan_series(asked)
    keep = {visit.ordinal: visit.start for visit in plan.visits}
    found = options(asked, 3, keep_others=keep)
    assert found[0].start == plan.visits[2].start
    assert found[0].extra_cost == 0
    assert [item.extra_cost for item in found] == sorted(item.extra_cost for item in found)
    for item in found:
        assert item.moves == ()
        moved = plan_series(replace(asked, pinned={**keep, 3: item.start}))
        assert moved.complete
        assert moved.cost - plan.cost == item.extra_cost


def test_options_that_move_others_say_which_and_what_it_costs():
    asked = request()
    best = plan_series(asked)
    for item in options(asked, 3):
        again = plan_series(replace(asked, pinned={3: item.start}))
        assert again.cost - best.cost == item.extra_cost
    assert any(item.moves for item in options(asked, 3))


def test_an_impossible_pin_is_refused_with_the_rule():
    plan = plan_series(request(pinned={1: local(24, 9), 2: local(25, 9)}))
    assert not plan.complete
    assert plan.refusals[0].code == "pinned"
    assert "48 to 96 h after infusion 1" in plan.refusals[0].text


def test_the_rest_of_a_series_is_planned_from_its_last_infusion_with_the_smallest_change():
    every_day = team("T", 1, hours(9, 17, days=range(7)))
    plan = plan_series(request(therapists=every_day))
    done = plan.visits[2].start
    now = {visit.ordinal: visit.start for visit in plan.visits[3:]}
    lost = local_date(plan.visits[5].start, BERLIN)
    asked = request(
        first_ordinal=4,
        previous_start=done,
        earliest=done + timedelta(hours=1),
        current=now,
        barred_days={lost: "patient ill"},
        therapists=every_day,
    )
    again = plan_series(asked)
    assert again.complete
    check(asked, again)
    assert [visit.ordinal for visit in again.visits] == [4, 5, 6]
    assert [again.visits[n].start for n in (0, 1)] == [now[4], now[5]]
    assert local_date(again.visits[2].start, BERLIN) != lost
    assert again.cost_parts["moved"] >= 300


def test_a_series_keeps_away_from_a_later_one():
    asked = request(SINGLE_INFUSION, next_start=local(1, 9, month=12))
    plan = plan_series(asked)
    assert plan.complete
    assert plan.visits[0].start <= local(29, 9)
    assert all(session.end <= local(1, 8, 30, month=12) for session in plan.visits[0].therapy)


def weeks_with_a_clock_change() -> list[tuple[str, date]]:
    """Each zone of the availability tests with a day six days before each of its clock changes of 2026, if it has any."""
    found = []
    for name in ZONES:
        zone = ZoneInfo(name)
        noons = [datetime(2026, 1, 7, 12, tzinfo=zone) + timedelta(days=n) for n in range(352)]
        changes = [a.date() for a, b in pairwise(noons) if a.utcoffset() != b.utcoffset()]
        found += [(name, day - timedelta(days=6)) for day in changes or [date(2026, 3, 20)]]
    return found


@pytest.mark.parametrize(("name", "around"), weeks_with_a_clock_change())
def test_the_wall_clock_and_every_rule_hold_over_clock_changes(name, around):
    zone = ZoneInfo(name)
    span = {"zone": zone, "first": around, "until": around + timedelta(days=60), "holidays": {}}
    site, therapy = hours(8, 18, **span), hours(9, 17, **span)
    asked = request(
        zone=zone,
        earliest=site[0].start,
        until=site[0].start + timedelta(days=40),
        site_open=site,
        chairs=team("C", 1, site),
        nurses=team("N", 1, site, 2),
        prescribers=team("M", 1, site, 2),
        therapists=team("T", 1, therapy),
        closed={},
    )
    plan = plan_series(asked)
    assert plan.complete
    check(asked, plan)
    assert {visit.start.astimezone(zone).hour for visit in plan.visits} <= set(range(8, 16))


def test_four_day_weeks_are_planned_across_the_autumn_change():
    """Friday 10:00 and Tuesday 10:00 are 97 hours apart that week; without the tolerance there is no series."""
    days = [date(2026, 10, 23), date(2026, 10, 27)]
    site = tuple(
        Interval(
            datetime(day.year, day.month, day.day, 10, tzinfo=BERLIN),
            datetime(day.year, day.month, day.day, 13, tzinfo=BERLIN),
        )
        for day in days
    )
    two = replace(SIX_IN_THREE_WEEKS, phases=(replace(SIX_IN_THREE_WEEKS.phases[0], visits=2),))
    asked = request(
        two,
        earliest=site[0].start,
        until=site[1].end,
        site_open=site,
        chairs=team("C", 1, site),
        nurses=team("N", 1, site),
        prescribers=team("M", 1, site),
    )
    plan = plan_series(asked)
    assert plan.complete
    assert plan.visits[1].start - plan.visits[0].start == timedelta(hours=97)


def test_phased_staffing_lets_a_prescriber_leave_after_a_quarter_of_an_hour():
    early = tuple(Interval(item.start, item.start + timedelta(minutes=30)) for item in SITE)
    plan = plan_series(request(prescribers=(Resource("M0", "M", early, 1),)))
    assert plan.complete
    assert {visit.start.astimezone(BERLIN).time() for visit in plan.visits} <= {time(8), time(8, 15)}


def test_one_nurse_starts_one_infusion_at_a_time():
    taken = tuple(item.start for item in SITE)
    only = tuple(Interval(item.start, item.start + timedelta(minutes=180)) for item in SITE)
    free = request(site_open=only)
    assert plan_series(free).complete
    nurses = (Resource("N0", "N", SITE, 2, starts=taken),)
    assert plan_series(replace(free, nurses=nurses)).visits == ()


def test_a_pinned_visit_off_the_quarter_hour_keeps_its_minute():
    plan = plan_series(request(pinned={1: local(24, 9, 5)}))
    assert plan.complete
    assert plan.visits[0].start == local(24, 9, 5)


def test_preferences_and_own_people_are_honoured_where_possible():
    mornings = hours(8, 12)
    plan = plan_series(request(preferred=mornings, own_prescriber="M1"))
    assert {visit.prescriber for visit in plan.visits} == {"M1"}
    assert {session.therapist for visit in plan.visits for session in visit.therapy} == {"T0"}
    assert all(
        visit.end <= visit.start.astimezone(BERLIN).replace(hour=12, minute=0) for visit in plan.visits
    )


def test_the_hour_of_a_session_moves_with_the_protocol():
    rule = SIX_IN_THREE_WEEKS.follow_up("integration_1")
    later = tuple(
        replace(item, target=Elapsed(44 * 60)) if item is rule else item
        for item in SIX_IN_THREE_WEEKS.follow_ups
    )
    plan = plan_series(request(replace(SIX_IN_THREE_WEEKS, follow_ups=later)))
    gaps = [visit.therapy[0].start - visit.t0_predicted for visit in plan.visits]
    assert max(gaps) > timedelta(hours=30)


def test_unreadable_requests_are_refused():
    with pytest.raises(InvalidInput):
        plan_series(request(until=local(24, 8)))
    with pytest.raises(InvalidInput):
        plan_series(request(first_ordinal=7))
    with pytest.raises(InvalidInput):
        plan_series(request(first_ordinal=0))
    with pytest.raises(InvalidInput):
        plan_series(request(earliest=datetime(2026, 11, 24, 8)))
    with pytest.raises(InvalidInput):
        plan_series(request(until=datetime(2036, 1, 1, tzinfo=UTC)))


def test_a_start_time_is_proposed_where_it_fills_a_valley():
    """Two chairs are in use all morning: a third would raise the day's peak, the afternoon would not."""
    day = local(18, 0).date()
    morning = Interval(local(18, 8), local(18, 13))
    free = tuple(item for item in SITE if local_date(item.start, BERLIN) == day)
    chairs = tuple(Resource(f"C{n}", f"C {n}", free, 1, (morning,) if n < 2 else ()) for n in range(3))
    asked = request(
        definition=SINGLE_INFUSION,
        site_open=free,
        chairs=chairs,
        earliest=local(18, 7),
        until=local(18, 18),
        preferred=(),
        therapists=(),
    )
    best = options(asked, 1)[0]
    assert best.start >= morning.end
    level = replace(asked, weights=replace(asked.weights, peak=0))
    assert options(level, 1)[0].start < morning.end


def test_options_outside_the_series_are_none():
    assert options(request(), 7) == ()
    assert options(request(chairs=()), 1) == ()
