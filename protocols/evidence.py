"""How well founded each element of a protocol is, with its source. Pure module; from the clinical report's
sections.

Follow-up rules carry their own grade and source. This table covers the numbers that the definition states
without one. It grades OUR default values: a changed number keeps the grade of its element, and the approver
judges it.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.definition import Bases

GRADES = {
    "A": "label, meta-analysis or several randomised trials",
    "B": "one randomised trial, or trials in another condition",
    "C": "small or open studies, or a mechanism seen in people",
    "D": "animal studies, analogy or expert opinion",
}


@dataclass(frozen=True)
class Evidence:
    """A grade of GRADES and where it comes from."""

    grade: str
    source: str


EVIDENCE: dict[str, Evidence] = {
    "dose": Evidence(
        "A", "Fava 2020 Mol Psychiatry: 0.5 and 1.0 mg/kg superior to midazolam; Anand 2023 NEJM"
    ),
    "ceiling": Evidence("D", "Safety limit of this protocol: above it a second prescriber signs"),
    "route": Evidence("A", "CANMAT (Swainson 2021): level 1 for one IV infusion, 3 to 4 for other routes"),
    "duration": Evidence(
        "A", "40 minutes in the trials (Murrough 2013, Anand 2023); not compared head to head"
    ),
    "unmodelled": Evidence("D", "Stated by the author of this version: no model covers another route"),
    "model": Evidence("C", "Otto 2021: 48 healthy adults; agrees with Hasan 2021 (15 patients, 5 mg)"),
    "threshold": Evidence(
        "D", "No agreed value exists. 20 ng/mL is 40 % of the lowest level with felt effects (Bowdle 1998)"
    ),
    "aborted": Evidence("D", "Rule of this protocol: hardly any drug was given"),
    "spacing": Evidence(
        "A", "Anand 2023 NEJM; Singh 2016 AJP: twice and three times a week both lasted to day 15"
    ),
    "staffing": Evidence("D", "ASA statement: same standards as for other anaesthetic drugs"),
    "stay": Evidence("D", "Rule of this protocol: infusion, observation and a margin"),
    "checks": Evidence("A", "Esketamine label; exclusions of the ELEKT-D trial"),
    "eligibility": Evidence(
        "D", "Rule of this protocol: illness, medicines and pregnancy change within half a year"
    ),
    "preparation": Evidence(
        "D", "Clinic practice: practice after the infusion needs a plan that was made before it"
    ),
    "exposure": Evidence(
        "D",
        "No trial has set a limit: harm to the bladder and dependence were seen with frequent use over years",
    ),
    "vitals": Evidence("C", "684 infusions in 66 patients: every 10 minutes during, every 15 after"),
    "block": Evidence("D", "Clinic practice; the medical director approves the numbers"),
    "pause": Evidence("D", "Clinic practice; one of 24 infusions stopped at 180/115 (Murrough 2013)"),
    "stop": Evidence("D", "Clinic practice; the medical director approves the numbers"),
    "observation": Evidence("A", "Esketamine label: at least 2 hours, then until stable"),
    "observation_after": Evidence("D", "Rule of this protocol, for infusions that ran late"),
    "sedative": Evidence("D", "Rule of this protocol: no estimate of clearance knows of the sedative"),
    "long_pause": Evidence(
        "D", "Rule of this protocol: after a long pause the prescriber orders the rest again"
    ),
    "fasting": Evidence("D", "Usual practice: two hours for clear drinks, six for food"),
    "criteria": Evidence("C", "Modified Aldrete and PADSS discharge scores; esketamine label"),
    "late_signing": Evidence("D", "Rule of this protocol: later signatures say why"),
    "practice": Evidence(
        "B", "Price 2022 AJP: practice from 24 h over four days kept the benefit to day 30, n=154"
    ),
    "core": Evidence("C", "Han 2016: effect falls after day 3; Price 2022: four days of practice"),
    "tail": Evidence("D", "Mouse: spine density raised for up to two weeks (Phoumthipphavong 2016)"),
    "night": Evidence("C", "Duncan 2013: slow-wave sleep of the first night, 30 patients"),
    "no_therapy": Evidence(
        "D", "Reasons of safety, memory and consent; no trial compared therapy before and after clearance"
    ),
    "escalation": Evidence(
        "D", "Rule of this protocol: somebody who can act hears of it while there is time to act"
    ),
    "quiet": Evidence("D", "Expert rule: no new therapy just before an infusion"),
    "therapy": Evidence(
        "B", "Wilkinson 2021: 14 weeks of CBT after six infusions, QIDS p = .033, MADRS n.s."
    ),
    "titration": Evidence(
        "C", "Andrade 2017: responses from 0.1 to 0.75 mg/kg; raised stepwise in open studies"
    ),
    "rate": Evidence("D", "Clinic practice; the rate may only be lowered without a new order"),
    "outcomes": Evidence(
        "A", "Han 2016; Anand 2023: response is a fall of half or more in a validated score"
    ),
    "age": Evidence("A", "Adults in the trials; ELEKT-D 21 to 75 years"),
    "reviews": Evidence("D", "Expert rule: no infusion goes on by habit; bladder symptoms are asked for"),
    "consent": Evidence("D", "Sanacora 2017 JAMA Psychiatry: consensus on consent and on what is not known"),
}

# Element of `definition.Bases` -> the rows above that an author's own grade and source stand for.
ELEMENTS: dict[str, tuple[str, ...]] = {
    "dose": ("dose",),
    "route": ("route",),
    "duration": ("duration",),
    "series": ("spacing",),
    "reviews": ("reviews",),
    "consent": ("consent",),
    "limits": ("block", "pause", "stop"),
    "observation": ("observation", "observation_after"),
    "discharge": ("criteria",),
    "clearance": ("model", "threshold", "unmodelled"),
    "window": ("practice", "core", "tail"),
    "escalation": ("escalation",),
    "outcomes": ("outcomes",),
}
ELEMENT_NAMES = {
    "dose": "Dose",
    "route": "Route",
    "duration": "Duration",
    "series": "Parts of the series",
    "reviews": "Review points",
    "consent": "Consent and education",
    "limits": "Limits of the vital signs",
    "observation": "Observation",
    "discharge": "Criteria for leaving",
    "clearance": "Clearance",
    "window": "Window after the infusion",
    "escalation": "Not booked, not signed",
    "outcomes": "Outcome scores",
}


def evidence_for(bases: Bases, key: str) -> Evidence:
    """Grade and source of one row: what the author wrote, the rest as EVIDENCE has it."""
    usual = EVIDENCE[key]
    element = next((name for name, keys in ELEMENTS.items() if key in keys), None)
    if element is None:
        return usual
    own = getattr(bases, element)
    return Evidence(own.grade or usual.grade, own.source or usual.source)


COMPROMISES: dict[str, dict[str, str]] = {
    "low_dose": {
        "tolerability": "Less was borne better before; lower doses did less well in a trial of four (Fava 2020: B)",
        "frailty": "Old age, frailty or little body mass: smaller amounts, by expert opinion (D)",
        "interaction": "A drug that slows the breakdown of ketamine: by mechanism (D)",
        "titration": "Lower start that is raised by the titration step (Andrade 2017: C)",
    },
    "short": {
        "tolerability": "A shorter visit was borne better before (2 to 100 minutes are described, Andrade 2017: C)",
        "capacity": "Fewer minutes in the chair: no evidence that it is as good (D)",
        "study": "The dose and duration of a named study: see the source",
    },
    "route": {
        "no_access": "No vein can be found: evidence level 3 to 4 for other routes (CANMAT, Swainson 2021)",
        "refusal": "The patient refuses a cannula: evidence level 3 to 4 for other routes (CANMAT)",
        "study": "The route of a named study: see the source",
        "supply": "The form for infusion cannot be had: evidence level 3 to 4 for other routes (CANMAT)",
    },
}
"""Coded reasons for a compromise, with what is known about it. They are counted in the monthly report."""
