"""What closures and absences leave without a place, with proposals; the accepted ones are done in one act."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from scheduling.access import get_appointment_for, get_series_for
from scheduling.models import Appointment
from scheduling.services import replans
from scheduling.services.once import once
from scheduling.services.seating import VisitChoice
from scheduling.sites import chosen_site
from scheduling.views.acts import person, show, tell_recall
from scheduling.views.moves import MOST_LINES, _number, _parts, known_sessions
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError, InvalidInput
from staff.models import Site, User
from staff.strict import parse_instant


@require_http_methods(["GET", "POST"])
@login_required
def replan(request: HttpRequest) -> HttpResponse:
    """The review, and the act on what was ticked."""
    user = person(request)
    require(user, "appointment.view")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    refusal: DomainError | None = None
    if request.method == "POST":
        require(user, "appointment.move")
        try:
            return _apply(request, user, site)
        except DomainError as error:
            refusal = error
    now = app_now()
    found = replans.review(site=site, by=user, at=now)
    context = {
        "site": site,
        "now": now,
        "groups": [_group_row(item) for item in found.groups],
        "sessions": found.sessions,
        "follow_ups": found.follow_ups,
        "empty": found.empty,
        "may_move": user.may("appointment.move"),
        "token": str(uuid.uuid4()),
        "refusal": refusal,
        "page_errors": refusal,
        "conflicts": refusal.conflicts if refusal else (),
    }
    return show(request, "scheduling/replan.html", context, site, status=refusal.status if refusal else 200)


def _group_row(item: replans.SeriesGroup) -> dict[str, Any]:
    """One series with its proposal as hidden fields."""
    versions = dict(item.series.appointments.infusions().values_list("ordinal", "version"))
    code = str(item.series.code)
    return {
        "group": item,
        "series": item.series,
        "key": f"s:{code}",
        "visits": [
            "|".join(
                [code, str(row.ordinal), row.start.isoformat(), row.chair, row.nurse, row.prescriber,
                 str(versions.get(row.ordinal, 0))]
            )
            for row in item.plan.choices
        ],
        "sessions": [
            "|".join(
                [code, str(row.appointment.code), row.kind, row.start.isoformat() if row.start else "", row.therapist]
            )
            for row in item.plan.sessions
        ],
    }  # fmt: skip


def _apply(request: HttpRequest, user: User, site: Site) -> HttpResponse:
    """The ticked proposals, exactly as they were shown."""
    series, sessions = read_accepted(request.POST, user)
    if not series and not sessions:
        raise InvalidInput("Tick at least one change.", code="nothing-ticked", field="pick")

    def act() -> str:
        done = replans.apply(site=site, by=user, series=series, sessions=sessions)
        tell_recall(request, *done)
        return str(len(done))

    count, fresh = once(user=user, token=request.POST.get("token", ""), route="replan", act=act)
    if fresh:
        words = f"Applied for {count} patient{'s' if count != '1' else ''}. Messages follow the new times."
        messages.success(request, words)
    return redirect("replan")


def read_accepted(
    data: QueryDict, user: User
) -> tuple[list[replans.AcceptedSeries], list[replans.AcceptedSession]]:
    """Ticked groups with their hidden lines. Raises InvalidInput for anything this page did not write, Http404."""
    picked = data.getlist("pick")
    if max(len(picked), len(data.getlist("visit")) // 6) > MOST_LINES or len(set(picked)) != len(picked):
        raise InvalidInput("Look at the changes again.", code="shown", field="pick")
    visits: dict[str, list[list[str]]] = {}
    moved: dict[str, list[list[str]]] = {}
    for name, into, count in (("visit", visits, 7), ("session", moved, 5)):
        for text in data.getlist(name):
            code, *rest = _parts(text, count)
            into.setdefault(code, []).append(rest)
    series = [
        _series(key[2:], visits.get(key[2:], []), moved.get(key[2:], []), user)
        for key in picked
        if key.startswith("s:")
    ]
    wanted = {key[2:] for key in picked if key.startswith("t:")}
    sessions = [_session(text, user) for text in data.getlist("therapy") if text.partition("|")[0] in wanted]
    return series, sessions


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidInput("Look at the changes again.", code="shown", field="pick") from error


def _series(
    code: str, visits: list[list[str]], sessions: list[list[str]], user: User
) -> replans.AcceptedSeries:
    series = get_series_for(user, _uuid(code))
    choices, seen = [], {}
    for number, start, chair, nurse, prescriber, version in visits:
        ordinal = _number(number)
        choices.append(VisitChoice(ordinal, parse_instant(start, field="visits"), chair, nurse, prescriber))
        seen[ordinal] = _number(version)
    return replans.AcceptedSeries(series, tuple(choices), tuple(known_sessions(series, sessions)), seen)


def _session(text: str, user: User) -> replans.AcceptedSession:
    code, start, therapist, version = _parts(text, 4)
    session = get_appointment_for(user, _uuid(code), action="appointment.move")
    who = User.objects.filter(code=_uuid(therapist), is_active=True, sites__in=user.site_ids()).first()
    if who is None or session.kind != Appointment.Kind.THERAPY:
        raise InvalidInput("Look at the changes again.", code="shown", field="pick")
    return replans.AcceptedSession(session, parse_instant(start, field="therapy"), who, _number(version))
