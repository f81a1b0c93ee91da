"""The matrix exponential and the root finder under the engine."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from sessions.pharmacokinetics.exponential_sums import evaluate, find_zero, zeros
from sessions.pharmacokinetics.matrix_exponential import exponentials

CHAIN = np.array([[-0.3, 0.0, 0.0], [0.3, -0.3, 0.0], [0.0, 0.3, -0.3]])


def test_matches_scipy_where_scipy_is_good() -> None:
    source = np.random.default_rng(3)
    rates = source.uniform(0, 0.5, (5, 5))
    np.fill_diagonal(rates, 0.0)
    np.fill_diagonal(rates, -rates.sum(axis=0) - 0.01)
    times = np.array([0.0, 0.01, 1.0, 30.0, 500.0])
    for found, at in zip(exponentials(rates, times), times, strict=True):
        assert found == pytest.approx(expm(rates * at), rel=1e-11, abs=1e-15)


def test_exact_for_a_defective_chain() -> None:
    """Three equal rates in a row: t**2 / 2 * k**2 * exp(-k t), relatively exact far into the tail."""
    for at in (0.001, 1.0, 40.0, 900.0):
        found = exponentials(CHAIN, np.array([at]))[0, 2, 0]
        assert found == pytest.approx((0.3 * at) ** 2 / 2 * np.exp(-0.3 * at), rel=1e-12)


def test_every_entry_stays_positive() -> None:
    assert (exponentials(CHAIN, np.geomspace(1e-6, 5000, 50)) >= 0).all()


def test_zero_time_is_the_identity() -> None:
    assert exponentials(CHAIN, np.array([0.0]))[0] == pytest.approx(np.eye(3))


def test_no_zero_without_a_change_of_sign() -> None:
    assert zeros([(1.0, 0.1), (2.0, 0.5)], 100.0) == []
    assert zeros([], 100.0) == []
    assert zeros([(1.0, 0.1), (-1.0, 0.1)], 100.0) == []


def test_zeros_outside_the_interval_are_left_out() -> None:
    terms = [(1.0, 0.1), (-2.0, 0.5)]  # zero at ln 2 / 0.4 = 1.733
    assert zeros(terms, 1.0) == []
    assert zeros(terms, 10.0) == pytest.approx([np.log(2) / 0.4])


def test_find_zero_on_a_steep_function() -> None:
    found = find_zero(lambda t: evaluate([(1.0, 0.0), (-1000.0, 3.0)], t), 0.0, 50.0, -999.0, 1.0)
    assert found == pytest.approx(np.log(1000) / 3, rel=1e-10)
