"""The one question of the product: may therapy be planned, or begun, then?"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import WindowRule
from protocols.library import SIX_IN_THREE_WEEKS
from scheduling.domain.intervals import Interval
from scheduling.domain.therapy import InfusionFacts, therapy_allowed

BERLIN = ZoneInfo("Europe/Berlin")
RULE = WindowRule()
NIGHT = SIX_IN_THREE_WEEKS.follow_up("integration_1")


def local(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)


def session(start: datetime, minutes: int = 50) -> Interval:
    return Interval(start, start + timedelta(minutes=minutes))


FIRST = InfusionFacts(1, local(24, 9), started=True, t0=local(24, 15, 29), signed=True)
SECOND = InfusionFacts(2, local(27, 9), started=False, t0=local(27, 15, 29), signed=False)


def judge(start: datetime, infusions=(FIRST, SECOND), **more):
    return therapy_allowed(session(start), infusions=infusions, rule=RULE, zone=BERLIN, **more)


def codes(verdict) -> list[str]:
    return [reason.code for reason in verdict.refusals]


def test_exactly_at_t0_is_allowed_and_a_minute_before_is_not():
    assert judge(local(24, 15, 29)).allowed
    refused = judge(local(24, 15, 28))
    assert codes(refused) == ["no-therapy-period"]
    assert "Tue 24 Nov 15:29" in refused.refusals[0].text
    assert not refused.refusals[0].overridable


def test_an_estimate_says_that_it_is_one():
    assert "estimate until signed" in judge(local(27, 12)).refusals[0].text
    assert "estimate" not in judge(local(24, 12)).refusals[0].text


def test_a_session_that_runs_into_the_next_infusion_is_refused():
    assert codes(judge(local(27, 8, 30))) == ["no-therapy-period"]


def test_quiet_time_blocks_half_an_hour_and_warns_four():
    assert codes(judge(local(27, 7, 41))) == ["quiet-time"]
    just = judge(local(27, 7, 40))
    assert just.allowed
    assert [reason.code for reason in just.warnings] == ["quiet-warning"]
    assert judge(local(27, 4, 10)).warnings == ()


def test_a_start_needs_every_earlier_infusion_signed_and_its_window_open():
    unsigned = InfusionFacts(1, local(24, 9), started=True, t0=local(24, 15, 29), signed=False)
    assert judge(local(25, 10), (unsigned,)).allowed
    assert codes(judge(local(25, 10), (unsigned,), act="start")) == ["not-signed"]
    locked = InfusionFacts(1, local(24, 9), started=True, t0=local(24, 15, 29), signed=True, locked=True)
    assert codes(judge(local(25, 10), (locked,), act="start")) == ["window-locked"]
    assert judge(local(25, 10), (FIRST, SECOND), act="start").allowed


def test_without_an_estimate_nothing_after_the_start_is_allowed():
    unknown = InfusionFacts(1, local(24, 9), started=True, t0=None, signed=False)
    assert codes(judge(local(28, 10), (unknown,))) == ["no-therapy-period"]
    assert judge(local(23, 10), (unknown,)).allowed


def test_the_same_night_can_be_overridden_by_a_role():
    refused = judge(local(24, 16), night_rule=NIGHT)
    assert codes(refused) == ["same-night"]
    assert refused.refusals[0].overridable
    assert judge(local(25, 7), night_rule=NIGHT).allowed
    assert judge(local(24, 16), (), night_rule=NIGHT).allowed


@settings(deadline=None)
@given(st.integers(0, 24 * 8 * 4), st.integers(1, 12))
def test_nothing_allowed_ever_overlaps_a_no_therapy_period(quarter, length):
    start = local(23, 0) + timedelta(minutes=15 * quarter)
    wanted = session(start, 15 * length)
    for act in ("plan", "start"):
        verdict = therapy_allowed(wanted, infusions=(SECOND, FIRST), rule=RULE, zone=BERLIN, act=act)
        hits = any(wanted.overlaps(Interval(item.starts_at, item.t0)) for item in (FIRST, SECOND))
        quiet = wanted.overlaps(Interval(SECOND.starts_at - timedelta(minutes=30), SECOND.starts_at))
        quiet_first = wanted.overlaps(Interval(FIRST.starts_at - timedelta(minutes=30), FIRST.starts_at))
        if act == "plan":
            assert verdict.allowed == (not hits and not quiet and not quiet_first)
        elif verdict.allowed:
            assert not hits
