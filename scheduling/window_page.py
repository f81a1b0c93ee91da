"""The page of one window: its state, the therapy with its free times, and all that follows the infusion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from scheduling import queries_follow
from scheduling.domain.localtime import day_in_words, local_date, resolve_local
from scheduling.follow_words import (
    FOLLOW_UP_CHIPS,
    STATES,
    Chip,
    flags_of,
    until_words,
    why_rows,
    window_words,
)
from scheduling.loaders_follow import VisitFacts, load_course
from scheduling.models import Appointment, FollowUp, PlasticityWindow
from scheduling.outside_words import outside_chip
from scheduling.queue_page import bar_for
from scheduling.services.therapy_rules import Slot, StartLock, free_slots, not_held, start_lock
from sessions.models import NightReport
from staff.models import User
from staff.windowbar import Mark, build_axis

State, Status = FollowUp.State, PlasticityWindow.Status
OFFERED = 24


@dataclass(frozen=True)
class FollowUpRow:
    """One follow-up as pages show it."""

    row: FollowUp
    chip: Chip
    why: list[tuple[str, str]]
    flags: list[str]
    acts: frozenset[str]
    late: bool
    outside: Chip | None = None


@dataclass(frozen=True)
class TherapyCard:
    """One therapy session of the window: booked, free to book, or locked with when and why."""

    line: FollowUpRow
    lock: StartLock | None
    with_whom: User | None
    days: list[tuple[str, list[Slot]]]
    more: bool
    running: bool


def window_context(window: PlasticityWindow, user: User, now: datetime) -> dict[str, Any]:
    """Everything that the template of the window page reads."""
    zone = ZoneInfo(window.infusion.site.time_zone)
    rows = queries_follow.follow_ups_of(window.infusion_id)
    therapy = [row for row in rows if row.therapy and row.state not in (State.DROPPED, State.WITHDRAWN)]
    shown = _in_front(therapy)
    course = load_course(window.patient_id)
    session = therapy[0] if therapy else None
    words, estimate = window_words(window, session, zone, now)
    state = queries_follow.state_of(window, session, now)
    lines = [follow_up_row(row, user, now) for row in rows if row not in shown]
    soon = now + queries_follow.LATER
    nights = list(NightReport.objects.current().filter(infusion=window.infusion_id).order_by("night"))
    axis = build_axis(window.starts_at - timedelta(hours=4), _end_of_bar(window), now=now, zone=zone)
    return {
        "window": window,
        "now": now,
        "words": words,
        "estimate": estimate,
        "until": until_words(window, zone, now),
        "chip": _chip(window, state),
        "axis": axis,
        "bar": bar_for(window, session, axis, words, night_marks(window, nights, zone)),
        "cards": [therapy_card(row, course, user, now, zone) for row in shown],
        "others": [line for line in lines if line.row.target_at < soon],
        "later": [line for line in lines if line.row.target_at >= soon],
        "may_take": (window.claimed_by_id is None or (window.open_to_all and window.claimed_by_id != user.pk))
        and user.may("window.claim")
        and state != "done",
        "may_give_back": window.claimed_by_id == user.pk,
        "may_contact": user.may("safety_contact.record"),
        "may_read_notes": user.may("therapy.note_view"),
        "nights": nights,
        "may_ask_sleep": window.infusion.stopped_at is not None and user.may("follow_up.complete"),
    }


def night_marks(window: PlasticityWindow, nights: list[NightReport], zone: ZoneInfo) -> list[Mark]:
    """Each night that was asked about, at four in the morning of it."""
    evening = local_date(window.infusion.stopped_at or window.starts_at, zone)
    return [
        Mark(
            "sleep",
            resolve_local(evening + timedelta(days=item.night), time(4), zone).instant,
            f"Night {item.night}: {item.words}",
        )
        for item in nights
    ]


def _in_front(therapy: list[FollowUp]) -> list[FollowUp]:
    """The sessions that get a card: those booked, else the next one to arrange, else the last that took
    place.
    """
    booked = [row for row in therapy if row.state == State.BOOKED]
    open_ = [row for row in therapy if row.state in FollowUp.OPEN]
    return booked or open_[:1] or therapy[:1]


def _end_of_bar(window: PlasticityWindow) -> datetime:
    return max(window.core_until, window.t0 + timedelta(hours=24)) + timedelta(hours=12)


def _chip(window: PlasticityWindow, state: str) -> Chip:
    if window.status in (Status.STALE, Status.NONE, Status.CLOSED):
        return STATES[window.status]
    return STATES["open" if state == "done" else state]


def follow_up_row(row: FollowUp, user: User, now: datetime) -> FollowUpRow:
    """The state in words, why now, and which acts the page offers."""
    late = row.state in FollowUp.ACTIONABLE and row.latest_at <= now
    return FollowUpRow(
        row, FOLLOW_UP_CHIPS[row.state], why_rows(row), flags_of(row), _acts(row, user, now), late,
        outside_chip(row, ZoneInfo(row.site.time_zone), now),
    )  # fmt: skip


def _acts(row: FollowUp, user: User, now: datetime) -> frozenset[str]:
    """What may be offered for this follow-up; the services decide again."""
    if row.state not in FollowUp.OPEN:
        late = row.outside_id is not None and row.state == State.MISSED
        mine = user.may("therapy.report")
        return frozenset(
            name
            for name, yes in {"report": late, "withdraw": row.report_id is not None}.items()
            if yes and mine
        )
    books, conducts, completes = (
        user.may("therapy.book"),
        user.may("therapy.conduct"),
        user.may("follow_up.complete"),
    )
    running = row.appointment is not None and row.appointment.status == Appointment.Status.IN_PROGRESS
    booked = row.state == State.BOOKED
    offered = {
        "book": row.therapy and books and (not booked or not_held(row, now)),
        "report": row.outside_id is not None and row.state == State.RELEASED and user.may("therapy.report"),
        "start": row.therapy and conducts and not running and (row.outside_id is None or booked),
        "complete": row.therapy and conducts and running,
        "cancel": booked and books and not running,
        "done": not row.therapy and row.state == State.RELEASED and completes and row.earliest_at <= now,
        "decline": completes and not running and row.state in FollowUp.ACTIONABLE,
        "not_done": completes and not running and row.state in FollowUp.ACTIONABLE,
    }
    return frozenset(name for name, yes in offered.items() if yes)


def therapy_card(
    row: FollowUp, course: list[VisitFacts], user: User, now: datetime, zone: ZoneInfo
) -> TherapyCard:
    """One session with what the therapist needs: when and why it is locked, or the free times."""
    line = follow_up_row(row, user, now)
    here = row.outside_id is None or row.state == State.BOOKED
    found = free_slots(row, course, now=now, most=OFFERED * 8) if "book" in line.acts and here else []
    with_whom = _first_choice(row, user, [slot.therapist for slot in found])
    slots = [slot for slot in found if slot.therapist == with_whom]
    return TherapyCard(
        line=line,
        lock=start_lock(row, course, now, zone) if "start" in line.acts else None,
        with_whom=with_whom,
        days=by_day(slots[:OFFERED], zone),
        more=len(slots) > OFFERED,
        running="complete" in line.acts,
    )


def _first_choice(row: FollowUp, user: User, free: list[User]) -> User | None:
    """Whose free times are shown first: one's own, else of who has the task, else the patient's therapist."""
    wanted = [user.pk, row.assignee_id, row.patient.therapist_id]
    ranked = sorted(
        set(free), key=lambda person: wanted.index(person.pk) if person.pk in wanted else len(wanted)
    )
    return ranked[0] if ranked else None


def by_day(slots: Iterable[Slot], zone: ZoneInfo) -> list[tuple[str, list[Slot]]]:
    """Free times under the local day they lie on."""

    def day(slot: Slot) -> date:
        return local_date(slot.start, zone)

    return [(day_in_words(key), list(group)) for key, group in groupby(slots, key=day)]
