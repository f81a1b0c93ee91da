"""Moves over the API: preview with every consequence, the accepted act, undo, and the history of a booking.

Mixed into the viewsets of series and appointments, so that the addresses stay together.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.access import get_appointment_for, get_series_for
from scheduling.models import FollowUp, ScheduleChange, TreatmentSeries
from scheduling.reasons import MOVE, in_words
from scheduling.serializers_booking import NothingSerializer
from scheduling.serializers_moves import (
    LateSerializer,
    MovePreviewSerializer,
    MovesSerializer,
    change_data,
    plan_data,
)
from scheduling.services import replans
from scheduling.services import visits as visit_service
from scheduling.services.cascade import propose_move
from scheduling.services.changes import history_of
from scheduling.services.lateness import LATE_WORDS, accepted, propose_late, seen_lines, start_by
from scheduling.services.move_diff import preview
from scheduling.services.moving import SessionMove, move_visits
from scheduling.services.recall import last_change, recall_words_after
from scheduling.services.seating import VisitChoice
from staff.access import require
from staff.api import checked, expected_version, idempotent
from staff.clock import app_now
from staff.errors import InvalidInput, StaleVersion
from staff.models import User


def _words(data: dict[str, Any]) -> str:
    return in_words(MOVE, data["reason"], initiator=data["initiator"], note=data["note"])


class SeriesMoves:
    """For the series viewset."""

    user: User

    @extend_schema(request=MovesSerializer, responses={201: OpenApiTypes.OBJECT})
    @action(detail=True, methods=["post"])
    def moves(self, request: Request, code: str) -> Response:
        """Move several visits in one act, all or none. Needs Idempotency-Key; 412 when one was changed meanwhile."""
        series = get_series_for(self.user, code)
        require(self.user, "appointment.move")

        def act() -> Response:
            data = checked(MovesSerializer(data=request.data))
            change = move_visits(
                series=series,
                choices=[_choice(item) for item in data["visits"]],
                sessions=_sessions(series, data.get("sessions", [])),
                seen={item["ordinal"]: item["version"] for item in data["visits"]},
                scope=data["scope"],
                reason=_words(data),
                displace_therapy=data["displace_therapy"],
                close_reason=data["close_reason"],
                by=self.user,
            )
            rows = change.rows.select_related("change__made_by", "change__undone_by", "appointment")
            body = {
                "code": str(change.code),
                "too_late_to_recall": recall_words_after(change, at=app_now()),
                "rows": [{"appointment": str(row.appointment.code), **change_data(row)} for row in rows],
            }
            return Response(body, status=201)

        return idempotent(request, f"series-moves:{series.code}", act)


def _choice(item: dict[str, Any]) -> VisitChoice:
    named = {name: str(item[name]) if item.get(name) else "" for name in ("chair", "nurse", "prescriber")}
    return VisitChoice(item["ordinal"], item["start"], **named)


def _sessions(series: TreatmentSeries, wanted: list[dict[str, Any]]) -> list[SessionMove]:
    rows = FollowUp.objects.filter(series=series, appointment__isnull=False).select_related("appointment")
    known: dict[UUID, FollowUp] = {row.appointment.code: row for row in rows if row.appointment is not None}
    found = []
    for item in wanted:
        row = known.get(item["appointment"])
        if row is None or row.appointment is None or row.kind != item["kind"]:
            raise InvalidInput(
                "Not a therapy session of this series.", code="unknown-therapy", field="sessions"
            )
        therapist = str(item["therapist"]) if item.get("therapist") else ""
        found.append(SessionMove(row.appointment, row.kind, item["start"], therapist))
    return found


class AppointmentMoves:
    """For the appointment viewset."""

    user: User

    @extend_schema(request=MovePreviewSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"], url_path="move-preview")
    def move_preview(self, request: Request, code: str) -> Response:
        """What a move would take along: dates, therapy sessions, messages. Nothing is written."""
        visit = get_appointment_for(self.user, code, action="appointment.move")
        data = checked(MovePreviewSerializer(data=request.data))
        plan = propose_move(
            visit=visit, start=data["start"], scope=data["scope"], chair=str(data.get("chair") or "")
        )
        diff = None
        if plan.choices:
            diff = preview(
                plan,
                by=self.user,
                reason=_words(data),
                displace_therapy=data["displace_therapy"],
                close_reason=data["close_reason"],
            )
        return Response(plan_data(plan, diff))

    @extend_schema(request=LateSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"], url_path="running-late")
    def running_late(self, request: Request, code: str) -> Response:
        """The chair's day when this visit starts late; with `accept` and what was `seen`, it is done."""
        visit = get_appointment_for(self.user, code, action="appointment.move")
        data = checked(LateSerializer(data=request.data))
        lines = propose_late(visit=visit, minutes=data["minutes"], by=self.user)
        done: list[ScheduleChange] = []
        limit = start_by(visit)
        if data["accept"]:
            if data.get("seen") != seen_lines(lines):
                raise StaleVersion("The day has changed since you looked. Look at the new times again.")
            done = replans.apply(site=visit.site, by=self.user, series=accepted(lines), reason=LATE_WORDS)
        body = [
            {"appointment": str(row.visit.code), "before": row.old, "after": row.new, "why_not": row.why}
            for row in lines
        ]
        return Response(
            {"start_by": limit, "visits": body, "seen": seen_lines(lines), "accepted": data["accept"],
             "too_late_to_recall": recall_words_after(*done, at=app_now())}
        )  # fmt: skip

    @extend_schema(request=NothingSerializer, responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, code: str) -> Response:
        """Take the last change back, within two minutes, with everything that it moved. Needs If-Match."""
        visit = get_appointment_for(self.user, code, action="appointment.move")
        version = expected_version(request, visit.code)
        checked(NothingSerializer(data=request.data))
        after = visit_service.undo_move(appointment=visit, by=self.user, expected_version=version)
        told = recall_words_after(*last_change(after), at=app_now())
        body = {"code": str(after.code), "status": after.status, "version": after.version}
        return Response(body | {"too_late_to_recall": told})

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True, methods=["get"])
    def history(self, request: Request, code: str) -> Response:
        """Every change of this booking, newest first."""
        visit = get_appointment_for(self.user, code)
        return Response({"results": [change_data(row) for row in history_of(visit)]})
