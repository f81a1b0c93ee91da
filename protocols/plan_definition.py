"""A protocol as a FHIR R4 PlanDefinition, and back. Pure module.

The resource says in FHIR's own elements what FHIR can say: title, status, goal of the series, one action per part of
the series with its timing, and one action per follow-up related to the end of the infusion by an offset range. The
whole text travels in one extension, because R4 has no element for a clearance threshold or a wall-clock window; an
importer reads it from there, and refuses a resource whose elements no longer say the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from protocols.definition import Elapsed, FollowUpRule, Moment, ProtocolDefinition, SeriesPhase
from protocols.definition_codec import canonical_text, digest, load
from protocols.evidence import ELEMENT_NAMES, ELEMENTS, evidence_for
from staff.errors import InvalidInput
from staff.strict import load_json

TEXT_EXTENSION = "urn:clearwindow:protocol-text"
STATUS = {
    "draft": "draft", "in-review": "draft", "active": "active", "superseded": "retired", "retired": "retired",
}  # fmt: skip
TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"


def to_plan_definition(
    definition: ProtocolDefinition, *, url: str, version: str, status: str, date: str | None
) -> dict[str, Any]:
    """The resource. `url`: canonical address; `status`: ours; `date`: ISO day of approval or None."""
    found: dict[str, Any] = {
        "resourceType": "PlanDefinition",
        "url": url,
        "version": version,
        "status": STATUS[status],
        "title": definition.title,
        "type": {"coding": [{"system": TYPE, "code": "clinical-protocol"}]},
        "description": definition.evidence or definition.indication,
        "usage": definition.indication,
        "extension": [{"url": TEXT_EXTENSION, "valueString": canonical_text(definition)}],
        "goal": [{"description": {"text": "Reduce symptoms of depression; measured by the outcome scores"}}],
        "action": [
            *(_phase(number, phase, definition) for number, phase in enumerate(definition.phases, 1)),
            *(_follow_up(rule, definition) for rule in definition.follow_ups),
        ],
    }
    if date:
        found["date"] = found["approvalDate"] = date
    cited = [{"type": "citation", "citation": definition.source}] if definition.source else []
    for item in fields(definition.bases):
        own = getattr(definition.bases, item.name)
        if own.grade or own.source:
            words = evidence_for(definition.bases, ELEMENTS[item.name][0])
            citation = f"Grade {words.grade}: {words.source}"
            cited.append({"type": "citation", "label": ELEMENT_NAMES[item.name], "citation": citation})
    if cited:
        found["relatedArtifact"] = cited
    if definition.sources_read_on:
        found["lastReviewDate"] = definition.sources_read_on
    return found


def _phase(number: int, phase: SeriesPhase, definition: ProtocolDefinition) -> dict[str, Any]:
    dose = definition.dose
    return {
        "id": f"phase-{number}",
        "title": phase.name,
        "description": f"Ketamine {dose.mg_per_kg:f} mg/kg over {dose.infusion_minutes} min, route {dose.route}",
        "timingTiming": {
            "repeat": {
                "count": phase.visits,
                "duration": dose.infusion_minutes,
                "durationUnit": "min",
                "frequency": 1,
                "period": phase.gap_target_hours,
                "periodUnit": "h",
                "dayOfWeek": [
                    ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[day] for day in sorted(phase.weekdays)
                ],
            }
        },
        "groupingBehavior": "logical-group",
    }


def _follow_up(rule: FollowUpRule, definition: ProtocolDefinition) -> dict[str, Any]:
    participant = {"patient": "patient"}.get(rule.audience, "practitioner")
    last = len(definition.phases)
    return {
        "id": f"follow-up-{rule.kind.replace('_', '-')}",
        "title": rule.title,
        "participant": [{"type": participant}],
        "requiredBehavior": "must" if rule.required else "could",
        "documentation": [{"type": "citation", "citation": f"Grade {rule.grade}: {rule.source}"}],
        "relatedAction": [
            {
                "actionId": f"phase-{last if rule.scope == 'after_last' else 1}",
                "relationship": "after-end",
                "offsetRange": {"low": _hours(rule.earliest), "high": _hours(rule.hard_latest)},
            }
        ],
        **({"condition": [_therapy_waits()]} if rule.gate == "window" else {}),
    }


def _therapy_waits() -> dict[str, Any]:
    return {
        "kind": "start",
        "expression": {
            "language": "text/plain",
            "expression": "Signed ready to leave, and the drug has cleared (estimate)",
        },
    }


def _hours(moment: Moment) -> dict[str, Any]:
    """An offset in hours. A wall-clock moment is given by its nearest elapsed hours; the extension has it exactly."""
    minutes = (
        moment.minutes
        if isinstance(moment, Elapsed)
        else moment.days * 1440 + (moment.hour - 10) * 60 + moment.minute
    )
    hours = (Decimal(max(minutes, 0)) / 60).quantize(Decimal("0.01"))
    return {"value": float(hours), "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"}


def write_resource(resource: Mapping[str, Any]) -> str:
    """The one text of a resource."""
    return json.dumps(resource, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def read_plan_definition(raw: bytes) -> ProtocolDefinition:
    """The protocol of a PlanDefinition written here. Raises InvalidInput for any other, and for one that was edited."""
    data = load_json(raw)
    if not isinstance(data, Mapping) or data.get("resourceType") != "PlanDefinition":
        raise InvalidInput("This is not a FHIR PlanDefinition.", field="file")
    given = data.get("extension")
    texts = [
        item.get("valueString")
        for item in (given if isinstance(given, list) else [])
        if isinstance(item, Mapping) and item.get("url") == TEXT_EXTENSION
    ]
    if len(texts) != 1 or not isinstance(texts[0], str):
        raise InvalidInput(
            "This PlanDefinition does not carry a whole protocol text: write the protocol in the editor instead.",
            code="no-text",
            field="file",
        )
    inner = load_json(texts[0].encode())
    if not isinstance(inner, Mapping):
        raise InvalidInput("The text inside is not a protocol.", field="file")
    definition = load(inner)
    again = to_plan_definition(
        definition,
        url=str(data.get("url", "")),
        version=str(data.get("version", "")),
        status="draft",
        date=None,
    )
    for name in ("title", "usage", "description", "action"):
        if _plain(data.get(name)) != _plain(again[name]):
            raise InvalidInput(
                f'"{name}" was changed outside and no longer says what the protocol text says.',
                code="other-text",
                field="file",
            )
    return definition


def _plain(value: Any) -> Any:
    """Numbers compare by value, whether read as decimals or written as floats."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return (
        float(value)
        if isinstance(value, (Decimal, float)) or (isinstance(value, int) and not isinstance(value, bool))
        else value
    )


__all__ = ["digest", "read_plan_definition", "to_plan_definition", "write_resource"]
