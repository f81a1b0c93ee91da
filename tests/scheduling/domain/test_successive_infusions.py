"""Drop, merge and expiry of follow-ups are values of the version; left alone they do what clinical D2 says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import Elapsed
from protocols.library import SIX_IN_THREE_WEEKS
from scheduling.domain.followups import merge_same_kind, plan_follow_ups
from tests.scheduling.domain.test_followups import BERLIN, infusion, local

HOUR = timedelta(hours=1)
KINDS = {rule.kind: rule for rule in SIX_IN_THREE_WEEKS.follow_ups}


def planned(text, gap_hours, *, last=False, ordinal=1, later=0):
    """Follow-ups of one infusion whose next start lies `gap_hours` after its own."""
    start = local(23, 9) + timedelta(hours=later)
    after = None if gap_hours is None else start + gap_hours * HOUR
    found = plan_follow_ups(
        text,
        anchors=replace(infusion(start), ordinal=ordinal),
        zone=BERLIN,
        next_infusion_start=after,
        is_last=last,
    )
    return {(item.kind, item.ordinal): item for item in found}


def changed(kind, **over):
    rules = tuple(
        replace(rule, **over) if rule.kind == kind else rule for rule in SIX_IN_THREE_WEEKS.follow_ups
    )
    return replace(SIX_IN_THREE_WEEKS, follow_ups=rules)


@given(st.integers(12, 400))
@settings(max_examples=60)
def test_left_alone_they_do_what_was_fixed_before(gap):
    """The rules of clinical D2 with their numbers written out: six days, 36 hours, 24 hours."""
    t0 = infusion(local(23, 9)).t0
    following = local(23, 9) + gap * HOUR
    for (kind, _), item in planned(SIX_IN_THREE_WEEKS, gap).items():
        rule = KINDS[kind]
        if rule.gate == "none":
            assert item.dropped in (None, "sheet_only")
            continue
        if rule.scope == "after_last":
            assert (item.dropped == "after_last_only") is (gap < 144)
        if rule.therapy and rule.scope == "each_infusion" and item.dropped is None:
            if following < t0 + 36 * HOUR:
                assert item.latest <= max(t0 + 24 * HOUR, item.earliest, item.target)
            elif following > t0 + 120 * HOUR:
                assert item.latest == t0 + 48 * HOUR
        if rule.scope == "each_infusion" and item.dropped:
            wanted = "merged_into_next" if rule.therapy else "redosed_first"
            assert item.dropped == wanted
            assert following - timedelta(minutes=30) <= item.earliest + timedelta(
                minutes=rule.duration_minutes
            )


@given(st.integers(1, 40))
@settings(max_examples=40)
def test_two_of_a_kind_are_joined_within_twelve_hours_unless_the_version_says_otherwise(apart):
    def alive(text):
        early = planned(text, None, last=True)
        late = planned(text, None, last=True, ordinal=2, later=apart)
        both = merge_same_kind([early["outcome_set", 1], late["outcome_set", 1]])
        return [item.infusion for item in both if item.dropped is None]

    assert alive(SIX_IN_THREE_WEEKS) == ([2] if apart < 12 else [1, 2])
    assert alive(changed("outcome_set", merge_within_hours=0)) == [1, 2]
    assert alive(changed("outcome_set", merge_within_hours=30)) == ([2] if apart < 30 else [1, 2])


@given(st.integers(20, 200), st.sampled_from(["drop", "merge"]))
@settings(max_examples=60)
def test_dropped_or_joined_exactly_when_the_next_infusion_comes_before_the_target(gap, redosed):
    text = changed("practice_check_in", redosed=redosed)
    item, usual = (planned(one, gap)["practice_check_in", 1] for one in (text, SIX_IN_THREE_WEEKS))
    target = infusion(local(23, 9)).t0 + 72 * HOUR
    word = {"drop": "redosed_first", "merge": "merged_into_next"}[redosed]
    if local(23, 9) + gap * HOUR < target:
        assert item.dropped == word
    else:
        assert item == replace(usual, merge_within_hours=item.merge_within_hours)


@given(st.integers(24, 400), st.integers(24, 400))
@settings(max_examples=40)
def test_a_break_counts_as_the_end_from_the_versions_own_length_on(gap, tail):
    item = planned(changed("relapse_watch", tail_gap_hours=tail), gap)["relapse_watch", 1]
    assert (item.dropped == "after_last_only") is (gap < tail)


def test_a_close_infusion_is_late_when_the_version_says():
    text = changed("integration_1", close_redose_hours=80, close_latest_hours=20, target=Elapsed(20 * 60))
    t0 = infusion(local(23, 9)).t0
    assert planned(text, 84)["integration_1", 1].latest == t0 + 20 * HOUR
    assert planned(SIX_IN_THREE_WEEKS, 84)["integration_1", 1].latest == t0 + 48 * HOUR
