"""The therapist queue as the page draws it: filters, rows with their bars on one hour axis, and what may be
done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse

from patients.alike import Named, look_alikes
from scheduling.follow_words import STATES, Chip, soon_in_words, why_rows, window_words
from scheduling.models import Appointment, FollowUp, PlasticityWindow
from scheduling.outside_words import outside_chip
from scheduling.queries_follow import QueueItem, queue_items
from scheduling.queue_facts import Fact, facts_of
from scheduling.services.not_fit import REASONS
from scheduling.services.therapy_rules import not_held
from staff.models import Site, User
from staff.windowbar import Axis, Mark, Segment, WindowBar, build_axis, build_bar

SHOWS = {"todo": "To do", "closing": "Closing", "open": "Open", "opening": "Opening", "waiting": "Waiting for sign-off",
         "done": "Done"}  # fmt: skip
TODO = ("closing", "open", "opening")
WHOSE = {"all": "Everybody's", "mine": "Mine", "unassigned": "Unassigned"}
BEFORE, AHEAD, SHORTEST = timedelta(hours=12), timedelta(hours=12), timedelta(hours=48)
LONGEST = timedelta(hours=132)


@dataclass(frozen=True)
class Filters:
    """What the address asks for; unknown words fall back to the first of each."""

    show: str = "todo"
    whose: str = "all"

    @classmethod
    def read(cls, query: dict[str, str]) -> Filters:
        """From the query string."""
        show, whose = query.get("show", ""), query.get("whose", "")
        return cls(show if show in SHOWS else "todo", whose if whose in WHOSE else "all")

    def url(self, **over: str) -> str:
        """The address of the queue with some of them changed."""
        wanted = {"show": self.show, "whose": self.whose} | over
        return f"{reverse('therapist_queue')}?{urlencode(wanted)}"


@dataclass(frozen=True)
class QueueRow:
    """One line: who, where it stands in words, the bar, and the next act."""

    item: QueueItem
    chip: Chip
    words: str
    estimate: bool
    therapist: str
    booked: str
    overdue: bool
    bar: WindowBar
    url: str
    acts: frozenset[str]
    facts: tuple[Fact, ...] = ()
    why: tuple[tuple[str, str], ...] = ()
    locked: str = ""
    offered: str = ""
    alike: str = ""
    outside: str = ""
    outside_chip: Chip | None = None

    @property
    def alarms(self) -> list[Fact]:
        """Facts that come first: risk and distress."""
        return [fact for fact in self.facts if fact.tone]

    @property
    def plain(self) -> list[Fact]:
        """The other facts."""
        return [fact for fact in self.facts if not fact.tone]


def filtered(items: Iterable[QueueItem], filters: Filters, user: User) -> list[QueueItem]:
    """The items that the filters leave; those with nothing left to do come last."""
    wanted = TODO if filters.show == "todo" else (filters.show,)
    return [item for item in items if item.state in wanted and _is_whose(item, filters.whose, user)]


def _is_whose(item: QueueItem, whose: str, user: User) -> bool:
    if whose == "mine":
        return user.pk in item.mine_for
    return item.unassigned if whose == "unassigned" else True


def tabs(items: list[QueueItem], filters: Filters, user: User) -> list[dict[str, object]]:
    """The states as tabs with their counts for the chosen people."""
    counts = Counter(item.state for item in items if _is_whose(item, filters.whose, user))
    counts["todo"] = sum(counts[state] for state in TODO)
    return [
        {"label": label, "url": filters.url(show=key), "current": key == filters.show, "count": counts[key]}
        for key, label in SHOWS.items()
    ]


def first_rows(user: User, site: Site, now: datetime, most: int) -> list[QueueRow]:
    """The windows with therapy to do that end first, at most `most`: what Today shows a therapist. Two queries."""
    zone = ZoneInfo(site.time_zone)
    shown = filtered(queue_items(user, site, now), Filters(), user)[:most]
    axis = axis_for(shown, now, zone)
    return [queue_row(item, axis, zone, now, user) for item in shown]


def axis_for(items: Iterable[QueueItem], now: datetime, zone: ZoneInfo) -> Axis:
    """From half a day ago to the end of the last window, at most five and a half days."""
    last = max((item.ends for item in items), default=now)
    ends = min(max(last + AHEAD, now + SHORTEST), now + LONGEST)
    return build_axis(now - BEFORE, ends, now=now, zone=zone)


def names_alike(items: Iterable[QueueItem]) -> dict[Hashable, str]:
    """By patient: the others of the queue whose names are easily taken for theirs."""
    found = look_alikes(
        Named(item.window.patient_id, patient.given_name, patient.family_name, patient.birth_date)
        for item in items
        if (patient := item.window.patient)
    )
    return {
        key: "; ".join(f"{one.family_name}, {one.given_name}" for one in others)
        for key, others in found.items()
    }


def queue_row(
    item: QueueItem, axis: Axis, zone: ZoneInfo, now: datetime, user: User, alike: str = ""
) -> QueueRow:
    """One row of the page."""
    window, session = item.window, item.session
    words, estimate = window_words(window, session, zone, now)
    chip = STATES["stale"] if window.status == PlasticityWindow.Status.STALE else STATES.get(item.state)
    if item.state == "done":
        chip = _done_chip(session)
    return QueueRow(
        item=item,
        chip=chip or STATES["closed"],
        words=words,
        estimate=estimate,
        therapist=_therapist(item),
        booked=_booked(session, zone, now),
        overdue=_overdue(session, now),
        bar=bar_for(window, session, axis, words),
        url=reverse("window_detail", args=[window.code]),
        acts=_acts(item, user, now),
        facts=tuple(facts_of(window, zone, now)),
        why=tuple(why_rows(session)) if session is not None else (),
        locked=locked_words(window, session, zone, now),
        offered=_offered(window, zone, now),
        alike=alike,
        outside=session.outside.name if session is not None and session.outside is not None else "",
        outside_chip=None if session is None else outside_chip(session, zone, now),
    )


def locked_words(window: PlasticityWindow, session: FollowUp | None, zone: ZoneInfo, now: datetime) -> str:
    """When and why therapy cannot start yet, without a query; empty when nothing known here locks it."""
    if (
        session is None
        or session.outside_id is not None
        or session.state not in FollowUp.OPEN
        or window.status == PlasticityWindow.Status.STALE
    ):
        return ""
    if window.sign_off_id is None:
        return "Start is locked: waiting for sign-off."
    begins = soon_in_words(session.earliest_at, zone, now)
    if now < window.t0:
        until = soon_in_words(window.t0, zone, now)
        if session.earliest_at > window.t0:
            return f"Start is locked until {begins}: no-therapy period until {until}, then one night."
        return f"Start is locked until {until}: no-therapy period."
    if window.not_fit_until is not None and now < window.not_fit_until:
        words = REASONS.get(window.not_fit_reason, window.not_fit_reason).lower()
        return f"Start is locked until {soon_in_words(window.not_fit_until, zone, now)}: not fit ({words})."
    booked = session.appointment
    agreed = booked is not None and booked.during.lower < session.earliest_at
    if now < session.earliest_at and not agreed:
        return f"Start is locked until {begins}: one night first."
    return ""


def _offered(window: PlasticityWindow, zone: ZoneInfo, now: datetime) -> str:
    """Whether it has climbed: to every therapist, or to the lead."""
    if window.lead_at is not None:
        return f"With the prescriber since {soon_in_words(window.lead_at, zone, now)}"
    return (
        f"Open to every therapist since {soon_in_words(window.pool_at, zone, now)}"
        if window.pool_at and window.open_to_all
        else ""
    )


def _done_chip(session: FollowUp | None) -> Chip:
    if session is None:
        return Chip("No therapy planned", "neutral")
    words = {
        "done": "Therapy done",
        "reported": "Therapy reported",
        "missed": "Missed",
        "declined": "Declined",
    }.get(session.state, "Over")
    return Chip(words, "success" if session.state == "done" else "neutral")


def _therapist(item: QueueItem) -> str:
    if item.window.claimed_by is not None:
        return str(item.window.claimed_by.full_name)
    if item.session is not None and item.session.assignee is not None:
        return str(item.session.assignee.full_name)
    return ""


def _booked(session: FollowUp | None, zone: ZoneInfo, now: datetime) -> str:
    booked = None if session is None else session.appointment
    if session is None or booked is None or session.state not in (FollowUp.State.BOOKED, FollowUp.State.DONE):
        return ""
    if booked.status == Appointment.Status.IN_PROGRESS:
        return (
            f"Therapy session under way with {booked.practitioner.full_name if booked.practitioner else ''}"
        )
    name = booked.practitioner.full_name if booked.practitioner else ""
    verb = "done" if session.state == FollowUp.State.DONE else "booked"
    return f"Therapy session {verb} {soon_in_words(booked.during.lower, zone, now)} with {name}"


def _overdue(session: FollowUp | None, now: datetime) -> bool:
    """The booked time has passed and nobody has started."""
    return session is not None and not_held(session, now)


def _acts(item: QueueItem, user: User, now: datetime) -> frozenset[str]:
    """Which buttons the row offers; the services decide again."""
    if item.state not in (*TODO, "waiting"):
        return frozenset()
    session, window = item.session, item.window
    open_ = session is not None and session.state in FollowUp.OPEN
    here = session is None or session.outside_id is None
    booked = session is not None and session.state == FollowUp.State.BOOKED
    appointment = None if session is None else session.appointment
    running = appointment is not None and appointment.status == Appointment.Status.IN_PROGRESS
    holder = window.claimed_by_id
    pooled = window.open_to_all and not booked
    free, therapist = holder in (None, user.pk) or pooled, user.may("therapy.conduct")
    mine = appointment is not None and appointment.practitioner_id == user.pk
    actionable = session is not None and session.state in FollowUp.ACTIONABLE and not running
    closes = actionable and user.may("follow_up.complete")
    offered = {
        "report": open_ and session is not None and session.outside_id is not None and not booked
        and window.status == PlasticityWindow.Status.OPEN and user.may("therapy.report"),
        "take": here and holder != user.pk and (holder is None or pooled) and user.may("window.claim"),
        "book": open_ and here and (not booked or _overdue(session, now)) and user.may("therapy.book")
        and (free or not therapist),
        "start": open_ and (here or mine) and window.status == PlasticityWindow.Status.OPEN and therapist and free
        and not running and (mine or not booked),
        "complete": running and mine,
        "move": booked and not running and user.may("therapy.book"),
        "not_fit": closes and here and therapist and window.status == PlasticityWindow.Status.OPEN,
        "close": closes,
        "contact": user.may("safety_contact.record"),
    }  # fmt: skip
    return frozenset(name for name, yes in offered.items() if yes)


def bar_for(
    window: PlasticityWindow, session: FollowUp | None, axis: Axis, words: str, nights: Sequence[Mark] = ()
) -> WindowBar:
    """The phases of one window on the common axis; found not fit, the waiting lasts until then. `nights`: how the
    patient slept, drawn beside the phases.
    """
    morning = window.practice_from if session is None else session.earliest_at
    morning = min(max(morning, window.t0), window.core_until)
    parts = (
        ("no-therapy", window.starts_at, window.t0, "No-therapy period"),
        ("waiting", window.t0, morning, "Rest: one night first"),
        ("core", morning, window.core_until, "Practice: core of the window, days"),
        ("tail", window.core_until, window.tail_until, "Reinforcement: tail of the window, weeks"),
    )
    segments = [Segment(kind, start, end, label) for kind, start, end, label in parts if start < end]
    return build_bar(axis, segments, marks=[*_marks(window, session), *nights], summary=words)


def _marks(window: PlasticityWindow, session: FollowUp | None) -> list[Mark]:
    marks = []
    cut = window.inputs.get("cut_at")
    if cut:
        marks.append(Mark("infusion", datetime.fromisoformat(cut), "Next infusion visit"))
    if session is None:
        return marks
    if session.report is not None:
        marks.append(Mark("therapy", session.report.held_at, "Reported therapy session, outside"))
    elif session.appointment is not None and session.state in (FollowUp.State.BOOKED, FollowUp.State.DONE):
        marks.append(Mark("therapy", session.appointment.during.lower, "Therapy session"))
    elif session.state in FollowUp.OPEN:
        marks.append(Mark("target", session.target_at, "Target"))
    return marks
