"""What a change of the patient's own record means for what is planned.

Moved to another zone or jurisdiction: sessions whose licence or local hour fails now go on their therapist's list, to
be looked at one by one; nothing is cancelled silently. Died: everything ahead stops at once, messages that a sender has
claimed included.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.urls import reverse

from patients.models import Patient
from scheduling.domain.localtime import in_words, local_date
from scheduling.loaders import zone_of
from scheduling.models import Appointment, FollowUp, TreatmentSeries, WorkItem
from scheduling.services.endings import cancel_rows, end_series
from scheduling.services.followups import sync_follow_ups
from scheduling.services.slot_holds import tell_waitlist
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import raise_item, settle
from staff import roles
from staff.locks import lock
from staff.models import Licence, User

KEY = "lives-elsewhere:"
NOT_BEFORE, NOT_AFTER = time(7), time(22)  # where the patient is; the night rule of the protocol comes on top
AHEAD = (*sorted(Appointment.UPCOMING), Appointment.Status.DISPLACED)


def list_failing_sessions(patient: Patient, *, by: User, at: datetime) -> int:
    """Bring follow-ups in line with where the patient lives now, and list each session that fails there. How many."""
    latest = TreatmentSeries.objects.filter(patient=patient).first()
    if latest is None:
        return 0
    sync_follow_ups(series=latest, at=at)
    failing = dict(_failing(patient, at))
    _settle_others(patient, set(failing), by, at)
    for session, why in failing.items():
        raise_item(
            kind=WorkItem.Kind.UNPLACED,
            key=f"{KEY}{session.code}",
            site=session.site,
            patient=patient,
            title="A therapy session no longer fits where the patient lives",
            detail=why,
            role=roles.THERAPIST,
            owner=session.practitioner,
            url=reverse("visit_detail", args=[session.code]),
            due_at=min(session.during.lower, at + timedelta(days=1)),
            at=at,
        )
    return len(failing)


def _failing(patient: Patient, at: datetime) -> Iterator[tuple[Appointment, str]]:
    rows = Appointment.objects.filter(
        patient=patient,
        kind=Appointment.Kind.THERAPY,
        status__in=Appointment.UPCOMING,
        during__startswith__gt=at,
    ).select_related("site", "practitioner")
    earliest = {row.appointment_id: row.earliest_at for row in FollowUp.objects.filter(appointment__in=rows)}
    zone = ZoneInfo(patient.time_zone)
    for session in rows.order_by("during"):
        why = [
            *_licence(session, patient),
            *_hour(session, zone),
            *_night(session, earliest.get(session.pk), zone),
        ]
        if why:
            yield session, " ".join(why)


def _licence(session: Appointment, patient: Patient) -> Iterator[str]:
    day = local_date(session.during.lower, zone_of(session.site))
    held = Licence.objects.filter(
        user=session.practitioner,
        profession=Licence.Profession.THERAPIST,
        jurisdiction=patient.jurisdiction,
        valid_during__contains=day,
    )
    if not held.exists():
        yield f"No therapist's licence for {patient.jurisdiction} on that day."


def _hour(session: Appointment, zone: ZoneInfo) -> Iterator[str]:
    start, end = (moment.astimezone(zone) for moment in (session.during.lower, session.during.upper))
    if start.time() < NOT_BEFORE or end.time() > NOT_AFTER or end.date() > start.date():
        yield f"{in_words(session.during.lower, zone)} where the patient lives."


def _night(session: Appointment, earliest: datetime | None, zone: ZoneInfo) -> Iterator[str]:
    if earliest is not None and session.during.lower < earliest:
        yield f"Before the morning after the infusion there: therapy from {in_words(earliest, zone)}."


def _settle_others(patient: Patient, failing: set[Appointment], by: User, at: datetime) -> None:
    """Sessions listed at an earlier change that fit again."""
    fails = {f"{KEY}{item.code}" for item in failing}
    for item in WorkItem.objects.open().filter(patient=patient, key__startswith=KEY):
        if item.key not in fails:
            settle(kind=item.kind, key=item.key, resolution="Fits where the patient lives now.", at=at, by=by)


def stop_everything(patient: Patient, *, by: User, at: datetime) -> None:
    """The patient has died: series end, visits and sessions ahead are cancelled, no message leaves."""
    for series in TreatmentSeries.objects.live().filter(patient=patient):
        end_series(series=series, reason="deceased", initiator="clinic", by=by, at=at)
    latest = TreatmentSeries.objects.filter(patient=patient).first()
    if latest is not None:
        sync_follow_ups(series=latest, at=at)
    lock(patients=[patient.pk])
    rows = Appointment.objects.select_for_update().filter(patient=patient, status__in=AHEAD)
    tell_waitlist([row.pk for row in rows], at=at)
    cancel_rows(list(rows), "The patient has died.")
    check_constraints_now()
