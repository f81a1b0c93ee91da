"""What an answer must say about its own limits. Pure module."""

from __future__ import annotations

from dataclasses import replace

from sessions.pharmacokinetics.library import OTTO_2021
from sessions.pharmacokinetics.prediction import Prediction
from sessions.pharmacokinetics.sensitivity import AGE_FROM, OLDEST_AGE, age_clearance_factor

LIGHT_KG, HEAVY_KG = 50.0, 100.0
SENSITIVITY_LEVEL = 20.0


def request_warnings(prediction: Prediction, residual: bool | None) -> list[dict[str, str]]:
    """Warnings as {code, message}: they never change the exit status or the numbers."""
    found = [*_about_model(prediction), *_about_person(prediction)]
    if residual is not None:
        variability = prediction.model.variability
        if variability is None:
            found.append(("no_variability", "This model prints no variances, so no interval can be drawn."))
        elif residual and variability.residual_sd is None:
            found.append(
                ("no_residual", "No residual error was adopted for this model: between-subject spread only.")
            )
    return [{"code": code, "message": message} for code, message in found]


def _about_model(prediction: Prediction) -> list[tuple[str, str]]:
    if prediction.model.for_patients:
        return []
    return [("comparison_only", "This model serves engine tests and comparison, never a patient.")]


def _about_person(prediction: Prediction) -> list[tuple[str, str]]:
    person, validity = prediction.person, prediction.model.validity
    wide = prediction.model.role == "sensitivity"
    low = validity.min_weight_kg if wide and validity.min_weight_kg else LIGHT_KG
    high = validity.max_weight_kg if wide and validity.max_weight_kg else HEAVY_KG
    found = []
    if person.weight_kg < low:
        found.append(
            (f"weight_below_{low:g}", f"Below {low:g} kg: lighter than the people behind this model.")
        )
    if person.weight_kg > high:
        found.append(
            (f"weight_above_{high:g}", f"Above {high:g} kg: heavier than the people behind this model.")
        )
    if person.age_years is not None and person.age_years > AGE_FROM and not prediction.model.needs_age:
        found.append(("age_above_60", _age_message(prediction, person.age_years)))
    if person.age_years is not None and person.age_years > OLDEST_AGE:
        found.append(("age_above_86", "Above 86 years: older than anyone behind these models."))
    return found


def _age_message(prediction: Prediction, age_years: float) -> str:
    text = "Above 60 years clearance is slower than this model knows."
    if prediction.model is not OTTO_2021:
        return text
    factor = age_clearance_factor(age_years)
    slower = replace(prediction, person=replace(prediction.person, scale=(("cl", factor),)))
    below = slower.below(SENSITIVITY_LEVEL)
    if below is None:
        return text
    return f"{text} With the perez2021 factor ({factor:.2f}) it stays below 20 ng/mL from {below:.1f} min."
