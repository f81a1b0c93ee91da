"""Parts of the record that know the plan: who looks after the patient, and what follows from the stop."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from scheduling import queries_follow
from scheduling.models import FollowUp, PlasticityWindow
from scheduling.services import nursing
from scheduling.views.acts import person, show
from scheduling.window_page import follow_up_row
from sessions import services
from sessions.access import get_handover_for, get_infusion_for
from sessions.forms.day import HandoverForm
from sessions.models import Infusion
from sessions.pages.record import read_record
from sessions.pages.words import zone_of
from staff.clock import app_now
from staff.errors import DomainError


@require_safe
@login_required
def infusion_next_steps(request: HttpRequest, code: str) -> HttpResponse:
    """The window and the follow-ups of one infusion, with local times; redrawn whenever the record is."""
    user, now = person(request), app_now()
    infusion = get_infusion_for(user, code)
    rows = [
        row
        for row in queries_follow.follow_ups_for_page(user, patient=infusion.patient)
        if row.visit.infusion_id == infusion.pk
    ]
    lines = [follow_up_row(row, user, now) for row in rows]
    window = PlasticityWindow.objects.filter(infusion=infusion, superseded_at__isnull=True).first()
    template = "scheduling/_sheet_steps.html" if request.GET.get("sheet") else "scheduling/_next_steps.html"
    ahead = [line for line in lines if line.row.state in FollowUp.OPEN]
    context = {
        "lines": lines, "ahead": [line for line in ahead if _is_told(line.row)], "window": window, "now": now,
        "infusion": infusion,
    }  # fmt: skip
    return show(request, template, context, infusion.site)


def _is_told(row: FollowUp) -> bool:
    """Something that the sheet to take home tells the patient: a booked time, therapy to come, a call."""
    booked = row.appointment is not None and row.state == FollowUp.State.BOOKED
    return booked or (row.therapy and row.state != FollowUp.State.PROVISIONAL) or row.audience == "nurse"


@require_safe
@login_required
def infusion_duty(request: HttpRequest, code: str) -> HttpResponse:
    """Who looks after the patient, the handover, and until when a prescriber is on the site."""
    infusion = get_infusion_for(person(request), code, action="infusion.record")
    return _duty(request, infusion)


@require_POST
@login_required
def infusion_handover(request: HttpRequest, code: str) -> HttpResponse:
    """Offer the patient to a colleague."""
    user = person(request)
    infusion = get_infusion_for(user, code, action="infusion.record")
    form = HandoverForm(request.POST, infusion=infusion, zone=zone_of(infusion))
    if form.is_valid():
        data = form.cleaned_data
        try:
            services.offer_handover(
                infusion=infusion, to_nurse=data["to_nurse"], words=data["words"], by=user
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(
                request, f"Offered to {data['to_nurse']}. The patient is theirs once they accept."
            )
            return redirect("infusion_detail", code=infusion.code)
    return _duty(request, infusion, form, status=form.error_status, page=True)


@require_POST
@login_required
def handover_accept(request: HttpRequest, code: str) -> HttpResponse:
    """Take the patient, with what is open now."""
    user = person(request)
    handover = get_handover_for(user, code)
    infusion = get_infusion_for(user, str(handover.infusion.code), action="infusion.record")
    items = [item.text for item in read_record(infusion, app_now()).open_items]
    taken = nursing.accept(handover=handover, by=user, open_items=items)
    if taken.over_capacity:
        messages.warning(
            request, "The patient is yours. That is more than one nurse is planned for: tell the lead."
        )
    else:
        messages.success(request, f"The patient is yours, with {len(items)} open items.")
    return redirect("infusion_detail", code=infusion.code)


def _duty(
    request: HttpRequest,
    infusion: Infusion,
    form: HandoverForm | None = None,
    *,
    status: int = 200,
    page: bool = False,
) -> HttpResponse:
    user, now = person(request), app_now()
    waiting = services.offered_handover(infusion)
    context = {
        "infusion": infusion,
        "now": now,
        "nurse": nursing.nurse_of(infusion),
        "waiting": waiting,
        "for_me": waiting is not None and waiting.to_nurse_id == user.pk,
        "over": waiting is not None and nursing.would_be_over(waiting.to_nurse, infusion),
        "cover": nursing.prescriber_cover(infusion, now),
        "form": form or HandoverForm(infusion=infusion, zone=zone_of(infusion)),
    }
    template = "scheduling/handover.html" if page else "scheduling/_duty_card.html"
    return show(request, template, context, infusion.site, status=status)
