"""The rows of one record, read in one statement for the pages that show all of them.

A record has seventeen tables below it. A page that asks each one several times spends its time on the way to the
database, so it calls `read_together` first; every reading function of the services then finds its rows here. Nobody
writes through a record that was read so: the acts take the record's lock and read it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar, cast

from django.db.models import ForeignKey, JSONField, Model, QuerySet, Value
from django.db.models.functions import JSONObject

from patients.models import Contraindication
from sessions.models import (
    AdverseEvent,
    BagUse,
    ChairNote,
    ClearanceEstimate,
    Consent,
    CriterionResult,
    Disposition,
    EducationRecord,
    EndingAssessment,
    GateAnswer,
    GivenDrug,
    Handover,
    Infusion,
    MeasuredLevel,
    OrderRenewal,
    PreInfusionCheck,
    PumpEvent,
    SignOff,
    SiteGate,
    VitalSigns,
    WeightCorrection,
)
from staff.models import User

T = TypeVar("T")
OF_THE_RECORD: tuple[type[Model], ...] = (
    PumpEvent,
    VitalSigns,
    PreInfusionCheck,
    CriterionResult,
    AdverseEvent,
    MeasuredLevel,
    GivenDrug,
    BagUse,
    ChairNote,
    OrderRenewal,
    Disposition,
    EndingAssessment,
    Handover,
    SignOff,
    WeightCorrection,
    GateAnswer,
)
NOT_READ = {SignOff: frozenset({"record"})}  # the whole signed text: no page shows it
HELD = "_rows_read_together"


class _Exact(json.JSONDecoder):
    """Numbers as decimals: a dose is not rounded on its way."""

    def __init__(self, **options: Any) -> None:
        super().__init__(parse_float=Decimal, **options)


class _Row(JSONObject):
    """A whole row as one JSON value."""

    output_field = JSONField(decoder=_Exact)


class Held:
    """What was read for one record: rows by model, and answers worked out once."""

    def __init__(self, found: dict[type[Model], list[Any]]) -> None:
        self.found = found
        self.answers: dict[str, Any] = {}


def read_together(infusion: Infusion) -> None:
    """Read everything below `infusion` in two statements (rows, people) and keep it on the instance."""
    sources = _sources(infusion)
    parts = [_part(number, rows) for number, rows in enumerate(sources)]
    found: dict[type[Model], list[Any]] = {rows.model: [] for rows in sources}
    for number, values in parts[0].union(*parts[1:], all=True):
        model = sources[number].model
        found[model].append(_instance(model, values))
    for rows in found.values():
        rows.sort(key=lambda row: row.pk)
    _join(infusion, found)
    setattr(infusion, HELD, Held(found))


def rows(infusion: Infusion, model: type[T], *related: str) -> list[T]:
    """All rows of `model` below this record, struck and superseded ones too, in the model's own order."""
    return _in_order(model, _held_or(infusion, model, lambda manager: manager.all(), related))


def live(infusion: Infusion, model: type[T], *related: str) -> list[T]:
    """Rows that were not struck, in the model's own order."""
    found = _held_or(infusion, model, lambda manager: manager.live(), related)
    return _in_order(model, [row for row in found if row.withdrawn_at is None])


def current(infusion: Infusion, model: type[T], *related: str) -> list[T]:
    """Rows that nothing has superseded, in the model's own order."""
    found = _held_or(infusion, model, lambda manager: manager.current(), related)
    return _in_order(model, [row for row in found if row.superseded_at is None])


def once(infusion: Infusion, name: str, work_out: Callable[[], T]) -> T:
    """`work_out()`, kept for as long as this reading of the record lives; each time anew without one."""
    held: Held | None = getattr(infusion, HELD, None)
    if held is None:
        return work_out()
    if name not in held.answers:
        held.answers[name] = work_out()
    return cast("T", held.answers[name])


def if_read(infusion: Infusion, model: type[T]) -> list[T] | None:
    """Rows of `model` that were read together; None when the record was not read so."""
    held: Held | None = getattr(infusion, HELD, None)
    return None if held is None else cast("list[T]", held.found[cast("type[Model]", model)])


def _sources(infusion: Infusion) -> list[QuerySet[Any]]:
    patient, site = infusion.patient_id, infusion.site_id
    below = [model._default_manager.filter(infusion=infusion.pk) for model in OF_THE_RECORD]
    return [
        *below,
        ClearanceEstimate.objects.current().filter(infusion=infusion.pk),
        Contraindication.objects.filter(patient=patient, resolved_at__isnull=True),
        Consent.objects.filter(patient=patient),
        EducationRecord.objects.filter(patient=patient),
        SiteGate.objects.in_use(infusion.arrived_at).filter(site=site),
    ]


def _fields(model: type[Model]) -> list[Any]:
    left_out = NOT_READ.get(cast("Any", model), frozenset())
    return [field for field in model._meta.concrete_fields if field.name not in left_out]


def _part(number: int, source: QuerySet[Any]) -> QuerySet[Any]:
    whole = _Row(**{field.attname: field.attname for field in _fields(source.model)})
    return source.order_by().values_list(Value(number), whole)


def _instance(model: type[Model], values: dict[str, Any]) -> Any:
    fields = _fields(model)
    names = [field.attname for field in fields]
    return model.from_db(None, names, [_python(field, values[field.attname]) for field in fields])


def _python(field: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(field, JSONField):
        return _floats(value)
    found = field.target_field.to_python(value) if isinstance(field, ForeignKey) else field.to_python(value)
    return found.astimezone(UTC) if isinstance(found, datetime) else found


def _floats(value: Any) -> Any:
    """A stored JSON value with its numbers as JSON has them."""
    if isinstance(value, dict):
        return {key: _floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_floats(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def _join(infusion: Infusion, found: dict[type[Model], list[Any]]) -> None:
    """Fill the foreign keys: the record and its patient, rows read here, and people in one statement."""
    known: dict[type[Model], dict[int, Any]] = {
        model: {row.pk: row for row in rows} for model, rows in found.items()
    }
    known[Infusion] = {infusion.pk: infusion}
    known[type(infusion.patient)] = {infusion.patient_id: infusion.patient}
    known[type(infusion.site)] = {infusion.site_id: infusion.site}
    keys = [(row, field) for model, rows in found.items() for field in _keys(model) for row in rows]
    people = {getattr(row, field.attname) for row, field in keys if field.related_model is User}
    known[User] = User.objects.in_bulk(people - {None})
    for row, field in keys:
        other = known.get(field.related_model, {}).get(getattr(row, field.attname))
        if other is not None:
            field.set_cached_value(row, other)


def _keys(model: type[Model]) -> Iterable[Any]:
    return (field for field in _fields(model) if isinstance(field, ForeignKey))


def _held_or(
    infusion: Infusion, model: type[T], ask: Callable[[Any], QuerySet[Any]], related: tuple[str, ...]
) -> list[Any]:
    found = if_read(infusion, model)
    if found is not None:
        return list(found)
    manager = cast("type[Model]", model)._default_manager
    return list(ask(manager).filter(infusion=infusion.pk).select_related(*related))


def _in_order(model: type[T], found: list[T]) -> list[T]:
    """By the model's own `ordering`; rows alike in it stay in the order they were stored in."""
    for name in reversed(list(cast("type[Model]", model)._meta.ordering or ())):
        plain = str(name).removeprefix("-")
        found.sort(key=lambda row: getattr(row, plain), reverse=str(name).startswith("-"))
    return found
