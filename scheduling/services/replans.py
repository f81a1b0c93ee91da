"""What a closure, an absence or changed hours leave without a place, and new times for it as one reviewed act.

`review` names every booking that stands outside the hours or has lost its time, and every follow-up of staff on a
closed day with whose it is. It proposes times inside gap limits and windows, one series after another, each against
what the ones before it would take: the proposals fit together because they are made together, and taken back.
`apply` does the accepted ones in one transaction, all or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.urls import reverse

from scheduling.conflicts import booking_act
from scheduling.domain.localtime import in_words, local_date
from scheduling.loaders import load_site, zone_of
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, FollowUp, Resource, ScheduleChange, TreatmentSeries, WorkItem
from scheduling.planning import longest_exception
from scheduling.services.cascade import MovePlan, propose_replan
from scheduling.services.changes import record, snapshot
from scheduling.services.move_diff import Diff, preview
from scheduling.services.moving import SessionMove, move_visits
from scheduling.services.resources import outside_hours
from scheduling.services.seating import VisitChoice
from scheduling.services.therapy import book_therapy
from scheduling.services.therapy_rules import Slot, free_slots
from scheduling.services.windows import displace
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput
from staff.locks import lock
from staff.models import Site, User

Status = Appointment.Status
NO_LONG_GAP = "Its protocol version allows no longer gap that a prescriber could approve."
REASON = "Clinic closed or staff away (asked by the clinic)"
LOOK_AHEAD = timedelta(days=120)
MOST_GROUPS = 60
STAFF = ("therapist", "nurse", "clinician")


@dataclass(frozen=True)
class SeriesGroup:
    """Visits of one series that need a new time, and the proposal; `why_not` when there is none."""

    series: TreatmentSeries
    hit: tuple[Appointment, ...]
    plan: MovePlan
    diff: Diff
    why_not: tuple[str, ...]

    @property
    def placed(self) -> bool:
        """A proposal exists and was seen to work."""
        return bool(self.plan.choices) and self.diff.refusal is None


@dataclass(frozen=True)
class SessionGroup:
    """One therapy session that needs a new time; slot None: none is free inside its limits."""

    session: Appointment
    follow_up: FollowUp | None
    slot: Slot | None


@dataclass(frozen=True)
class ClosedFollowUp:
    """A follow-up of staff whose target lies on a closed day, and on whose list it is."""

    follow_up: FollowUp
    day: date
    why: str
    owner: str


@dataclass(frozen=True)
class Review:
    """Everything that closures and absences ask of people, with proposals."""

    groups: tuple[SeriesGroup, ...]
    sessions: tuple[SessionGroup, ...]
    follow_ups: tuple[ClosedFollowUp, ...]

    @property
    def empty(self) -> bool:
        """Nothing is in the way of anything."""
        return not (self.groups or self.sessions or self.follow_ups)


@dataclass(frozen=True)
class AcceptedSeries:
    """A proposal for one series as it was shown; `seen`: versions by ordinal."""

    series: TreatmentSeries
    choices: tuple[VisitChoice, ...]
    sessions: tuple[SessionMove, ...]
    seen: dict[int, int]


@dataclass(frozen=True)
class AcceptedSession:
    """A new time for one therapy session as it was shown."""

    session: Appointment
    start: datetime
    therapist: User
    version: int


def review(*, site: Site, by: User, at: datetime | None = None) -> Review:
    """What needs a new time at this site and where it could go. Nothing is written."""
    now = at or app_now()
    visits, sessions = _hit(site, by, now)
    groups: list[SeriesGroup] = []
    with transaction.atomic():
        for series, hit in visits:
            group = _propose(series, hit, by, now)
            groups.append(group)
            if group.placed:
                plan = group.plan
                move_visits(
                    series=series, choices=plan.choices, sessions=plan.sessions, scope=plan.scope, reason=REASON,
                    by=by, at=now,
                )  # fmt: skip
        found = [_session(item, now) for item in sessions]
        transaction.set_rollback(True)
    return Review(tuple(groups), tuple(found), tuple(closed_follow_ups(site, by, now)))


def _hit(
    site: Site, by: User, now: datetime
) -> tuple[list[tuple[TreatmentSeries, list[Appointment]]], list[Appointment]]:
    """Bookings of patients whom this person may see that lie outside the hours or lost their time, by series."""
    keys = list(Resource.objects.filter(site=site).values_list("pk", flat=True))
    outside = [item.pk for item in outside_hours(site, keys, now)]
    rows = Appointment.objects.visible_to(by).for_page().filter(site=site)
    found = list(rows.filter(pk__in=outside)) + list(rows.filter(status=Status.DISPLACED))
    series: dict[int, list[Appointment]] = {}
    for item in sorted(found, key=lambda row: row.during.lower):
        if item.kind == Appointment.Kind.INFUSION and item.series is not None:
            series.setdefault(item.series_id or 0, []).append(item)
    live = {row.pk: row for row in TreatmentSeries.objects.live().for_page().filter(pk__in=series)}
    visits = [(live[key], hit) for key, hit in series.items() if key in live]
    return visits[:MOST_GROUPS], [item for item in found if item.kind == Appointment.Kind.THERAPY][
        :MOST_GROUPS
    ]


def _propose(series: TreatmentSeries, hit: Sequence[Appointment], by: User, now: datetime) -> SeriesGroup:
    try:
        plan = propose_replan(series=series, hit=hit, at=now)
    except DomainError as refusal:
        return SeriesGroup(
            series, tuple(hit), MovePlan(series, "this"), Diff(refusal=refusal), (refusal.message,)
        )
    if not plan.choices:
        words = [item.text for item in plan.refusals[:4]]
        if plan.long_gap is not None:
            words.append(plan.long_gap.text)
        elif longest_exception(series.protocol_version.read()) is None:
            words.append(NO_LONG_GAP)
        return SeriesGroup(series, tuple(hit), plan, Diff(), tuple(words))
    diff = preview(plan, by=by, reason=REASON, at=now)
    why = (diff.refusal.message,) if diff.refusal else ()
    return SeriesGroup(series, tuple(hit), plan, diff, why)


def _session(item: Appointment, now: datetime) -> SessionGroup:
    """The nearest free time inside the window, with the same therapist if they are there."""
    rows = FollowUp.objects.filter(appointment=item, state__in=FollowUp.OPEN)
    row = rows.select_related("patient", "site", "series__protocol_version", "visit").first()
    if row is None:
        return SessionGroup(item, None, None)
    slots = free_slots(row, load_course(item.patient_id), now=now, most=400)
    if not slots:
        return SessionGroup(item, row, None)

    def order(slot: Slot) -> tuple[bool, float]:
        other = slot.therapist.pk != item.practitioner_id
        return other, abs((slot.start - item.during.lower).total_seconds())

    return SessionGroup(item, row, min(slots, key=order))


def closed_follow_ups(site: Site, by: User, now: datetime) -> Iterable[ClosedFollowUp]:
    """Open follow-ups of staff, without an appointment, whose target lies on a closed day ahead."""
    zone = zone_of(site)
    today = local_date(now, zone)
    closed = load_site(site, first=today, until=today + LOOK_AHEAD, only=()).closed
    if not closed:
        return
    rows = FollowUp.objects.visible_to(by).filter(
        site=site, state__in=FollowUp.OPEN, audience__in=STAFF, appointment__isnull=True,
        target_at__gte=now, target_at__lt=now + LOOK_AHEAD,
    )  # fmt: skip
    for row in rows.select_related("patient", "assignee", "visit").order_by("target_at", "pk"):
        day = local_date(row.target_at, zone)
        if day in closed:
            owner = row.assignee.full_name if row.assignee else roles.LABELS[row.audience]
            yield ClosedFollowUp(row, day, closed[day], owner)


@booking_act
def apply(
    *,
    site: Site,
    by: User,
    series: Sequence[AcceptedSeries] = (),
    sessions: Sequence[AcceptedSession] = (),
    reason: str = REASON,
    at: datetime | None = None,
) -> list[ScheduleChange]:
    """Do the accepted proposals, all or none. What has no place stays on its owner's list, with the reason.

    Raises StaleVersion, Clash, RuleNotMet, StateConflict or InvalidInput; a refusal names the series' patient's visit.
    """
    now = at or app_now()
    if len(series) > MOST_GROUPS or len(sessions) > MOST_GROUPS:
        raise InvalidInput("Too many changes at once.", code="visits", field="visits")
    patients = {item.series.patient_id for item in series} | {item.session.patient_id for item in sessions}
    lock(patients=patients, resources=Resource.objects.filter(site=site).values_list("pk", flat=True))
    changes = [
        move_visits(
            series=item.series,
            choices=item.choices,
            sessions=item.sessions,
            seen=item.seen,
            scope=ScheduleChange.Scope.FOLLOWING if len(item.choices) > 1 else ScheduleChange.Scope.THIS,
            reason=reason,
            by=by,
            at=now,
        )
        for item in series
    ]
    changes += [_move_session(item, by, now) for item in sessions]
    list_unplaced(site, by, now)
    return changes


def _move_session(item: AcceptedSession, by: User, now: datetime) -> ScheduleChange:
    session = (
        Appointment.objects.select_for_update(of=["self"])
        .select_related("patient", "site", "series")
        .get(pk=item.session.pk)
    )
    if session.version != item.version:
        raise InvalidInput(
            "A therapy session was changed meanwhile. Look again.", code="stale", field="sessions"
        )
    before = snapshot([session])
    follow_up = FollowUp.objects.select_related("patient", "site").get(appointment=session)
    if session.status != Status.DISPLACED:
        displace(session, reason=REASON, at=now)
    follow_up.refresh_from_db()
    if follow_up.state == FollowUp.State.BOOKED:
        FollowUp.objects.filter(pk=follow_up.pk).update(state=_reopened(follow_up))
    moved = book_therapy(
        follow_up=FollowUp.objects.get(pk=follow_up.pk), start=item.start, therapist=item.therapist, by=by,
        mode=session.mode, at=now,
    )  # fmt: skip
    settle(kind=WorkItem.Kind.DISPLACED, key=f"hours:{moved.code}", resolution="Moved.", at=now, by=by)
    return record(ScheduleChange.Kind.MOVE, before, reason=REASON, by=by, at=now)


def _reopened(follow_up: FollowUp) -> str:
    """The state of a follow-up whose session has lost its time, until it is booked again a line later."""
    return FollowUp.State.RELEASED if follow_up.infusion_id else FollowUp.State.PROVISIONAL


def list_unplaced(site: Site, by: User, now: datetime) -> int:
    """Every booking that still has no place is on the list of whoever booked it, in words. Returns how many."""
    visits, sessions = _hit(site, by, now)
    left = [item for _, hit in visits for item in hit] + sessions
    for item in left:
        raise_item(
            kind=WorkItem.Kind.DISPLACED,
            key=str(item.code) if item.status == Status.DISPLACED else f"hours:{item.code}",
            site=site,
            patient=item.patient,
            title=f"{item} needs a new time",
            detail=f"{in_words(item.during.lower, zone_of(site))} cannot stay. No change was accepted for it yet.",
            role=roles.THERAPIST if item.kind == Appointment.Kind.THERAPY else roles.COORDINATOR,
            owner=item.practitioner if item.kind == Appointment.Kind.THERAPY else item.booked_by,
            url=reverse("replan"),
            due_at=now,
            at=now,
        )
    return len(left)
