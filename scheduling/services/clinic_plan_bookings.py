"""Accepting proposals of a clinic plan: all chosen ones are booked through the booking service, or none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from scheduling.conflicts import booking_act
from scheduling.models import ClinicPlanEntry, ClinicPlanRun, Resource, TreatmentSeries
from scheduling.services.seating import TherapyChoice, VisitChoice
from scheduling.services.series import book_series
from staff.errors import DomainError, InvalidInput, StateConflict
from staff.locks import lock
from staff.models import User
from staff.strict import parse_instant

Place = ClinicPlanEntry.State


@booking_act
def accept(
    *, run: ClinicPlanRun, entries: Iterable[str], by: User, reserve_therapy: bool = True
) -> list[TreatmentSeries]:
    """Book the chosen proposals (codes of entries), all or none; each visit is judged afresh by the booking service.

    Raises InvalidInput for a code that is not of this run, StateConflict for one that is not proposed (any more), and
    what booking raises, naming the patient.
    """
    wanted = _codes(entries)
    rows = list(
        ClinicPlanEntry.objects.select_for_update(of=("self",))
        .filter(run=run, code__in=wanted)
        .select_related("patient__site")
        .order_by("pk")
    )
    if len(rows) < len(wanted):
        raise InvalidInput("A chosen proposal is not part of this plan.", code="entries", field="entries")
    for row in rows:
        if row.state != Place.PROPOSED:
            words = f"{row.patient.full_name}: {row.get_state_display().lower()}, nothing to accept."
            raise StateConflict(words, code="not-proposed")
    _lock_all(rows)
    return [_book(run, row, by, reserve_therapy=reserve_therapy) for row in rows]


def _codes(entries: Iterable[str]) -> set[UUID]:
    try:
        wanted = {UUID(str(code)) for code in entries}
    except ValueError as error:
        raise InvalidInput("This is not the code of a proposal.", code="entries", field="entries") from error
    if not wanted:
        raise InvalidInput("Choose at least one proposal.", code="nobody", field="entries")
    return wanted


def _lock_all(rows: Sequence[ClinicPlanEntry]) -> None:
    """Every lock of the whole act at once, in the one order."""
    codes = {visit[name] for row in rows for visit in row.visits for name in ("chair", "nurse", "prescriber")}
    codes |= {item["therapist"] for row in rows for item in row.therapy}
    keys = Resource.objects.filter(code__in=codes).values_list("pk", flat=True)
    lock(patients=[row.patient_id for row in rows], resources=keys)


def _book(run: ClinicPlanRun, row: ClinicPlanEntry, by: User, *, reserve_therapy: bool) -> TreatmentSeries:
    visits = [
        VisitChoice(
            item["ordinal"],
            parse_instant(item["start"], field="entries"),
            item["chair"],
            item["nurse"],
            item["prescriber"],
        )
        for item in row.visits
    ]
    therapy = [
        TherapyChoice(
            item["ordinal"], item["kind"], parse_instant(item["start"], field="entries"), item["therapist"]
        )
        for item in (row.therapy if reserve_therapy else ())
    ]
    try:
        series = book_series(
            patient=row.patient,
            protocol_version=run.protocol_version,
            weight_kg=row.weight_kg,
            visits=visits,
            by=by,
            therapy=therapy,
        )
    except DomainError as refusal:
        refusal.message = f"{row.patient.full_name}: {refusal.message}"
        refusal.field = "entries"
        raise
    row.state, row.series = Place.BOOKED, series
    row.save(update_fields=["state", "series"])
    return series
