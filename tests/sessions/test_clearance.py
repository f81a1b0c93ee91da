"""From the pump log to T_pk, and T0 with its overrides."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.definition import ClearanceRule
from sessions.clearance import (
    ADVANCE_REASONS,
    MeasuredLevel,
    PumpEntry,
    PumpLog,
    StatedDelay,
    T0Override,
    curve_points,
    decide_t0,
    delivered_mg,
    estimate_clearance,
    predict_planned,
    projected,
    read_pump_log,
)
from staff.errors import InvalidInput, RuleNotMet
from tests.sessions.pk_strategies import START, pump_entries

RATE = 0.875
few = settings(deadline=None, max_examples=40, derandomize=True)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def infusion(minutes: float = 40, rate: float = RATE, start: datetime = START) -> PumpLog:
    return read_pump_log(
        [PumpEntry("start", start, rate), PumpEntry("stop", start + timedelta(minutes=minutes))]
    )


def estimate(log: PumpLog, **changes):
    given_facts = {"weight_kg": Decimal("70"), "age_years": 40, **changes}
    return estimate_clearance(log=log, **given_facts)


def codes(value) -> set[str]:
    return {item.code for item in value.warnings}


# --- T_pk ---------------------------------------------------------------------------------------------------------


def test_standard_infusion_clears_where_the_reference_says() -> None:
    """Reference set, 40 000 draws, residual included: P5 198.44, P50 279.51, P95 389.03 min."""
    value = estimate(infusion())
    for found, minutes in ((value.p5, 198.44), (value.p50, 279.51), (value.p95, 389.03)):
        assert (found - START).total_seconds() / 60 == pytest.approx(minutes, rel=0.03)
    assert value.t_pk == value.p95
    assert value.never == 0.0
    assert value.delivered_mg == pytest.approx(35.0)
    assert not value.aborted
    assert value.warnings == ()
    assert value.t_pk.microsecond == 0
    assert value.inputs["regimen"] == {"bolus": [], "inf": [[0.0, 40.0, 0.875]]}


def test_the_structural_alternate_stands_beside() -> None:
    value = estimate(infusion())
    assert (value.alternate_at - START).total_seconds() / 60 == pytest.approx(301.4646, abs=0.05)


@pytest.mark.parametrize(("threshold", "minutes"), [(10, 592.30), (50, 204.11)])
def test_other_thresholds(threshold: int, minutes: float) -> None:
    value = estimate(infusion(), threshold_ng_ml=Decimal(threshold))
    assert (value.t_pk - START).total_seconds() / 60 == pytest.approx(minutes, rel=0.03)
    assert value.threshold_ng_ml == threshold


def test_above_sixty_the_later_estimate_stands() -> None:
    younger, older, plain = (
        estimate(infusion(), age_years=60),
        estimate(infusion(), age_years=75),
        estimate(infusion(), age_years=75, sensitivity=False),
    )
    assert younger.sensitivity is None
    assert plain.t_pk == younger.t_pk
    assert older.sensitivity == "perez2021"
    assert older.default_p95 == plain.t_pk
    assert older.t_pk == older.sensitivity_p95 > plain.t_pk
    assert "age_above_60" in codes(older)


@pytest.mark.parametrize(("age", "minutes"), [(70, 311.6), (80, 357.3)])
def test_the_older_adult_factor_reproduces_the_published_law(age: int, minutes: float) -> None:
    """Typical t<20 at 70 and 80 years with clearance 97.1/109.0 and 84.2/109.0 of the default: 312 and 357 min."""
    from sessions.pharmacokinetics.estimate import patient_person
    from sessions.pharmacokinetics.library import OTTO_2021
    from sessions.pharmacokinetics.prediction import Prediction
    from sessions.pharmacokinetics.regimen import make_regimen

    prediction = Prediction(OTTO_2021, patient_person(70, age), make_regimen([], [(0, 40, RATE)]))
    assert prediction.below(20) == pytest.approx(minutes, abs=0.2)


def test_liver_disease_or_a_drug_asks_for_a_delay() -> None:
    for facts in ({"hepatic_disease": True}, {"interacting_drugs": ["clarithromycin"]}):
        with pytest.raises(RuleNotMet) as refused:
            estimate(infusion(), **facts)
        assert (refused.value.code, refused.value.field) == ("delay-needed", "stated_delay")
        with pytest.raises(RuleNotMet):
            estimate(infusion(), stated_delay=StatedDelay(0, "  "), **facts)
        none = estimate(infusion(), stated_delay=StatedDelay(0, "mild, Child-Pugh A"), **facts)
        later = estimate(infusion(), stated_delay=StatedDelay(4, "Child-Pugh B"), **facts)
        assert none.t_pk == estimate(infusion()).t_pk
        assert later.t_pk - none.t_pk == timedelta(hours=4)
        assert codes(later) & {"hepatic_disease", "interacting_drugs"}


@pytest.mark.parametrize(("weight", "code"), [(45, "weight_below_50"), (160, "weight_above_100")])
def test_weights_outside_the_model_are_said(weight: int, code: str) -> None:
    assert code in codes(estimate(infusion(rate=weight * 0.0125), weight_kg=weight))


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"weight_kg": Decimal(0)}, "weight_kg"),
        ({"weight_kg": -70}, "weight_kg"),
        ({"weight_kg": float("nan")}, "weight_kg"),
        ({"weight_kg": Decimal("NaN")}, "weight_kg"),
        ({"weight_kg": None}, "weight_kg"),
        ({"weight_kg": True}, "weight_kg"),
        ({"weight_kg": 700}, "weight_kg"),
        ({"age_years": None}, "age_years"),
        ({"age_years": 200}, "age_years"),
        ({"model": "kamp2020"}, "model"),
        ({"model": "domino1984"}, "model"),
        ({"model": "nonsense"}, "model"),
        ({"threshold_ng_ml": Decimal(0)}, "threshold_ng_ml"),
        ({"stated_delay": StatedDelay(-1, "x")}, "stated_delay"),
    ],
)
def test_missing_or_impossible_facts_refuse_an_estimate(facts: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        estimate(infusion(), **facts)
    assert refused.value.field == field


def test_a_running_pump_has_no_estimate_until_it_is_projected() -> None:
    log = read_pump_log([PumpEntry("start", START, RATE)], now=at(10))
    with pytest.raises(RuleNotMet):
        estimate(log)
    value = estimate(projected(log, planned_mg=35.0, now=at(10)))
    assert value.projected
    assert value.t_pk == estimate(infusion()).t_pk


def test_planned_prediction_is_the_estimate_of_the_same_infusion() -> None:
    planned = predict_planned(
        start=START,
        minutes=40,
        dose_mg=Decimal("35"),
        weight_kg=Decimal("70"),
        age_years=40,
        clearance_rule=ClearanceRule(),
    )
    assert planned.projected
    assert planned.t_pk == estimate(infusion()).t_pk


def test_a_plan_does_not_demand_the_delay_but_says_it_is_missing() -> None:
    planned = predict_planned(
        start=START, minutes=40, dose_mg=35, weight_kg=70, age_years=40, clearance_rule=ClearanceRule(),
        hepatic_disease=True,
    )  # fmt: skip
    assert "hepatic_disease" in codes(planned)


@pytest.mark.parametrize("bad", [{"minutes": 0}, {"dose_mg": 0}, {"start": datetime(2026, 3, 3, 9)}])
def test_impossible_plans_are_refused(bad: dict) -> None:
    facts = {"start": START, "minutes": 40, "dose_mg": 35, "weight_kg": 70, "age_years": 40, **bad}
    with pytest.raises(InvalidInput) as refused:
        predict_planned(clearance_rule=ClearanceRule(), **facts)
    assert refused.value.field in bad


# --- aborted infusions ----------------------------------------------------------------------------------------------


def test_below_five_milligrams_is_aborted_and_follows_the_pump() -> None:
    value = estimate(infusion(5))
    assert value.delivered_mg == pytest.approx(4.375)
    assert value.aborted
    assert value.t_pk == at(5)
    assert "aborted" in codes(value)
    assert decide_t0(t_pk=value.t_pk, p50=value.p50, t_sign=at(70)) == at(70)


def test_never_above_the_threshold_is_aborted_too() -> None:
    value = estimate(infusion(600, rate=0.02))
    assert value.delivered_mg == pytest.approx(12.0)
    assert value.never >= 0.95
    assert value.aborted
    assert value.t_pk == at(600)


def test_an_aborted_infusion_waits_for_the_one_before_it() -> None:
    first, second = infusion(40), infusion(3, start=at(120))
    value = estimate(second, earlier_logs=(first,))
    assert value.aborted
    assert value.t_pk == estimate(first).t_pk


def test_infiltration_withholds_the_estimate() -> None:
    value = estimate(infusion(), infiltrated=True)
    assert (value.t_pk, value.p5, value.p50, value.p95) == (None, None, None, None)
    assert "infiltrated" in {item.code for item in value.warnings}
    with pytest.raises(RuleNotMet) as refused:
        decide_t0(t_pk=value.t_pk, p50=value.p50, t_sign=at(130))
    assert refused.value.code == "t0-not-estimated"
    stated = T0Override(at(700), "line_infiltrated", "dr-a")
    assert decide_t0(t_pk=None, p50=None, t_sign=at(130), override=stated) == at(700)


def test_two_infusions_two_days_apart_hardly_add() -> None:
    second = infusion(40, start=START + timedelta(hours=48))
    alone, after = estimate(second), estimate(second, earlier_logs=(infusion(40),))
    assert timedelta(0) <= after.t_pk - alone.t_pk < timedelta(minutes=5)


def test_two_infusions_three_hours_apart_do_add() -> None:
    second = infusion(40, start=START + timedelta(hours=3))
    assert estimate(second, earlier_logs=(infusion(40),)).t_pk > estimate(second).t_pk + timedelta(minutes=45)


# --- properties of the whole chain ----------------------------------------------------------------------------------


def _moved(entries: list[PumpEntry], by: timedelta) -> list[PumpEntry]:
    return [replace(entry, at=entry.at + by) for entry in entries]


@few
@given(pump_entries(), st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_shifting_a_log_shifts_t_pk_by_exactly_as_much(entries: list[PumpEntry], by: timedelta) -> None:
    here, there = (estimate(read_pump_log(item)) for item in (entries, _moved(entries, by)))
    assert there.t_pk - here.t_pk == by
    assert there.aborted == here.aborted


@few
@given(pump_entries(), st.integers(1, 3600))
def test_a_later_stop_at_the_same_rate_never_clears_earlier(entries: list[PumpEntry], seconds: int) -> None:
    later = [*entries[:-1], replace(entries[-1], at=entries[-1].at + timedelta(seconds=seconds))]
    first, second = (estimate(read_pump_log(item)) for item in (entries, later))
    assert second.t_pk >= first.t_pk


def test_a_later_stop_near_the_threshold_never_clears_earlier() -> None:
    """Where only some draws reach the threshold, the percentiles are over a growing set: still never earlier."""
    previous = None
    for seconds in range(400, 1600, 9):
        value = estimate(infusion(seconds / 60, rate=0.5), threshold_ng_ml=50)
        assert previous is None or value.t_pk >= previous
        previous = value.t_pk


@few
@given(pump_entries())
def test_the_estimate_never_ends_before_the_pump_did(entries: list[PumpEntry]) -> None:
    log = read_pump_log(entries)
    value = estimate(log)
    assert value.t_pk >= log.stop
    if value.p5 is not None:
        assert value.p5 <= value.p50 <= value.p95


@few
@given(
    pump_entries(),
    st.integers(0, 900),
    st.integers(-600, 2000),
    st.sampled_from(sorted(ADVANCE_REASONS)),
    st.booleans(),
    st.none() | st.tuples(st.integers(-60, 900), st.integers(0, 40)),
)
def test_t0_is_never_before_sign_off(entries, after_stop, wanted, reason, second, level) -> None:
    log = read_pump_log(entries)
    value = estimate(log)
    signed = log.stop + timedelta(minutes=after_stop)
    assert decide_t0(t_pk=value.t_pk, p50=value.p50, t_sign=signed) == max(value.t_pk, signed)
    override = T0Override(
        at=log.stop + timedelta(minutes=wanted),
        reason_code=reason,
        decided_by="dr-a",
        second_person="dr-b" if second else "",
        measured=MeasuredLevel(log.stop + timedelta(minutes=level[0]), Decimal(level[1])) if level else None,
    )
    facts = {"t_pk": value.t_pk, "p50": value.p50, "t_sign": signed, "override": override}
    limits = {"pump_stop": log.stop, "threshold_ng_ml": value.threshold_ng_ml}
    if override.at < signed or _unsupported(override, value):
        with pytest.raises(RuleNotMet) as refused:
            decide_t0(**facts, **limits)
        assert refused.value.field in {"at", "reason_code", "second_person", "measured"}
    else:
        with suppress(RuleNotMet):  # a level that proves nothing
            decided = decide_t0(**facts, **limits)
            assert decided == override.at >= signed
            assert decided >= value.t_pk or override.second_person


def _unsupported(override: T0Override, value) -> bool:
    """An advance that nobody else stands for, or that goes below the median without a level."""
    if override.at >= value.t_pk:
        return False
    below_median = value.p50 is None or override.at < value.p50
    return not override.second_person or (override.measured is None and below_median)


@pytest.mark.parametrize(
    ("start", "zone"),
    [
        (datetime(2026, 3, 28, 23, 30), "Europe/Berlin"),
        (datetime(2026, 10, 24, 23, 30), "Europe/Berlin"),
        (datetime(2026, 3, 7, 23, 30), "America/New_York"),
        (datetime(2026, 10, 31, 23, 30), "America/New_York"),
    ],
)
def test_the_night_the_clocks_change_counts_real_minutes(start: datetime, zone: str) -> None:
    local = start.replace(tzinfo=ZoneInfo(zone))
    entries = [
        PumpEntry("start", local, RATE),
        PumpEntry("stop", (local.astimezone(UTC) + timedelta(minutes=40)).astimezone(ZoneInfo(zone))),
    ]
    night, plain = estimate(read_pump_log(entries)), estimate(infusion())
    assert night.t_pk - local.astimezone(UTC) == plain.t_pk - START


def test_amending_the_stop_by_seven_minutes_moves_t_pk() -> None:
    before, after = estimate(infusion(40)), estimate(infusion(47))
    assert timedelta(minutes=7) < after.t_pk - before.t_pk < timedelta(minutes=60)


# --- the picture ------------------------------------------------------------------------------------------------------


def test_the_band_meets_the_threshold_where_the_drug_has_cleared() -> None:
    log = infusion()
    value = estimate(log)
    points = curve_points(log=log, until=at(600), weight_kg=70, age_years=40, points=600)
    upper = [when for when, high in zip(points.times, points.p95, strict=True) if high >= 20]
    assert abs((upper[-1] - value.t_pk).total_seconds()) < 5 * 60
    for low, middle, high in zip(points.p5, points.p50, points.p95, strict=True):
        assert low <= middle <= high
    assert at(40) in points.times
    assert max(points.typical) == pytest.approx(158.04173, rel=1e-6)


def test_above_sixty_the_picture_shows_what_decides() -> None:
    log = infusion()
    young, old = (curve_points(log=log, until=at(400), weight_kg=70, age_years=age) for age in (50, 80))
    assert old.typical[-1] > young.typical[-1]
    assert delivered_mg(log) == pytest.approx(35.0)
