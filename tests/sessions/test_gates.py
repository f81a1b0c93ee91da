"""When a gate is due and how it stands; what an eligibility checklist accepts. No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import library
from sessions import gates
from sessions.eligibility import CONTRAINDICATIONS
from sessions.eligibility_list import ABSENT, ACCEPTED, check_answers, lines, same_checklist
from staff.errors import InvalidInput, RuleNotMet

LA, BERLIN = ZoneInfo("America/Los_Angeles"), ZoneInfo("Europe/Berlin")
DEFINITION = library.SIX_IN_THREE_WEEKS
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
points = st.sampled_from(list(gates.DUE_POINTS))


@settings(max_examples=60)
@given(points, instants, st.timedeltas(timedelta(0), timedelta(days=60)), st.sampled_from([LA, BERLIN, UTC]))
def test_due_between_booking_and_start_whatever_the_zone(point, booked, lead, zone):
    starts = booked + lead
    due = gates.due_at(point, booked_at=booked.astimezone(zone), starts_at=starts.astimezone(zone))
    assert booked <= due <= starts
    assert due == gates.due_at(point, booked_at=booked, starts_at=starts), (
        "the zone it is told in does not matter"
    )
    if point == "before_48h" and lead >= gates.AHEAD:
        assert starts - due == timedelta(hours=48), "elapsed hours"
    if point == "start":
        assert due == starts


@settings(max_examples=40)
@given(
    points,
    instants,
    st.timedeltas(timedelta(0), timedelta(days=9)),
    st.timedeltas(timedelta(-5), timedelta(5)),
)
def test_late_from_the_due_instant_on_unless_settled(point, booked, lead, around):
    due = gates.due_at(point, booked_at=booked, starts_at=booked + lead)
    now = due + around
    assert gates.state_of("open", due=due, now=now) == ("late" if around >= timedelta(0) else "to-do")
    for standing in ("met", "not-applicable", "overridden"):
        assert gates.state_of(standing, due=due, now=now) == standing


@pytest.mark.parametrize(
    ("start", "wall"),
    [
        # Spring: the night from 7 to 8 March has 23 hours; 48 elapsed hours before Monday 09:00 is Saturday 08:00.
        (datetime(2026, 3, 9, 9, 0, tzinfo=LA), (7, 8)),
        # Autumn: the night from 31 October to 1 November has 25 hours; Saturday 10:00.
        (datetime(2026, 11, 2, 9, 0, tzinfo=LA), (31, 10)),
        (datetime(2026, 3, 3, 9, 0, tzinfo=LA), (1, 9)),
    ],
)
def test_48_hours_are_elapsed_hours_over_both_changes_of_the_clocks(start, wall):
    due = gates.due_at("before_48h", booked_at=start - timedelta(days=30), starts_at=start).astimezone(LA)
    assert (due.day, due.hour) == wall


def test_check_in_is_due_on_arrival_at_the_latest_at_the_planned_start():
    start = datetime(2026, 3, 5, 17, 0, tzinfo=UTC)
    early, tardy = start - timedelta(minutes=20), start + timedelta(minutes=40)
    booked = start - timedelta(days=5)
    due = {
        name: gates.due_at("check_in", booked_at=booked, starts_at=start, arrived_at=at)
        for name, at in (("none", None), ("early", early), ("tardy", tardy))
    }
    assert due == {"none": start, "early": early, "tardy": start}


def test_which_gates_a_visit_has():
    def kept(**over):
        usual = {"first": True, "checks": DEFINITION.preinfusion_checks, "preparation": True}
        return {gate.key for gate in gates.BUILT_IN if gates.applies(gate, **(usual | over))}

    assert "preparation" in kept()
    assert "preparation" not in kept(first=False) | kept(preparation=False)
    assert {"escort", "fasting"} <= kept()
    assert not {"escort", "fasting"} & kept(checks=("identity",))


def test_what_nobody_overrides():
    hard = {gate.key for gate in gates.BUILT_IN if not gates.may_override(gate, built_in=True)}
    assert hard == {"eligibility", "consent", "education", "weight", "blood_pressure", "order"}
    assert gates.may_override(replace(gates.BY_KEY["consent"], key="site:x"), built_in=False)


class TestChecklist:
    def answers(self, asked, **over):
        return {line.code: ABSENT for line in asked} | over

    def test_every_line_has_to_be_answered(self):
        asked = lines(DEFINITION, {})
        assert [line.code for line in asked] == list(CONTRAINDICATIONS)
        check_answers(asked, self.answers(asked), "")
        for line in asked:
            short = self.answers(asked)
            del short[line.code]
            with pytest.raises(InvalidInput) as refusal:
                check_answers(asked, short, "")
            assert refusal.value.field == line.code
        with pytest.raises(InvalidInput):
            check_answers(asked, self.answers(asked, something_else=ABSENT), "")

    def test_an_absolute_contraindication_is_never_accepted(self):
        asked = lines(DEFINITION, {})
        with pytest.raises(RuleNotMet) as refusal:
            check_answers(asked, self.answers(asked, psychotic_disorder=ACCEPTED), "He wants it")
        assert refusal.value.code == "eligibility-psychotic_disorder"

    def test_the_record_flows_into_the_list(self):
        asked = lines(
            DEFINITION, {"bipolar_disorder": "caution", "latex": "absolute", "breast_feeding": "absolute"}
        )
        assert asked[-1].code == "latex", "what the list does not have is added"
        assert {line.code for line in asked if line.recorded} == {
            "bipolar_disorder",
            "latex",
            "breast_feeding",
        }
        assert next(line for line in asked if line.code == "breast_feeding").absolute, (
            "the record's weight counts"
        )
        only = lines(DEFINITION, {"bipolar_disorder": "caution"})
        with pytest.raises(RuleNotMet) as refusal:
            check_answers(only, self.answers(only), "")
        assert refusal.value.code == "recorded"
        with pytest.raises(RuleNotMet) as refusal:
            check_answers(only, self.answers(only, bipolar_disorder=ACCEPTED), " ")
        assert refusal.value.code == "caution-reason"
        check_answers(only, self.answers(only, bipolar_disorder=ACCEPTED), "Stable on lithium for two years")

    def test_a_signature_holds_for_the_same_list_only(self):
        assert same_checklist(DEFINITION, replace(DEFINITION, title="Another text"))
        assert not same_checklist(DEFINITION, replace(DEFINITION, eligibility=("pregnancy",)))
        assert not same_checklist(DEFINITION, replace(DEFINITION, minimum_age_years=21))
        two = replace(DEFINITION, eligibility=("pregnancy", "mania"))
        assert same_checklist(two, replace(DEFINITION, eligibility=("mania", "pregnancy")))
