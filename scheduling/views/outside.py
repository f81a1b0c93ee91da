"""Therapy outside the clinic as staff write it down: reported by phone, withdrawn; an address asked by link."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from patients.access import get_contact_point_for
from scheduling.access_follow import get_follow_up_for
from scheduling.forms_follow import ReasonForm, ReportForm
from scheduling.services import outside, outside_address
from scheduling.views.acts import Act, act_page, person, posted
from scheduling.views.follow_ups import page_of
from staff.errors import DomainError, RuleNotMet


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_report(request: HttpRequest, code: str) -> HttpResponse:
    """By phone: who was spoken with, and when the session outside the clinic began."""
    user = person(request)
    row = get_follow_up_for(user, code, action="therapy.report")
    if row.outside is None:
        raise Http404("Not found.")
    zone = ZoneInfo(row.site.time_zone)
    form = ReportForm(
        posted(request), zone=zone, version=row.version, patient_code=row.patient.code,
        initial={"spoken_with": row.outside.name}, inside="as_it_was" in request.POST,
    )  # fmt: skip
    act = Act(
        title=f"Reported by phone: {row.title}",
        button="Save the report",
        done="Saved. It is counted as reported, apart from therapy held here.",
        lede=f"{row.outside.name} says that a therapy session was held. It stays apart from therapy at the clinic.",
    )

    def do(data: dict[str, Any]) -> object:
        try:
            return outside.report_held(
                follow_up=row, held_at=data["held_at"], spoken_with=data["spoken_with"],
                as_it_was=bool(data.get("as_it_was")), expected_version=data["version"], by=user,
            )  # fmt: skip
        except RuleNotMet as refusal:
            if refusal.code == "no-therapy-period":
                form.ask_inside()
            raise

    return act_page(request, row, act, form, do, back_url=page_of(row))


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_report_withdraw(request: HttpRequest, code: str) -> HttpResponse:
    """The report was a mistake."""
    user = person(request)
    row = get_follow_up_for(user, code, action="therapy.report")
    if row.report is None and request.method == "GET":
        raise Http404("Not found.")
    form = ReasonForm(posted(request), version=row.version, patient_code=row.patient.code)
    act = Act(
        title="Withdraw the report",
        button="Withdraw the report",
        done="Withdrawn. The report stays readable, and counts nowhere.",
        lede="For a report that was a mistake. The therapy is open again while its time lasts.",
        danger=True,
    )

    def do(data: dict[str, Any]) -> object:
        return outside.withdraw_report(
            follow_up=row, reason=data["reason"], expected_version=data["version"], by=user
        )

    return act_page(request, row, act, form, do, back_url=page_of(row))


@require_POST
@login_required
def contact_ask(request: HttpRequest, code: str) -> HttpResponse:
    """Send a link that asks whether this address is the outside therapist's."""
    user = person(request)
    point = get_contact_point_for(user, code)
    try:
        outside_address.send_address_link(contact_point=point, by=user)
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "A link is on its way. The address is verified when they confirm it.")
    return redirect("patient_detail", code=point.patient.code)
