"""The hours between two visits that stand: what the lists look for and what an undo may not bring back."""

from __future__ import annotations

from collections.abc import Container, Mapping
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
    visits = sorted(rows.select_related("infusion", "series__protocol_version", "site"), key=really_starts)
    for earlier, later in pairwise(visits):
        if (earlier.pk in taken_back) == (later.pk in taken_back):
            continue
        words = wrong_gap(earlier, later, now, long_gaps_of(later.series) if later.series else {})
        other = later if earlier.pk in taken_back else earlier
        if words and (other.booked_at >= change.made_at or _changed_since(change)):
            raise RuleNotMet(
                f"It cannot be taken back, because another visit was changed since: {words}.", code="gap"
            )


def really_starts(visit: Appointment) -> datetime:
    """When the pump ran, or when it is planned to."""
    started = visit.infusion.started_at if visit.infusion else None
    moment: datetime = started or visit.during.lower
    return moment


def wrong_gap(
    earlier: Appointment, later: Appointment, now: datetime, long_gaps: Mapping[int, int]
) -> str | None:
    """Why `later` may not stand where it is planned after `earlier`; None when it may. Facts are not judged.

    `long_gaps`: hours that a prescriber approved for the series of `later`, by the ordinal they come before. An extra
    infusion has no longest gap.
    """
    if later.series is None or later.status not in Appointment.UPCOMING or really_starts(later) < now:
        return None
    definition = later.series.protocol_version.read()
    number = (earlier.ordinal or 0) if earlier.series_id == later.series_id else 0
    before, here = (
        Neighbour(number, really_starts(earlier)),
        Neighbour(later.ordinal or 1, really_starts(later)),
    )
    extra = here.ordinal > definition.visits
    longest = ANY_LENGTH if extra else approved_hours(definition, before, here, long_gaps)
    return gap_words(definition, before, here, zone_of(later.site), longest)


def _changed_since(change: ScheduleChange) -> bool:
    """Whether another act on this patient's visits stands that was done after `change`."""
    since = ScheduleChange.objects.filter(
        patient=change.patient_id, made_at__gte=change.made_at, undone_at__isnull=True
    )
    return (
        since.exclude(pk=change.pk).exclude(kind=ScheduleChange.Kind.UNDO).filter(pk__gt=change.pk).exists()
    )
