"""Questions for the pure planner, put together from one patient, one protocol text and one site. Nothing is
written.

The predicted therapy time of a planned visit is its start plus `Clearance.minutes`: the model's estimate
(P95) for the dose by weight, or the end of the minimum observation if that is later.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db.models import Q

from patients.models import Patient
from protocols.definition import ClearanceRule, DoseRule, ProtocolDefinition, SeriesPhase
from scheduling.domain.intervals import Interval
from scheduling.domain.localtime import local_date, resolve_local
from scheduling.domain.series_types import Resource as PlannerResource
from scheduling.domain.series_types import SeriesRequest
from scheduling.loaders import LoadedResource, SiteLoad, load_site
from scheduling.models import Appointment, PatientSpan, Resource
from sessions import clearance, dosing
from sessions.models import Infusion
from sessions.services.history import said_of_clearance
from staff.errors import RuleNotMet
from staff.models import Licence, Site, User

SEARCH_DAYS = 21  # how long the first visit may wait
AFTER_LAST_DAYS = 10  # therapy after the last visit is planned this far
ANY_MOMENT = datetime(2026, 1, 5, 18, tzinfo=UTC)  # the estimate depends on elapsed time only
PARTS_OF_DAY = {"morning": (time(0), time(12)), "afternoon": (time(12), time(23, 59))}


@dataclass(frozen=True)
class Clearance:
    """Predicted minutes from a planned start to the therapy time; `warnings` are the model's limits, in
    words.
    """

    minutes: int
    dose_mg: Decimal
    over_ceiling: bool
    warnings: tuple[str, ...]


def predicted_clearance(
    definition: ProtocolDefinition, patient: Patient, *, weight_kg: Decimal, on: date
) -> Clearance:
    """The estimate for the dose by `weight_kg` at the age on `on`; by another route than the vein the hours that the
    version states. Raises InvalidInput for an impossible weight, RuleNotMet `route-without-model` without stated hours.
    """
    hepatic, drugs = said_of_clearance(patient)
    return _clearance(
        definition.dose,
        definition.clearance,
        definition.discharge.observe_from_start_minutes,
        weight_kg,
        patient.age_on(on),
        hepatic,
        drugs,
    )


def sample_clearance(definition: ProtocolDefinition, *, weight_kg: Decimal, age_years: int) -> Clearance:
    """The same for nobody in particular: what a sample series is drawn with. Raises as `predicted_clearance`."""
    return _clearance(
        definition.dose,
        definition.clearance,
        definition.discharge.observe_from_start_minutes,
        weight_kg,
        age_years,
        hepatic=False,
        drugs=(),
    )


@lru_cache(maxsize=1024)
def _clearance(
    dose: DoseRule,
    rule: ClearanceRule,
    observe_minutes: int,
    weight_kg: Decimal,
    age_years: int,
    hepatic: bool,
    drugs: tuple[str, ...],
) -> Clearance:
    planned = dosing.planned_dose(dose, weight_kg)
    if dose.route != "iv":
        return _stated_clearance(rule.unmodelled_hours, observe_minutes, planned)
    value = clearance.predict_planned(
        start=ANY_MOMENT,
        minutes=dose.infusion_minutes,
        dose_mg=planned.mg,
        weight_kg=weight_kg,
        age_years=age_years,
        clearance_rule=rule,
        hepatic_disease=hepatic,
        interacting_drugs=drugs,
    )
    cleared = value.t_pk or ANY_MOMENT
    minutes = math.ceil((cleared - ANY_MOMENT) / timedelta(minutes=1))
    words = tuple(item.message for item in value.warnings)
    return _with_ceiling(max(minutes, observe_minutes), planned, words)


def _stated_clearance(hours: int | None, observe_minutes: int, planned: dosing.PlannedDose) -> Clearance:
    """Not into a vein: what the version states, never a model that was made for infusions into one."""
    if hours is None:
        raise RuleNotMet(
            "No model covers another route than the vein, and this version does not state when therapy may be planned.",
            code="route-without-model",
            field="protocol_version",
        )
    words = (
        f"No model covers this route: therapy is planned {hours} h after the start, as the protocol states.",
    )
    return _with_ceiling(max(hours * 60, observe_minutes), planned, words)


def _with_ceiling(minutes: int, planned: dosing.PlannedDose, words: tuple[str, ...]) -> Clearance:
    if planned.over_ceiling:
        words = (f"{planned.mg} mg is above the protocol's limit of {planned.ceiling_mg} mg.", *words)
    return Clearance(minutes, planned.mg, planned.over_ceiling, words)


@dataclass(frozen=True)
class PatientLoad:
    """What the patient already has. `infusions`: (ordinal, series, start) of visits that happen, actual when
    started. `elsewhere_on`: the local day of the last treatment known from elsewhere.
    """

    patient: Patient
    appointments: tuple[Appointment, ...]
    no_therapy: tuple[Interval, ...]
    last_start: datetime | None
    elsewhere_on: date | None = None

    @property
    def zone(self) -> ZoneInfo:
        """Where the patient sleeps."""
        return ZoneInfo(self.patient.time_zone)

    def busy(self) -> tuple[Interval, ...]:
        """The stretches in which the patient is somewhere."""
        return tuple(Interval(item.during.lower, item.during.upper) for item in self.appointments)

    def therapy(self) -> tuple[Appointment, ...]:
        """Planned therapy sessions."""
        return tuple(item for item in self.appointments if item.kind == Appointment.Kind.THERAPY)


def load_patient(patient: Patient, *, at: datetime, without: Collection[int] = ()) -> PatientLoad:
    """Bookings that block the patient, no-therapy periods ahead, and the start of the last infusion given or
    booked.

    `without`: appointments that are about to move.
    """
    ahead = Q(status__in=Appointment.BLOCKING, during__endswith__gt=at - timedelta(days=1))
    rows = (
        Appointment.objects.filter(ahead, patient=patient).exclude(pk__in=without).select_related("patient")
    )
    spans = PatientSpan.objects.filter(
        patient=patient, kind=PatientSpan.Kind.NO_THERAPY, during__endswith__gt=at
    ).exclude(source__in=[f"appointment:{pk}" for pk in without])
    given = Infusion.objects.filter(patient=patient, started_at__isnull=False).order_by("started_at").last()
    blocking = tuple(rows.order_by("during"))
    booked = [item.during.lower for item in blocking if item.kind == Appointment.Kind.INFUSION]
    starts = [*booked, *([given.started_at] if given and given.started_at else [])]
    return PatientLoad(
        patient,
        blocking,
        tuple(Interval(item.during.lower, item.during.upper) for item in spans),
        max(starts, default=None),
        patient.prior_exposures.last_day(),
    )


@dataclass(frozen=True)
class Wish:
    """Who should treat, and when it suits the patient. All optional."""

    therapist: User | None = None
    prescriber: User | None = None
    part_of_day: str = ""


def load_for(
    site: Site,
    earliest: datetime,
    until: datetime,
    *,
    without: Collection[int] = (),
    only: Collection[int] | None = None,
) -> SiteLoad:
    """The site over all local days that a plan with starts in [earliest, until) can touch."""
    zone = ZoneInfo(site.time_zone)
    first = local_date(earliest, zone)
    last = local_date(until, zone) + timedelta(days=AFTER_LAST_DAYS)
    return load_site(site, first=first, until=last, without=without, only=only)


def longest_span(definition: ProtocolDefinition) -> timedelta:
    """From the first start to the latest last start that the gaps allow, with the clocks' hour."""
    hours = sum(
        phase.gap_max_hours + 1
        for ordinal in range(2, definition.visits + 1)
        if (phase := definition.gap_before(ordinal)) is not None
    )
    return timedelta(hours=hours)


def longest_exception(definition: ProtocolDefinition) -> int | None:
    """The longest gap that a prescriber may approve under this text; None when it allows none."""
    return max((item.long_gap_max_hours or 0 for item in definition.phases), default=0) or None


def series_request(
    definition: ProtocolDefinition,
    load: SiteLoad,
    who: PatientLoad,
    predicted: Clearance,
    *,
    earliest: datetime,
    until: datetime,
    wish: Wish | None = None,
) -> SeriesRequest:
    """The planner's question for a whole series with starts in [earliest, until)."""
    wish = wish or Wish()
    patient = who.patient
    own = wish.prescriber or patient.prescriber
    prescribers = _people(
        load, Resource.Kind.CLINICIAN, Licence.Profession.PRESCRIBER, load.site.jurisdiction
    )
    return SeriesRequest(
        definition=without_therapy(definition) if patient.external_therapist_id else definition,
        zone=load.zone,
        earliest=earliest,
        until=until,
        clearance_minutes=predicted.minutes,
        site_open=load.open_hours,
        chairs=tuple(item.for_planner() for item in load.of_kind(Resource.Kind.CHAIR)),
        nurses=tuple(item.for_planner() for item in load.of_kind(Resource.Kind.NURSE)),
        prescribers=prescribers,
        therapists=therapists_for(load, patient, wish.therapist),
        patient_zone=who.zone,
        patient_busy=(*who.busy(), *_clear_of_therapy(who, definition, predicted)),
        preferred=_preferred(load, wish.part_of_day),
        own_prescriber=next(
            (item.code for item in load.resources if own and item.row.user_id == own.pk), None
        ),
        closed=load.closed,
        long_gap_limit_hours=longest_exception(definition),
    )


def without_therapy(definition: ProtocolDefinition) -> ProtocolDefinition:
    """The text as it is planned for a patient whose therapy is with somebody outside: no therapist's time is asked."""
    return replace(definition, follow_ups=tuple(rule for rule in definition.follow_ups if not rule.therapy))


def _people(load: SiteLoad, kind: str, profession: str, jurisdiction: str) -> tuple[PlannerResource, ...]:
    return tuple(
        item.for_planner(load.licensed(item, profession, jurisdiction)) for item in load.of_kind(kind)
    )


def therapists_for(
    load: SiteLoad, patient: Patient, therapist: User | None = None
) -> tuple[PlannerResource, ...]:
    """Therapists licensed where the patient lives and speaking their language; the patient's own one first."""
    own = therapist or patient.therapist
    speaking = [item for item in load.of_kind(Resource.Kind.THERAPIST) if speaks(item, patient.language)]
    speaking.sort(key=lambda item: (own is None or item.row.user_id != own.pk, item.row.name))
    return tuple(
        item.for_planner(load.licensed(item, Licence.Profession.THERAPIST, patient.jurisdiction))
        for item in speaking
    )


def speaks(item: LoadedResource, language: str) -> bool:
    """The person's languages include the patient's."""
    held = item.row.user.languages if item.row.user else ""
    return language in {part.strip() for part in held.split(",")}


def _clear_of_therapy(
    who: PatientLoad, definition: ProtocolDefinition, predicted: Clearance
) -> tuple[Interval, ...]:
    """Stretches in which a stay would put a planned therapy session into its no-therapy period or quiet time.

    A visit whose stay keeps out of [session start - (clearance - stay), session end + quiet time) is clear of
    it.
    """
    lead = timedelta(minutes=max(0, predicted.minutes - definition.chair_minutes))
    quiet = timedelta(minutes=definition.window.quiet_block_minutes)
    return tuple(Interval(item.during.lower - lead, item.during.upper + quiet) for item in who.therapy())


def _preferred(load: SiteLoad, part: str) -> tuple[Interval, ...]:
    if part not in PARTS_OF_DAY:
        return ()
    opens, closes = PARTS_OF_DAY[part]
    days = ((load.first + timedelta(days=n)) for n in range((load.until - load.first).days))
    return tuple(
        Interval(resolve_local(day, opens, load.zone).instant, resolve_local(day, closes, load.zone).instant)
        for day in days
    )


def definition_of_one(
    definition: ProtocolDefinition, ordinal: int, *, skipped: int = 0, last: bool
) -> ProtocolDefinition:
    """The same text for a series of one visit: the gap limits before `ordinal`, stretched over skipped
    visits.

    Follow-ups that only come after the last infusion are left out unless this visit is the `last`.
    """
    phase = definition.gap_before(ordinal) or definition.phases[0]
    one = SeriesPhase(
        phase.name,
        1,
        gap_min_hours=phase.gap_min_hours,
        gap_target_hours=phase.gap_target_hours * (1 + skipped),
        gap_max_hours=phase.gap_max_hours * (1 + skipped),
        weekdays=phase.weekdays,
    )
    rules = tuple(rule for rule in definition.follow_ups if last or rule.scope == "each_infusion")
    return replace(definition, phases=(one,), follow_ups=rules)


def pinned_to(starts: Sequence[tuple[int, datetime]]) -> dict[int, datetime]:
    """Starts by ordinal, as the planner takes them."""
    return {ordinal: start.astimezone(UTC) for ordinal, start in starts}
