"""One follow-up: book, start, complete, give the time back, done, declined, not done; and the lists on other
pages.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from patients.access import get_patient_for
from patients.presenting import banner, local_day
from scheduling import queries_follow
from scheduling.access import get_series_for
from scheduling.access_follow import get_follow_up_for
from scheduling.domain.localtime import in_words
from scheduling.forms_follow import BookForm, CancelForm, DoneForm, NoteForm, NotFitForm, PickForm, ReasonForm
from scheduling.loaders_follow import load_course
from scheduling.models import FollowUp, PlasticityWindow
from scheduling.services import closing, not_fit, therapy
from scheduling.services.therapy_rules import Slot, free_slots, licensed_people
from scheduling.services.undo import undo_last
from scheduling.views.acts import Act, act_page, person, posted, show
from scheduling.window_page import by_day, follow_up_row
from sessions.models import IntegrationSession
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User

EACH, MOST_PEOPLE = 16, 8


def page_of(row: FollowUp) -> str:
    """Where a follow-up is read: its window, else the patient."""
    window = PlasticityWindow.objects.current().filter(infusion=row.infusion_id).first()
    if window is not None:
        return reverse("window_detail", args=[window.code])
    return reverse("patient_detail", args=[row.patient.code])


def _zone(row: FollowUp) -> ZoneInfo:
    return ZoneInfo(row.site.time_zone)


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_book(request: HttpRequest, code: str) -> HttpResponse:
    """Book a therapy session: one press on an offered time, or a time typed in."""
    user = person(request)
    row = get_follow_up_for(user, code, action="therapy.book")
    people = licensed_people(row)
    hidden: dict[str, Any] = {"zone": _zone(row), "version": row.version, "patient_code": row.patient.code}
    pick = PickForm(request.POST if "pick" in request.POST else None, therapists=people, **hidden)
    typed = BookForm(None if "pick" in request.POST else posted(request), therapists=people, **hidden)
    form = pick if pick.is_bound else typed
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        try:
            booked = therapy.book_therapy(
                follow_up=row,
                start=data["when"],
                therapist=data["person"],
                by=user,
                mode=data.get("mode") or IntegrationSession.Mode.IN_PERSON,
                override_reason=data.get("override_reason", ""),
                expected_version=data["version"],
            )
        except DomainError as refusal:
            form.add_refusal(refusal, names={"start": "when"})
        else:
            start = in_words(booked.during.lower, _zone(row))
            undo = reverse("follow_up_undo", args=[row.code])
            messages.success(
                request, f"Booked: {start} with {data['person'].full_name}.", extra_tags=f"undo:{undo}"
            )
            return redirect(page_of(row))
    return _booking_page(request, row, pick, typed)


def _booking_page(request: HttpRequest, row: FollowUp, pick: PickForm, typed: BookForm) -> HttpResponse:
    now = app_now()
    slots = free_slots(row, load_course(row.patient_id), now=now, most=EACH * MOST_PEOPLE)
    by_person: dict[User, list[Slot]] = {}
    for slot in slots:
        by_person.setdefault(slot.therapist, []).append(slot)
    context = {
        "row": row,
        "pick": pick,
        "form": typed,
        "people": [(name, by_day(own[:EACH], _zone(row))) for name, own in by_person.items()],
        "page_errors": pick.errors or typed.errors,
        "banner": banner(row.patient, today=local_day(row.patient, now)),
        "back_url": page_of(row),
        "now": now,
    }
    status = next((form.error_status for form in (pick, typed) if form.is_bound), 200)
    return show(request, "scheduling/therapy_book.html", context, row.site, status=status)


@require_POST
@login_required
def follow_up_start(request: HttpRequest, code: str) -> HttpResponse:
    """Start the session now. Pressed twice, it leads to the same running session."""
    user = person(request)
    row = get_follow_up_for(user, code, action="therapy.conduct")
    therapy.start_therapy(follow_up=row, by=user, mode=request.POST.get("mode") or None)
    messages.success(request, "The therapy session has started. Complete it with your note.")
    return redirect("follow_up_complete", code=row.code)


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_complete(request: HttpRequest, code: str) -> HttpResponse:
    """The note that completes a therapy session."""
    user = person(request)
    row = get_follow_up_for(user, code, action="therapy.conduct")
    if row.state == FollowUp.State.DONE:
        return redirect(page_of(row))
    form = NoteForm(posted(request), patient_code=row.patient.code)
    act = Act(
        title="Complete the therapy session",
        button="Sign the note and complete",
        done="The therapy session is complete.",
        lede="The note is signed with your name. Later corrections are kept beside it.",
    )

    def do(data: dict[str, Any]) -> object:
        return therapy.complete_therapy(
            follow_up=row,
            by=user,
            goals=data["goals"],
            practice_plan=data["practice_plan"],
            practice_when=data["practice_when"],
            practice_a_week=data["practice_a_week"],
            progress=data["progress"],
        )

    return act_page(request, row, act, form, do, back_url=page_of(row))


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_done(request: HttpRequest, code: str) -> HttpResponse:
    """A follow-up that is not therapy has been done."""
    user = person(request)
    row = get_follow_up_for(user, code, action="follow_up.complete")
    if row.state == FollowUp.State.DONE:
        return redirect(page_of(row))
    form = DoneForm(posted(request), version=row.version, patient_code=row.patient.code)
    act = Act(title=f"Done: {row.title}", button="Mark as done", done="Done.")

    def do(data: dict[str, Any]) -> object:
        return closing.complete_follow_up(
            follow_up=row, by=user, note=data["note"], expected_version=data["version"]
        )

    return act_page(request, row, act, form, do, back_url=page_of(row))


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_cancel(request: HttpRequest, code: str) -> HttpResponse:
    """Give the booked time back; the follow-up is open again."""
    user = person(request)
    row = get_follow_up_for(user, code, action="therapy.book")
    if row.appointment is None:
        return redirect(page_of(row))
    form = CancelForm(posted(request), patient_code=row.patient.code)
    act = Act(
        title="Cancel the booked therapy time",
        button="Cancel this time",
        done="Cancelled. The therapy session can be booked anew.",
        lede=f"Booked {in_words(row.appointment.during.lower, _zone(row))}.",
    )
    return act_page(
        request,
        row,
        act,
        form,
        lambda data: closing.cancel_therapy(follow_up=row, reason=data["reason"], by=user),
        back_url=page_of(row),
    )


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_decline(request: HttpRequest, code: str) -> HttpResponse:
    """The patient declines: no more reminders, and it does not count as missed."""
    user = person(request)
    row = get_follow_up_for(user, code, action="follow_up.complete")
    act = Act(
        title=f"Declined: {row.title}",
        button="Record that the patient declines",
        done="Recorded. No more reminders for it.",
        lede="It does not count as missed. Other follow-ups go on.",
    )
    return _closing_page(request, row, act, closing.decline_follow_up)


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_not_done(request: HttpRequest, code: str) -> HttpResponse:
    """It did not take place, and why."""
    user = person(request)
    row = get_follow_up_for(user, code, action="follow_up.complete")
    act = Act(title=f"Not done: {row.title}", button="Record as not done", done="Recorded as not done.")
    return _closing_page(request, row, act, closing.mark_not_done)


def _closing_page(request: HttpRequest, row: FollowUp, act: Act, service: Any) -> HttpResponse:
    user = person(request)
    form = ReasonForm(posted(request), version=row.version, patient_code=row.patient.code)

    def do(data: dict[str, Any]) -> object:
        return service(follow_up=row, reason=data["reason"], by=user, expected_version=data["version"])

    undo = reverse("follow_up_undo", args=[row.code])
    return act_page(request, row, act, form, do, back_url=page_of(row), undo=lambda _: undo)


@require_http_methods(["GET", "POST"])
@login_required
def follow_up_not_fit(request: HttpRequest, code: str) -> HttpResponse:
    """The patient came and is not fit: therapy waits, a person on duty is told, the row stays with its time left."""
    user = person(request)
    row = get_follow_up_for(user, code, action="therapy.conduct")
    form = NotFitForm(posted(request), version=row.version, patient_code=row.patient.code, zone=_zone(row))
    act = Act(
        title="Not fit for therapy today",
        button="Record and alert the nurse",
        done="Recorded. The person on duty has been alerted; the row stays in the queue.",
        lede="A booked time is given back. Do not let the patient leave alone or drive.",
        back="Window",
    )

    def do(data: dict[str, Any]) -> object:
        return not_fit.not_fit_today(
            follow_up=row,
            reason=data["reason"],
            until=data["until"],
            by=user,
            expected_version=data["version"],
        )

    undo = reverse("follow_up_fit", args=[row.code])
    return act_page(request, row, act, form, do, back_url=page_of(row), undo=lambda _: undo)


@require_POST
@login_required
def follow_up_fit(request: HttpRequest, code: str) -> HttpResponse:
    """Take "not fit" back."""
    user = person(request)
    row = get_follow_up_for(user, code, action="therapy.conduct")
    window = PlasticityWindow.objects.current().filter(infusion=row.infusion_id).first()
    if window is not None:
        not_fit.fit_again(window=window, by=user)
        messages.success(request, "Taken back.")
    return redirect(page_of(row))


@require_POST
@login_required
def follow_up_undo(request: HttpRequest, code: str) -> HttpResponse:
    """Take back what this person has just done with it. Pressed twice, once."""
    user = person(request)
    row = get_follow_up_for(user, code, action="follow_up.view")
    if not (user.may("follow_up.complete") or user.may("therapy.book")):
        raise PermissionDenied("follow_up.undo")
    undo_last(follow_up=row, by=user)
    messages.success(request, "Taken back: it is open again.")
    return redirect(page_of(row))


@require_safe
@login_required
def series_follow_ups_fragment(request: HttpRequest, code: str) -> HttpResponse:
    """Follow-ups of one series, as part of another page."""
    user = person(request)
    require(user, "follow_up.view")
    series = get_series_for(user, code)
    return _list(request, queries_follow.follow_ups_for_page(user, series=series), series.site)


@require_safe
@login_required
def patient_follow_ups_fragment(request: HttpRequest, code: str) -> HttpResponse:
    """Follow-ups of one patient, as part of the patient's page."""
    user = person(request)
    require(user, "follow_up.view")
    patient = get_patient_for(user, code, action="patient.view")
    return _list(request, queries_follow.follow_ups_for_page(user, patient=patient), patient.site)


def _list(request: HttpRequest, rows: list[FollowUp], site: Any) -> HttpResponse:
    user, now = person(request), app_now()
    lines = [follow_up_row(row, user, now) for row in rows]
    context = {
        "ahead": [line for line in lines if line.row.state in FollowUp.OPEN],
        "past": [line for line in lines if line.row.state not in FollowUp.OPEN],
        "now": now,
    }
    return show(request, "scheduling/_follow_ups.html", context, site)
