"""Follow-ups of one infusion: worked examples of the clinic's day, then properties over any infusion."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import Elapsed, FollowUpRule, ProtocolDefinition
from protocols.library import SHIPPED, SIX_IN_THREE_WEEKS
from scheduling.domain.followups import (
    DROPPED_IN_WORDS,
    InfusionAnchors,
    PlannedFollowUp,
    merge_same_kind,
    plan_follow_ups,
    session_earliest,
)
from scheduling.domain.intervals import Interval
from scheduling.domain.localtime import local_clock, local_date
from staff.errors import InvalidInput

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
    "UTC",
)


def local(day: int, hour: int, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN)


def infusion(start: datetime, cleared_after_hours: float = 6.5, ordinal: int = 1, **more) -> InfusionAnchors:
    stop = start.astimezone(UTC) + timedelta(minutes=40)
    t0 = start.astimezone(UTC) + timedelta(hours=cleared_after_hours)
    return InfusionAnchors(ordinal, start, stop, t0, **more)


def plan(start: datetime, definition: ProtocolDefinition = SIX_IN_THREE_WEEKS, hours: float = 6.5, **more):
    found = plan_follow_ups(definition, anchors=infusion(start, hours), zone=BERLIN, **more)
    return {(item.kind, item.ordinal): item for item in found}


def first(found, kind: str) -> PlannedFollowUp:
    return found[(kind, 1)]


def workdays(day: int, count: int, opens: int = 9, closes: int = 17) -> list[Interval]:
    days = [local(1, 0) + timedelta(days=day - 1 + n) for n in range(count)]
    return [Interval(d.replace(hour=opens), d.replace(hour=closes)) for d in days if d.weekday() < 5]


def test_a_morning_infusion_mid_series():
    found = plan(local(24, 9), next_infusion_start=local(27, 9))
    session = first(found, "integration_1")
    assert session.earliest == local(25, 7)
    assert session.target == local(25, 15, 30)
    assert session.latest == local(26, 15, 30)
    assert session.hard_latest == local(27, 8, 30)
    assert session.provisional
    assert first(found, "no_driving").target == local(24, 10, 40)
    assert first(found, "rest_message").target == local(24, 20, 30)
    assert first(found, "morning_check_in").target == local(25, 9)
    assert {item.kind for item in found.values() if item.dropped} == {
        "integration_2",
        "outcome_set",
        "weekly_therapy",
        "relapse_watch",
    }


def test_practice_pauses_before_the_next_infusion():
    found = plan(local(24, 9), next_infusion_start=local(27, 9))
    assert first(found, "practice").hard_latest == local(27, 8, 30)
    check_in = first(found, "practice_check_in")
    assert check_in.target == local(27, 5)
    assert check_in.target <= local(27, 9) - 4 * HOUR


def test_the_last_infusion_has_its_tail():
    found = plan(local(24, 9), is_last=True)
    assert not any(item.dropped for item in found.values())
    assert sum(kind == "weekly_therapy" for kind, _ in found) == 13
    last_week = found[("weekly_therapy", 13)]
    assert last_week.target == local(24, 15, 30) + timedelta(days=98)
    assert first(found, "relapse_watch").target == local(24, 15, 30) + timedelta(days=14)
    assert found[("relapse_watch", 2)].target == local(24, 15, 30) + timedelta(days=18)


def test_a_break_of_six_days_has_its_tail_until_the_next_infusion():
    found = plan(local(24, 9), next_infusion_start=local(30, 9))
    assert first(found, "integration_2").dropped is None
    assert first(found, "outcome_set").dropped == "redosed_first"
    assert (
        plan(local(24, 9), next_infusion_start=local(30, 8))[("integration_2", 1)].dropped
        == "after_last_only"
    )


def test_a_late_infusion_keeps_the_rest_message_and_moves_therapy_to_the_afternoon():
    """Start 16:00, cleared 22:29: the evening text goes before that; therapy next afternoon (clinical D2)."""
    found = plan(local(24, 16), hours=6 + 29 / 60, next_infusion_start=local(27, 9), working=workdays(24, 5))
    rest = first(found, "rest_message")
    assert (rest.target, rest.dropped) == (local(24, 20, 30), None)
    assert rest.target < local(24, 22, 29)
    session = first(found, "integration_1")
    assert session.earliest == local(25, 7)
    assert session.target == local(25, 16, 10)
    assert "target_moved" in session.flags
    assert session.why["target"] == "moved to the nearest working time"


def test_a_friday_infusion_is_followed_up_on_monday_and_says_so():
    found = plan(local(27, 9), next_infusion_start=local(1, 9, month=12), working=workdays(27, 5))
    session = first(found, "integration_1")
    assert session.target == local(30, 9)
    assert session.target <= session.latest
    assert "target_moved" in session.flags


def test_no_working_time_before_the_next_infusion_is_flagged_not_hidden():
    found = plan(local(27, 9), next_infusion_start=local(30, 9), working=workdays(30, 5))
    session = first(found, "integration_1")
    assert session.dropped is None
    assert "no_working_slot" in session.flags


def test_too_late_for_a_message_is_the_printed_sheet_only():
    found = plan(local(24, 21), hours=6.5)
    assert first(found, "rest_message").dropped == "sheet_only"
    assert first(found, "no_driving").dropped is None
    at_nine = plan(local(24, 20, 19), hours=6.5)
    assert first(at_nine, "rest_message").target == local(24, 20, 59)


def test_safety_follow_ups_hang_on_the_actual_stop_and_never_on_the_signature():
    stopped = infusion(local(24, 9), pump_stop=local(24, 9, 47))
    found = {item.kind: item for item in plan_follow_ups(SIX_IN_THREE_WEEKS, anchors=stopped, zone=BERLIN)}
    assert found["no_driving"].earliest == local(24, 9, 47)
    assert not found["morning_check_in"].provisional
    assert found["integration_1"].provisional
    signed = replace(stopped, provisional=False)
    found = {item.kind: item for item in plan_follow_ups(SIX_IN_THREE_WEEKS, anchors=signed, zone=BERLIN)}
    assert not found["integration_1"].provisional


def test_an_aborted_infusion_without_a_window_keeps_only_safety():
    found = plan(local(24, 9), hours=1, window_opens=False, is_last=True)
    assert {item.kind for item in found.values() if item.dropped is None} == {
        "no_driving",
        "rest_message",
        "morning_check_in",
    }
    assert {item.dropped for item in found.values() if item.gate == "window"} == {"no_window"}


def test_thrice_weekly_keeps_one_first_session_per_infusion():
    definition = SHIPPED["six-in-twelve-days"]
    starts = [local(23, 9), local(25, 9), local(27, 9)]
    sessions = []
    for n, start in enumerate(starts):
        after = starts[n + 1] if n + 1 < len(starts) else None
        found = plan_follow_ups(
            definition,
            anchors=infusion(start, 6.5, ordinal=n + 1),
            zone=BERLIN,
            next_infusion_start=after,
            is_last=after is None,
            working=workdays(23, 10),
        )
        sessions.append([item for item in found if item.kind == "integration_1" and item.dropped is None])
    assert [len(items) for items in sessions] == [1, 1, 1]
    assert sessions[0][0].target == local(24, 15, 30)
    assert sessions[1][0].target == local(26, 15, 30)


def test_a_close_next_infusion_pulls_the_first_session_into_the_first_day():
    found = plan(local(23, 16), hours=6.5, next_infusion_start=local(25, 9))
    session = first(found, "integration_1")
    t0 = local(23, 22, 30)
    assert session.latest <= t0 + 24 * HOUR
    assert session.target <= local(25, 9) - 4 * HOUR


def test_no_time_before_the_next_infusion_joins_with_the_one_after_it():
    found = plan(local(23, 9), hours=22, next_infusion_start=local(24, 14))
    assert first(found, "integration_1").dropped == "merged_into_next"
    assert first(found, "practice").dropped == "redosed_first"
    assert first(found, "morning_check_in").dropped is None


def test_therapy_squeezed_into_the_warning_time_is_flagged():
    found = plan(local(23, 16), hours=6.5, next_infusion_start=local(24, 10))
    session = first(found, "integration_1")
    assert session.dropped is None
    assert "quiet_warning" in session.flags
    assert session.target + timedelta(minutes=50) <= local(24, 9, 30)


def test_cancelling_the_next_infusion_restores_everything():
    alone = plan(local(24, 9), is_last=True)
    cut = plan(local(24, 9), next_infusion_start=local(27, 9))
    assert first(cut, "integration_2").dropped == "after_last_only"
    assert plan(local(24, 9), is_last=True, next_infusion_start=None) == alone
    assert first(alone, "integration_1").hard_latest == local(28, 15, 30)


def weekly(cap: int | None) -> ProtocolDefinition:
    return replace(SIX_IN_THREE_WEEKS, weekly_session_cap=cap)


def test_the_weekly_cap_drops_session_2_first_and_session_1_never():
    start = local(23, 9)
    free = plan(start, weekly(None), is_last=True)
    assert first(free, "integration_2").dropped is None
    capped = plan(start, weekly(1), is_last=True)
    assert first(capped, "integration_1").dropped is None
    assert first(capped, "integration_2").dropped == "weekly_cap"
    assert all(capped[("weekly_therapy", n)].dropped is None for n in range(1, 14))
    others = [local(24, 10), local(25, 10)]
    full = plan(start, weekly(2), is_last=True, other_sessions=others)
    assert first(full, "integration_1").dropped is None
    assert "over_weekly_cap" in first(full, "integration_1").flags
    assert first(full, "integration_2").dropped == "weekly_cap"


def test_same_kind_close_together_stays_with_the_later_infusion():
    early = plan_follow_ups(SIX_IN_THREE_WEEKS, anchors=infusion(local(23, 9)), zone=BERLIN, is_last=True)
    late = plan_follow_ups(
        SIX_IN_THREE_WEEKS, anchors=infusion(local(23, 14), ordinal=2), zone=BERLIN, is_last=True
    )
    merged = merge_same_kind([*early, *late])
    left = {(item.kind, item.infusion) for item in merged if item.dropped == "merged_later"}
    assert ("integration_1", 1) in left
    assert not any(infusion == 2 for _, infusion in left)
    assert not {kind for kind, _ in left} & {"no_driving", "rest_message", "morning_check_in"}
    far = plan_follow_ups(
        SIX_IN_THREE_WEEKS, anchors=infusion(local(25, 9), ordinal=2), zone=BERLIN, is_last=True
    )
    merged = merge_same_kind([*early, *far])
    assert [item for item in merged if item.kind == "integration_1" and item.dropped] == []


def test_a_night_must_pass_even_when_the_drug_is_gone_early():
    rule = SIX_IN_THREE_WEEKS.follow_up("integration_1")
    assert session_earliest(rule, local(24, 12), BERLIN) == local(25, 7)
    assert session_earliest(rule, local(24, 23, 30), BERLIN) == local(25, 7, 30)
    assert session_earliest(rule, local(25, 2), BERLIN) == local(26, 7)
    assert session_earliest(replace(rule, after_night=False), local(24, 12), BERLIN) == local(24, 20)


@pytest.mark.parametrize(
    ("t0", "earliest"),
    [
        (datetime(2026, 3, 28, 23, 30, tzinfo=BERLIN), datetime(2026, 3, 29, 8, 30, tzinfo=BERLIN)),
        (datetime(2026, 10, 24, 23, 30, tzinfo=BERLIN), datetime(2026, 10, 25, 7, 0, tzinfo=BERLIN)),
    ],
)
def test_eight_hours_of_night_are_real_hours_on_both_dst_nights(t0, earliest):
    rule = SIX_IN_THREE_WEEKS.follow_up("integration_1")
    assert session_earliest(rule, t0, BERLIN) == earliest


def test_wall_clock_tasks_keep_their_clock_over_dst_and_elapsed_ones_their_hours():
    start = datetime(2026, 10, 24, 9, tzinfo=BERLIN)
    found = plan(start, is_last=True)
    assert local_clock(first(found, "morning_check_in").target, BERLIN).clock == time(9)
    assert local_clock(first(found, "integration_1").target, BERLIN).clock == time(14, 30)


def test_every_reason_has_words():
    found = plan(local(24, 9), next_infusion_start=local(27, 9))
    for item in found.values():
        assert item.why["counted_from"]
        if item.dropped:
            assert item.why["dropped"] == DROPPED_IN_WORDS[item.dropped]


def test_unreadable_anchors_are_refused():
    with pytest.raises(InvalidInput):
        infusion(local(24, 9), 0.5)
    with pytest.raises(InvalidInput):
        plan(local(24, 9), next_infusion_start=local(24, 9))
    with pytest.raises(InvalidInput):
        InfusionAnchors(1, datetime(2026, 1, 1, 9), local(24, 9), local(24, 15))


starts = st.integers(0, 365 * 24 * 4).map(
    lambda q: datetime(2026, 1, 1, tzinfo=UTC) + q * timedelta(minutes=15)
)
cases = st.tuples(
    st.sampled_from(sorted(SHIPPED)).map(SHIPPED.get),
    starts,
    st.integers(2 * 4, 30 * 4).map(lambda q: q / 4),
    st.none() | st.integers(24, 24 * 20),
    st.sampled_from(ZONES).map(ZoneInfo),
    st.booleans(),
)


def worked(case, working=None, shift=timedelta(0)):
    definition, start, cleared, gap, zone, last = case
    after = None if gap is None else start + shift + gap * HOUR
    return plan_follow_ups(
        definition,
        anchors=infusion(start + shift, cleared),
        zone=zone,
        next_infusion_start=after,
        is_last=last and after is None,
        working=working,
    )


@settings(deadline=None)
@given(cases)
def test_moments_are_ordered_and_never_before_their_anchor(case):
    definition, start, cleared, gap, _zone, _ = case
    t0, stop = start + timedelta(hours=cleared), start + timedelta(minutes=40)
    for item in worked(case):
        if item.dropped is not None:
            continue
        assert item.earliest <= item.target <= item.latest <= item.hard_latest
        assert item.earliest >= (t0 if item.gate == "window" else stop)
        if item.gate == "window" and gap is not None:
            block = timedelta(minutes=definition.window.quiet_block_minutes + item.duration_minutes)
            assert item.target <= start + gap * HOUR - block


@settings(deadline=None)
@given(cases)
def test_first_session_waits_for_a_night_whatever_the_clock_does(case):
    _definition, start, cleared, _, zone, _ = case
    t0 = start + timedelta(hours=cleared)
    for item in worked(case):
        if item.kind == "integration_1" and item.dropped is None:
            assert item.earliest >= t0 + 8 * HOUR
            assert local_date(item.earliest, zone) > local_date(t0, zone)
            assert local_clock(item.earliest, zone).clock >= time(7)


@settings(deadline=None)
@given(cases)
def test_the_rest_message_leaves_only_between_five_and_half_past_nine(case):
    zone = case[4]
    for item in worked(case):
        if item.kind == "rest_message" and item.dropped is None:
            assert time(17) <= local_clock(item.target, zone).clock < time(21, 30)
            assert item.hard_latest > item.earliest


@settings(deadline=None)
@given(cases, st.integers(-400, 400))
def test_shifting_everything_by_days_shifts_every_answer_where_no_clock_changes(case, days):
    case = (*case[:4], ZoneInfo("Asia/Kathmandu"), case[5])
    shift = timedelta(days=days)
    for before, after in zip(worked(case), worked(case, shift=shift), strict=True):
        assert after.dropped == before.dropped
        assert after.flags == before.flags
        for name in ("earliest", "target", "latest", "hard_latest"):
            assert getattr(after, name) == getattr(before, name) + shift


@settings(deadline=None)
@given(cases)
def test_taking_the_next_infusion_away_never_takes_a_task_away(case):
    kept = {(i.kind, i.ordinal): i for i in worked(case) if i.dropped is None}
    definition, start, cleared, _, zone, _ = case
    alone = {
        (i.kind, i.ordinal): i
        for i in worked((definition, start, cleared, None, zone, True))
        if i.dropped is None
    }
    assert set(kept) <= set(alone)
    assert all(alone[key].hard_latest >= item.hard_latest for key, item in kept.items())


@settings(deadline=None)
@given(cases, st.integers(0, 23), st.integers(1, 10))
def test_a_moved_target_lies_in_working_time_or_says_that_it_does_not(case, opens, hours):
    _definition, start, _, _, _, _ = case
    day = start.replace(hour=0, minute=0)
    working = [
        Interval(day + timedelta(days=n, hours=opens), day + timedelta(days=n, hours=opens + hours))
        for n in range(0, 120, 2)
    ]
    for item in worked(case, working=working):
        if not item.therapy or item.dropped is not None or "no_working_slot" in item.flags:
            continue
        wanted = Interval(item.target, item.target + timedelta(minutes=item.duration_minutes))
        assert any(part.covers(wanted) for part in working)


def test_a_rule_that_can_never_hold_is_dropped_with_its_reason():
    rule = FollowUpRule(
        kind="impossible",
        title="Too short",
        audience="therapist",
        anchor="t0",
        gate="window",
        earliest=Elapsed(0),
        target=Elapsed(30),
        latest=Elapsed(40),
        hard_latest=Elapsed(40),
        therapy=True,
        duration_minutes=50,
    )
    definition = replace(SIX_IN_THREE_WEEKS, follow_ups=(rule,))
    assert plan(local(24, 9), definition)[("impossible", 1)].dropped == "no_room"
