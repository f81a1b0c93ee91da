"""What a therapist outside the clinic is told: that there are times, once for each change of them, and when they end.

Nothing is planned without the patient's valid release and an address that may be used; what stands in the way is an
item on a named person's list as soon as the window is open. `recheck` looks again when a message leaves, and the
database's trigger `external_message_needs_release` once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse

from patients.contact import NoContact, SendTime
from patients.models import Patient
from patients.services.external import release_of
from scheduling.models import FollowUp, Message, PlasticityWindow, WorkItem
from scheduling.services.recipients import contact_of_external
from scheduling.services.wishes import WITHDRAWN, NotInTime, Wish, when_to_send
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.models import User

State = FollowUp.State
TIMES = "outside_window"
OUTSIDE_KINDS = frozenset({TIMES, WITHDRAWN})
GONE = frozenset({State.WITHDRAWN, State.DROPPED, State.BOOKED})  # nobody outside is to give it any more
LEAD = timedelta(
    hours=24
)  # the times of one session are told a day before it may begin, never before its window opens
TOLD_FOR = timedelta(days=3)  # so long after the last time that it ended is still worth saying
LEFT = frozenset({Message.State.SENT, Message.State.SENDING, Message.State.UNKNOWN})
HOURS = ("08:00", "21:30")
KEY = "outside:"
NO_RELEASE = "there is no valid release of information"
WITH = (
    "patient__therapist",
    "patient__prescriber",
    "site",
    "series__therapist",
    "series__prescriber",
    "outside",
)


@dataclass(frozen=True)
class Blocked:
    """Something that should be said outside and may not, as an item for a named person."""

    row: FollowUp
    title: str
    detail: str


def outside_wishes(patient: Patient, at: datetime, *, silent: bool) -> list[Wish | NotInTime]:
    """What should be said outside about this patient's therapy, and the items of what cannot. One query for a patient
    whose therapy is here. `silent`: no message leaves for this patient at present. The caller holds the patient's lock.
    """
    told = Message.objects.filter(follow_up=OuterRef("pk"), kind=TIMES, state__in=LEFT)
    rows = list(
        FollowUp.objects.filter(patient=patient, therapy=True)
        .annotate(told=Exists(told))
        .filter(Q(outside__isnull=False) | Q(told=True), hard_latest_at__gt=at - TOLD_FOR)
        .select_related(*WITH)
        .order_by("target_at", "pk")
    )
    if not rows:
        return []
    found: list[Wish | NotInTime] = []
    blocked: dict[str, Blocked] = {}
    waiting: set[int] = set()
    opens = dict(PlasticityWindow.objects.current().filter(patient=patient).values_list("infusion_id", "t0"))
    for row in rows:
        if row.state == State.RELEASED and row.outside_id is not None:
            reason = _times(patient, row, opens, at, found, silent=silent)
            # The next session, and what should be told by now: thirteen weeks of therapy are not thirteen items.
            told_soon = row.earliest_at - LEAD <= at
            if reason and row.hard_latest_at > at and (told_soon or row.outside_id not in waiting):
                waiting.add(row.outside_id)
                blocked[f"{KEY}{row.code}:{row.outside_id}"] = _times_blocked(row, reason)
    if not silent:
        found += _ended(patient, [row for row in rows if row.told], at, blocked)
    _items(patient, blocked, at)
    return found


def withdrawn_as_told(row: FollowUp, therapist_id: int | None) -> bool:
    """Times that this therapist outside was told have come to an end for them, and not by what they or the patient
    did: nobody outside is to give it any more, or somebody else is.
    """
    return row.state in GONE or row.outside_id != therapist_id


def _times(
    patient: Patient, row: FollowUp, opens: dict[int, datetime], at: datetime, found: list[Wish | NotInTime],
    *, silent: bool,
) -> str:  # fmt: skip
    """Add the wish that they are told of these times. Returns why they cannot be told; empty when they can."""
    t0 = opens.get(row.infusion_id or 0)
    if t0 is None:
        return ""
    if silent:
        return "all messages of this patient are stopped"
    if release_of(patient.pk, row.outside_id, at) is None:
        return NO_RELEASE
    contact = contact_of_external(patient, row.outside_id or 0)
    if isinstance(contact, NoContact):
        return contact.reason.replace("the patient", "the outside therapist")
    target = max(t0, row.earliest_at - LEAD)
    sending = when_to_send(patient, HOURS, t0, target, row.hard_latest_at, at)
    if not isinstance(sending, SendTime):
        found.append(NotInTime((row.pk, None, TIMES), row.generation))
        return sending.reason
    found.append(Wish(TIMES, row, None, contact, sending, None, target))
    return ""


def _ended(
    patient: Patient, rows: list[FollowUp], at: datetime, blocked: dict[str, Blocked]
) -> Iterator[Wish]:
    """To whoever had times that are no longer theirs, once for each time they were told, and only on a release that
    holds: who was replaced hears of it. Without one not even an end may be told, because it too says that the patient
    is treated here: their link shows nothing, and a person here asks the patient to tell them.
    """
    by_pk = {row.pk: row for row in rows}
    last: dict[tuple[int, int], Message] = {}
    if by_pk:
        sent = Message.objects.filter(follow_up__in=by_pk, kind__in=OUTSIDE_KINDS, state__in=LEFT)
        for message in sent.select_related("contact_point__external_therapist").order_by("generation", "pk"):
            last[message.follow_up_id or 0, message.contact_point.external_therapist_id or 0] = message
    for (pk, therapist), message in last.items():
        row, contact = by_pk[pk], message.contact_point
        if message.kind == WITHDRAWN or not withdrawn_as_told(row, therapist):
            continue
        if not contact.usable or release_of(patient.pk, therapist, at) is None:
            if row.hard_latest_at > at:
                blocked[f"{KEY}{row.code}:{therapist}"] = _end_blocked(row, str(contact.external_therapist))
            continue
        sending = when_to_send(patient, HOURS, at, at, max(row.hard_latest_at, at + TOLD_FOR), at)
        if isinstance(sending, SendTime):
            yield Wish(WITHDRAWN, row, None, contact, sending, None, at)


def _times_blocked(row: FollowUp, reason: str) -> Blocked:
    title = "The outside therapist was not told of the times"
    if getattr(row, "told", False):
        title = "The outside therapist can no longer be told of the times"
    advice = "Ask the patient, or phone the therapist, and record what they say."
    if reason == NO_RELEASE:
        advice = "Say nothing to the therapist. Ask the patient for a release, or ask them what took place."
    return Blocked(row, title, f"Because {reason}. {advice}")


def _end_blocked(row: FollowUp, name: str) -> Blocked:
    return Blocked(
        row,
        f"{name[:60]} has times that no longer stand, and may not be written to",
        "Their link shows nothing any more. Ask the patient to tell them; say nothing without a release.",
    )


def _items(patient: Patient, blocked: dict[str, Blocked], at: datetime) -> None:
    """One item for each session and therapist who cannot be told; closed by itself when they can, or need not be."""
    mine = WorkItem.objects.filter(kind=WorkItem.Kind.OUTSIDE, patient=patient, key__startswith=KEY)
    keys: Iterable[str] = mine.open().values_list("key", flat=True)
    for key in set(keys) - set(blocked):
        settle(kind=WorkItem.Kind.OUTSIDE, key=key, resolution="Settled since.", at=at)
    if not blocked:
        return
    done = set(mine.filter(key__in=blocked, resolved_by__isnull=False).values_list("key", flat=True))
    for key, item in blocked.items():
        if key in done:
            continue
        row = item.row
        raise_item(
            kind=WorkItem.Kind.OUTSIDE, key=key, site=row.site, patient=patient, role=roles.COORDINATOR,
            owner=owner_of_outside(row), title=item.title, detail=item.detail,
            url=reverse("patient_detail", args=[patient.code]), due_at=row.latest_at, at=at,
        )  # fmt: skip


def owner_of_outside(row: FollowUp) -> User | None:
    """By name: the patient's own therapist here, else the prescriber."""
    return (
        row.assignee
        or row.patient.therapist
        or row.series.therapist
        or row.patient.prescriber
        or row.series.prescriber
    )
