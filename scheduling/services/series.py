"""Booking a series. All or nothing; nothing is booked on what a page once saw.

Order inside the transaction: advisory locks of patient and resources, expired holds on them freed, every
occurrence judged again (services/rules.py), rows written, lanes handed out, follow-ups planned, deferred
rules asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from patients.models import Patient
from protocols.models import ProtocolVersion
from scheduling.conflicts import booking_act
from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import local_date
from scheduling.loaders import zone_of
from scheduling.models import Appointment, TreatmentSeries
from scheduling.planning import predicted_clearance
from scheduling.services import slot_holds
from scheduling.services.close_infusions import check_close, write_close
from scheduling.services.early import refuse_second_series, refuse_what_is_taken
from scheduling.services.endings import end_series, settle_series
from scheduling.services.exposure_limits import check_exposure, write_exposure
from scheduling.services.followups import sync_follow_ups
from scheduling.services.long_gaps import check_long_gaps, write_long_gaps
from scheduling.services.numbering import check_numbering
from scheduling.services.planned_therapy import book_planned_therapy, link_planned_therapy
from scheduling.services.proposals import propose_series
from scheduling.services.rules import (
    Neighbour,
    VisitRules,
    check_eligibility,
    check_patient,
    check_version,
)
from scheduling.services.scene import Scene, set_scene
from scheduling.services.seating import Seat, TherapyChoice, VisitChoice, stay
from scheduling.services.visit_rows import write_visits
from scheduling.services.window_rows import check_constraints_now
from sessions.eligibility import Finding
from sessions.services import eligibility_in_force
from staff.clock import app_now
from staff.models import User

__all__ = [
    "TherapyChoice",
    "VisitChoice",
    "book_series",
    "end_series",
    "propose_series",
    "settle_series",
]

Status = Appointment.Status


@booking_act
def book_series(
    *,
    patient: Patient,
    protocol_version: ProtocolVersion,
    weight_kg: Decimal,
    visits: Sequence[VisitChoice],
    by: User,
    at: datetime | None = None,
    therapist: User | None = None,
    therapy: Sequence[TherapyChoice] = (),
    caution_reason: str = "",
    hold_minutes: int = 0,
    long_gaps: Mapping[int, int] | None = None,
    long_gap_reason: str = "",
    close_reason: str = "",
) -> TreatmentSeries:
    """Book every visit of a series, or none: all of the protocol, or those after infusions given elsewhere that are
    on record (`visits` then begin with the next number). `hold_minutes`: only reserve the slots for that long.

    A choice without chair, nurse or prescriber gets one that is free. Raises StateConflict (a series is
    running, patient not active), RuleNotMet, Clash or InvalidInput; those about one visit begin with `3 of 6:
    `. long_gaps: hours by ordinal that `by`, a prescriber, approves with a reason; close_reason: why infusions may lie
    less than 36 h apart, be more than three in seven days, or pass a limit of exposure.
    """
    now = at or app_now()
    wanted = sorted(visits, key=lambda item: item.ordinal)
    text = protocol_version.read()
    check_numbering(patient, [item.ordinal for item in wanted], text.visits)

    scene, own = _scene(patient, protocol_version, weight_kg, wanted, therapy, by, now)
    check_version(scene.version)
    text = scene.version.read()
    accepted = _check_person(scene, by, as_utc(wanted[0].start), caution_reason, now)
    refuse_second_series(scene.patient)
    approved = dict(long_gaps or {})
    check_long_gaps(text, approved, reason=long_gap_reason, by=by)
    rules = VisitRules(
        scene.load, scene.who, text, scene.predicted, by, now, total=text.visits, long_gaps=approved,
        first=wanted[0].ordinal,
    )  # fmt: skip
    seats = _judge_all(rules, wanted)
    close = check_close(rules, wanted, close_reason)
    exposed = check_exposure(rules, wanted, close_reason)
    slot_holds.end_holds(own, "Booked anew.")
    series = TreatmentSeries.objects.create(
        **_row(scene, wanted, seats[0]), weight_kg=weight_kg, therapist=therapist or scene.patient.therapist,
        booked_by=by, status_reason=_caution_words(accepted, caution_reason),
    )  # fmt: skip
    write_long_gaps(series, approved, reason=long_gap_reason, by=by, at=now)
    write_close(series, close, close_reason, rules)
    rows = write_visits(series, rules, wanted, seats, hold_minutes=hold_minutes)
    write_exposure(rows, exposed, close_reason, by=by, at=now)
    _write_what_follows(series, rules, rows, therapy, held=bool(hold_minutes))
    return series


def _write_what_follows(
    series: TreatmentSeries,
    rules: VisitRules,
    rows: Sequence[Appointment],
    therapy: Sequence[TherapyChoice],
    *,
    held: bool,
) -> None:
    """Therapy that was chosen with the dates, and the follow-ups of all visits (of reserved slots there are none)."""
    book_planned_therapy(series, rules, rows, therapy)
    if not held:
        sync_follow_ups(series=series, at=rules.at)
        link_planned_therapy(series, therapy)
    check_constraints_now()


def _check_person(
    scene: Scene, by: User, first: datetime, caution_reason: str, now: datetime
) -> tuple[Finding, ...]:
    """The patient may be treated by this text from `first` on. Returns the cautions that are accepted now."""
    signed = eligibility_in_force(scene.patient, scene.version, now)
    accepted = check_patient(
        scene.patient, scene.version.read(), by=by, at=first, caution_reason=caution_reason,
        accepted=signed.accepted if signed else (),
    )  # fmt: skip
    check_eligibility(scene.patient, scene.version, now)
    return accepted


def _row(scene: Scene, wanted: Sequence[VisitChoice], seat: Seat) -> dict[str, Any]:
    """What a new series copies of its patient and of the first visit's seat."""
    return {
        "patient": scene.patient,
        "protocol_version": scene.version,
        "site": scene.patient.site,
        "visits": wanted[-1].ordinal,
        "first_ordinal": wanted[0].ordinal,
        "prescriber": scene.patient.prescriber or cast("User", seat.prescriber.row.user),
        "booked_at": scene.at,
    }


def _scene(
    patient: Patient,
    version: ProtocolVersion,
    weight_kg: Decimal,
    wanted: Sequence[VisitChoice],
    therapy: Sequence[TherapyChoice],
    by: User,
    now: datetime,
) -> tuple[Scene, list[int]]:
    """Everything locked and read, and the patient's own holds for undo that give way. What is plainly taken is refused
    before the locks that others wait for.
    """
    text = version.read()
    own = slot_holds.in_own_way(patient.pk, [stay(text, as_utc(item.start)) for item in wanted])

    def early() -> None:
        refuse_second_series(patient)
        refuse_what_is_taken(
            patient=patient, definition=text, wanted=wanted, therapy=therapy, by=by, at=now, total=text.visits,
            first=wanted[0].ordinal,
            without=own,
        )  # fmt: skip

    early()
    # The estimate takes half a second for a weight not seen before: not under the locks either.
    predicted_clearance(text, patient, weight_kg=weight_kg, on=local_date(now, zone_of(patient.site)))
    scene = set_scene(
        patient, version, weight_kg, wanted, therapy, now, without=own, also=slot_holds.resources_of(own), early=early
    )  # fmt: skip
    return scene, own


def _caution_words(accepted: Sequence[Finding], reason: str) -> str:
    if not accepted:
        return ""
    return f"Booked with {', '.join(item.message for item in accepted)} {reason.strip()}"[:200]


def _judge_all(rules: VisitRules, wanted: Sequence[VisitChoice]) -> list[Seat]:
    last = rules.who.last_start
    before = None if last is None else Neighbour(0, last)
    seats = []
    for choice in wanted:
        seats.append(rules.judge(choice, before=before))
        before = Neighbour(choice.ordinal, as_utc(choice.start))
    return seats
