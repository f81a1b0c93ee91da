"""What may speak against treatment, by code, with its usual weight and where that comes from. Pure module.

Sources as read for clinical C2. The weight is where the form starts; a prescriber may record another one.
Entries without a published source say so: the medical director confirms or removes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["absolute", "caution"]

LABEL = "Esketamine label, contraindications"
TRIAL = "ELEKT-D trial, exclusions"
TABLES = "Exclusion tables of ketamine trials"
UNSOURCED = "Commonly listed; to be confirmed by the medical director"


@dataclass(frozen=True)
class Kind:
    """One entry of the list."""

    label: str
    severity: Severity
    source: str


KINDS: dict[str, Kind] = {
    "aneurysmal_vascular_disease": Kind("Aneurysmal vascular disease", "absolute", LABEL),
    "arteriovenous_malformation": Kind("Arteriovenous malformation", "absolute", LABEL),
    "intracerebral_haemorrhage": Kind("History of intracerebral haemorrhage", "absolute", LABEL),
    "hypersensitivity": Kind("Allergy to ketamine or esketamine", "absolute", LABEL),
    "pregnancy": Kind("Pregnancy", "absolute", TRIAL),
    "breast_feeding": Kind("Breast-feeding", "absolute", TRIAL),
    "psychosis": Kind("Psychotic disorder, current or past", "absolute", TRIAL),
    "bipolar": Kind("Bipolar disorder or current mania", "absolute", TRIAL),
    "severe_illness": Kind("Severe medical or neurological illness", "absolute", TRIAL),
    "no_capacity": Kind("Not able to consent", "absolute", TABLES),
    "intoxication": Kind("Substance intoxication or withdrawal", "absolute", TABLES),
    "substance_dependence": Kind("Moderate or severe substance dependence", "caution", TABLES),
    "uncontrolled_hypertension": Kind("Uncontrolled hypertension", "caution", TABLES),
    "arrhythmia": Kind("Significant arrhythmia", "caution", TABLES),
    "cerebrovascular": Kind("Unstable cerebrovascular disease", "caution", TABLES),
    "benzodiazepine": Kind("Benzodiazepine, more than 2 mg lorazepam equivalent a day", "caution", TABLES),
    "maoi": Kind("MAO inhibitor or another major interaction", "caution", TABLES),
    "suicidal_intent": Kind("Active suicidal intent: needs a setting that can hold it", "caution", TABLES),
    "cardiac_unstable": Kind(
        "Recent myocardial infarction, unstable angina or heart failure", "caution", UNSOURCED
    ),
    "raised_intracranial_pressure": Kind("Raised intracranial pressure", "caution", UNSOURCED),
    "hyperthyroidism": Kind("Untreated hyperthyroidism", "caution", UNSOURCED),
    "hepatic_disease": Kind("Severe hepatic disease", "caution", UNSOURCED),
    "bladder": Kind("Bladder symptoms or cystitis after ketamine", "caution", UNSOURCED),
    "porphyria": Kind("Acute porphyria", "caution", UNSOURCED),
    "airway": Kind("Airway risk (sleep apnoea, obesity)", "caution", UNSOURCED),
    "other": Kind("Something else (say what)", "caution", "Recorded by the clinic"),
}


def label(kind: str) -> str:
    """The words for a stored code; an unknown code is shown as it is rather than hidden."""
    return KINDS[kind].label if kind in KINDS else kind
