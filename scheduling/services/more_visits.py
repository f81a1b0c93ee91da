"""One visit more for a series: a new date for an infusion that lost its own, or an extra infusion after the last."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.conflicts import booking_act
from scheduling.domain.intervals import as_utc
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, TreatmentSeries, WorkItem
from scheduling.reasons import EXTRA, in_words
from scheduling.services import slot_holds
from scheduling.services.close_infusions import check_close, write_close
from scheduling.services.endings import HAS_A_DATE, undated_key
from scheduling.services.exposure_limits import check_exposure, write_exposure
from scheduling.services.followups import sync_follow_ups
from scheduling.services.neighbours import neighbours_of_ordinal
from scheduling.services.numbering import MOST_VISITS
from scheduling.services.rules import (
    VisitRules,
    check_eligibility,
    check_not_withdrawn,
    check_patient,
    check_running_version,
    long_gaps_of,
)
from scheduling.services.scene import set_scene
from scheduling.services.seating import VisitChoice, stay
from scheduling.services.series import book_series
from scheduling.services.visit_rows import write_visits
from scheduling.services.window_rows import check_constraints_now
from scheduling.services.workitems import settle
from staff.clock import app_now
from staff.errors import InvalidInput, StateConflict
from staff.locks import lock
from staff.models import User


@booking_act
def rebook_visit(
    *,
    series: TreatmentSeries,
    choice: VisitChoice,
    by: User,
    close_reason: str = "",
    at: datetime | None = None,
) -> Appointment:
    """Give an infusion that lost its date (cancelled, not attended) a new one. Siblings stay where they are.

    Raises StateConflict when that infusion has a date or is not one of the series, and what booking raises.
    """
    now = at or app_now()
    current = _live(series)
    if choice.ordinal not in current.numbers:
        raise InvalidInput("There is no such infusion in this series.", code="ordinal", field="ordinal")
    visit = _add_visit(current, choice, by, now, close_reason, longest_gap_applies=True)
    settle(
        kind=WorkItem.Kind.DISPLACED,
        key=undated_key(current, choice.ordinal),
        resolution="Booked anew.",
        at=now,
        by=by,
    )
    return visit


@booking_act
def book_extra_infusion(
    *,
    patient: Patient,
    protocol_version: ProtocolVersion,
    weight_kg: Decimal,
    choice: VisitChoice,
    reason: str,
    by: User,
    initiator: str = "clinician",
    note: str = "",
    at: datetime | None = None,
    caution_reason: str = "",
    close_reason: str = "",
) -> Appointment:
    """One more infusion: the next visit of the active series, else a series of one visit on
    `protocol_version`.

    `choice.ordinal` is ignored: it is the number that follows. A version of several visits cannot start a
    series of one; the minimum gap holds, the maximum does not. Raises what booking raises.
    """
    now = at or app_now()
    words = in_words(EXTRA, reason, initiator=initiator, note=note)
    lock(patients=[patient.pk])
    running = TreatmentSeries.objects.live().filter(patient=patient).first()
    if running is None:
        one = VisitChoice(1, choice.start, choice.chair, choice.nurse, choice.prescriber)
        series = book_series(
            patient=patient,
            protocol_version=protocol_version,
            weight_kg=weight_kg,
            visits=[one],
            by=by,
            at=now,
            caution_reason=caution_reason,
            close_reason=close_reason,
        )
        visit = series.appointments.get()
    else:
        number = running.visits + 1
        if number > MOST_VISITS:
            raise StateConflict(
                "This series has reached its largest number of visits.", code="too-many-visits"
            )
        running.visits, running.version = number, running.version + 1
        running.save(update_fields=["visits", "version"])
        extra = VisitChoice(number, choice.start, choice.chair, choice.nurse, choice.prescriber)
        visit = _add_visit(running, extra, by, now, close_reason, longest_gap_applies=False)
    visit.reason = words
    visit.save(update_fields=["reason"])
    return visit


def _live(series: TreatmentSeries) -> TreatmentSeries:
    current = TreatmentSeries.objects.for_page().get(pk=series.pk)
    if current.status not in TreatmentSeries.LIVE:
        raise StateConflict(f"This series is {current.get_status_display().lower()}.", code="series-over")
    return current


def _add_visit(
    series: TreatmentSeries,
    choice: VisitChoice,
    by: User,
    now: datetime,
    close_reason: str,
    *,
    longest_gap_applies: bool,
) -> Appointment:
    """One visit more for a running series; the cautions were decided when the series was booked."""
    check_running_version(series.protocol_version)
    rows = series.appointments.infusions().filter(ordinal=choice.ordinal)
    where = stay(series.protocol_version.read(), as_utc(choice.start))
    kept = slot_holds.kept_for(rows.values_list("pk", flat=True))
    kept = sorted({*kept, *slot_holds.in_own_way(series.patient_id, [where])})
    scene = set_scene(
        series.patient, series.protocol_version, series.weight_kg, [choice], (), now, without=kept,
        also=slot_holds.resources_of(kept),
    )  # fmt: skip
    definition = scene.version.read()
    if series.appointments.infusions().filter(ordinal=choice.ordinal, status__in=HAS_A_DATE).exists():
        raise StateConflict(
            f"Infusion {choice.ordinal} has a date already.", code="one-visit-per-series-and-ordinal"
        )
    check_patient(scene.patient, definition, by=by, at=as_utc(choice.start), decided=True)
    check_not_withdrawn(scene.patient, scene.version)
    check_eligibility(scene.patient, scene.version, now)
    rules = VisitRules(
        scene.load,
        scene.who,
        definition,
        scene.predicted,
        by,
        now,
        total=series.visits,
        longest_gap_applies=longest_gap_applies,
        alone=True,
        long_gaps=long_gaps_of(series),
    )
    before, after = neighbours_of_ordinal(load_course(series.patient_id), series, choice.ordinal)
    seat = rules.judge(choice, before=before, after=after)
    slot_holds.end_holds(kept, "Booked anew.")
    write_close(series, check_close(rules, [choice], close_reason, series=series), close_reason, rules)
    exposed = check_exposure(rules, [choice], close_reason)
    visit = write_visits(series, rules, [choice], [seat])[0]
    write_exposure([visit], exposed, close_reason, by=by, at=now)
    sync_follow_ups(series=series, at=now)
    check_constraints_now()
    visit.refresh_from_db()
    return visit
