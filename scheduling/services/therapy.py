"""Post-infusion therapy: book, start, complete, cancel, decline. Every path asks the rules again under the
locks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.domain.intervals import Interval, as_utc
from scheduling.domain.localtime import Duration
from scheduling.loaders_follow import VisitFacts, load_course
from scheduling.models import Appointment, FollowUp, PatientSpan, PlasticityWindow, Resource, WorkItem
from scheduling.services import lanes
from scheduling.services.acts import act
from scheduling.services.escalation import settle_escalation
from scheduling.services.follow_up_rows import check_version, finish, locked
from scheduling.services.followups import close_rows
from scheduling.services.seating import Part, check_duty, check_room
from scheduling.services.therapy_rules import (
    SAME_NIGHT_REASONS,
    check_licence,
    check_open,
    check_session,
    load_around,
    not_held,
    start_lock,
    therapist_resource,
)
from scheduling.services.workitems import settle
from sessions.models import IntegrationSession
from sessions.services import NoteText, complete_integration, flag_inside_no_therapy, start_integration
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, RuleNotMet, StateConflict
from staff.models import User

State, Status = FollowUp.State, Appointment.Status
GRACE = timedelta(minutes=5)  # a start this far in the past is still "now" for somebody who fills in a form
EARLY = timedelta(minutes=30)
NOT_HELD_WORDS = "Did not take place; another time was booked."


@act
def book_therapy(
    *,
    follow_up: FollowUp,
    start: datetime,
    therapist: User,
    by: User,
    mode: str = IntegrationSession.Mode.IN_PERSON,
    override_reason: str = "",
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Appointment:
    """Book a therapy session for this follow-up. The same booking twice is one booking.

    One whose booked time passed without a start is booked anew: the old time is kept as not attended.

    Before the signature it is provisional, counted from the estimate. Raises RuleNotMet (no-therapy period,
    quiet time, night, limits, licence, duty), Clash (therapist or patient taken), StateConflict,
    StaleVersion, InvalidInput.
    """
    now, start = at or app_now(), as_utc(start)
    row = locked(follow_up, therapist)
    session = Interval(start, start + Duration(row.duration_minutes or 50).delta)
    if row.state == State.BOOKED and _is_this(row.appointment, session, therapist):
        return row.appointment  # type: ignore[return-value]  # booked follow-ups have one, by constraint
    check_version(row, expected_version)
    _check_bookable(row, session, by, mode, now)
    course, zone = load_course(row.patient_id), ZoneInfo(row.patient.time_zone)
    check_session(row, session, course, zone, override_reason)
    load = load_around(row, session)
    item = therapist_resource(load, therapist)
    check_licence(load, item, row, session)
    part = Part(item, session, 1)
    if by.pk != therapist.pk:
        check_duty(part, load)
    check_room(part, load, by)
    _let_pass(row, now)
    window = _window_of(row, course, therapist)
    signed = window is not None and window.sign_off_id is not None
    booked = _write(
        row, session, therapist, by, mode, SAME_NIGHT_REASONS.get(override_reason, ""), signed, now
    )
    _take(window, therapist, now)
    finish(row)
    return booked


@act
def start_therapy(
    *, follow_up: FollowUp, by: User, mode: str | None = None, at: datetime | None = None
) -> IntegrationSession:
    """Start the session now, booked or not. Starting what `by` has started already returns the running
    session.

    Raises RuleNotMet with when and why while the window is not open, StateConflict when it is booked with
    somebody else, and what `book_therapy` raises when no time was booked. The database refuses an early start
    by itself.
    """
    now = at or app_now()
    row = locked(follow_up, by)
    running = None if row.appointment is None else row.appointment.integration
    if running is not None and running.completed_at is None and running.therapist_id == by.pk:
        return running
    check_open(row)
    zone, course = ZoneInfo(row.patient.time_zone), load_course(row.patient_id)
    blocked = start_lock(row, course, now, zone)
    if blocked is not None:
        raise RuleNotMet(blocked.why, code=blocked.code, field="start")
    window = _window_of(row, course, by)
    appointment = _appointment_for_now(row, by, mode, now)
    session = start_integration(
        patient=row.patient, infusion=row.infusion, therapist=by, mode=mode or appointment.mode, by=by, at=now
    )
    appointment.status, appointment.integration = Status.IN_PROGRESS, session
    appointment.version += 1
    appointment.save(update_fields=["status", "integration", "version"])
    _take(window, by, now)
    finish(row)
    return session


@act
def complete_therapy(
    *,
    follow_up: FollowUp,
    by: User,
    goals: str = "",
    practice_plan: str = "",
    practice_when: str = "",
    practice_a_week: int | None = None,
    progress: str = "",
    at: datetime | None = None,
) -> FollowUp:
    """End the running session with its signed note; the follow-up is done. Raises StateConflict when none
    runs.
    """
    now = at or app_now()
    row = locked(follow_up, by)
    appointment = row.appointment
    session = None if appointment is None else appointment.integration
    if appointment is None or session is None:
        raise StateConflict("The therapy session has not been started.", code="not-started")
    if session.therapist_id != by.pk:
        raise NotAllowed(
            "Only the therapist who started the therapy session completes it.", code="not-your-session"
        )
    note = NoteText(goals, practice_plan, practice_when, practice_a_week, progress)
    ended = complete_integration(session=session, by=by, note=note, at=now)
    happened = Interval(ended.started_at, max(now, ended.started_at + timedelta(minutes=1)))
    no_therapy = PatientSpan.objects.filter(patient=row.patient, kind=PatientSpan.Kind.NO_THERAPY)
    if no_therapy.filter(during__overlap=(happened.start, happened.end)).exists():
        flag_inside_no_therapy(session=ended, at=now)
    lanes.release([appointment.pk])
    appointment.status, appointment.during = Status.COMPLETED, (happened.start, happened.end)
    appointment.version += 1
    appointment.save(update_fields=["status", "during", "version"])
    close_rows([row], state=State.DONE, reason="", at=now, by=by)
    finish(row)
    return row


def _is_this(booked: Appointment | None, session: Interval, therapist: User) -> bool:
    return (
        booked is not None
        and booked.practitioner_id == therapist.pk
        and (booked.during.lower, booked.during.upper) == (session.start, session.end)
    )


def _check_bookable(row: FollowUp, session: Interval, by: User, mode: str, now: datetime) -> None:
    check_open(row)
    if row.state == State.BOOKED and not not_held(row, now):
        raise StateConflict(
            "A therapy session is booked already: cancel it or move it.", code="already-booked"
        )
    if mode not in IntegrationSession.Mode.values:
        raise InvalidInput("Choose in person or video.", code="unknown-mode", field="mode")
    if session.start < now - GRACE:
        raise RuleNotMet("This time has passed.", code="past-start", field="start")


def _let_pass(row: FollowUp, now: datetime) -> None:
    """The time that passed without a start stays on record; the follow-up no longer points at it."""
    if not not_held(row, now) or row.appointment is None:
        return
    passed = row.appointment
    lanes.release([passed.pk])
    passed.status, passed.reason, passed.owner = Status.NO_SHOW, NOT_HELD_WORDS, None
    passed.version += 1
    passed.save(update_fields=["status", "reason", "owner", "version"])
    row.appointment = None


def _write(
    row: FollowUp,
    session: Interval,
    therapist: User,
    by: User,
    mode: str,
    reason: str,
    signed: bool,
    now: datetime,
) -> Appointment:
    """The appointment with its therapist's time; a displaced one gets its new time, so that its history goes
    on.
    """
    status = Status.BOOKED if signed else Status.PROVISIONAL
    old = row.appointment
    if old is not None and old.status == Status.DISPLACED:
        old.moved_from, old.moved_by, old.owner = old.during, by, None
        old.during, old.status, old.practitioner = (session.start, session.end), status, therapist
        old.mode, old.reason = mode, reason
        old.version += 1
        old.save()
        settle(
            kind=WorkItem.Kind.DISPLACED,
            key=str(old.code),
            resolution="A new time was booked.",
            by=by,
            at=now,
        )
        booked = old
    else:
        booked = Appointment.objects.create(
            kind=Appointment.Kind.THERAPY,
            status=status,
            patient=row.patient,
            site=row.site,
            series=row.series,
            ordinal=row.visit.ordinal,
            during=(session.start, session.end),
            practitioner=therapist,
            mode=mode,
            reason=reason,
            booked_by=by,
            booked_at=now,
        )
    booked.refresh_from_db(fields=["during"])
    _occupy(booked, session, therapist)
    row.appointment, row.state, row.assignee = booked, State.BOOKED, therapist
    row.version, row.generation = row.version + 1, row.generation + 1
    row.save(update_fields=["appointment", "state", "assignee", "version", "generation"])
    for cause in ("limits", "late"):
        settle(
            kind=WorkItem.Kind.UNPLACED,
            key=f"{cause}:{row.code}",
            resolution="A new time was booked.",
            by=by,
            at=now,
        )
    settle_escalation(row, "Therapy was booked.", now)
    return booked


def _occupy(booked: Appointment, session: Interval, therapist: User) -> None:
    """The therapist's time at every site where they work: one person is in one place."""
    own = Resource.objects.filter(user=therapist, kind=Resource.Kind.THERAPIST, active=True)
    lanes.occupy([lanes.Occupation(booked, resource, session) for resource in own])


def _appointment_for_now(row: FollowUp, by: User, mode: str | None, now: datetime) -> Appointment:
    """The booked time when it is about now, the same booking moved to now, or a fresh one."""
    length = Duration(row.duration_minutes or 50).delta
    booked = row.appointment
    if booked is None or booked.status not in Appointment.UPCOMING:
        return book_therapy(
            follow_up=row,
            start=now,
            therapist=by,
            by=by,
            mode=mode or IntegrationSession.Mode.IN_PERSON,
            at=now,
        )
    if booked.practitioner_id != by.pk:
        name = booked.practitioner.full_name if booked.practitioner else "somebody else"
        raise StateConflict(f"This therapy session is booked with {name}.", code="booked-with-another")
    if not booked.during.lower - EARLY <= now < booked.during.upper:
        lanes.release([booked.pk])
        booked.moved_from, booked.moved_by, booked.during = booked.during, by, (now, now + length)
        booked.save(update_fields=["moved_from", "moved_by", "during"])
        booked.refresh_from_db(fields=["during"])
        _occupy(booked, Interval(now, now + length), by)
    return booked


def _window_of(row: FollowUp, course: list[VisitFacts], therapist: User) -> PlasticityWindow | None:
    """The visit's current window. Raises StateConflict when another therapist has taken it."""
    window = next((facts.window for facts in course if facts.visit.pk == row.visit_id), None)
    if window is not None and window.claimed_by_id not in (None, therapist.pk) and not window.open_to_all:
        holder = User.objects.get(pk=window.claimed_by_id)
        raise StateConflict(f"{holder.full_name} has taken this one.", code="already-taken")
    return window


def _take(window: PlasticityWindow | None, therapist: User, now: datetime) -> None:
    """Whoever has a session in a window that nobody took has taken it."""
    if window is None:
        return
    if window.claimed_by_id is None or (window.open_to_all and window.claimed_by_id != therapist.pk):
        PlasticityWindow.objects.filter(pk=window.pk).update(
            claimed_by=therapist, claimed_at=now, version=window.version + 1
        )
