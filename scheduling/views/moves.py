"""Moving a visit: the dialog of the week calendar and the page without scripts are the same form.

`act` says what the button means: `move` moves this visit alone (or, where a gap to a sibling forbids it, shows what
would have to move with it), `look` shows what the chosen scope would change, `accept` does exactly what was shown:
hidden fields carry every visit with the version that was looked at, and every therapy session.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scheduling.access import get_appointment_for
from scheduling.booking_pages import patient_banner, title_of
from scheduling.domain.localtime import in_words, local_date
from scheduling.forms_booking import MoveForm
from scheduling.models import Appointment, FollowUp, Resource, TreatmentSeries
from scheduling.reasons import MOVE
from scheduling.reasons import in_words as reason_words
from scheduling.services import visits as service
from scheduling.services.cascade import MovePlan, propose_move
from scheduling.services.changes import history_of
from scheduling.services.move_diff import preview
from scheduling.services.moving import SessionMove, move_visits
from scheduling.services.recall import last_change
from scheduling.services.seating import VisitChoice
from scheduling.services.visit_options import VisitOptions
from scheduling.views.acts import person, posted, show, tell_recall, zone
from scheduling.views.visits import offer_choices, offers_for
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput
from staff.strict import parse_date, parse_instant

MOST_LINES = 130
WALL = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T[0-9]{2}:[0-9]{2}", re.ASCII)


@require_http_methods(["GET", "POST"])
@login_required
def visit_move(request: HttpRequest, code: str) -> HttpResponse:
    """A new time for a visit, alone or with those after it; also books a displaced visit again."""
    visit = get_appointment_for(person(request), code, action="appointment.move")
    page = MovePage(request, visit)
    if request.method == "POST" and page.form.is_valid():
        return page.answer()
    return page.draw(status=page.form.error_status if page.form.is_bound else 200)


class MovePage:
    """One request of the move form."""

    def __init__(self, request: HttpRequest, visit: Appointment) -> None:
        self.request, self.visit, self.user = request, visit, person(request)
        self.offers: VisitOptions | None = offers_for(visit)
        self.form = MoveForm(
            posted(request),
            offers=offer_choices(self.offers, visit),
            siblings=_later_visits(visit),
            initial=_from_address(request, visit),
            zone=zone(visit),
            version=visit.version,
            patient_code=visit.patient.code,
        )

    def answer(self) -> HttpResponse:
        """Do what the pressed button says."""
        verb = self.request.POST.get("act", "move")
        try:
            if verb == "accept":
                return self._accept()
            if verb == "look" or self.form.cleaned_data["scope"] != "this":
                return self._look()
            return self._move()
        except DomainError as refusal:
            self.form.add_refusal(refusal)
            return self.draw(status=refusal.status, conflicts=refusal.conflicts)

    def _words(self) -> str:
        data = self.form.cleaned_data
        return reason_words(MOVE, data["reason"], initiator=data["initiator"], note=data["note"])

    def _move(self) -> HttpResponse:
        """This visit alone. Where only the distance to a sibling forbids it, show what would have to move along."""
        data, start = self.form.cleaned_data, self.form.wanted
        chosen = (
            next((item for item in self.offers.choices if item.start == start), None) if self.offers else None
        )
        try:
            moved = service.move_visit(
                appointment=self.visit,
                start=start,
                by=self.user,
                reason=data["reason"],
                initiator=data["initiator"],
                note=data["note"],
                chair=data["chair"] or (chosen.chair if chosen else ""),
                nurse=chosen.nurse if chosen and not data["chair"] else "",
                prescriber=chosen.prescriber if chosen and not data["chair"] else "",
                displace_therapy=data["displace_therapy"],
                close_reason=data["close_reason"],
                expected_version=data["version"],
            )
        except DomainError as refusal:
            if refusal.code != "gap" or not self.form.siblings:
                raise
            return self._look(refusal)
        return self._done(moved, "Moved. The other visits stay where they are.")

    def _look(self, refusal: DomainError | None = None) -> HttpResponse:
        """What the scope would change, to be accepted or not. A gap that nothing can mend stays a refusal."""
        data = self.form.cleaned_data
        plan = propose_move(
            visit=self.visit, start=self.form.wanted, scope=data["scope"], chair=data["chair"]
        )
        if not plan.choices:
            if refusal is not None:
                self.form.add_refusal(refusal)
            self.form.error_status = 422
            return self.draw(status=422, plan=plan)
        diff = preview(
            plan,
            by=self.user,
            reason=self._words(),
            displace_therapy=data["displace_therapy"],
            close_reason=data["close_reason"],
        )
        if diff.refusal is not None:
            self.form.add_refusal(diff.refusal)
            return self.draw(status=diff.refusal.status, conflicts=diff.refusal.conflicts)
        return self.draw(
            plan=plan, diff=diff, because=refusal.message if refusal else "", hidden=self._hidden(plan)
        )

    def _hidden(self, plan: MovePlan) -> dict[str, list[str]]:
        """The proposal as hidden fields: `visit` = ordinal|start|chair|nurse|prescriber|version, `session` =
        code|kind|start|therapist.
        """
        rows = plan.series.appointments.infusions().filter(status__in=Appointment.MOVABLE)
        versions = dict(rows.values_list("ordinal", "version"))
        return {
            "visits": [
                "|".join(
                    [str(item.ordinal), item.start.isoformat(), item.chair, item.nurse, item.prescriber,
                     str(versions.get(item.ordinal, 0))]
                )
                for item in plan.choices
            ],
            "sessions": [
                "|".join(
                    [str(row.appointment.code), row.kind, row.start.isoformat() if row.start else "", row.therapist]
                )
                for row in plan.sessions
            ],
        }  # fmt: skip

    def _accept(self) -> HttpResponse:
        """Exactly what was shown, judged again."""
        if self.visit.series is None:
            raise InvalidInput("Only infusion visits are moved here.", code="not-an-infusion")
        choices, seen = read_visits(self.request.POST)
        move_visits(
            series=self.visit.series,
            choices=choices,
            sessions=read_sessions(self.request.POST, self.visit),
            seen=seen,
            scope=self.form.cleaned_data["scope"],
            reason=self._words(),
            displace_therapy=self.form.cleaned_data["displace_therapy"],
            close_reason=self.form.cleaned_data["close_reason"],
            by=self.user,
        )
        moved = Appointment.objects.get(pk=self.visit.pk)
        count = len(choices)
        return self._done(moved, f"Moved {count} visit{'s' if count != 1 else ''}.")

    def _done(self, moved: Appointment, words: str) -> HttpResponse:
        undo = reverse("visit_undo_move", args=[moved.code, moved.version])
        messages.success(self.request, words, extra_tags=f"undo:{undo}")
        tell_recall(self.request, *last_change(moved))
        address = self._back()
        if self.request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": address})
        return redirect(address)

    def _back(self) -> str:
        """The calendar that the dialog was opened from, else the visit."""
        day = self.request.POST.get("week", "") or self.request.GET.get("week", "")
        shown = _date(day)
        if shown is not None:
            return f"{reverse('week')}?{urlencode({'day': shown.isoformat()})}"
        return reverse("visit_detail", args=[self.visit.code])

    def draw(self, *, status: int = 200, **extra: Any) -> HttpResponse:
        """The page, or the inside of the dialog for htmx."""
        visit = self.visit
        fragment = bool(self.request.headers.get("HX-Request"))
        context = {
            "subject": visit,
            "visit": visit,
            "banner": patient_banner(visit, app_now()),
            "title": f"Move {title_of(visit).lower()}",
            "now_words": in_words(visit.during.lower, zone(visit)),
            "form": self.form,
            "offers": self.offers,
            "back_url": self._back(),
            "week": self.request.POST.get("week", "") or self.request.GET.get("week", ""),
            "fragment": fragment,
            **extra,
        }
        template = "scheduling/_move.html" if fragment else "scheduling/move.html"
        return show(self.request, template, context, visit.site, status=status)


def _later_visits(visit: Appointment) -> int:
    """How many visits of the series come after this one and could move."""
    if visit.series is None or visit.kind != Appointment.Kind.INFUSION:
        return 0
    rows = visit.series.appointments.infusions().filter(status__in=Appointment.MOVABLE)
    return int(rows.filter(ordinal__gt=visit.ordinal or 0).count())


def _from_address(request: HttpRequest, visit: Appointment) -> dict[str, Any]:
    """`?wall=2026-03-12T10:15&chair=` of a card that was dropped somewhere; what cannot be read is left out."""
    found: dict[str, Any] = {}
    wall = WALL.fullmatch(request.GET.get("wall", ""))
    if wall is not None and _date(wall[1]) is not None:
        found |= {"start": wall[0], "offered": "other"}
    try:
        chair = Resource.objects.filter(
            site=visit.site, kind="chair", code=UUID(request.GET.get("chair", ""))
        ).first()
    except ValueError:
        chair = None
    if chair is not None:
        found["chair"] = str(chair.code)
    return found


def _date(text: str) -> date | None:
    try:
        return parse_date(text, field="day")
    except InvalidInput:
        return None


def _parts(text: str, count: int) -> list[str]:
    found = text.split("|")
    if len(found) != count or len(text) > 260:
        raise InvalidInput("Look at the changes again.", code="shown", field="visits")
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise InvalidInput("Look at the changes again.", code="shown", field="visits")
    return int(text)


def _lines(data: QueryDict, name: str) -> Iterable[str]:
    found = data.getlist(name)
    if len(found) > MOST_LINES:
        raise InvalidInput("Too many visits.", code="visits", field="visits")
    return found


def read_visits(data: QueryDict) -> tuple[list[VisitChoice], dict[int, int]]:
    """The hidden visits and their versions. Raises InvalidInput for anything that this page did not write."""
    choices: list[VisitChoice] = []
    seen: dict[int, int] = {}
    for text in _lines(data, "visit"):
        number, start, chair, nurse, prescriber, version = _parts(text, 6)
        ordinal, moment = _number(number), parse_instant(start, field="visits")
        choices.append(VisitChoice(ordinal, moment, chair, nurse, prescriber))
        seen[ordinal] = _number(version)
    return choices, seen


def read_sessions(data: QueryDict, visit: Appointment) -> list[SessionMove]:
    """The hidden therapy sessions, which must be of the visit's series. Raises InvalidInput."""
    return known_sessions(visit.series, [_parts(text, 4) for text in _lines(data, "session")])


def known_sessions(series: TreatmentSeries | None, wanted: Iterable[Sequence[str]]) -> list[SessionMove]:
    """Sessions of this series from (code, kind, start or empty, therapist). Raises InvalidInput for others."""
    rows = FollowUp.objects.filter(series=series, appointment__isnull=False).select_related("appointment")
    known = {str(row.appointment.code): row for row in rows if row.appointment is not None}
    found = []
    for code, kind, start, therapist in wanted:
        row = known.get(code)
        if row is None or row.appointment is None or row.kind != kind:
            raise InvalidInput("Look at the changes again.", code="shown", field="visits")
        moment: datetime | None = parse_instant(start, field="therapy") if start else None
        found.append(SessionMove(row.appointment, kind, moment, therapist))
    return found


@require_POST
@login_required
def visit_undo_move(request: HttpRequest, code: str, version: int) -> HttpResponse:
    """Take a change back within two minutes; the messages follow. `version` is that of the change."""
    user = person(request)
    visit = get_appointment_for(user, code, action="appointment.move")
    back = service.undo_move(appointment=visit, by=user, expected_version=version)
    messages.success(request, "Taken back.")
    tell_recall(request, *last_change(back))
    return redirect("visit_detail", code=visit.code)


@require_safe
@login_required
def visit_history(request: HttpRequest, code: str) -> HttpResponse:
    """Every change of this booking: from where, to where, by whom, why, and what was taken back."""
    visit = get_appointment_for(person(request), code)
    now = app_now()
    context = {
        "visit": visit,
        "title": title_of(visit),
        "banner": patient_banner(visit, now),
        "rows": history_of(visit),
        "states": dict(Appointment.Status.choices),
        "today": local_date(now, zone(visit)),
    }
    return show(request, "scheduling/history.html", context, visit.site)
