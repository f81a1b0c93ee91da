"""What must never be so of a clinic's bookings, worked out from the rows alone.

Nothing here asks a service, a query set or a check of the product: the arithmetic is done again, in another way, so that
a rule and its check cannot be wrong together. Each finding is a sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import combinations, pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from protocols.models import ProtocolVersion
from scheduling.models import (
    Appointment,
    Closure,
    FollowUp,
    GapException,
    Message,
    PlasticityWindow,
    ResourceBooking,
    TreatmentSeries,
    WaitlistOffer,
    WorkItem,
)
from sessions.models import IntegrationSession

HAPPENS_NOT = {"cancelled", "omitted", "no-show", "displaced"}
TAKES_ROOM = {"reserved", "provisional", "booked", "arrived", "infusing", "recovering", "in-progress"}
AHEAD = {"reserved", "provisional", "booked"}
HOUR = timedelta(hours=1)


def wrong(now: datetime) -> list[str]:
    """Everything that must not be so at `now`; empty when all is well."""
    visits = list(Appointment.objects.select_related("infusion", "series__protocol_version", "site"))
    checks: tuple[Iterable[str], ...] = (
        _therapy_too_early(visits), _too_many_at_once(), _two_places(visits), _seats(visits), _gaps(visits, now),
        _windows(), _messages(visits), _lost(visits), _closed_days(visits, now), _history(visits), _offers(visits, now),
    )  # fmt: skip
    return [words for check in checks for words in check]


def _start(visit: Appointment) -> datetime:
    """The pump's start, or the planned one."""
    real = visit.infusion.started_at if visit.infusion is not None else None
    start: datetime = real or visit.during.lower
    return start


def _infusions(visits: Iterable[Appointment]) -> dict[int, list[Appointment]]:
    """By patient: those that are to be given, are being given, or were."""
    found: dict[int, list[Appointment]] = defaultdict(list)
    for visit in visits:
        not_given = visit.infusion is not None and visit.infusion.status == "not-given"
        if visit.kind == "infusion" and visit.status not in HAPPENS_NOT and not not_given:
            found[visit.patient_id].append(visit)
    return {patient: sorted(mine, key=_start) for patient, mine in found.items()}


def _therapy_too_early(visits: list[Appointment]) -> Iterator[str]:
    """1: therapy planned or begun between the start of an infusion and the moment from which it may be."""
    signed = {row.infusion_id: row for row in PlasticityWindow.objects.filter(superseded_at__isnull=True)}
    for patient, mine in _infusions(visits).items():
        for infusion in mine:
            row = signed.get(infusion.infusion_id or 0)
            low, high = (row.starts_at, row.t0) if row else (_start(infusion), infusion.predicted_t0)
            if high is None or high <= low:
                yield f"{infusion.code}: no end of its no-therapy period"
                continue
            sessions = [row for row in visits if row.patient_id == patient and row.kind == "therapy"]
            for session in sessions:
                inside = session.during.lower < high and session.during.upper > low
                if inside and session.status in TAKES_ROOM:
                    yield f"therapy {session.code} inside the no-therapy period of {infusion.code}"
            begun = IntegrationSession.objects.filter(
                patient=patient, started_at__gte=low, started_at__lt=high
            )
            for held in begun.filter(inside_no_therapy_at__isnull=True):
                yield f"therapy {held.code} began inside the no-therapy period of {infusion.code}, unmarked"


def _too_many_at_once() -> Iterator[str]:
    """2: more of a chair or person than there is, counted by a sweep over time, whatever the lanes say."""
    edges: dict[Any, list[tuple[datetime, int]]] = defaultdict(list)
    for row in ResourceBooking.objects.select_related("resource"):
        edges[row.resource] += [(row.during.lower, 1), (row.during.upper, -1)]
    for resource, moments in edges.items():
        load = 0
        for _, step in sorted(moments, key=lambda item: (item[0], item[1])):
            load += step
            if load > resource.capacity:
                yield f"{resource.name}: {load} at once, room for {resource.capacity}"
                break


def _two_places(visits: list[Appointment]) -> Iterator[str]:
    """2: one patient in two places."""
    live = [visit for visit in visits if visit.status in TAKES_ROOM]
    for one, other in combinations(live, 2):
        together = one.during.lower < other.during.upper and other.during.lower < one.during.upper
        if together and one.patient_id == other.patient_id:
            yield f"one patient at {one.code} and {other.code}"


def _seats(visits: list[Appointment]) -> Iterator[str]:
    """2: what takes room has its chair or therapist for the whole of it and its people; what does not has nothing."""
    rows: dict[int, list[ResourceBooking]] = defaultdict(list)
    for row in ResourceBooking.objects.select_related("resource"):
        rows[row.appointment_id].append(row)
    for visit in visits:
        mine = rows.get(visit.pk, [])
        whole = [r.resource.kind for r in mine if _covers(r, visit)]
        if visit.status not in TAKES_ROOM:
            if mine:
                yield f"{visit.status} {visit.code} still has {len(mine)} bookings"
        elif visit.kind == "infusion":
            if whole.count("chair") != 1 or not {"nurse", "clinician"} <= {r.resource.kind for r in mine}:
                yield f"infusion {visit.code} has {sorted(r.resource.kind for r in mine)}"
        elif visit.kind == "therapy" and whole != ["therapist"]:
            yield f"therapy {visit.code} has {whole}"


def _covers(row: ResourceBooking, visit: Appointment) -> bool:
    return bool(row.during.lower <= visit.during.lower and row.during.upper >= visit.during.upper)


def _gaps(visits: list[Appointment], now: datetime) -> Iterator[str]:
    """Planned infusions closer together, or further apart, than the text (or a prescriber) allows."""
    allowed = {(row.series_id, row.ordinal): row.max_hours for row in GapException.objects.all()}
    for mine in _infusions(visits).values():
        for one, other in pairwise(mine):
            series = other.series
            if series is None or other.status not in AHEAD or _start(other) < now:
                continue
            phases = series.protocol_version.read().phases
            ends, total = [], 0
            for phase in phases:
                total += phase.visits
                ends.append((total, phase))
            number = other.ordinal or 1
            phase = next((part for end, part in ends if number <= end), phases[-1])
            hours = (_start(other) - _start(one)) / HOUR
            if hours < phase.gap_min_hours and number > 1:
                yield f"{other.code}: {hours} h after the one before, at least {phase.gap_min_hours}"
            next_to_it = one.series_id == series.pk and number == (one.ordinal or 0) + 1
            zone = ZoneInfo(series.site.time_zone)
            back = _start(one).astimezone(zone).utcoffset() > _start(other).astimezone(zone).utcoffset()  # type: ignore[operator]
            most = max(phase.gap_max_hours, allowed.get((series.pk, number), 0)) + (1 if back else 0)
            if next_to_it and number <= total and hours > most:
                yield f"{other.code}: {hours} h after the one before, at most {most}"


def _windows() -> Iterator[str]:
    """5: a window says signed and nobody signed; it opens before the signature's moment, or before its time."""
    for row in PlasticityWindow.objects.filter(superseded_at__isnull=True).select_related(
        "sign_off", "infusion"
    ):
        if row.status in ("pending", "open", "closed"):
            if row.sign_off is None or row.infusion.status != "signed-off":
                yield f"window {row.code} is {row.status} without a signature"
            elif row.t0 < row.sign_off.t_sign:
                yield f"window {row.code} opens before the patient was ready to leave"
            elif row.opened_at is not None and row.opened_at < row.t0:
                yield f"window {row.code} was opened early"


def _messages(visits: list[Appointment]) -> Iterator[str]:
    """4: twice, early, of no use, or about what does not happen."""
    gone = {visit.pk: visit for visit in visits if visit.status in HAPPENS_NOT}
    start = {visit.pk: visit.during.lower for visit in visits}
    once: set[Any] = set()
    for row in Message.objects.select_related("follow_up"):
        about = row.follow_up_id or row.appointment_id
        key = (
            bool(row.follow_up_id),
            about,
            row.kind,
            row.ordinal,
            row.contact_point_id,
            row.channel,
            row.about_at,
        )
        pending = row.state in ("scheduled", "claimed", "sending", "held")
        if pending or row.state == "sent":
            if about and key in once:
                yield f"{row.kind} {row.code} is sent twice"
            once.add(key)
        if (
            row.state == "sent"
            and row.sent_at is not None
            and not row.due_at <= row.sent_at <= row.expires_at
        ):
            yield f"{row.kind} {row.code} was sent at {row.sent_at}, due {row.due_at} to {row.expires_at}"
        if not pending:
            continue
        if row.appointment_id in gone and "cancel" not in row.kind and "moved" not in row.kind:
            yield f"{row.kind} {row.code} speaks of a visit that is {gone[row.appointment_id].status}"
        if row.follow_up is not None and row.follow_up.state in ("dropped", "withdrawn", "declined", "done"):
            yield f"{row.kind} {row.code} is about a follow-up that is {row.follow_up.state}"
        stands = row.appointment_id in start and row.appointment_id not in gone
        if stands and row.about_at not in (None, start[row.appointment_id or 0]):
            yield f"{row.kind} {row.code} names another time than the visit has"


def _lost(visits: list[Appointment]) -> Iterator[str]:
    """4 and 10: an infusion still to be given that has no date and is on nobody's list, or that nothing follows."""
    listed = list(WorkItem.objects.filter(resolved_at__isnull=True).values_list("key", flat=True))
    followed = set(FollowUp.objects.exclude(state="withdrawn").values_list("visit", flat=True))
    for series in TreatmentSeries.objects.filter(status__in=["active", "paused"]):
        for number in range(1, series.visits + 1):
            mine = [v for v in visits if (v.kind, v.series_id, v.ordinal) == ("infusion", series.pk, number)]
            if any(v.status not in HAPPENS_NOT or v.status == "omitted" for v in mine):
                continue
            names = [
                f"undated:{series.code}:{number}",
                *(str(v.code) for v in mine if v.status == "displaced"),
            ]
            if not any(name in listed for name in names):
                yield f"infusion {number} of {series.code} has no date and is on no list"
    for visit in visits:
        booked = visit.kind == "infusion" and visit.status in (
            "booked",
            "arrived",
            "infusing",
            "recovering",
            "completed",
        )
        if booked and visit.pk not in followed:
            yield f"nothing follows infusion {visit.code}"


def _closed_days(visits: list[Appointment], now: datetime) -> Iterator[str]:
    """7 of the issue: what stands on a closed day is on a list, and nothing else is listed for that."""
    listed = set(WorkItem.objects.filter(resolved_at__isnull=True).values_list("key", flat=True))
    shut = [(row.site_id, row.days) for row in Closure.objects.all()]
    for visit in visits:
        key = f"hours:{visit.code}"
        if visit.status not in AHEAD:
            if key in listed:
                yield f"{visit.status} {visit.code} is listed as outside the hours"
            continue
        day = visit.during.lower.astimezone(ZoneInfo(visit.site.time_zone)).date()
        hit = any(site == visit.site_id and days.lower <= day < days.upper for site, days in shut)
        booked = visit.status == "booked" and visit.kind == "infusion"
        if hit and booked and visit.during.lower > now and key not in listed:
            yield f"{visit.code} stands on a closed day and is on no list"
        if key in listed and not hit:
            yield f"{visit.code} is listed for a closed day that is open"


def _history(visits: list[Appointment]) -> Iterator[str]:
    """7: a change that left no row of history: the last one kept says something else than the booking."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (pgh_obj_id) pgh_obj_id, status, lower(during), version "
            "FROM scheduling_appointmentevent ORDER BY pgh_obj_id, pgh_id DESC"
        )
        last = {key: (status, start, version) for key, status, start, version in cursor.fetchall()}
    for visit in visits:
        if last.get(visit.pk) != (visit.status, visit.during.lower, visit.version):
            yield f"{visit.code} is {visit.status}, its history ends with {last.get(visit.pk)}"


def _offers(visits: list[Appointment], now: datetime) -> Iterator[str]:
    """A place is kept by an offer or for undo, never both and never without either; an offer has its place."""
    offers = {
        row.hold_id: row for row in WaitlistOffer.objects.filter(state="open").select_related("slot", "entry")
    }
    for visit in visits:
        if visit.kind != "hold" or visit.status != "reserved":
            continue
        kept = visit.pk in offers
        for_undo = visit.booked_at + timedelta(minutes=2) == visit.held_until and hasattr(visit, "kept_slot")
        if kept == for_undo:
            yield f"place {visit.code} is kept {'twice' if kept else 'for nobody'}"
    holds = {visit.pk: visit.status for visit in visits}
    for key, row in offers.items():
        if holds.get(key) != "reserved":
            yield f"offer {row.code} has no place"
        if row.offered_at < row.slot.freed_at + timedelta(minutes=2) or row.slot.visit_id is not None:
            yield f"offer {row.code} was made while undo was open"
        if row.entry.state != "waiting":
            yield f"offer {row.code} is for somebody who waits no longer"


def published_texts() -> dict[int, str]:
    """The text of every version that was ever published, as it stands in its row."""
    rows = ProtocolVersion.objects.exclude(status__in=["draft", "in-review", "approved"])
    return {row.pk: repr(row.read()) for row in rows}
