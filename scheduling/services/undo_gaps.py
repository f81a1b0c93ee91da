"""What an undo may not bring back: a gap that is too short or too long because of what was changed in between."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from itertools import pairwise

from scheduling.loaders import zone_of
from scheduling.models import Appointment, ScheduleChange
from scheduling.services.rules import Neighbour, approved_hours, gap_words, long_gaps_of
from staff.errors import RuleNotMet

Status = Appointment.Status
GONE = (Status.CANCELLED, Status.OMITTED, Status.NO_SHOW, Status.DISPLACED)
ANY_LENGTH = 24 * 3660


def check_gaps_after_undo(change: ScheduleChange, taken_back: Container[int], now: datetime) -> None:
    """Raise RuleNotMet (`gap`) when visits put back (primary keys `taken_back`) break a gap to a visit that stays.

    What stood before the change is brought back as it was, also where a fact had broken a gap; so only gaps that
    somebody's act since `change` has made are refused. The caller holds the patient's lock and has put the rows back.
    """
    rows = Appointment.objects.infusions().filter(patient=change.patient_id).exclude(status__in=GONE)
    visits = sorted(rows.select_related("infusion", "series__protocol_version", "site"), key=_start)
    for earlier, later in pairwise(visits):
        if (earlier.pk in taken_back) == (later.pk in taken_back):
            continue
        words = _words(earlier, later, now)
        other = later if earlier.pk in taken_back else earlier
        if words and (other.booked_at >= change.made_at or _changed_since(change)):
            raise RuleNotMet(
                f"It cannot be taken back, because another visit was changed since: {words}.", code="gap"
            )


def _start(visit: Appointment) -> datetime:
    started = visit.infusion.started_at if visit.infusion else None
    moment: datetime = started or visit.during.lower
    return moment


def _words(earlier: Appointment, later: Appointment, now: datetime) -> str | None:
    if later.series is None or later.status not in Appointment.UPCOMING or _start(later) < now:
        return None
    definition = later.series.protocol_version.read()
    before = Neighbour((earlier.ordinal or 0) if earlier.series_id == later.series_id else 0, _start(earlier))
    here = Neighbour(later.ordinal or 1, _start(later))
    approved = approved_hours(definition, before, here, long_gaps_of(later.series))
    longest = ANY_LENGTH if here.ordinal > definition.visits else approved
    return gap_words(definition, before, here, zone_of(later.site), longest)


def _changed_since(change: ScheduleChange) -> bool:
    """Whether another act on this patient's visits stands that was done after `change`."""
    since = ScheduleChange.objects.filter(
        patient=change.patient_id, made_at__gte=change.made_at, undone_at__isnull=True
    )
    return (
        since.exclude(pk=change.pk).exclude(kind=ScheduleChange.Kind.UNDO).filter(pk__gt=change.pk).exists()
    )
