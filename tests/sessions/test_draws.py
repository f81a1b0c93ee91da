"""The fixed set of points that stands in for random draws."""

from __future__ import annotations

import numpy as np
import pytest

from sessions.pharmacokinetics.draws import CHART_DRAWS, DRAWS, deviations, standard_normals
from sessions.pharmacokinetics.interval import Interval
from sessions.pharmacokinetics.library import OTTO_2021
from sessions.pharmacokinetics.regimen import make_regimen
from sessions.pharmacokinetics.structure import Person

COUNTS = [DRAWS, CHART_DRAWS]


@pytest.mark.parametrize("count", COUNTS)
def test_each_coordinate_takes_every_quantile_once(count: int) -> None:
    points = standard_normals(8, count)
    assert points.shape == (count, 8)
    for column in points.T:
        assert np.array_equal(np.sort(column), np.sort(points[:, 0]))
    assert points.mean(axis=0) == pytest.approx(np.zeros(8), abs=1e-12)
    assert points.std(axis=0) == pytest.approx(np.ones(8), abs=0.002)


@pytest.mark.parametrize("count", COUNTS)
def test_pairs_of_coordinates_fill_the_square_evenly(count: int) -> None:
    """Every 16th of the unit square holds its share: random points would stray several times further."""
    ranks = standard_normals(6, count).argsort(axis=0).argsort(axis=0) / count
    for one in range(6):
        for other in range(one):
            cells, _, _ = np.histogram2d(ranks[:, one], ranks[:, other], bins=4, range=[[0, 1], [0, 1]])
            assert np.abs(cells - count / 16).max() <= (0.06 if count == DRAWS else 0.10) * count / 16


def test_covariance_is_the_printed_one() -> None:
    assert OTTO_2021.variability is not None
    eta, eps = deviations(OTTO_2021.variability, residual=True)
    assert np.cov(eta.T) == pytest.approx(np.array(OTTO_2021.variability.covariance), rel=0.01)
    assert eps.std() == pytest.approx(0.23609, rel=0.003)
    assert np.abs(np.corrcoef(np.column_stack([eta, eps]).T)[2, :2]).max() < 0.01
    assert not deviations(OTTO_2021.variability, residual=False)[1].any()


def test_the_same_question_has_the_same_answer() -> None:
    regimen = make_regimen([(0, 5)], [(0, 40, 0.7)])
    first = Interval(OTTO_2021, Person(81.3), regimen).below(20)
    from sessions.pharmacokinetics import interval

    interval._population.cache_clear()
    assert Interval(OTTO_2021, Person(81.3), regimen).below(20) == first


def test_even_points_agree_with_many_random_ones() -> None:
    source = np.random.default_rng(7)
    covariance = np.array(OTTO_2021.variability.covariance) if OTTO_2021.variability else None
    assert covariance is not None
    eta = source.multivariate_normal([0, 0], covariance, 100_000)
    from sessions.pharmacokinetics.disposition import many_ketamine_modes, person_values

    values = person_values(OTTO_2021, Person(70.0))
    values["v1"], values["cl"] = values["v1"] * np.exp(eta[:, 0]), values["cl"] * np.exp(eta[:, 1])
    modes = many_ketamine_modes(OTTO_2021, values)
    state = -0.875 * np.expm1(-modes.rates * 40) / modes.rates
    cmax = (state * modes.weights).sum(-1) * np.exp(source.normal(0, 0.23609, 100_000))
    found = Interval(OTTO_2021, Person(70.0), make_regimen([], [(0, 40, 0.875)])).cmax()
    assert (found.p5, found.p50, found.p95) == pytest.approx(np.percentile(cmax, [5, 50, 95]), rel=0.01)
