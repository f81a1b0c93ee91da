"""A therapy session that took place: its signed note with every correction, and the therapist's private notes."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from patients.access import get_patient_for
from patients.presenting import banner, local_day
from patients.views.acts import Act, act_page, answer_status
from sessions import services
from sessions.access import get_infusion_for, get_integration_for
from sessions.forms.therapy import AmendNoteForm, NightForm, PrivateNoteForm, ProgressForm
from sessions.models import IntegrationSession, PrivateNote
from sessions.views.record import the_user
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User


@require_safe
@login_required
def therapy_detail(request: HttpRequest, code: str) -> HttpResponse:
    """The note as it stands, who signed it and when, and the earlier versions, which stay readable."""
    user = the_user(request)
    session = get_integration_for(user, code, action="therapy.note_view")
    notes = list(session.notes.select_related("author").order_by("-written_at", "-pk"))
    context = {
        "note": notes[0] if notes else None,
        "earlier": notes[1:],
        "may_amend": bool(notes) and user.may("therapy.conduct"),
        "may_keep_private": user.may("private_note.write") and session.therapist_id == user.pk,
    }
    return _page(request, session, "sessions/therapy.html", context)


def _page(
    request: HttpRequest,
    session: IntegrationSession,
    template: str,
    context: dict[str, Any],
    status: int = 200,
) -> HttpResponse:
    patient = session.patient
    context |= {
        "session": session,
        "patient": patient,
        "banner": banner(patient, today=local_day(patient, app_now())),
    }
    with timezone.override(ZoneInfo(patient.site.time_zone)):
        return render(request, template, context, status=status)


@require_http_methods(["GET", "POST"])
@login_required
def therapy_note_amend(request: HttpRequest, code: str) -> HttpResponse:
    """Correct the signed note by a new one beside it."""
    user = the_user(request)
    session = get_integration_for(user, code, action="therapy.conduct")
    note = session.notes.order_by("-written_at", "-pk").first()
    if note is None:
        raise Http404("Not found.")
    names = ("goals", "practice_plan", "practice_when", "practice_a_week", "progress")
    form = AmendNoteForm(
        request.POST if request.method == "POST" else None,
        patient_code=session.patient.code,
        initial={name: getattr(note, name) for name in names},
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.amend_note(note=note, by=user, text=form.text())
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "The corrected note is signed. The earlier one stays readable.")
            return redirect("therapy_detail", code=session.code)
    return _page(request, session, "sessions/therapy_amend.html", {"form": form}, answer_status(form))


@require_http_methods(["GET", "POST"])
@login_required
def private_notes(request: HttpRequest, code: str) -> HttpResponse:
    """The therapist's own private notes on one session. Somebody else's do not exist, whatever the role."""
    user = the_user(request)
    session = get_integration_for(user, code, action="private_note.write")
    if session.therapist_id != user.pk:
        raise Http404("Not found.")
    posted = request.POST if request.method == "POST" else None
    asked = (posted or request.GET).get("replaces", "")
    wrong = _own_note(session, user, asked)
    form = PrivateNoteForm(posted, patient_code=session.patient.code)
    if posted is not None and form.is_valid():
        try:
            services.write_private_note(
                session=session, by=user, text=form.cleaned_data["text"], replaces=wrong
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Kept. Only you can read it.")
            return redirect("private_notes", code=session.code)
    notes = services.open_private_notes(session=session, by=user)
    corrected = {note.replaces_id for note in notes}
    shown = next((note for note in notes if wrong is not None and note.pk == wrong.pk), None)
    if shown is not None and not form.is_bound:
        form.initial["text"] = shown.shown_text
    context = {"form": form, "notes": notes, "corrected": corrected, "wrong": shown}
    answer = _page(request, session, "sessions/private_notes.html", context, answer_status(form))
    answer["Cache-Control"] = "no-store"
    return answer


def _own_note(session: IntegrationSession, user: User, code: str) -> PrivateNote | None:
    """The note that is being corrected; None for a new one. Raises Http404 for what is not theirs, or no code."""
    if not code:
        return None
    try:
        found = PrivateNote.objects.filter(code=UUID(code), session=session, author=user).first()
    except ValueError as error:
        raise Http404("Not found.") from error
    if found is None:
        raise Http404("Not found.")
    return found


@require_http_methods(["GET", "POST"])
@login_required
def night_new(request: HttpRequest, code: str) -> HttpResponse:
    """How the patient slept after this infusion."""
    user = the_user(request)
    infusion = get_infusion_for(user, code, action="follow_up.complete")
    form = NightForm(
        request.POST if request.method == "POST" else None,
        patient_code=infusion.patient.code,
        initial={"night": 1},
    )
    act = Act(
        "Sleep after the infusion",
        "Save",
        "Saved.",
        lede=f"Infusion visit {infusion.ordinal}. A corrected answer replaces the one before it, which is kept.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.record_night(
            infusion=infusion,
            night=data["night"],
            hours_slept=data["hours_slept"],
            quality=data["quality"],
            by=user,
        )

    return act_page(request, infusion.patient, act, form, do)


@require_http_methods(["GET", "POST"])
@login_required
def progress_new(request: HttpRequest, code: str) -> HttpResponse:
    """Function, practice days and the patient's own goal."""
    user = the_user(request)
    patient = get_patient_for(user, code, action="follow_up.complete")
    form = ProgressForm(
        request.POST if request.method == "POST" else None,
        patient_code=patient.code,
        zone=ZoneInfo(patient.site.time_zone),
    )
    act = Act(
        "Daily life",
        "Save",
        "Saved.",
        lede="They stand beside the severity scores. What is not asked stays empty; nothing is added up.",
    )
    return act_page(
        request,
        patient,
        act,
        form,
        lambda _: services.record_progress(patient=patient, by=user, **form.values()),
    )
