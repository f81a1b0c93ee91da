"""Older adults: how much slower clearance is by the hepatic-flow law of perez2021. Pure module."""

from __future__ import annotations

from sessions.pharmacokinetics.disposition import person_values
from sessions.pharmacokinetics.library import PEREZ_2021
from sessions.pharmacokinetics.structure import Person

AGE_FROM = 60.0
OLDEST_AGE = 86.0


def plasma_clearance(age_years: float) -> float:
    """Clearance (L/min) of the well-stirred liver of perez2021 at that age."""
    values = person_values(PEREZ_2021, Person(70.0, age_years))
    intrinsic = values["vh"] * (values["kel"] + values["kmet"])
    return float(values["qh"] * intrinsic / (values["qh"] + intrinsic))


def age_clearance_factor(age_years: float) -> float:
    """Clearance at that age over clearance at 60: 1 up to 60, 0.89 at 70, 0.77 at 80."""
    return plasma_clearance(age_years) / plasma_clearance(AGE_FROM)
