"""What the API takes and gives about moves of several visits, their preview and their history."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from scheduling.models import ScheduleChange, VisitChange
from scheduling.reasons import MOVE
from scheduling.serializers_booking import ReasonSerializer, VisitChoiceSerializer
from scheduling.services.cascade import MovePlan
from scheduling.services.move_diff import DateLine, Diff
from staff.api import InstantField, StrictBooleanField, StrictIntegerField, StrictSerializer
from staff.api import StrictCharField as Text


class MovePreviewSerializer(ReasonSerializer):
    """A wanted start for one visit, and which visits may move with it."""

    reason = serializers.ChoiceField(choices=sorted(MOVE))
    start = InstantField()
    scope = serializers.ChoiceField(choices=ScheduleChange.Scope.choices, default="this")
    chair = serializers.UUIDField(required=False)
    displace_therapy = StrictBooleanField(default=False)
    close_reason = Text(max_length=200, required=False, allow_blank=True, default="")


class MovedVisitSerializer(VisitChoiceSerializer):
    """One visit at its new time, with the version that was looked at."""

    version = StrictIntegerField(min_value=1)


class MovedSessionSerializer(StrictSerializer):
    """A therapy session that goes along; start null: it loses its time."""

    appointment = serializers.UUIDField()
    kind = Text(max_length=30)
    start = InstantField(allow_null=True)
    therapist = serializers.UUIDField(required=False)


class LateSerializer(StrictSerializer):
    """How many minutes late; `accept` with what the proposal showed, or without it to see it."""

    minutes = StrictIntegerField(min_value=5, max_value=300)
    accept = StrictBooleanField(default=False)
    seen = serializers.ListField(child=Text(max_length=120), required=False, max_length=40)


class MovesSerializer(ReasonSerializer):
    """Several visits of one series moved in one act, as a preview proposed it."""

    reason = serializers.ChoiceField(choices=sorted(MOVE))
    scope = serializers.ChoiceField(choices=ScheduleChange.Scope.choices, default="this")
    visits = MovedVisitSerializer(many=True, allow_empty=False, max_length=60)  # type: ignore[call-arg]  # goes to the list
    sessions = MovedSessionSerializer(many=True, required=False, max_length=120)  # type: ignore[call-arg]  # goes to the list
    displace_therapy = StrictBooleanField(default=False)
    close_reason = Text(max_length=200, required=False, allow_blank=True, default="")


def plan_data(plan: MovePlan, diff: Diff | None) -> dict[str, Any]:
    """A move proposal as JSON: what to send to `moves/` to accept it, and what it would change."""
    versions = dict(plan.series.appointments.infusions().values_list("ordinal", "version"))
    found: dict[str, Any] = {
        "possible": bool(plan.choices) and (diff is None or diff.refusal is None),
        "scope": plan.scope,
        "visits": [
            {
                "ordinal": item.ordinal,
                "start": item.start,
                "chair": item.chair,
                "nurse": item.nurse,
                "prescriber": item.prescriber,
                "version": versions.get(item.ordinal),
            }
            for item in plan.choices
        ],
        "sessions": [
            {
                "appointment": str(row.appointment.code),
                "kind": row.kind,
                "start": row.start,
                **({"therapist": row.therapist} if row.therapist else {}),
            }
            for row in plan.sessions
        ],
        "refusals": [{"code": item.code, "text": item.text} for item in plan.refusals],
        "long_gap_offer": plan.long_gap.text if plan.long_gap else None,
        "changes": None,
    }
    if diff is not None and diff.refusal is not None:
        found["refusals"].append({"code": diff.refusal.code, "text": diff.refusal.message})
    elif diff is not None:
        found["changes"] = {
            "visits": [_line(item) for item in diff.visits],
            "sessions": [_line(item) for item in diff.sessions],
            "messages": [{"kind": m.kind, "before": m.before, "after": m.after} for m in diff.messages],
        }
    return found


def _line(line: DateLine) -> dict[str, Any]:
    return {
        "title": line.title,
        "before": line.before,
        "after": line.after,
        "place_before": line.place_before,
        "place_after": line.place_after,
    }


def change_data(row: VisitChange) -> dict[str, Any]:
    """One line of a booking's history."""
    change = row.change
    return {
        "change": str(change.code),
        "kind": change.kind,
        "scope": change.scope,
        "reason": change.reason,
        "made_by": str(change.made_by.code),
        "made_at": change.made_at.isoformat(),
        "undone_at": change.undone_at.isoformat() if change.undone_at else None,
        "undone_by": str(change.undone_by.code) if change.undone_by else None,
        "status_before": row.status_before,
        "status_after": row.status_after,
        "start_before": row.during_before.lower.isoformat(),
        "start_after": row.during_after.lower.isoformat(),
        "place_before": row.place_before,
        "place_after": row.place_after,
    }
