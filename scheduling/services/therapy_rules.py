"""Whether a therapy session may be booked or started, and which times are free for it. Reads only.

The no-therapy period is absolute and the database refuses it too; the night after T0 is a rule of the version
that a coded reason can break (decisions 1.7, 1.8, 2.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from protocols.definition import FollowUpRule, ProtocolDefinition
from scheduling.domain.intervals import Interval, as_utc, covered, intersect, subtract
from scheduling.domain.localtime import Duration, in_words, local_date
from scheduling.domain.therapy import InfusionFacts, therapy_allowed
from scheduling.loaders import LoadedResource, SiteLoad, load_site
from scheduling.loaders_follow import VisitFacts
from scheduling.models import Appointment, FollowUp, PlasticityWindow, Resource
from scheduling.planning import speaks
from scheduling.services.seating import Part, has_room
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.models import Licence, User

Status = PlasticityWindow.Status
SAME_NIGHT_REASONS = {
    "patient-asked": "Patient asks for it today",
    "only-slot": "No other time before the next infusion",
    "clinical": "Clinical decision",
}
SLOT_STEP = timedelta(minutes=30)
MOST_SLOTS = 60


@dataclass(frozen=True)
class StartLock:
    """Why therapy cannot start now, in words; `when` it can, as far as that is known."""

    code: str
    why: str
    when: datetime | None = None


@dataclass(frozen=True)
class Slot:
    """A free time for one therapist: half-open, aware."""

    start: datetime
    end: datetime
    therapist: User


def infusion_facts(course: Sequence[VisitFacts]) -> list[InfusionFacts]:
    """The patient's infusions as the pure rule reads them."""
    return [
        InfusionFacts(
            ordinal=item.visit.ordinal or 0,
            starts_at=item.starts_at,
            started=item.infusion is not None and item.infusion.started_at is not None,
            t0=_therapy_from(item),
            signed=item.signed,
            locked=item.window is not None and item.window.status in (Status.PENDING, Status.STALE),
        )
        for item in course
        if item.happens
    ]


def _therapy_from(item: VisitFacts) -> datetime | None:
    """None when the infusion has started and nobody can say when therapy may begin."""
    started = item.infusion is not None and item.infusion.started_at is not None
    unknown = started and (item.window is None or item.window.status == Status.STALE)
    return None if unknown else item.t0


def check_session(
    row: FollowUp, session: Interval, course: Sequence[VisitFacts], zone: ZoneInfo, override: str = ""
) -> None:
    """Raise RuleNotMet (field `start`) unless this session may be planned for this follow-up."""
    definition = row.protocol_version.read()
    _check_fit(session, course, zone)
    if session.end > as_utc(row.hard_latest_at):
        words = f"Therapy for this window must end by {in_words(row.hard_latest_at, zone)}."
        raise RuleNotMet(words, code="after-window", field="start")
    verdict = therapy_allowed(
        session,
        infusions=infusion_facts(course),
        rule=definition.window,
        zone=zone,
        night_rule=night_rule(definition, row.kind),
    )
    for reason in verdict.refusals:
        if not reason.overridable:
            raise RuleNotMet(f"{reason.text}.", code=reason.code, field="start")
    early = session.start < as_utc(row.earliest_at)
    if (verdict.refusals or early) and override not in SAME_NIGHT_REASONS:
        words = f"Therapy after this infusion from {in_words(row.earliest_at, zone)}."
        raise RuleNotMet(
            f"{words} Earlier needs a coded reason.",
            code="same-night",
            field="override_reason" if override else "start",
        )


def _check_fit(session: Interval, course: Sequence[VisitFacts], zone: ZoneInfo) -> None:
    """Raise RuleNotMet before the time set when the patient was found not fit; no reason breaks it."""
    for item in course:
        until = None if item.window is None else item.window.not_fit_until
        if until is not None and item.starts_at <= session.start < until:
            words = f"The patient was found not fit. Therapy again from {in_words(until, zone)}."
            raise RuleNotMet(words, code="not-fit", field="start")


def night_rule(definition: ProtocolDefinition, kind: str) -> FollowUpRule | None:
    """The version's rule that asks for a night before this kind of session; None when it asks for none."""
    rule = next((item for item in definition.follow_ups if item.kind == kind), None)
    return rule if rule is not None and rule.after_night else None


def start_lock(row: FollowUp, course: Sequence[VisitFacts], at: datetime, zone: ZoneInfo) -> StartLock | None:
    """Why this session cannot start at `at`, and when it can; None when it can."""
    facts = next((item for item in course if item.visit.pk == row.visit_id), None)
    window = None if facts is None else facts.window
    if facts is None or window is None:
        return StartLock("no-window", "The infusion has not been given yet.")
    own, night = _own_window_lock(window, at, zone), _night_lock(row, at, zone)
    if own is not None and own.code == "no-therapy-period" and night is not None:
        return replace(own, why=f"{own.why} {night.why}")  # both end: the page says the later one, too
    if own is not None or night is not None:
        return own or night
    session = Interval(at, at + Duration(row.duration_minutes or 50).delta)
    definition = row.protocol_version.read()
    verdict = therapy_allowed(
        session, infusions=infusion_facts(course), rule=definition.window, zone=zone, act="start"
    )
    if verdict.refusals:
        return StartLock(verdict.refusals[0].code, f"{verdict.refusals[0].text}.")
    return None


def _own_window_lock(window: PlasticityWindow, at: datetime, zone: ZoneInfo) -> StartLock | None:
    when = in_words(window.t0, zone)
    if window.status == Status.STALE:
        return StartLock(
            "window-stale", "The therapy time is being worked out again. A clinician has been told."
        )
    if window.status == Status.NONE:
        return StartLock("no-window", "A clinician signed that no window opens after this infusion.")
    if window.status == Status.PROVISIONAL:
        words = f"Waiting for sign-off. Therapy from {when} (estimate until signed)."
        return StartLock("not-signed", words, window.t0)
    if at < window.t0:
        return StartLock("no-therapy-period", f"No-therapy period until {when}.", window.t0)
    if window.not_fit_until is not None and at < window.not_fit_until:
        words = f"Found not fit for therapy. Therapy again from {in_words(window.not_fit_until, zone)}."
        return StartLock("not-fit", words, window.not_fit_until)
    if window.status == Status.PENDING:
        return StartLock(
            "window-locked", "The facts are being checked once more; this takes some seconds.", at
        )
    return None


def _night_lock(row: FollowUp, at: datetime, zone: ZoneInfo) -> StartLock | None:
    """Not before its earliest moment, unless somebody booked it earlier with a coded reason."""
    booked = row.appointment
    agreed = (
        booked is not None and booked.status in Appointment.UPCOMING and booked.during.lower < row.earliest_at
    )
    if at >= row.earliest_at or agreed:
        return None
    return StartLock(
        "too-early", f"This therapy session is due from {in_words(row.earliest_at, zone)}.", row.earliest_at
    )


def licensed_therapists(load: SiteLoad, row: FollowUp) -> list[LoadedResource]:
    """Therapists of the site with a licence where the patient lives and a common language, own one first."""
    patient = row.patient
    found = [
        item
        for item in load.of_kind(Resource.Kind.THERAPIST)
        if load.licensed(item, Licence.Profession.THERAPIST, patient.jurisdiction)
        and speaks(item, patient.language)
    ]
    first = row.assignee_id or patient.therapist_id
    return sorted(found, key=lambda item: (item.row.user_id != first, item.row.name))


def licensed_people(row: FollowUp) -> list[User]:
    """Therapists of the site licensed where the patient lives on the target day, own one first. Two queries."""
    day = local_date(row.target_at, ZoneInfo(row.site.time_zone))
    people = User.objects.filter(
        is_active=True,
        resources__site=row.site_id,
        resources__kind=Resource.Kind.THERAPIST,
        resources__active=True,
        licences__profession=Licence.Profession.THERAPIST,
        licences__jurisdiction=row.patient.jurisdiction,
        licences__valid_during__contains=day,
    ).distinct()
    first = row.assignee_id or row.patient.therapist_id
    return sorted(people, key=lambda person: (person.pk != first, person.full_name))


def therapist_resource(load: SiteLoad, therapist: User) -> LoadedResource:
    """The therapist as a resource of the site. InvalidInput when they do not work there."""
    for item in load.of_kind(Resource.Kind.THERAPIST):
        if item.row.user_id == therapist.pk:
            return item
    raise InvalidInput(
        "This therapist does not work at the site.", code="unknown-resource", field="therapist"
    )


def check_licence(load: SiteLoad, item: LoadedResource, row: FollowUp, session: Interval) -> None:
    """Raise RuleNotMet unless the licence covers the patient's jurisdiction during the session, and a
    language.
    """
    jurisdiction = row.patient.jurisdiction
    if not covered(load.licensed(item, Licence.Profession.THERAPIST, jurisdiction), session):
        words = f"{item.row.name} holds no therapist's licence for {jurisdiction} on that day."
        raise RuleNotMet(words, code="not-licensed", field="therapist")
    if not speaks(item, row.patient.language):
        words = f"{item.row.name} does not speak the patient's language."
        raise RuleNotMet(words, code="language", field="therapist")


def load_around(row: FollowUp, session: Interval) -> SiteLoad:
    """The site on the local days that the session touches."""
    zone = ZoneInfo(row.site.time_zone)
    until = local_date(session.end, zone) + timedelta(days=1)
    return load_site(row.site, first=local_date(session.start, zone), until=until)


def check_open(row: FollowUp) -> None:
    """Raise StateConflict unless this follow-up is therapy that can still be arranged."""
    if not row.therapy:
        raise StateConflict("This is not a therapy session.", code="not-therapy")
    if row.state not in FollowUp.OPEN:
        words = row.closed_reason or "It is done."
        raise StateConflict(f"{row.get_state_display()}: {words}", code="follow-up-closed")


def not_held(row: FollowUp, now: datetime) -> bool:
    """Booked, its time has passed, and nobody has started it: what is left in the window may be booked instead."""
    booked = row.appointment
    return (
        row.therapy
        and row.state == FollowUp.State.BOOKED
        and booked is not None
        and booked.status in Appointment.UPCOMING
        and bool(booked.during.upper <= now)
    )


def free_slots(
    row: FollowUp,
    course: Sequence[VisitFacts],
    *,
    now: datetime,
    therapist: User | None = None,
    most: int = MOST_SLOTS,
    instead_of: Appointment | None = None,
) -> list[Slot]:
    """Free times for this follow-up from now on, soonest first; of one therapist, or of all who may treat the
    patient.

    On duty, licensed, with room, the patient free (but for the booking it stands `instead_of`), inside the
    follow-up's limits and outside every no-therapy period.
    """
    length = Duration(row.duration_minutes or 50).delta
    first, last = max(as_utc(row.earliest_at), _next_step(now)), as_utc(row.hard_latest_at)
    if first + length > last:
        return []
    zone = ZoneInfo(row.site.time_zone)
    load = load_site(
        row.site, first=local_date(first, zone), until=local_date(last, zone) + timedelta(days=1)
    )
    people = [item for item in licensed_therapists(load, row) if therapist in (None, item.row.user)]
    away = [*_patient_busy(row, first, last, instead_of), *_no_therapy(row, course)]
    found = [
        Slot(start, start + length, item.row.user)
        for item in people
        if item.row.user is not None
        for start in _starts(row, load, item, away, Interval(first, last), length)
    ]
    return sorted(found, key=lambda slot: slot.start)[:most]


def _starts(
    row: FollowUp,
    load: SiteLoad,
    item: LoadedResource,
    away: list[Interval],
    within: Interval,
    length: timedelta,
) -> list[datetime]:
    licensed = load.licensed(item, Licence.Profession.THERAPIST, row.patient.jurisdiction)
    free = subtract(intersect(intersect(item.free, licensed), [within]), away)
    if item.row.capacity == 1:
        free = subtract(free, item.busy)
    starts = []
    for part in free:
        start = _next_step(part.start)
        while start + length <= part.end:
            if item.row.capacity == 1 or has_room(Part(item, Interval(start, start + length), 1)):
                starts.append(start)
            start += SLOT_STEP
    return starts


def _next_step(at: datetime) -> datetime:
    """The first half hour at or after `at`."""
    step = int(SLOT_STEP.total_seconds())
    seconds = int(at.timestamp() + (1 if at.microsecond else 0))
    return datetime.fromtimestamp(-(-seconds // step) * step, UTC)


def _patient_busy(row: FollowUp, first: datetime, last: datetime, but: Appointment | None) -> list[Interval]:
    rows = Appointment.objects.blocking().filter(patient=row.patient_id).touching(first, last)
    return [
        Interval(item.during.lower, item.during.upper) for item in rows if but is None or item.pk != but.pk
    ]


def _no_therapy(row: FollowUp, course: Sequence[VisitFacts]) -> list[Interval]:
    """No-therapy periods, and the quiet time before each infusion."""
    quiet = Duration(row.protocol_version.read().window.quiet_block_minutes)
    spans = []
    for facts in infusion_facts(course):
        until = facts.t0 or facts.starts_at + timedelta(days=14)
        spans.append(Interval(facts.starts_at - quiet, max(until, facts.starts_at + timedelta(minutes=1))))
    return spans
