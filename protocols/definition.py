"""The text of one protocol version as frozen values. Pure module.

`ProtocolDefinition` is what a published `ProtocolVersion` hands out; every rule of the product that depends on a
protocol reads it from here. `definition_codec` reads and writes its JSON form.
Units are in the names: minutes, hours, mg, mg/kg, ng/mL. Offsets are minutes after their anchor.

Two kinds of moment are kept apart on purpose (elapsed time and wall-clock time are never mixed):
`Elapsed` counts real minutes from the anchor, `LocalClock` is a wall time some local days after the anchor's day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Audience = Literal["patient", "therapist", "nurse", "clinician"]
Anchor = Literal["pump_stop", "t0"]
Gate = Literal["none", "window"]
Scope = Literal["each_infusion", "after_last"]
Redosed = Literal["fit", "drop", "merge"]
Expiry = Literal["as_required", "list", "quiet"]

DEFAULT_PAUSE_MINUTES, DEFAULT_SEDATIVE_MINUTES = 30, 60
DEFAULT_FASTING = (6, 2)  # hours without food, without clear drinks
DEFAULT_ELIGIBILITY_DAYS = 180


@dataclass(frozen=True)
class Elapsed:
    """`minutes` of real time after the anchor (may be negative)."""

    minutes: int


@dataclass(frozen=True)
class LocalClock:
    """Wall time `hour:minute` in the patient's zone, `days` local days after the anchor's local day."""

    days: int
    hour: int
    minute: int


Moment = Elapsed | LocalClock


@dataclass(frozen=True)
class DoseRule:
    """Dose by weight: mg/kg, never above `ceiling_mg` without a co-signature, rounded to `rounding_mg`.

    A prescriber may raise the mg/kg from visit to visit by `titration_step_mg_per_kg` up to the cap (None = never).
    `rate_titration`: in words, how the pump's rate may be changed while it runs. The reasons are codes of
    `evidence.COMPROMISES`, needed for less than 0.5 mg/kg, less than 40 minutes, or another route than IV.
    """

    mg_per_kg: Decimal
    ceiling_mg: Decimal
    rounding_mg: Decimal
    route: str = "iv"
    infusion_minutes: int = 40
    titration_step_mg_per_kg: Decimal | None = None
    titration_cap_mg_per_kg: Decimal | None = None
    rate_titration: str = ""
    low_dose_reason: str = ""
    short_infusion_reason: str = ""
    route_reason: str = ""


@dataclass(frozen=True)
class ClearanceRule:
    """Which population model and which absolute plasma threshold decide that the drug has cleared.

    `unmodelled_hours`: no model covers another route than the vein; so many hours after the start therapy is planned
    then, as the version states it. What was given so is timed by a clinician with the signature.
    """

    model: str = "otto2021"
    threshold_ng_ml: Decimal = Decimal("20")
    aborted_below_mg: Decimal = Decimal("5")
    unmodelled_hours: int | None = None


@dataclass(frozen=True)
class StaffPhase:
    """`role` is needed from `from_minute` to `to_minute` after the planned start, using `load` of its capacity."""

    role: str
    from_minute: int
    to_minute: int
    load: int = 1


@dataclass(frozen=True)
class SeriesPhase:
    """`visits` infusions whose start-to-start gaps are elapsed hours within [min, max], aiming at target.

    `long_gap_max_hours`: a prescriber may approve one gap up to this, by name and with a reason; None = never.
    `maintenance`: its infusions keep a response up; they are what `ReviewPoints.every_maintenance` counts.
    """

    name: str
    visits: int
    gap_min_hours: int
    gap_target_hours: int
    gap_max_hours: int
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    long_gap_max_hours: int | None = None
    maintenance: bool = False


@dataclass(frozen=True)
class ReviewPoints:
    """After which infusions of a series a prescriber signs the next step before the next infusion may start.

    `after_infusions`: ordinals from 1. `at_end`: after the last of the text, and after each one beyond it.
    `every_maintenance`: after each n-th infusion of the maintenance parts; None = never (clinic-day 45).
    """

    after_infusions: tuple[int, ...] = ()
    at_end: bool = False
    every_maintenance: int | None = None


@dataclass(frozen=True)
class WindowRule:
    """Offsets of the plasticity window, after T0 (decisions 1.6); all are thesis-grade values a clinician approves."""

    practice_from_hours: int = 16
    core_until_hours: int = 96
    tail_until_days: int = 14
    closing_last_hours: int = 24
    quiet_block_minutes: int = 30
    quiet_warn_minutes: int = 240


@dataclass(frozen=True)
class EscalationRule:
    """Who hears of what nobody has done, and when (clinic-day 11; scheduling/domain/escalation.py).

    Therapy not booked: every therapist may take it `pool_after_target_hours` after its target, and the prescriber gets
    it in the last of `lead_core_parts` equal parts of the core, at least `lead_least_hours` and at most
    `lead_most_hours` before its end. Record not signed: the prescriber `unsigned_after_minutes` after the minimum
    observation, the nurse `unsigned_before_shift_minutes` before the end of the shift.
    """

    pool_after_target_hours: int = 0
    lead_core_parts: int = 3
    lead_least_hours: int = 6
    lead_most_hours: int = 24
    unsigned_after_minutes: int = 45
    unsigned_before_shift_minutes: int = 30


@dataclass(frozen=True)
class FollowUpRule:
    """One obligation that follows an infusion (decisions 1.7, 1.9; clinical D1, D2).

    `after_night`: earliest is additionally the next local day at 07:00 and T0 + `night_hours`.
    `hard_latest`: past `latest` the task is late; past `hard_latest` it is missed.
    `gate` none = safety, released at pump stop, signed or not; window = released when the window opens.
    `email_text`, `sms_text`: the author's own words (protocols/message_text.py); empty = the product's text.
    `repeat_days`: one task per entry (ordinals from 1), all four moments shifted by that many elapsed days.
    Successive infusions (clinical D2): `redosed` says what happens when the next infusion starts before the target:
    fit = done in the time that is left, if any; drop; merge = joined with the next infusion's. A therapy task of each
    infusion whose next start is less than `close_redose_hours` after T0 is late `close_latest_hours` after T0. A task
    of `after_last` is also asked for before a gap of at least `tail_gap_hours`. Of two of a kind whose targets lie
    less than `merge_within_hours` apart the later infusion's stays (0 = both stay).
    `expiry`: a missed task goes on a person's list: as_required = when it counts in adherence; list; quiet = never.
    """

    kind: str
    title: str
    audience: Audience
    anchor: Anchor
    gate: Gate
    earliest: Moment
    target: Moment
    latest: Moment
    hard_latest: Moment
    scope: Scope = "each_infusion"
    therapy: bool = False
    duration_minutes: int = 0
    after_night: bool = False
    night_hours: int = 8
    required: bool = True
    repeat_days: tuple[int, ...] = (0,)
    message_kind: str = ""
    email_text: str = ""
    sms_text: str = ""
    send_from: str = "08:00"
    send_until: str = "21:30"
    grade: str = "D"
    source: str = ""
    redosed: Redosed = "fit"
    tail_gap_hours: int = 144
    close_redose_hours: int = 36
    close_latest_hours: int = 24
    merge_within_hours: int = 12
    expiry: Expiry = "as_required"

    @property
    def missed_is_listed(self) -> bool:
        """Whether somebody is told by an item when it was missed."""
        return self.required if self.expiry == "as_required" else self.expiry == "list"


@dataclass(frozen=True)
class OutcomeRule:
    """Which instrument is asked when: before the first infusion, before each, at the end, or at each review point."""

    instrument: str
    when: Literal["baseline", "before_each", "series_end", "review_points"]


@dataclass(frozen=True)
class VitalsLimits:
    """Gates of the vitals (clinical C4). Block: no start; pause: pause and recheck; stop: stop, no resume.

    `max_pause_minutes`: a longer pause needs a new order before the pump goes on (None = 30).
    """

    block_systolic: int = 160
    block_diastolic: int = 100
    pause_systolic: int = 180
    pause_diastolic: int = 110
    pause_heart_rate: int = 120
    pause_spo2: int = 92
    stop_systolic: int = 200
    stop_diastolic: int = 120
    stop_spo2: int = 88
    max_pause_minutes: int | None = None


@dataclass(frozen=True)
class DischargeRule:
    """Criteria that a sign-off rests on, by code (see sessions/discharge.py), and the minimum observation.

    `sedative_observe_minutes` is added to it after a sedating drug was given beside the infusion (None = 60).
    """

    criteria: tuple[str, ...]
    observe_from_start_minutes: int = 120
    observe_from_stop_minutes: int = 60
    aborted_observe_from_stop_minutes: int = 60
    vitals_within_percent: int = 20
    min_systolic: int = 90
    max_systolic: int = 140
    min_diastolic: int = 50
    max_diastolic: int = 90
    min_heart_rate: int = 50
    max_heart_rate: int = 110
    min_aldrete: int = 9
    min_padss: int = 9
    min_moaas: int = 5
    late_signing_minutes: int = 30
    sedative_observe_minutes: int | None = None


@dataclass(frozen=True)
class Basis:
    """How well founded one element of the text is, in the author's own judgement. Empty = as `evidence.EVIDENCE`."""

    grade: str = ""
    source: str = ""


@dataclass(frozen=True)
class Bases:
    """One `Basis` for each element that carries none of its own; what they cover is `evidence.ELEMENTS`."""

    dose: Basis = field(default_factory=Basis)
    route: Basis = field(default_factory=Basis)
    duration: Basis = field(default_factory=Basis)
    series: Basis = field(default_factory=Basis)
    reviews: Basis = field(default_factory=Basis)
    consent: Basis = field(default_factory=Basis)
    limits: Basis = field(default_factory=Basis)
    observation: Basis = field(default_factory=Basis)
    discharge: Basis = field(default_factory=Basis)
    clearance: Basis = field(default_factory=Basis)
    window: Basis = field(default_factory=Basis)
    escalation: Basis = field(default_factory=Basis)
    outcomes: Basis = field(default_factory=Basis)


@dataclass(frozen=True)
class ProtocolDefinition:
    """The whole text of one version. Phases are in order; the series is their visits one after another.

    `sources_read_on`, `review_by`: ISO days ("" = not said): when the author last read the sources, and by when the
    text is to be reviewed again (else a year after approval).
    `fasting_food_hours` and `fasting_drink_hours` (clear drinks) before the start: None = 6 and 2 (clinical C3).
    `eligibility`: codes of the checklist that a prescriber signs before a series; empty = the whole list.
    `eligibility_valid_days`: how long that signature holds (end exclusive); None = 180. Then it is asked for again.
    `preparation_minutes`: length of the preparation visit before the first infusion; None = the version has none.
    `most_treatments_in_life`, `most_treatments_in_year` (365 days), `most_mg_in_life`: exposure, elsewhere included,
    above which a prescriber gives a reason before the next infusion (sessions/exposure.py); None = no limit.
    """

    title: str
    indication: str
    dose: DoseRule
    clearance: ClearanceRule
    phases: tuple[SeriesPhase, ...]
    staffing: tuple[StaffPhase, ...]
    window: WindowRule
    follow_ups: tuple[FollowUpRule, ...]
    discharge: DischargeRule
    limits: VitalsLimits = field(default_factory=VitalsLimits)
    chair_minutes: int = 160
    turnover_minutes: int = 15
    therapy_minutes: int = 50
    vitals_minutes: tuple[int, ...] = (-10, 0, 10, 20, 30, 40, 55, 70, 85, 100, 120)
    preinfusion_checks: tuple[str, ...] = ()
    weekly_session_cap: int | None = None
    minimum_age_years: int = 18
    fasting_food_hours: int | None = None
    fasting_drink_hours: int | None = None
    source: str = ""
    evidence: str = ""
    outcomes: tuple[OutcomeRule, ...] = ()
    reviews: ReviewPoints = field(default_factory=ReviewPoints)
    bases: Bases = field(default_factory=Bases)
    sources_read_on: str = ""
    review_by: str = ""
    eligibility: tuple[str, ...] = ()
    eligibility_valid_days: int | None = None
    preparation_minutes: int | None = None
    most_treatments_in_life: int | None = None
    most_treatments_in_year: int | None = None
    most_mg_in_life: Decimal | None = None
    escalation: EscalationRule = field(default_factory=EscalationRule)

    @property
    def pause_limit_minutes(self) -> int:
        """The longest pause that needs no new order."""
        found = self.limits.max_pause_minutes
        return DEFAULT_PAUSE_MINUTES if found is None else found

    @property
    def sedative_minutes(self) -> int:
        """What a sedating drug adds to the minimum observation."""
        found = self.discharge.sedative_observe_minutes
        return DEFAULT_SEDATIVE_MINUTES if found is None else found

    @property
    def eligibility_days(self) -> int:
        """For how many days a signed eligibility checklist holds."""
        found = self.eligibility_valid_days
        return DEFAULT_ELIGIBILITY_DAYS if found is None else found

    @property
    def fasting_hours(self) -> tuple[int, int]:
        """Hours without (food, clear drinks) before the start."""
        food, drink = self.fasting_food_hours, self.fasting_drink_hours
        return DEFAULT_FASTING[0] if food is None else food, DEFAULT_FASTING[1] if drink is None else drink

    @property
    def visits(self) -> int:
        """Number of infusions in the whole series."""
        return sum(phase.visits for phase in self.phases)

    def gap_before(self, ordinal: int) -> SeriesPhase | None:
        """The phase whose gap limits apply before infusion `ordinal` (from 1); None for the first."""
        if ordinal <= 1:
            return None
        seen = 0
        for phase in self.phases:
            seen += phase.visits
            if ordinal <= seen:
                return phase
        return self.phases[-1]

    def follow_up(self, kind: str) -> FollowUpRule:
        """The rule of that kind; KeyError when the version has none."""
        for rule in self.follow_ups:
            if rule.kind == kind:
                return rule
        raise KeyError(kind)
