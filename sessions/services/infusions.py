"""The record from arrival: opened at check-in, weight, signed order, or not given."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from patients.models import Patient
from patients.services.people import update_patient
from protocols.models import ProtocolVersion
from sessions import dosing, signals
from sessions.models import Infusion
from sessions.order_reasons import OrderShape, low_reason, shape_of
from sessions.services._record import (
    act,
    aware,
    locked,
    moment,
    need_role,
    need_state,
    not_in_future,
    refusals_in_words,
    touch,
)
from sessions.services.raised_doses import order_limit_for
from sessions.services.readiness import (
    needs_second_weighing,
    refresh_ready,
    weight_findings,
)
from staff.errors import InvalidInput, RuleNotMet, StateConflict
from staff.locks import lock
from staff.models import Site, User

SAME_WEIGHT_KG = Decimal("0.5")
OPEN_FOR_CHAIR = Infusion.BEFORE_START | Infusion.RUNNING | {Infusion.Status.RECOVERING}
NOT_GIVEN_REASONS = {
    "patient_declined": "Patient declined",
    "unwell": "Unwell today",
    "blood_pressure": "Blood pressure above the limit",
    "pregnancy_test": "Pregnancy test positive",
    "not_fasted": "Not fasted",
    "no_escort": "No escort",
    "intoxicated": "Intoxicated",
    "no_access": "No venous access",
    "prescriber_decision": "Prescriber's decision",
    "left": "Left before the start",
}

SHAPE = (
    "order_low_reason",
    "order_minutes",
    "order_short_reason",
    "order_route",
    "order_route_reason",
)


@act
def open_infusion(
    *,
    patient: Patient,
    protocol_version: ProtocolVersion,
    ordinal: int,
    site: Site,
    chair: str,
    planned_start: datetime,
    by: User,
    course: UUID | None = None,
    at: datetime | None = None,
) -> Infusion:
    """Open the record on arrival. Raises StateConflict while another record of this patient is open.

    `course`: code of the series whose infusion `ordinal` this is; its review points then hold the start back.
    """
    now = moment(at)
    lock(patients=[patient.pk])
    with refusals_in_words():
        return Infusion.objects.create(
            patient=patient,
            site=site,
            protocol_version=protocol_version,
            ordinal=ordinal,
            course=course,
            chair=chair,
            arrived_at=now,
            opened_by=by,
            planned_start=aware(planned_start, "planned_start"),
        )


@act
def record_weight(
    *,
    infusion: Infusion,
    weight_kg: Decimal,
    by: User,
    weighed_at: datetime | None = None,
    height_cm: Decimal | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Infusion:
    """Today's weight in kg. A doubtful or first weight then waits for a second, blind weighing.

    `height_cm` goes to the patient's identity. Raises RuleNotMet when a first weight cannot be judged because
    no height is known, StateConflict after the start. An order that no longer fits by more than 5 % is taken
    back: it goes on the prescriber's list, who signs it again in one tap (`sign_order` without an amount).
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(
        current, Infusion.BEFORE_START, "The pump has already run: the weight of this record is fixed."
    )
    if height_cm is not None and height_cm != current.patient.height_cm:
        current.patient = update_patient(
            patient=current.patient, changes={"height_cm": height_cm}, expected_version=None, by=by, at=now
        )
    for finding in weight_findings(current, weight_kg):
        if finding.code == "height-needed":
            raise RuleNotMet(
                "Enter the height too: a first weight is judged with it.",
                code=finding.code,
                field="height_cm",
            )
    current.weight_kg = weight_kg
    current.weighed_at = not_in_future(weighed_at or now, now, "weighed_at")
    current.weighed_by = by
    current.weight_confirmed_by = None
    reopened = not _order_fits(current)
    cleared = _withdraw_order(current) if reopened else ()
    refresh_ready(current, now)
    touch(current, "weight_kg", "weighed_at", "weighed_by", "weight_confirmed_by", "status", *cleared)
    if reopened:
        signals.tell(signals.prescriber_asked, infusion=current, topic="order", by=by, at=now)
    return current


@act
def confirm_weight(
    *,
    infusion: Infusion,
    weight_kg: Decimal,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Infusion:
    """Second weighing, made without seeing the first. Equal within 0.5 kg: the first stands, confirmed.

    Otherwise both are dropped (`weight_kg` None on the returned record) and weighing begins again. A weight
    that looks like pounds or gives an impossible body mass index needs another person; others may be weighed
    twice alone.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(
        current, Infusion.BEFORE_START, "The pump has already run: the weight of this record is fixed."
    )
    first = current.weight_kg
    if first is None or not needs_second_weighing(current):
        raise StateConflict("No weight is waiting for a second weighing.", code="weight-not-waiting")
    findings = weight_findings(current, weight_kg)  # also refuses a weight outside 20 to 350 kg
    if by.pk == current.weighed_by_id and any(item.severity == "block" for item in findings):
        raise RuleNotMet(
            "This weight needs another person to weigh again.", code="weight-second-person", field="weight_kg"
        )
    if abs(weight_kg - first) > SAME_WEIGHT_KG:
        current.weight_kg = current.weighed_at = current.weighed_by = None
    else:
        current.weight_confirmed_by = by
    refresh_ready(current, now)
    touch(current, "weight_kg", "weighed_at", "weighed_by", "weight_confirmed_by", "status")
    return current


@act
def sign_order(
    *,
    infusion: Infusion,
    by: User,
    bag_mg_per_ml: Decimal | None = None,
    ordered_mg: Decimal | None = None,
    cosigned_by: User | None = None,
    shape: OrderShape | None = None,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Infusion:
    """The prescriber's order in mg, from today's weight (default: the protocol's dose for it, in the bag on record).

    Raises NotAllowed without the prescriber's role, RuleNotMet without a confirmed weight, above the dose for
    this weight, above the ceiling without a second prescriber, or for less than 0.5 mg/kg, fewer than 40 minutes or
    another route than the vein without a coded reason (`shape`).
    """
    now = moment(at)
    need_role(by, "infusion.order", "Only a prescriber signs an order.")
    current = locked(infusion, expected_version)
    need_state(current, Infusion.BEFORE_START, "The pump has already run: the order of this record is fixed.")
    _take_order(current, ordered_mg, bag_mg_per_ml, shape or OrderShape(), by, cosigned_by)
    current.ordered_by, current.ordered_at = by, now
    refresh_ready(current, now)
    touch(
        current,
        "ordered_mg",
        "bag_mg_per_ml",
        "order_weight_kg",
        "ordered_by",
        "ordered_at",
        "order_cosigned_by",
        *SHAPE,
        "status",
    )
    signals.tell(signals.prescriber_answered, infusion=current, topic="order", by=by, at=now)
    return current


@act
def change_chair(
    *,
    infusion: Infusion,
    chair: str,
    by: User,
    expected_version: int | None = None,
) -> Infusion:
    """The patient sits elsewhere than planned: a fact, whatever is booked there. StateConflict once signed."""
    current = locked(infusion, expected_version)
    need_state(current, OPEN_FOR_CHAIR, "This record is closed.")
    if not chair.strip():
        raise InvalidInput("Name the chair.", code="required", field="chair")
    current.chair = chair.strip()[:60]
    touch(current, "chair")
    return current


@act
def mark_not_given(
    *,
    infusion: Infusion,
    reason: str,
    by: User,
    at: datetime | None = None,
    expected_version: int | None = None,
) -> Infusion:
    """Close a record whose pump never ran. Raises StateConflict after the start, InvalidInput without a
    reason.
    """
    now = moment(at)
    current = locked(infusion, expected_version)
    need_state(
        current, Infusion.BEFORE_START, "Only an infusion that was not started can be closed as not given."
    )
    if not reason.strip():
        raise InvalidInput("Say why the infusion was not given.", code="reason-needed", field="reason")
    current.status = Infusion.Status.NOT_GIVEN
    current.not_given_reason = reason.strip()[:200]
    touch(current, "status", "not_given_reason")
    signals.tell(signals.infusion_not_given, infusion=current, by=by, at=now)
    return current


def _take_order(
    infusion: Infusion,
    ordered_mg: Decimal | None,
    bag_mg_per_ml: Decimal | None,
    shape: OrderShape,
    by: User,
    cosigned_by: User | None,
) -> None:
    """Set the amount, its bag and its shape, or raise for what is missing or does not fit the protocol."""
    weight_kg = infusion.weight_kg
    if weight_kg is None or needs_second_weighing(infusion):
        raise RuleNotMet("Record and confirm today's weight first.", code="weight-needed", field="ordered_mg")
    rule = infusion.protocol_version.read().dose
    planned = dosing.planned_dose(rule, weight_kg)
    wanted = planned.mg if ordered_mg is None else ordered_mg
    _check_ordered(wanted, rule.rounding_mg)
    _check_cosigner(cosigned_by)
    signers = {"ordered_by": str(by.pk), "co_signed_by": str(cosigned_by.pk) if cosigned_by else ""}
    limit = order_limit_for(infusion)
    dosing.check_raise(limit, wanted, **signers)
    dosing.check_order(rule, wanted, **signers)
    bag = infusion.bag_mg_per_ml if bag_mg_per_ml is None else bag_mg_per_ml
    if bag is None:
        raise InvalidInput("Enter the concentration of the bag.", code="required", field="bag_mg_per_ml")
    form = shape_of(rule, shape)
    _keep_shape(infusion, form, low_reason(rule, planned, wanted, weight_kg, form.low_reason))
    dosing.pump_setting(wanted, bag, infusion.ordered_minutes)  # refuses an impossible concentration
    infusion.ordered_mg, infusion.bag_mg_per_ml, infusion.order_weight_kg = wanted, bag, weight_kg
    # The column names a different person than the one who ordered; a needless co-signature is not kept.
    needed = planned.over_ceiling or wanted > min(rule.ceiling_mg, limit.alone_mg)
    infusion.order_cosigned_by = cosigned_by if needed else None


def _keep_shape(infusion: Infusion, shape: OrderShape, low: str) -> None:
    infusion.order_low_reason = low
    infusion.order_minutes, infusion.order_short_reason = shape.minutes, shape.short_reason
    infusion.order_route, infusion.order_route_reason = shape.route, shape.route_reason


def _check_ordered(wanted: Decimal, rounding_mg: Decimal) -> None:
    if wanted <= 0:
        raise InvalidInput("Enter a dose above 0 mg.", code="range", field="ordered_mg")
    if wanted % rounding_mg:
        raise RuleNotMet(f"Order in steps of {rounding_mg} mg.", code="dose-step", field="ordered_mg")


def _check_cosigner(person: User | None) -> None:
    if person is not None:
        need_role(
            person, "infusion.order", "The second signature must be a prescriber's.", field="cosigned_by"
        )


def _order_fits(infusion: Infusion) -> bool:
    """Nothing is ordered, or both the weight and the dose by weight are within 5 % of the order's."""
    if infusion.ordered_mg is None or infusion.weight_kg is None:
        return True
    if infusion.order_weight_kg is not None and not dosing.weight_still_fits(
        infusion.order_weight_kg, infusion.weight_kg
    ):
        return False
    return dosing.order_still_fits(
        infusion.ordered_mg, infusion.protocol_version.read().dose, infusion.weight_kg
    )


def _withdraw_order(infusion: Infusion) -> tuple[str, ...]:
    """The amount and its signature go; the bag stays, so that a prescriber signs again in one tap."""
    infusion.ordered_mg = infusion.ordered_at = infusion.order_weight_kg = None
    infusion.ordered_by = infusion.order_cosigned_by = None
    _keep_shape(infusion, OrderShape(), "")
    return ("ordered_mg", "order_weight_kg", "ordered_by", "ordered_at", "order_cosigned_by", *SHAPE)
