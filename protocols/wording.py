"""Protocol values in the words of the clinic. Pure module: no Django, no clock.

Screens never show the product's internal names (decisions 3): offsets are said "after the pump stops" or
"after the no-therapy period ends".
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from protocols.definition import Elapsed, LocalClock, Moment

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ANCHORS = {"pump_stop": "the pump stops", "t0": "the no-therapy period ends"}
GATES = {
    "none": "Nothing: goes out signed or not",
    "window": "The sign-off and the end of the no-therapy period",
}
AUDIENCES = {"patient": "Patient", "therapist": "Therapist", "nurse": "Nurse", "clinician": "Clinician"}
REDOSED = {
    "fit": "Do it in the time that is left, if any",
    "drop": "Leave it out",
    "merge": "Join it with the one after the next infusion",
}
EXPIRIES = {
    "as_required": "On a person's list if it counts in adherence",
    "list": "Always on a person's list",
    "quiet": "Nobody is told",
}
SCOPES = {"each_infusion": "After every infusion", "after_last": "After the last infusion"}
ROUTES = {
    "iv": "Into a vein (IV)",
    "im": "Into a muscle (IM)",
    "sc": "Under the skin (SC)",
    "oral": "By mouth",
    "intranasal": "Nasal spray",
}
ROLES = {"nurse": "Infusion nurse", "clinician": "Prescribing clinician"}
MODELS = {
    "otto2021": "Otto 2021 population model",
    "kamp2020": "Kamp 2020 population model",
    "perez2021": "Perez-Ruixo 2021 population model",
}


def plain_number(value: Decimal | int) -> str:
    """A number as a person writes it: 0.5, 60, never 60.0 or 6E+1."""
    if isinstance(value, int):
        return str(value)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def minutes_words(minutes: int) -> str:
    """45 -> "45 min", 90 -> "1 h 30 min", 2880 -> "2 days"; below zero "before". Whole days only from two
    days on.
    """
    if minutes < 0:
        return f"{minutes_words(-minutes)} before"
    if minutes >= 2 * 1440 and minutes % 1440 == 0:
        return f"{minutes // 1440} days"
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def hours_words(hours: int) -> str:
    """84 -> "84 h (3.5 days)": hours decide, days are for reading."""
    if hours < 48:
        return f"{hours} h"
    return f"{hours} h ({plain_number((Decimal(hours) / 24).quantize(Decimal('0.1')))} days)"


def moment_words(moment: Moment) -> str:
    """When after its anchor: "20 h later", "at once", "20:30 the same day"."""
    if isinstance(moment, Elapsed):
        return "at once" if moment.minutes == 0 else f"{minutes_words(moment.minutes)} later"
    return _clock_words(moment)


def _clock_words(moment: LocalClock) -> str:
    day = {0: "the same day", 1: "the next day"}.get(moment.days, f"{moment.days} days later")
    return f"{moment.hour:02d}:{moment.minute:02d} {day}"


def weekday_words(days: Iterable[int]) -> str:
    """(0, 1, 2, 3, 4) -> "Monday to Friday"; otherwise the days one by one."""
    found = sorted(set(days))
    if len(found) == 7:
        return "Every day"
    if len(found) > 2 and found == list(range(found[0], found[-1] + 1)):
        return f"{DAYS[found[0]]} to {DAYS[found[-1]]}"
    return ", ".join(DAYS[day] for day in found)


def named(table: dict[str, str], code: str) -> str:
    """The words for a code; an unknown code is shown as it is rather than hidden."""
    return table.get(code, code.replace("_", " "))


INSTRUMENTS = {
    "phq9": "PHQ-9",
    "gad7": "GAD-7",
    "qids_sr16": "QIDS-SR16",
    "madrs": "MADRS (clinician)",
    "cssrs": "C-SSRS screener",
    "function": "Functional score",
    "goal": "The patient's own goal",
}
OUTCOME_TIMES = {
    "baseline": "before the first infusion",
    "before_each": "before each infusion",
    "review_points": "at each review point",
    "series_end": "at the end of the series",
}
