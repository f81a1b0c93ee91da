"""The waitlist of a site in the order in which slots are offered, the open offers, and how infusions get on and off."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scheduling.access import get_appointment_for, get_series_for, get_waitlist_entry_for
from scheduling.forms_booking import WaitlistForm
from scheduling.models import FreedSlot, WaitlistOffer
from scheduling.services import answers
from scheduling.services import waitlist as service
from scheduling.services.recall import recall_words
from scheduling.sites import chosen_site
from scheduling.views.acts import Act, act_page, person, posted, show
from scheduling.views.more_visits import check_ordinal
from scheduling.waitlist_pages import aside_of, rows_of
from staff.access import require
from staff.clock import app_now
from staff.errors import InvalidInput
from staff.strict import parse_integer


@require_safe
@login_required
def waitlist(request: HttpRequest) -> HttpResponse:
    """Who waits, in order; what is offered until when; what is free and wanted by nobody. A fragment for htmx."""
    user = person(request)
    require(user, "appointment.view")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    now = app_now()
    slots = FreedSlot.objects.filter(
        resource__site=site, done_at__isnull=True, visit__isnull=True, during__endswith__gt=now
    )
    context = {
        "site": site,
        "now": now,
        "rows": rows_of(site, user),
        "aside": aside_of(site, user, now),
        "slots": slots.exclude(offers__state=WaitlistOffer.State.OPEN).select_related("resource", "hold")[
            :12
        ],
        "may_act": user.may("appointment.move"),
        "minutes": int(service.OFFER_FOR.total_seconds() // 60),
    }
    template = (
        "scheduling/_waitlist.html" if request.headers.get("HX-Request") else "scheduling/waitlist.html"
    )
    return show(request, template, context, site)


@require_http_methods(["GET", "POST"])
@login_required
def waitlist_add(request: HttpRequest, code: str, ordinal: int) -> HttpResponse:
    """Put one infusion of a series on the waitlist."""
    user = person(request)
    series = get_series_for(user, code, action="series.book")
    check_ordinal(series, ordinal)
    form = WaitlistForm(posted(request), patient_code=series.patient.code)
    act = Act(
        title=f"Waitlist: infusion {ordinal} of {series.visits}",
        button="Put on the waitlist",
        done="On the waitlist. A slot that comes free is offered in order.",
        lede="A date that it has stays until an earlier one is accepted.",
        back="Series",
    )
    return act_page(
        request,
        series,
        act,
        form,
        lambda data: service.add_entry(
            series=series,
            ordinal=ordinal,
            by=user,
            urgency=int(data["urgency"]),
            part_of_day=data["part_of_day"],
            notice_hours=data["notice_hours"],
            note=data["note"],
        ),
        back_url=reverse("series_detail", args=[series.code]),
        done_url=reverse("waitlist"),
    )


@require_POST
@login_required
def waitlist_act(request: HttpRequest, code: str, verb: str) -> HttpResponse:
    """Accept or decline the open offer of an entry, or take the entry off the list. Sent twice, it is done once."""
    user = person(request)
    action = "series.book" if verb == "withdraw" else "appointment.move"
    entry = get_waitlist_entry_for(user, code, action=action)
    version = parse_integer(request.POST.get("version", ""), field="version", min_value=1)
    if verb == "withdraw":
        service.withdraw_entry(entry=entry, by=user, expected_version=version)
        messages.success(request, "Taken off the waitlist.")
        return redirect("waitlist")
    offer = entry.offers.filter(code=_code(request)).first()
    if offer is None:
        raise InvalidInput("There is no such offer.", code="unknown-offer", field="offer")
    if verb == "accept":
        booked = service.accept_offer(offer=offer, by=user, expected_version=version)
        messages.success(request, "Booked into the freed slot.")
        return redirect("visit_detail", code=booked.code)
    service.decline_offer(offer=offer, by=user, expected_version=version)
    messages.success(request, "Declined. The slot goes to the next in order.")
    return redirect("waitlist")


@require_POST
@login_required
def visit_keep(request: HttpRequest, code: str) -> HttpResponse:
    """The visit takes place after all. Sent twice, it is done once."""
    user = person(request)
    answers.keep_visit(visit=get_appointment_for(user, code, action="appointment.move"), by=user)
    messages.success(request, "The visit takes place.")
    return redirect("waitlist")


@require_POST
@login_required
def visit_let_go(request: HttpRequest, code: str) -> HttpResponse:
    """Take the visit off the calendar, and offer its time to whoever waits. Sent twice, it is done once."""
    user = person(request)
    visit = get_appointment_for(user, code, action="appointment.move")
    version = parse_integer(request.POST.get("version", ""), field="version", min_value=1)
    gone = answers.let_visit_go(visit=visit, by=user, expected_version=version)
    messages.success(
        request,
        "The visit is off the calendar. Its time is offered in two minutes; until then it can be undone.",
    )
    if words := recall_words(gone, at=app_now()):
        messages.warning(request, words)
    return redirect("visit_detail", code=visit.code)


def _code(request: HttpRequest) -> str:
    try:
        return str(UUID(request.POST.get("offer", "")))
    except ValueError as error:
        raise InvalidInput("There is no such offer.", code="unknown-offer", field="offer") from error
