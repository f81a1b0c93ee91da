"""What must hold for an infusion visit to be booked, whatever path it comes by. Asked again inside every
transaction.

Each refusal names the occurrence: `3 of 6: Chair 2 is taken Fri 4 Dec 10:00-12:55.`
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from patients.models import Patient
from protocols.definition import ProtocolDefinition
from protocols.models import ProtocolVersion
from scheduling.conflicts import whose
from scheduling.domain.intervals import Interval, as_utc, covered
from scheduling.domain.localtime import clock_in_words, in_words, local_date
from scheduling.domain.spacing import elsewhere_refusal, gap_refusal, weekday_refusal
from scheduling.loaders import SiteLoad
from scheduling.models import Appointment, GapException, TreatmentSeries
from scheduling.planning import Clearance, PatientLoad
from scheduling.services.seating import Seat, VisitChoice, check_seat, find_seat, seat_of, stay
from sessions.eligibility import Finding, check_contraindications
from sessions.models import EligibilitySignOff
from sessions.services import eligibility_until, standing_eligibility, was_withdrawn
from staff.errors import Clash, DomainError, InvalidInput, RuleNotMet, StateConflict
from staff.models import User

NO_LIMIT_HOURS = 24 * 366 * 10


@dataclass(frozen=True)
class Neighbour:
    """Another visit of the patient that happens; start is actual once its pump has run.

    ordinal 0: an infusion before this series, after which only the minimum gap counts.
    """

    ordinal: int
    start: datetime


@dataclass(frozen=True)
class VisitRules:
    """The facts that visits of one patient at one site are judged by. total: for the words `3 of 6`.

    longest_gap_applies False: an extra infusion may come later than the protocol's maximum gap. alone: one
    visit is booked or moved, so refusals name its fields directly. cleared_of_therapy: sessions that give way
    (displaced). long_gaps: approved maximum hours before an ordinal. first: the ordinal of the first of several visits,
    from which their fields are counted.
    """

    load: SiteLoad
    who: PatientLoad
    definition: ProtocolDefinition
    predicted: Clearance
    by: User
    at: datetime
    total: int
    longest_gap_applies: bool = True
    alone: bool = False
    first: int = 1
    cleared_of_therapy: frozenset[int] = field(default_factory=frozenset)
    keep: Mapping[str, str] = field(default_factory=dict)
    long_gaps: Mapping[int, int] = field(default_factory=dict)

    @property
    def quiet(self) -> timedelta:
        """The time before an infusion in which no therapy may stand."""
        return timedelta(minutes=self.definition.window.quiet_block_minutes)

    def judge(self, choice: VisitChoice, *, before: Neighbour | None, after: Neighbour | None = None) -> Seat:
        """The seat of a visit that may be booked. Raises RuleNotMet, Clash or InvalidInput naming the
        occurrence.

        An empty chair, nurse or prescriber is chosen here.
        """
        with named(choice.ordinal, self.total, alone=self.alone, first=self.first):
            start = self._start(choice.start)
            self._check_day(start, choice.ordinal)
            self._check_gap(before, Neighbour(choice.ordinal, start))
            self._check_elsewhere(start, choice.ordinal)
            self._check_gap(Neighbour(choice.ordinal, start), after)
            self._check_patient(start)
            return self._seat(choice, start)

    def therapy_from(self, start: datetime) -> datetime:
        """The predicted therapy time of a visit with this start."""
        return as_utc(start) + timedelta(minutes=self.predicted.minutes)

    def _start(self, start: datetime) -> datetime:
        instant = as_utc(start)
        if instant.second or instant.microsecond:
            raise InvalidInput("A visit starts on a full minute.", code="not-a-minute", field="start")
        if instant <= self.at:
            words = f"{in_words(instant, self.load.zone)} is in the past."
            raise RuleNotMet(words, code="past-start", field="start")
        return instant

    def _check_day(self, start: datetime, ordinal: int) -> None:
        zone = self.load.zone
        day = local_date(start, zone)
        if not self.load.first <= day < self.load.until:
            raise RuleNotMet(f"{in_words(start, zone)} is too far away.", code="too-far", field="start")
        phase = self.definition.gap_before(ordinal) or self.definition.phases[0]
        refusal = weekday_refusal(start, phase, zone)
        if refusal:
            raise RuleNotMet(f"{refusal}.", code="weekday", field="start")
        wanted = stay(self.definition, start)
        if day in self.load.closed and not covered(self.load.open_hours, wanted):
            words = f"{in_words(start, zone)}: closed ({self.load.closed[day]})."
            raise RuleNotMet(words, code="closed", field="start")

    def _check_gap(self, earlier: Neighbour | None, later: Neighbour | None) -> None:
        limit = None if self.longest_gap_applies else NO_LIMIT_HOURS
        if limit is None and later is not None:
            limit = approved_hours(self.definition, earlier, later, self.long_gaps)
        refusal = gap_words(self.definition, earlier, later, self.load.zone, limit)
        if refusal:
            raise RuleNotMet(f"{refusal}.", code="gap", field="start")

    def _check_elsewhere(self, start: datetime, ordinal: int) -> None:
        """The minimum gap after what was given elsewhere, before whichever infusion of the course it comes."""
        refusal = elsewhere_words(self.definition, self.who.elsewhere_on, start, ordinal, self.load.zone)
        if refusal:
            raise RuleNotMet(f"{refusal}.", code="gap", field="start")

    def _check_patient(self, start: datetime) -> None:
        wanted = stay(self.definition, start)
        no_therapy = Interval(start, max(self.therapy_from(start), wanted.end))
        zone = self.load.zone
        for other in self.who.appointments:
            taken = Interval(other.during.lower, other.during.upper)
            if other.kind == Appointment.Kind.THERAPY and other.pk in self.cleared_of_therapy:
                continue
            if taken.overlaps(wanted):
                when = f"{in_words(taken.start, zone)}-{clock_in_words(taken.end, zone)}"
                words = f"The patient has another appointment {when} ({whose(other)})."
                raise Clash(words, code="patient-taken", field="start")
            if other.kind != Appointment.Kind.THERAPY:
                continue
            if taken.overlaps(no_therapy):
                words = (
                    f"The therapy session {in_words(taken.start, zone)} would fall inside the no-therapy period "
                    f"(therapy from {in_words(no_therapy.end, zone)}, estimate)."
                )
                raise RuleNotMet(words, code="therapy-inside", field="start")
            if taken.start < start < taken.end + self.quiet:
                minutes = self.definition.window.quiet_block_minutes
                words = (
                    f"The therapy session {in_words(taken.start, zone)} must end {minutes} minutes before."
                )
                raise RuleNotMet(words, code="quiet-time", field="start")

    def _seat(self, choice: VisitChoice, start: datetime) -> Seat:
        if choice.chair and choice.nurse and choice.prescriber:
            seat = seat_of(self.load, choice)
            check_seat(self.load, self.definition, seat, start, self.by)
            return seat
        return find_seat(self.load, self.definition, start, self.by, choice=choice, keep=self.keep)


def gap_words(
    definition: ProtocolDefinition,
    earlier: Neighbour | None,
    later: Neighbour | None,
    zone: ZoneInfo,
    longest_hours: int | None = None,
) -> str | None:
    """Why the elapsed hours between two visits are not allowed; None when they are, or when one of them is
    missing.

    Where visits between the two are skipped, the protocol's maximum holds for each gap. `longest_hours`
    replaces it.
    """
    if earlier is None or later is None:
        return None
    phase = definition.gap_before(later.ordinal) or definition.phases[0]
    longest = longest_hours or phase.gap_max_hours * max(1, later.ordinal - earlier.ordinal)
    if earlier.ordinal == 0:
        longest = NO_LIMIT_HOURS
    return gap_refusal(earlier.start, later.start, phase, zone, longest)


def elsewhere_words(
    definition: ProtocolDefinition, elsewhere_on: date | None, start: datetime, ordinal: int, zone: ZoneInfo
) -> str | None:
    """Why a visit may not start so soon after the last treatment elsewhere; None when it may."""
    phase = definition.gap_before(ordinal) or definition.phases[0]
    return elsewhere_refusal(elsewhere_on, start, phase, zone)


def long_gaps_of(series: TreatmentSeries) -> dict[int, int]:
    """Approved longer gaps of a series: hours by the ordinal they come before."""
    return dict(GapException.objects.filter(series=series).values_list("ordinal", "max_hours"))


def approved_hours(
    definition: ProtocolDefinition,
    earlier: Neighbour | None,
    later: Neighbour,
    long_gaps: Mapping[int, int],
) -> int | None:
    """The maximum that a prescriber approved before `later`, stretched over skipped visits; None without one."""
    approved = long_gaps.get(later.ordinal)
    if approved is None:
        return None
    phase = definition.gap_before(later.ordinal) or definition.phases[0]
    skipped = max(0, later.ordinal - (earlier.ordinal if earlier else later.ordinal) - 1)
    return max(approved, phase.gap_max_hours) + phase.gap_max_hours * skipped


def gap_fits(
    definition: ProtocolDefinition,
    earlier: Neighbour | None,
    later: Neighbour | None,
    zone: ZoneInfo,
    long_gaps: Mapping[int, int],
) -> bool:
    """The gap between two visits is allowed, by the protocol or by a prescriber's approval."""
    limit = None if later is None else approved_hours(definition, earlier, later, long_gaps)
    return gap_words(definition, earlier, later, zone, limit) is None


@contextmanager
def named(ordinal: int, total: int, *, alone: bool = False, first: int = 1) -> Iterator[None]:
    """Put `3 of 6: ` before a refusal, and (unless the visit is booked `alone`) the visit, counted from the `first`
    one, before its field.
    """
    try:
        yield
    except DomainError as refusal:
        text = f"{ordinal} of {total}: {refusal.message}"
        where = refusal.field if alone else f"visits.{ordinal - first}.{refusal.field or 'start'}"
        raise type(refusal)(text, code=refusal.code, field=where, conflicts=refusal.conflicts) from refusal


def check_version(version: ProtocolVersion) -> None:
    """Only the active text is booked anew. Raises RuleNotMet."""
    if version.status != ProtocolVersion.Status.ACTIVE:
        raise RuleNotMet(f"{version} is not active.", code="version-not-active", field="protocol_version")


def check_eligibility(patient: Patient, version: ProtocolVersion, at: datetime) -> EligibilitySignOff:
    """Infusions are booked only on a signed checklist of their version that has not run out at `at`.

    Raises RuleNotMet `eligibility-not-signed` or `eligibility-expired`.
    """
    found = standing_eligibility(patient, version)
    if found is not None and eligibility_until(found, version) <= at:
        days = version.read().eligibility_days
        raise RuleNotMet(
            f"The eligibility checklist was signed more than {days} days ago. A prescriber goes through it again.",
            code="eligibility-expired",
            field="patient",
        )
    if found is None:
        raise RuleNotMet(
            f"The eligibility checklist of {version} is not signed for this patient. A prescriber signs it first.",
            code="eligibility-not-signed",
            field="patient",
        )
    return found


def check_not_withdrawn(patient: Patient, version: ProtocolVersion) -> None:
    """A prescriber who took their signature back keeps the next infusion from being booked and given. StateConflict."""
    taken_back = was_withdrawn(patient, version)
    if taken_back is not None:
        raise StateConflict(
            f"The eligibility checklist was withdrawn: {taken_back.withdrawn_reason} A prescriber signs it again.",
            code="eligibility-withdrawn",
            field="patient",
        )


def check_running_version(version: ProtocolVersion) -> None:
    """A running series finishes on its version, unless that was withdrawn for safety. Raises StateConflict."""
    if version.held:
        raise StateConflict(
            f"{version} was withdrawn: its infusions are on hold. Move the series to another version, or end it.",
            code="version-held",
        )


def findings_for(patient: Patient, definition: ProtocolDefinition, at: datetime) -> tuple[Finding, ...]:
    """What the record says against treatment: `block` rules it out, `decide` needs a prescriber's reason."""
    open_codes = dict(
        patient.contraindications.filter(resolved_at__isnull=True).values_list("kind", "severity")
    )
    return check_contraindications(
        open_codes, age_years=patient.age_on(as_utc(at).date()), minimum_age=definition.minimum_age_years
    )


def check_patient(
    patient: Patient,
    definition: ProtocolDefinition,
    *,
    by: User,
    at: datetime,
    caution_reason: str = "",
    decided: bool = False,
    accepted: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Active, old enough at `at`, no absolute contraindication; a caution needs a prescriber and a reason.

    decided: the cautions were, when the series was booked. accepted: codes of cautions that the signed eligibility
    checklist accepted. Returns those accepted now. Raises StateConflict
    or RuleNotMet.
    """
    if patient.status != Patient.Status.ACTIVE:
        raise StateConflict(
            f"The patient is {patient.get_status_display().lower()}.", code="patient-not-active"
        )
    findings = findings_for(patient, definition, at)
    for item in findings:
        if item.severity == "block":
            raise RuleNotMet(
                f"{item.message} {item.what_to_do}", code=f"eligibility-{item.code}", field="patient"
            )
    cautions = tuple(item for item in findings if item.severity == "decide")
    if decided:
        return ()
    cautions = tuple(item for item in cautions if item.code not in accepted)
    if cautions and not (by.may("infusion.order") and caution_reason.strip()):
        words = " ".join(item.message for item in cautions)
        raise RuleNotMet(
            f"{words} A prescriber decides, with a reason, before this is booked.",
            code="caution-needs-prescriber",
            field="caution_reason",
        )
    return cautions
