"""What a therapist outside the clinic sees behind their link: times only, and what took place. No surname, nothing of
the record, nothing that says what the times are for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from patients.services.external import release_of, shown_name
from scheduling.forms_answers import AddressForm, HeldForm, NotHeldForm
from scheduling.models import FollowUp, PatientLink
from scheduling.services import outside, outside_address
from sessions.models import ReportedTherapy
from staff.clock import app_now
from staff.errors import DomainError
from staff.forms import ClinicalForm

Show = Callable[..., HttpResponse]


def outside_times(request: HttpRequest, link: PatientLink, show: Show) -> HttpResponse:
    """The times of one window; POST says that they were seen, that a session was held, or that none was."""
    now = app_now()
    dead = outside.why_dead(link, now)
    row, point = link.follow_up, link.contact_point
    if dead or row is None or point is None:
        return show(request, link, "outside_over", status=410, dead=dead)
    said = str(link.answer.get("answer", ""))
    if row.state == FollowUp.State.REPORTED or ("thanks" in request.GET and said):
        held = row.state == FollowUp.State.REPORTED
        report = ReportedTherapy.objects.filter(follow_up=row).first() if held else None
        return show(request, link, "outside_thanks", said=outside.HELD if held else said, report=report)
    act = request.POST.get("act", "") if request.method == "POST" else ""
    zone = ZoneInfo(link.patient.time_zone)
    held_form = HeldForm(request.POST if act == outside.HELD else None, zone=zone, prefix="held")
    not_form = NotHeldForm(request.POST if act == outside.NOT else None, prefix="no")
    done = _done(link, act, held_form, not_form)
    if done:
        return HttpResponseRedirect(f"{request.path}?thanks")
    bound: ClinicalForm | None = next((form for form in (held_form, not_form) if form.is_bound), None)
    status = 200 if request.method != "POST" else (bound.error_status if bound is not None else 422)
    release = release_of(link.patient_id, point.external_therapist_id, now)
    name = "" if release is None else shown_name(link.patient, release)
    context: dict[str, Any] = {
        "row": row, "shown": name, "zone_name": zone.key.replace("_", " "), "said": said, "held_form": held_form,
        "not_form": not_form, "may_seen": not said,
    }  # fmt: skip
    return show(request, link, "outside", status=status, **context)


def _done(link: PatientLink, act: str, held: HeldForm, none: NotHeldForm) -> bool:
    """Whether an act was sent, was right, and was done; a refusal stands on its form."""
    if act == outside.SEEN:
        outside.say_seen(link=link)
        return True
    form: ClinicalForm
    if act == outside.HELD and held.is_valid() and link.follow_up is not None:
        form = held
    elif act == outside.NOT and none.is_valid():
        form = none
    else:
        return False
    try:
        if form is held and link.follow_up is not None:
            outside.report_held(follow_up=link.follow_up, held_at=held.cleaned_data["held_at"], link=link)
        else:
            outside.say_not_held(
                link=link, reason=none.cleaned_data["reason"], words=none.cleaned_data["words"]
            )
    except DomainError as refusal:
        form.add_refusal(refusal)
        return False
    return True


def address_question(request: HttpRequest, link: PatientLink, show: Show) -> HttpResponse:
    """Is this your address: one press verifies it and agrees to messages."""
    form = AddressForm(request.POST if request.method == "POST" else None)
    point = link.contact_point
    if point is None or point.opted_out_at is not None:
        return show(request, link, "outside_over", status=410, dead="over")
    if request.method == "POST" and form.is_valid():
        try:
            outside_address.confirm_address(link=link)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            return HttpResponseRedirect(request.path)
    status = form.error_status if form.is_bound and form.errors else 200
    return show(request, link, "address", status=status, form=form, therapist=point.external_therapist)
