"""What must hold for every person, every regimen and every model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.pharmacokinetics.exponential_sums import evaluate, zeros
from sessions.pharmacokinetics.interval import Interval
from sessions.pharmacokinetics.library import MODELS, get_model
from sessions.pharmacokinetics.prediction import Prediction
from sessions.pharmacokinetics.regimen import Bolus, Regimen, Segment, make_regimen
from sessions.pharmacokinetics.structure import Person
from staff.errors import InvalidInput
from tests.sessions.pk_strategies import MODEL_IDS, people, regimens

models = st.sampled_from(MODEL_IDS).map(get_model)
TIMES = np.arange(0.0, 2000.0, 20.0) + 1 / 128  # never exactly on an event
fast = settings(deadline=None, max_examples=60, derandomize=True)
slow = settings(deadline=None, max_examples=25, derandomize=True)


def _shifted(regimen: Regimen, minutes: float) -> Regimen:
    return Regimen(
        tuple(replace(item, at_min=item.at_min + minutes) for item in regimen.boluses),
        tuple(
            Segment(item.start_min + minutes, item.end_min + minutes, item.mg_per_min)
            for item in regimen.segments
        ),
    )


def _scaled(regimen: Regimen, factor: float) -> Regimen:
    return Regimen(
        tuple(Bolus(item.at_min, item.mg * factor) for item in regimen.boluses),
        tuple(replace(item, mg_per_min=item.mg_per_min * factor) for item in regimen.segments),
    )


def _last_input(regimen: Regimen) -> float:
    return regimen.timeline()[-1].at_min


@fast
@given(models, people, regimens, regimens)
def test_superposition(model, person, one, other):
    both = Regimen(one.boluses + other.boluses, one.segments + other.segments)
    curves = [Prediction(model, person, item) for item in (one, other, both)]
    for kind in ("ketamine", "norketamine"):
        if getattr(curves[0], kind) is None:
            continue
        first, second, joint = (getattr(curve, kind).concentrations(TIMES) for curve in curves)
        assert joint == pytest.approx(first + second, rel=1e-9, abs=1e-9)


@fast
@given(models, people, regimens, st.floats(0.1, 10))
def test_linear_in_dose(model, person, regimen, factor):
    once, more = (Prediction(model, person, item) for item in (regimen, _scaled(regimen, factor)))
    assert more.concentrations(TIMES) == pytest.approx(
        factor * once.concentrations(TIMES), rel=1e-9, abs=1e-9
    )
    assert more.peak[0] == pytest.approx(factor * once.peak[0], rel=1e-9)
    level = 0.3 * once.peak[0]
    assert more.below(level * factor) == pytest.approx(once.below(level), rel=1e-6)


@fast
@given(models, people, regimens)
def test_never_negative_and_falling_after_the_last_input(model, person, regimen):
    prediction = Prediction(model, person, regimen)
    assert (prediction.concentrations(TIMES) >= 0).all()
    if prediction.norketamine is not None:
        assert (prediction.norketamine.concentrations(TIMES) >= 0).all()
    after = prediction.concentrations(_last_input(regimen) + np.linspace(0, 3000, 200))
    assert (np.diff(after) < 0).all()


@fast
@given(models, people, regimens, st.integers(0, 20000))
def test_shifting_the_record_shifts_everything(model, person, regimen, minutes):
    here, there = Prediction(model, person, regimen), Prediction(model, person, _shifted(regimen, minutes))
    assert there.concentrations(TIMES + minutes) == pytest.approx(
        here.concentrations(TIMES), rel=1e-6, abs=1e-6
    )
    level = 0.2 * here.peak[0]
    assert there.below(level) - minutes == pytest.approx(here.below(level), abs=1e-5)


@fast
@given(models, people, regimens, st.floats(0.02, 0.98))
def test_below_is_the_last_downward_crossing(model, person, regimen, share):
    prediction = Prediction(model, person, regimen)
    level = share * prediction.peak[0]
    crossing = prediction.below(level)
    assert crossing is not None
    later = crossing + np.concatenate([[1e-6], np.geomspace(1e-3, 5000, 400)])
    assert (prediction.concentrations(later) < level).all()
    assert prediction.concentrations([crossing])[0] == pytest.approx(level, rel=1e-6)


@fast
@given(models, people, regimens)
def test_the_peak_is_the_highest_point(model, person, regimen):
    prediction = Prediction(model, person, regimen)
    cmax, tmax = prediction.peak
    assert prediction.concentrations([tmax])[0] == pytest.approx(cmax, rel=1e-9)
    grid = np.linspace(0, _last_input(regimen) + 1, 600)
    assert prediction.concentrations(grid).max() <= cmax * (1 + 1e-9)
    assert prediction.below(cmax * 1.0001) is None
    assert prediction.below(cmax * 0.9999) is not None


@slow
@given(st.sampled_from(("otto2021", "perez2021", "simons2022")).map(get_model), people, regimens)
def test_the_metabolites_peak_is_the_highest_point(model, person, regimen):
    prediction = Prediction(model, person, regimen)
    found, at = prediction.norketamine_peak
    grid = np.concatenate(
        [np.linspace(0, _last_input(regimen), 400), _last_input(regimen) + np.geomspace(0.1, 5000, 200)]
    )
    assert prediction.norketamine.concentrations(grid).max() <= found * (1 + 1e-9)
    assert prediction.norketamine.concentrations([at])[0] == pytest.approx(found, rel=1e-9)


@slow
@given(people, regimens, st.sampled_from([5.0, 10.0, 20.0, 50.0]))
def test_interval_agrees_with_each_draw_computed_alone(person, regimen, level):
    """The vectorised crossing and peak against the exact scalar ones, draw by draw."""
    from sessions.pharmacokinetics.curve import ModalCurve, last_below, peak
    from sessions.pharmacokinetics.disposition import Modes

    interval = Interval(get_model("otto2021"), person, regimen)
    crowd = interval._crowd
    times = interval.crossings(level)
    levels = level / crowd.factor
    for draw in range(0, interval.count, 512):
        curve = ModalCurve(Modes(crowd.rates[:, draw], crowd.weights[:, draw]), regimen.timeline())
        expected = last_below(curve, levels[draw])
        if expected is None or np.isnan(times[draw]):
            assert peak(curve)[0] <= levels[draw] * 1.005
        else:
            assert times[draw] == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("roots", "rates"),
    [((3.0,), (0.1, 0.5)), ((2.0, 9.0), (0.05, 0.3, 1.1)), ((1.0, 4.0, 20.0), (0.02, 0.1, 0.4, 1.5))],
)
def test_zeros_finds_every_root_it_was_built_from(roots, rates):
    matrix = np.exp(-np.outer(roots, rates))
    coefficients = np.append(np.linalg.solve(matrix[:, 1:], -matrix[:, 0]), 1.0)
    terms = list(zip([1.0, *coefficients[:-1]], rates, strict=True))
    assert zeros(terms, 100.0) == pytest.approx(list(roots), rel=1e-8)
    assert all(abs(evaluate(terms, root)) < 1e-9 for root in roots)


def test_a_curve_that_dips_and_rises_again_is_crossed_at_the_end():
    """A loading dose, a pause, then a low rate: above 20, below, above again. Only the last fall counts."""
    regimen = make_regimen([(0, 20)], [(150, 400, 0.25)])
    prediction = Prediction(get_model("otto2021"), Person(70.0), regimen)
    middle = prediction.concentrations([0.0, 149.0, 399.0])
    level = 0.5 * (middle[1] + middle[2])
    assert middle[1] < level < middle[2] < middle[0]
    assert prediction.below(level) > 399.0


def test_a_rise_and_fall_inside_a_low_rate_segment_is_found():
    """After a heavy start and a pause, a low rate first lifts the curve, then lets it drain while it runs."""
    curve = Prediction(
        get_model("domino1984"), Person(70.0), make_regimen([], [(0, 300, 2.0), (330, 900, 1.2)])
    )
    running = np.linspace(330, 899, 500)
    values = curve.concentrations(running)
    top = int(values.argmax())
    level = 0.5 * (values[top] + values[-1])
    assert values[0] < level < values[top]
    assert running[top] < curve.below(level) < 899.0


def test_right_continuous_at_a_bolus():
    prediction = Prediction(get_model("otto2021"), Person(70.0), make_regimen([(10, 7)], []))
    before, at = prediction.concentrations([10 - 1e-9, 10.0])
    assert before == 0.0
    assert at == pytest.approx(7 * 1000 / 133.0)


def test_nothing_given_is_zero_everywhere():
    prediction = Prediction(
        get_model("otto2021"), Person(70.0), make_regimen([(3, 0)], [(5, 5, 2), (1, 9, 0)])
    )
    assert prediction.concentrations([0.0, 5.0]).tolist() == [0.0, 0.0]
    assert prediction.peak == (0.0, None)
    assert prediction.below(10.0) is None
    assert prediction.below_tenth_of_peak() is None
    assert prediction.norketamine_peak == (0.0, None)
    empty = Interval(get_model("otto2021"), Person(70.0), make_regimen())
    assert empty.below(20.0).never == 1.0
    assert empty.below(20.0).p50 is None
    assert empty.cmax().p95 == 0.0


def test_rates_leave_no_residue_when_overlapping_segments_end():
    steps = make_regimen([], [(0, 30, 0.1), (10, 40, 0.2), (20, 50, 0.3)]).timeline()
    assert steps[-1].rate == 0.0
    assert [step.at_min for step in steps] == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    ("boluses", "infusions", "field"),
    [
        ([(0, -1)], [], "regimen.bolus.0"),
        ([(-1, 1)], [], "regimen.bolus.0"),
        ([], [(0, 1, 1), (5, 4, 1)], "regimen.inf.1"),
        ([], [(0, 1, -1)], "regimen.inf.0"),
        ([(float("nan"), 1)], [], "regimen.bolus.0"),
        ([], [(0, float("inf"), 1)], "regimen.inf.0"),
    ],
)
def test_impossible_regimens_are_refused(boluses, infusions, field):
    with pytest.raises(InvalidInput) as refused:
        make_regimen(boluses, infusions)
    assert refused.value.field == field


def test_every_model_tells_its_source():
    for model in MODELS.values():
        assert model.citation
        assert model.population
        assert {"v1"} <= set(model.parameters)
        for volume, flow in model.peripherals:
            assert {volume, flow} <= set(model.parameters)
    assert MODELS["kamp2020"].variability is None
    assert [name for name, model in MODELS.items() if model.decides_clearance] == ["otto2021"]
    assert [name for name, model in MODELS.items() if model.for_patients] == [
        "otto2021",
        "kamp2020",
        "perez2021",
    ]
