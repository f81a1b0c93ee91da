"""Protocol texts that ship with the product, with their sources. Pure module.

Numbers and citations: clinical.md C1, C3-C5 and D1 (restated here as data that a named clinician approves).
"""

from __future__ import annotations

from decimal import Decimal

from protocols.definition import (
    ClearanceRule,
    DischargeRule,
    DoseRule,
    Elapsed,
    FollowUpRule,
    LocalClock,
    OutcomeRule,
    ProtocolDefinition,
    ReviewPoints,
    SeriesPhase,
    StaffPhase,
    WindowRule,
)

HOUR, DAY = 60, 24 * 60
# No source ties an infusion to a weekday: opening hours decide.
ANY_DAY = tuple(range(7))

SAFETY_FOLLOW_UPS = (
    FollowUpRule(
        kind="no_driving",
        title="No driving until tomorrow, after a night's sleep",
        audience="patient",
        anchor="pump_stop",
        gate="none",
        earliest=Elapsed(0),
        target=Elapsed(60),
        latest=Elapsed(4 * HOUR),
        hard_latest=Elapsed(6 * HOUR),
        message_kind="no_driving",
        grade="A",
        source="Esketamine label: no driving until the next day after restful sleep",
    ),
    FollowUpRule(
        kind="rest_message",
        title="Rest and sleep tonight",
        audience="patient",
        anchor="pump_stop",
        gate="none",
        earliest=LocalClock(0, 17, 0),
        target=LocalClock(0, 20, 30),
        latest=LocalClock(0, 21, 30),
        hard_latest=LocalClock(0, 21, 30),
        message_kind="rest",
        send_from="17:00",
        send_until="21:30",
        grade="C",
        source="Duncan 2013 IJNP: slow-wave sleep and BDNF that night, responders only, n=30",
    ),
    FollowUpRule(
        kind="morning_check_in",
        title="Next-morning check-in: sleep, adverse effects, safety",
        audience="nurse",
        anchor="pump_stop",
        gate="none",
        earliest=LocalClock(1, 8, 0),
        target=LocalClock(1, 9, 0),
        latest=LocalClock(1, 11, 0),
        hard_latest=LocalClock(1, 18, 0),
        message_kind="check_in",
        grade="A",
        source="Esketamine label; silence by 11:00 makes a nurse call",
    ),
)

WINDOW_FOLLOW_UPS = (
    FollowUpRule(
        kind="practice",
        title="Structured practice, 2 x 20 min a day for 4 days",
        audience="patient",
        anchor="t0",
        gate="window",
        earliest=Elapsed(16 * HOUR),
        target=Elapsed(20 * HOUR),
        latest=Elapsed(5 * DAY),
        hard_latest=Elapsed(5 * DAY),
        required=False,
        message_kind="practice",
        grade="B",
        source="Price 2022 AJP: 8 times over 4 days from 24 h after 0.5 mg/kg, RCT n=154",
    ),
    FollowUpRule(
        kind="integration_1",
        title="Post-infusion therapy 1 (integration)",
        audience="therapist",
        anchor="t0",
        gate="window",
        earliest=Elapsed(8 * HOUR),
        target=Elapsed(24 * HOUR),
        latest=Elapsed(48 * HOUR),
        hard_latest=Elapsed(96 * HOUR),
        therapy=True,
        duration_minutes=50,
        after_night=True,
        message_kind="therapy_visit",
        grade="B",
        source="Wilkinson 2021 Psychother Psychosom; Price 2022 AJP (timing by analogy: grade C)",
    ),
    FollowUpRule(
        kind="practice_check_in",
        title="Practice check-in",
        audience="therapist",
        anchor="t0",
        gate="window",
        earliest=Elapsed(48 * HOUR),
        target=Elapsed(72 * HOUR),
        latest=Elapsed(96 * HOUR),
        hard_latest=Elapsed(96 * HOUR),
        required=False,
        message_kind="practice_check_in",
        grade="C",
        source="Price 2022 AJP (practice lasts four days)",
    ),
)

AFTER_LAST_FOLLOW_UPS = (
    FollowUpRule(
        kind="integration_2",
        title="Post-infusion therapy 2 (integration)",
        audience="therapist",
        anchor="t0",
        gate="window",
        scope="after_last",
        earliest=Elapsed(3 * DAY),
        target=Elapsed(4 * DAY),
        latest=Elapsed(5 * DAY),
        hard_latest=Elapsed(7 * DAY),
        therapy=True,
        duration_minutes=50,
        message_kind="therapy_visit",
        grade="C",
        source="Expert schedule; dropped when re-dosed first",
    ),
    FollowUpRule(
        kind="outcome_set",
        title="Outcome scores: QIDS-SR16, PHQ-9, GAD-7",
        audience="clinician",
        anchor="t0",
        gate="window",
        scope="after_last",
        earliest=Elapsed(6 * DAY),
        target=Elapsed(7 * DAY),
        latest=Elapsed(9 * DAY),
        hard_latest=Elapsed(9 * DAY),
        message_kind="questionnaire",
        grade="A",
        source="Han 2016 meta-analysis: response 52 % at 24 h, 40 % at day 7",
    ),
    FollowUpRule(
        kind="weekly_therapy",
        title="Weekly therapy after the series",
        audience="therapist",
        anchor="t0",
        gate="window",
        scope="after_last",
        earliest=Elapsed(12 * DAY),
        target=Elapsed(14 * DAY),
        latest=Elapsed(16 * DAY),
        hard_latest=Elapsed(16 * DAY),
        therapy=True,
        duration_minutes=50,
        repeat_days=tuple(range(0, 85, 7)),
        message_kind="therapy_visit",
        grade="B",
        source="Wilkinson 2021: 14 weeks of CBT after six infusions, QIDS p = .033, MADRS n.s.",
    ),
    FollowUpRule(
        kind="relapse_watch",
        title="Relapse watch: QIDS-SR16 and safety questions",
        audience="clinician",
        anchor="t0",
        gate="window",
        scope="after_last",
        earliest=Elapsed(12 * DAY),
        target=Elapsed(14 * DAY),
        latest=Elapsed(16 * DAY),
        hard_latest=Elapsed(16 * DAY),
        repeat_days=(0, 4, 14),
        message_kind="questionnaire",
        grade="B",
        source="Murrough 2013 Biol Psychiatry: median relapse 18 days after the last infusion",
    ),
)

DEFAULT_FOLLOW_UPS = SAFETY_FOLLOW_UPS + WINDOW_FOLLOW_UPS + AFTER_LAST_FOLLOW_UPS

DEFAULT_DISCHARGE = DischargeRule(
    criteria=(
        "alertness",
        "orientation",
        "perception",
        "vitals",
        "gait",
        "nausea",
        "suicidality",
        "escort",
        "instructions",
        "observation",
    )
)

DEFAULT_STAFFING = (StaffPhase("clinician", 0, 15), StaffPhase("nurse", 0, 160))

DEFAULT_CHECKS = (
    "identity",
    "consent",
    "education",
    "weight",
    "blood_pressure",
    "fasting",
    "escort",
    "no_driving",
    "suicidality_screen",
    "intoxication",
    "medication_changes",
    "pregnancy_test",
)


# Goals, practice plan, expectations and an outside therapist are agreed before the first infusion (clinic-day 29).
PREPARATION_MINUTES = 50

DEFAULT_OUTCOMES = (
    OutcomeRule("madrs", "baseline"),
    OutcomeRule("phq9", "baseline"),
    OutcomeRule("qids_sr16", "before_each"),
    OutcomeRule("cssrs", "before_each"),
    OutcomeRule("qids_sr16", "review_points"),
    OutcomeRule("madrs", "series_end"),
    OutcomeRule("phq9", "series_end"),
)
RATE = (
    "The rate may be lowered, or the pump paused, when a limit of the vital signs is passed or the patient is severely "
    "distressed; raising it above the order needs a new order."
)


# Clinic-day 45: after the third infusion, at the end, and at each fourth one that only keeps a response up.
REVIEWED = ReviewPoints(after_infusions=(3,), at_end=True)
REVIEWED_WITH_MAINTENANCE = ReviewPoints(after_infusions=(3,), at_end=True, every_maintenance=4)
REVIEWED_MAINTENANCE = ReviewPoints(at_end=True, every_maintenance=4)
REVIEWED_AT_END = ReviewPoints(at_end=True)


def _iv(
    title: str,
    phases: tuple[SeriesPhase, ...],
    source: str,
    evidence: str,
    *,
    reviews: ReviewPoints = REVIEWED,
    mg_per_kg: str = "0.5",
    indication: str = "Treatment-resistant major depressive disorder (off-label use of racemic ketamine)",
) -> ProtocolDefinition:
    return ProtocolDefinition(
        title=title,
        indication=indication,
        dose=DoseRule(
            Decimal(mg_per_kg), ceiling_mg=Decimal("60"), rounding_mg=Decimal("0.5"), rate_titration=RATE
        ),
        clearance=ClearanceRule(),
        phases=phases,
        staffing=DEFAULT_STAFFING,
        window=WindowRule(),
        follow_ups=DEFAULT_FOLLOW_UPS,
        discharge=DEFAULT_DISCHARGE,
        preinfusion_checks=DEFAULT_CHECKS,
        source=source,
        evidence=evidence,
        outcomes=DEFAULT_OUTCOMES,
        reviews=reviews,
        preparation_minutes=PREPARATION_MINUTES,
    )


def _phase(
    name: str, visits: int, least: int, target: int, most: int, *, maintenance: bool = False
) -> SeriesPhase:
    return SeriesPhase(
        name,
        visits,
        gap_min_hours=least,
        gap_target_hours=target,
        gap_max_hours=most,
        weekdays=ANY_DAY,
        maintenance=maintenance,
    )


SIX_IN_THREE_WEEKS = _iv(
    "Six infusions in three weeks",
    (_phase("Induction", 6, 48, 84, 96),),
    "Anand 2023 NEJM (ELEKT-D)",
    "ELEKT-D: 0.5 mg/kg over 40 min twice weekly for three weeks; response (QIDS-SR16 fall of half or more) 55.4 % "
    "against 41.2 % with ECT, 403 randomised.",
)

SINGLE_INFUSION = _iv(
    "Single infusion",
    (_phase("Single", 1, 48, 84, 96),),
    "Swainson 2021 Can J Psychiatry (CANMAT)",
    "CANMAT: level 1 evidence for one intravenous infusion in treatment-resistant depression; "
    "level 3 for repeated ones.",
    reviews=REVIEWED_AT_END,
)

SIX_IN_TWELVE_DAYS = _iv(
    "Six infusions in twelve days",
    (_phase("Induction", 6, 44, 56, 76),),
    "Murrough 2013 Biol Psychiatry",
    "Open trial, n=24: response 70.8 %, median relapse 18 days after the last infusion.",
)

SIX_THEN_WEEKLY = _iv(
    "Six infusions in two weeks, then weekly for four weeks",
    (
        _phase("Induction", 6, 44, 56, 76),
        _phase("Weekly", 4, 144, 168, 192, maintenance=True),
    ),
    "Phillips 2019 AJP",
    "Single infusion, then six, then weekly ones: 59 % responded, after three infusions in the median; the response "
    "was held on weekly infusions.",
    reviews=REVIEWED_WITH_MAINTENANCE,
)

UP_TO_TWELVE = _iv(
    "Up to twelve infusions, three a week",
    (_phase("Induction", 12, 44, 56, 76),),
    "Ekstrand 2022 IJNP (KetECT)",
    "Inpatients: remission 46 % against 63 % with ECT, after six infusions in the median; about 70 % of those who "
    "remitted relapsed within twelve months. The series ends early at remission.",
)

MAINTENANCE_TAPER = _iv(
    "Maintenance taper: weekly, every two weeks, every four weeks",
    (
        _phase("Weekly", 4, 144, 168, 192, maintenance=True),
        _phase("Every two weeks", 4, 288, 336, 408, maintenance=True),
        _phase("Every four weeks", 3, 576, 672, 744, maintenance=True),
    ),
    "Clinic practice; Swainson 2021 Can J Psychiatry (CANMAT): level 3 for maintenance",
    "No trial has compared intervals of maintenance. Each interval is extended as long as the effect lasts; a "
    "prescriber reviews response, bladder symptoms, interval and dose at every fourth infusion.",
    reviews=REVIEWED_MAINTENANCE,
)

WEEKLY_HIGHER_DOSE = _iv(
    "Three weekly infusions of 0.8 mg/kg",
    (_phase("Weekly", 3, 144, 168, 192),),
    "Grabski 2022 AJP",
    "Alcohol use disorder, 96 randomised: 0.8 mg/kg over 40 min weekly, three times. Another condition than "
    "depression: kept for reading, retired from use.",
    reviews=REVIEWED_AT_END,
    mg_per_kg="0.8",
    indication="Alcohol use disorder in a trial; not for depression",
)

SHIPPED: dict[str, ProtocolDefinition] = {
    "six-in-three-weeks": SIX_IN_THREE_WEEKS,
    "single-infusion": SINGLE_INFUSION,
    "six-in-twelve-days": SIX_IN_TWELVE_DAYS,
    "six-then-weekly": SIX_THEN_WEEKLY,
    "up-to-twelve": UP_TO_TWELVE,
    "maintenance-taper": MAINTENANCE_TAPER,
    "weekly-higher-dose": WEEKLY_HIGHER_DOSE,
}
SHIPPED_RETIRED: dict[str, str] = {
    "weekly-higher-dose": "Studied in another condition (alcohol use disorder): not for depression.",
}
"""Shipped texts that are installed retired, with the reason."""
