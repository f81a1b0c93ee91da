"""The empty forms of the record page, with what the record already knows filled in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sessions import dosing
from sessions.forms.day import AssessmentForm, BagForm, DrugForm, EndingForm, NoteForm, RenewForm
from sessions.forms.record import (
    ML_PER_HOUR,
    ActForm,
    AdverseEventForm,
    BaselineForm,
    BolusForm,
    CheckForm,
    CriterionForm,
    DelayForm,
    LevelForm,
    MoveLogForm,
    NotGivenForm,
    OrderForm,
    PumpForm,
    RateForm,
    RecordForm,
    SecondWeightForm,
    VitalsForm,
    WeightForm,
)
from sessions.models import Infusion, PumpEvent
from sessions.pages.record import Record
from sessions.pages.words import zone_of
from sessions.services import rows
from staff.models import User

DEFAULT_BAG = Decimal("1")


def blank_forms(record: Record, user: User) -> dict[str, RecordForm]:
    """One unbound form for every act that this state of the record knows, by its key."""
    infusion = record.infusion
    options: dict[str, Any] = {"infusion": infusion, "zone": zone_of(infusion)}
    if not user.may("infusion.record"):
        return {}
    adverse = AdverseEventForm(
        may_hold=user.may("infusion.order"), **options
    )  # nothing is chosen for anybody
    forms: list[RecordForm] = [adverse, ActForm(**options), *_of_the_day(record, user, options)]
    if infusion.status in Infusion.BEFORE_START:
        forms += _before_start(record, options)
    if infusion.status in Infusion.BEFORE_START | Infusion.RUNNING | {Infusion.Status.RECOVERING}:
        forms += [PumpForm(initial=_pump_initial(record), **options), VitalsForm(**options)]
    if infusion.status in Infusion.RUNNING:
        forms += [RateForm(initial={"rate_unit": ML_PER_HOUR}, **options), BolusForm(**options)]
    signed = infusion.status == Infusion.Status.SIGNED_OFF
    if record.delay_needed and not signed and user.may("infusion.order"):
        forms.append(DelayForm(initial=_delay_initial(infusion), **options))
    if infusion.stopped_at is not None:
        forms += [LevelForm(**options), CriterionForm(**options)]
    if infusion.started_at is not None:
        forms.append(MoveLogForm(**options))
    return {form.key: form for form in forms}


def _of_the_day(record: Record, user: User, options: dict[str, Any]) -> list[RecordForm]:
    """Other drugs, bag, notes, endings: what the patient's stay in the chair may need at any moment."""
    infusion = record.infusion
    forms: list[RecordForm] = []
    if infusion.status != Infusion.Status.NOT_GIVEN:
        note = record.own_note
        initial = {"kind": note.kind, "text": note.text} if note else {"kind": "note"}
        forms.append(NoteForm(initial=initial, **options))
    if infusion.status in (*Infusion.BEFORE_START, *Infusion.RUNNING, Infusion.Status.RECOVERING):
        prescriber = infusion.ordered_by.email if infusion.ordered_by else None
        forms.append(DrugForm(initial={"ordered_by": prescriber}, **options))
        bag = record.bag
        known = {"lot": bag.lot, "expires_on": bag.expires_on} if bag else {}
        forms.append(BagForm(initial=known, **options))
    if infusion.started_at is not None and record.disposition is None:
        forms.append(EndingForm(**options))
    if record.disposition is not None and record.disposition.unplanned and user.may("infusion.sign_off"):
        forms.append(AssessmentForm(**options))
    if infusion.status == Infusion.Status.PAUSED and record.new_order_from and user.may("infusion.order"):
        forms.append(RenewForm(**options))
    return forms


def _before_start(record: Record, options: dict[str, Any]) -> list[RecordForm]:
    forms: list[RecordForm] = [WeightForm(**options), CheckForm(**options), NotGivenForm(**options)]
    forms.append(BaselineForm(**options))
    if record.second_weighing:
        forms.append(SecondWeightForm(**options))
    if record.dose.planned is not None:
        infusion = record.infusion
        initial = {
            "ordered_mg": infusion.ordered_mg or record.dose.planned.mg.quantize(Decimal("0.1")),
            "bag_mg_per_ml": (infusion.bag_mg_per_ml or DEFAULT_BAG).normalize(),
            "low_reason": infusion.order_low_reason,
            "minutes": infusion.ordered_minutes,
            "short_reason": infusion.order_short_reason,
            "route": infusion.route,
            "route_reason": infusion.order_route_reason,
        }
        forms.append(OrderForm(initial=initial, **options))
    return forms


def _delay_initial(infusion: Infusion) -> dict[str, Any]:
    return {
        "stated_delay_hours": infusion.stated_delay_hours,
        "stated_delay_reason": infusion.stated_delay_reason,
    }


def _pump_initial(record: Record) -> dict[str, Any]:
    """The rate of the order, or the last rate of the log, as the pump shows it."""
    infusion, bag = record.infusion, record.infusion.bag_mg_per_ml
    initial: dict[str, Any] = {"rate_unit": ML_PER_HOUR}
    if infusion.status in Infusion.BEFORE_START and record.dose.setting is not None:
        initial["rate"] = record.dose.setting.ml_per_hour
    elif infusion.status == Infusion.Status.PAUSED and bag is not None:
        rates = [
            line.rate_mg_per_min
            for line in rows.live(infusion, PumpEvent)
            if line.kind != PumpEvent.Kind.BOLUS and line.rate_mg_per_min is not None
        ]
        if rates:
            shown = dosing.ml_per_hour_from_mg_per_min(rates[-1], bag)
            initial["rate"] = shown.quantize(Decimal("0.1"))
    return initial
