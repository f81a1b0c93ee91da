"""Acts of the day on the record: other drugs, bag, notes, renewed order, ending, assessment, holds, sheets."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from patients.presenting import banner, local_day
from sessions import services
from sessions.access import get_given_drug_for, get_hold_for, get_infusion_for
from sessions.forms.day import (
    AssessmentForm,
    BagForm,
    DrugForm,
    EndingForm,
    NoteForm,
    ReleaseForm,
    RenewForm,
)
from sessions.forms.record import ActForm, StrikeReasonForm
from sessions.models import Infusion
from sessions.pages.sheets import ambulance_sheet, take_home_sheet
from sessions.pages.words import zone_of
from sessions.views.acting import act, reread
from sessions.views.corrections import correction
from sessions.views.people import confirmed_person
from sessions.views.record import sent, the_user
from staff.clock import app_now
from staff.errors import DomainError, StateConflict


@login_required
@require_POST
def infusion_drug(request: HttpRequest, code: str) -> HttpResponse:
    """A drug given beside the infusion."""
    infusion, form = sent(request, code, DrugForm)

    def do(data: dict[str, Any]) -> object:
        fields = {
            name: data[name] for name in ("drug", "drug_name", "dose_mg", "ordered_by", "observed_at", "note")
        }
        return services.record_given_drug(
            infusion=infusion, sedating=data["sedating"], by=the_user(request), expected_version=data["version"],
            **fields,
        )  # fmt: skip

    def words(given: Any) -> str:
        more = ". The patient is observed longer" if given.sedating else ""
        return f"{given.drug_name} saved{more}."

    return act(request, infusion, form, do, done=words)


@login_required
@require_http_methods(["GET", "POST"])
def given_drug_strike(request: HttpRequest, code: str) -> HttpResponse:
    """Take a drug out that was entered by mistake."""
    given = get_given_drug_for(the_user(request), code)
    infusion = get_infusion_for(the_user(request), given.infusion.code, action="infusion.amend")
    form = StrikeReasonForm(request.POST or None, infusion=infusion, zone=zone_of(infusion))

    def do(data: dict[str, Any]) -> object:
        return services.strike_given_drug(
            given=given, reason=data["reason"], by=the_user(request), expected_version=data["version"]
        )

    words = {
        "title": "Strike out a drug",
        "subject": f"{given.drug_name} {given.dose_mg.normalize():f} mg",
        "button": "Strike this entry out",
        "lede": "For something that was not given. It stays readable.",
    }
    return correction(request, infusion, form, do, words=words, done="Entry struck out.", event=given)


@login_required
@require_POST
def infusion_bag(request: HttpRequest, code: str) -> HttpResponse:
    """Lot, expiry, and waste before a witness."""
    infusion, form = sent(request, code, BagForm)

    def do(data: dict[str, Any]) -> object:
        witness = confirmed_person(request, data["second_email"], data["second_password"])
        return services.record_bag(
            infusion=infusion, lot=data["lot"], expires_on=data["expires_on"], waste_mg=data["waste_mg"],
            witness=witness, by=the_user(request), expected_version=data["version"],
        )  # fmt: skip

    return act(request, infusion, form, do, done="Bag saved.", names={"witness": "second_email"})


@login_required
@require_POST
def infusion_note(request: HttpRequest, code: str) -> HttpResponse:
    """Put a note on the record."""
    infusion, form = sent(request, code, NoteForm)

    def do(data: dict[str, Any]) -> object:
        return services.save_note(
            infusion=infusion, text=data["text"], kind=data["kind"], finish=True, by=the_user(request)
        )

    return act(request, infusion, form, do, done="Note added.")


@login_required
@require_POST
def infusion_note_draft(request: HttpRequest, code: str) -> HttpResponse:
    """Keep what is being typed. Answers with JSON for the page's script; nothing is put on the record."""
    infusion, form = sent(request, code, NoteForm)
    form.fields["text"].required = False
    if not form.is_valid():
        return JsonResponse({"saved": False, "errors": form.errors}, status=422)
    try:
        services.save_note(
            infusion=infusion,
            text=form.cleaned_data["text"] or "",
            kind=form.cleaned_data["kind"],
            by=the_user(request),
        )
    except DomainError as refusal:
        return JsonResponse({"saved": False, "errors": {"text": [refusal.message]}}, status=409)
    return JsonResponse({"saved": True, "at": app_now().astimezone(zone_of(infusion)).strftime("%H:%M:%S")})


@login_required
@require_POST
def infusion_renew(request: HttpRequest, code: str) -> HttpResponse:
    """Order the rest again after a long pause."""
    infusion, form = sent(request, code, RenewForm, action="infusion.order")

    def do(data: dict[str, Any]) -> object:
        return services.renew_order(
            infusion=infusion, reason=data["reason"], by=the_user(request), expected_version=data["version"]
        )

    return act(request, infusion, form, do, done="The rest is ordered again. The pump may go on.")


@login_required
@require_POST
def infusion_ending(request: HttpRequest, code: str) -> HttpResponse:
    """The patient is gone otherwise than discharged."""
    infusion, form = sent(request, code, EndingForm)

    def do(data: dict[str, Any]) -> object:
        return services.record_disposition(
            infusion=infusion, outcome=data["outcome"], condition=data["condition"], last_seen_at=data["last_seen_at"],
            by=the_user(request), expected_version=data["version"],
        )  # fmt: skip

    return act(
        request, infusion, form, do, done="Ending saved. A prescriber is asked to call within the hour."
    )


@login_required
@require_POST
def infusion_assessment(request: HttpRequest, code: str) -> HttpResponse:
    """A clinician's assessment after an unplanned ending."""
    infusion, form = sent(request, code, AssessmentForm, action="infusion.sign_off")

    def do(data: dict[str, Any]) -> object:
        return services.record_assessment(
            infusion=infusion, manner=data["manner"], words=data["words"], observed_at=data["observed_at"],
            by=the_user(request), expected_version=data["version"],
        )  # fmt: skip

    return act(request, infusion, form, do, done="Assessment saved. The record can be signed.")


@login_required
@require_POST
def infusion_emergency(request: HttpRequest, code: str) -> HttpResponse:
    """One click: the pump log stops, and the sheet for the ambulance opens and prints. A stale page still counts."""
    infusion, form = sent(request, code, ActForm)
    if not form.is_valid():
        return act(request, infusion, form, lambda _: None, done="")
    services.call_emergency(infusion=infusion, by=the_user(request))
    response = redirect("infusion_ambulance", code=infusion.code)
    if request.htmx:  # type: ignore[attr-defined]  # django-htmx
        answer = HttpResponse(status=200)
        answer["HX-Redirect"] = response["Location"]
        return answer
    return response


@login_required
@require_GET
def infusion_ambulance(request: HttpRequest, code: str) -> HttpResponse:
    """One page for the ambulance: who, what was given when, last readings, history, whom to call."""
    infusion = get_infusion_for(the_user(request), code)
    return _sheet(request, infusion, "sessions/ambulance.html", sheet=ambulance_sheet(infusion, app_now()))


@login_required
@require_GET
def infusion_take_home(request: HttpRequest, code: str) -> HttpResponse:
    """The sheet that the patient takes home, in plain words."""
    infusion = get_infusion_for(the_user(request), code)
    if infusion.stopped_at is None:
        raise StateConflict("The pump has not stopped: the sheet is printed afterwards.", code="pump-running")
    return _sheet(request, infusion, "sessions/take_home.html", sheet=take_home_sheet(infusion))


def _sheet(request: HttpRequest, infusion: Infusion, template: str, **extra: Any) -> HttpResponse:
    now = app_now()
    identity = banner(infusion.patient, today=local_day(infusion.patient, now))
    with timezone.override(zone_of(infusion)):
        return render(request, template, {"infusion": infusion, "banner": identity, "now": now, **extra})


@login_required
@require_http_methods(["GET", "POST"])
def hold_release(request: HttpRequest, code: str) -> HttpResponse:
    """A prescriber lets later infusions go on."""
    hold = get_hold_for(the_user(request), code, action="infusion.order")
    infusion = reread(hold.infusion)
    form = ReleaseForm(request.POST or None, infusion=infusion, zone=zone_of(infusion))

    def do(data: dict[str, Any]) -> object:
        return services.release_hold(hold=hold, reason=data["reason"], by=the_user(request))

    words = {
        "title": "Let infusions go on",
        "subject": hold.get_kind_display(),
        "button": "Let infusions go on",
        "lede": "Your name and the reason stay on the record. The next infusion may then start.",
    }
    if hold.released_at is not None:
        messages.info(request, "Infusions may go on already.")
        return redirect("infusion_detail", code=infusion.code)
    return correction(request, infusion, form, do, words=words, done="Infusions may go on.")
