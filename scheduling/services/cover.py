"""A therapist is away: their therapy sessions, by the time their windows have left, with colleagues who may take them.

One accepted act hands over everything at once and notes the absence; each patient is told once, of the new
time, because
messages are planned from what stands at the end of it (clinic-day 33).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.urls import reverse

from patients.models import ContactPoint, ExternalTherapist
from scheduling.domain.intervals import Interval, subtract
from scheduling.domain.localtime import in_words
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, FollowUp, PlasticityWindow, Resource, WorkItem
from scheduling.services.acts import act
from scheduling.services.closing import cancel_therapy, mark_not_done
from scheduling.services.outside import hand_outside
from scheduling.services.recipients import contact_of_external
from scheduling.services.resources import add_absence
from scheduling.services.therapy import book_therapy
from scheduling.services.therapy_rules import Slot, free_slots
from scheduling.services.windows import hand_to, may_see_patient
from scheduling.services.workitems import raise_item
from sessions.models import IntegrationSession
from staff import roles
from staff.clock import app_now
from staff.errors import InvalidInput, NotAllowed, StateConflict
from staff.locks import lock
from staff.models import User

State = FollowUp.State
MISSED, LEAVE, VIDEO, OUTSIDE = "missed", "leave", "video", "outside"
WORDS = frozenset({MISSED, LEAVE, VIDEO, OUTSIDE})
MISSED_WORDS = "Missed: staff absence"
LONGEST, DAY = timedelta(days=31), timedelta(days=1)
MOST_OPTIONS, SEARCH = 6, 400


@dataclass(frozen=True)
class CoverLine:
    """One therapy session of the absent therapist. `ends`: when its window is over. `options`: who may take
    it and when,
    best first (the booked time with somebody else, then what is nearest to it); `suggested` is the key of the first
    that does not meet another suggestion.
    """

    row: FollowUp
    booked: datetime | None
    ends: datetime
    options: tuple[Slot, ...]
    suggested: str
    by_video: bool = False
    outside: ExternalTherapist | None = None

    @property
    def keyed(self) -> list[tuple[str, Slot]]:
        """(key, option) in order."""
        return [(key_of(slot), slot) for slot in self.options]


def key_of(slot: Slot) -> str:
    """How a choice is named in a form or a request: instant and therapist."""
    return f"{slot.start.isoformat()}|{slot.therapist.code}"


def check_span(therapist: User, start: datetime, until: datetime, by: User) -> None:
    """Raise InvalidInput for an absence that ends before it starts or is over a month; NotAllowed for a therapist who
    names somebody else.
    """
    if until <= start:
        raise InvalidInput("The last day lies before the first.", code="order", field="until")
    if until - start > LONGEST:
        raise InvalidInput("Plan cover for at most 31 days at a time.", code="too-long", field="until")
    if not by.may("therapy.cover") or (by.pk != therapist.pk and roles.COORDINATOR not in by.role_names):
        raise NotAllowed("Only a coordinator plans cover for somebody else.", code="role", field="therapist")


def sessions_of(therapist: User, start: datetime, until: datetime) -> list[FollowUp]:
    """Therapy that this absence [start, until) touches: booked in it, or theirs, not booked, and over before
    they return.

    The one whose window ends first is first.
    """
    booked = Q(
        state=State.BOOKED, appointment__practitioner=therapist, appointment__status__in=Appointment.UPCOMING,
        appointment__during__overlap=(start, until),
    )  # fmt: skip
    unbooked = Q(
        state__in=[State.FIRM, State.RELEASED],
        assignee=therapist,
        hard_latest_at__gt=start,
        hard_latest_at__lt=until,
    )
    rows = (
        FollowUp.objects.filter(booked | unbooked, therapy=True)
        .select_related(
            "patient",
            "site",
            "series__protocol_version",
            "infusion__protocol_version",
            "appointment",
            "visit",
            "assignee",
        )
        .order_by("hard_latest_at", "pk")
    )
    return list(rows)


def propose_cover(
    *, therapist: User, start: datetime, until: datetime, by: User, at: datetime | None = None
) -> list[CoverLine]:
    """Each session with who could take it: licensed for the patient, speaking the language, on duty, free; or the
    therapist's own free time after the return. Reads only.
    """
    now = at or app_now()
    check_span(therapist, start, until, by)
    away = Interval(start, until)
    taken: list[Slot] = []
    lines = []
    for row in sessions_of(therapist, start, until):
        booked = None if row.appointment is None else row.appointment.during.lower
        found = free_slots(row, load_course(row.patient_id), now=now, most=SEARCH, instead_of=row.appointment)
        free = [slot for slot in found if slot.therapist.pk != therapist.pk or not _meets(slot, away)]
        options = _ranked(free, booked or row.target_at)
        first = next((slot for slot in options if not _clashes(slot, taken)), None)
        if first is not None:
            taken.append(first)
        lines.append(
            CoverLine(
                row, booked, row.hard_latest_at, tuple(options), key_of(first) if first else LEAVE,
                booked is not None, outside_for(row, now),
            )
        )  # fmt: skip
    return lines


def outside_for(row: FollowUp, at: datetime) -> ExternalTherapist | None:
    """Who outside may be told of this session's times: released to by the patient, with an address that may be used."""
    for release in row.patient.releases.filter(revoked_at__isnull=True).select_related("therapist"):
        reachable = isinstance(contact_of_external(row.patient, release.therapist), ContactPoint)
        if release.valid_at(at) and reachable:
            return release.therapist
    return None


def _meets(slot: Slot, away: Interval) -> bool:
    return slot.start < away.end and away.start < slot.end


def _clashes(slot: Slot, taken: Sequence[Slot]) -> bool:
    return any(
        other.therapist.pk == slot.therapist.pk and slot.start < other.end and other.start < slot.end
        for other in taken
    )


def _ranked(slots: Sequence[Slot], wished: datetime) -> list[Slot]:
    """Nearest to the wished time first, two of each person at most, so that the reader sees people and not
    half hours."""
    ranked = sorted(slots, key=lambda slot: (abs(slot.start - wished), slot.therapist.full_name))
    seen: dict[int, int] = {}
    chosen = []
    for slot in ranked:
        seen[slot.therapist.pk] = seen.get(slot.therapist.pk, 0) + 1
        if seen[slot.therapist.pk] <= 2:
            chosen.append(slot)
    return chosen[:MOST_OPTIONS]


@act
def accept_cover(
    *,
    therapist: User,
    start: datetime,
    until: datetime,
    choices: Mapping[str, tuple[datetime, User] | str],
    by: User,
    at: datetime | None = None,
) -> list[FollowUp]:
    """Hand over by follow-up code: (start, therapist), "video" (the booked time, from where the therapist is),
    "outside" (the patient's therapist outside, on their release), "missed" or "leave"; note the absence around what is
    kept. All of it, or nothing.

    Every rule of booking is asked again. What was handed over already is left as it is, so that sending it twice is
    harmless. Raises InvalidInput for a choice that is missing, StateConflict when a session is no longer the absent
    therapist's, and what `book_therapy` raises.
    """
    now = at or app_now()
    check_span(therapist, start, until, by)
    rows = sessions_of(therapist, start, until)
    named = FollowUp.objects.filter(code__in=list(choices), therapy=True).select_related("appointment")
    known = {str(row.code): row for row in named}
    _lock_all(therapist, [*rows, *known.values()], choices)
    missing = [row for row in rows if str(row.code) not in choices]
    if missing:
        raise InvalidInput("Choose what becomes of each therapy session.", code="required", field="choices")
    theirs = {row.pk for row in rows}
    changed = []
    for code, choice in choices.items():
        row = known.get(code)
        if row is None:
            raise InvalidInput("There is no therapy session with this code.", code="unknown", field="choices")
        if row.pk not in theirs:
            _check_done(row, choice)
            continue
        changed.append(_hand_over(row, choice, by, now))
    kept = [row.appointment.during for row in changed if choices[str(row.code)] == VIDEO and row.appointment]
    gaps = subtract([Interval(start, until)], [Interval(during.lower, during.upper) for during in kept])
    for resource in Resource.objects.filter(user=therapist, kind=Resource.Kind.THERAPIST, active=True):
        for gap in gaps:
            add_absence(resource=resource, start=gap.start, end=gap.end, reason="Away", by=by, at=now)
    return changed


def _lock_all(
    therapist: User, rows: Sequence[FollowUp], choices: Mapping[str, tuple[datetime, User] | str]
) -> None:
    """Every patient and everybody's time at once, in one order: two covers at the same moment wait for each other."""
    people = {therapist.pk} | {choice[1].pk for choice in choices.values() if not isinstance(choice, str)}
    resources = Resource.objects.filter(user__in=people, kind=Resource.Kind.THERAPIST, active=True)
    lock(patients={row.patient_id for row in rows}, resources=set(resources.values_list("pk", flat=True)))


def _check_done(row: FollowUp, choice: tuple[datetime, User] | str) -> None:
    """Sent a second time: what was asked for stands already, or somebody changed it since."""
    booked = row.appointment
    if isinstance(choice, str):
        same = (
            choice == LEAVE
            or (choice == OUTSIDE and row.outside_id is not None)
            or (row.state == State.MISSED and row.closed_reason == MISSED_WORDS)
        )
    else:
        same = booked is not None and (booked.during.lower, booked.practitioner_id) == (
            choice[0],
            choice[1].pk,
        )
    if not same:
        raise StateConflict(
            "A therapy session changed since you opened the page. Look again.", code="changed"
        )


def _hand_over(row: FollowUp, choice: tuple[datetime, User] | str, by: User, now: datetime) -> FollowUp:
    if choice == MISSED:
        return mark_not_done(follow_up=row, reason=MISSED_WORDS, by=by, at=now)
    if choice == VIDEO:
        return _by_video(row, by, now)
    if choice == OUTSIDE:
        person_outside = outside_for(row, now)
        if person_outside is None:
            raise StateConflict(
                "Nobody outside may be told of this one any more. Look again.", code="changed"
            )
        return hand_outside(follow_up=row, therapist=person_outside, by=by, at=now)
    if isinstance(choice, str):
        if choice != LEAVE:
            raise InvalidInput("Choose one of the offered times.", code="not-offered", field="choices")
        _nobody_free(row, now)
        return row
    start, person = choice
    if row.appointment is not None:
        cancel_therapy(follow_up=row, reason="The therapist is away", by=by, at=now)
    window = (
        PlasticityWindow.objects.current().select_related("patient").filter(infusion=row.infusion_id).first()
    )
    if window is not None and window.claimed_by_id != person.pk:
        hand_to(window, person, now)
    if window is not None:
        may_see_patient(window, person, by, now)
    book_therapy(follow_up=row, start=start, therapist=person, by=by, at=now)
    row.refresh_from_db()
    return row


def _by_video(row: FollowUp, by: User, now: datetime) -> FollowUp:
    """The same therapist at the same time, by video; a coordinator tells the patient."""
    booked = row.appointment
    if booked is None or booked.status not in Appointment.UPCOMING:
        raise InvalidInput("Only a booked session can be kept by video.", code="not-offered", field="choices")
    if booked.mode != IntegrationSession.Mode.VIDEO:
        booked.mode, booked.version = IntegrationSession.Mode.VIDEO, booked.version + 1
        booked.save(update_fields=["mode", "version"])
    when = in_words(booked.during.lower, ZoneInfo(row.site.time_zone))
    raise_item(
        kind=WorkItem.Kind.CALL_PATIENT, key=f"video:{booked.code}", site=row.site, patient=row.patient,
        title="Call the patient: therapy is by video", role=roles.COORDINATOR, at=now,
        due_at=min(booked.during.lower, now + DAY), url=reverse("visit_detail", args=[booked.code]),
        detail=f"The therapist is away and gives the session of {when} by video. Tell the patient how.",
    )  # fmt: skip
    return row


def _nobody_free(row: FollowUp, now: datetime) -> None:
    """On the coordinators' list: video, or the patient's own therapist outside; else it is recorded as missed."""
    ends = in_words(row.hard_latest_at, ZoneInfo(row.site.time_zone))
    raise_item(
        kind=WorkItem.Kind.UNPLACED, key=f"cover:{row.code}", site=row.site, patient=row.patient,
        title="Nobody is free to cover a therapy session", role=roles.COORDINATOR, due_at=row.latest_at, at=now,
        detail=f"Offer video or an outside therapist before {ends}; else record it as missed: staff absence.",
    )  # fmt: skip
