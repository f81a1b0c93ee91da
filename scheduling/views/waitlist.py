"""The waitlist of a site in the order in which slots are offered, the open offers, and how infusions get on and off."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scheduling.access import get_series_for, get_waitlist_entry_for
from scheduling.booking_pages import Chip
from scheduling.forms_booking import WaitlistForm
from scheduling.models import Appointment, FreedSlot, WaitlistEntry, WaitlistOffer
from scheduling.services import waitlist as service
from scheduling.sites import chosen_site
from scheduling.views.acts import Act, act_page, person, posted, show
from staff.access import require
from staff.clock import app_now
from staff.errors import InvalidInput
from staff.models import Site, User
from staff.strict import parse_integer

URGENCY = {
    1: Chip("Routine", "neutral", "circle"),
    2: Chip("Soon", "info", "clock"),
    3: Chip("Urgent", "warning", "clock-alert"),
}
MOST = 100


def rows_of(site: Site, user: User) -> list[dict[str, Any]]:
    """Waiting infusions in order, each with its present date and its open offer. Four queries."""
    entries = list(
        WaitlistEntry.objects.visible_to(user)
        .filter(site=site, state=WaitlistEntry.State.WAITING)
        .select_related("patient", "series", "added_by")[:MOST]
    )
    offers = {
        item.entry_id: item
        for item in WaitlistOffer.objects.filter(
            entry__in=entries, state=WaitlistOffer.State.OPEN
        ).select_related("hold", "slot__resource")
    }
    dates = {
        (item.series_id, item.ordinal): item.during.lower
        for item in Appointment.objects.infusions().filter(
            series__in=[entry.series_id for entry in entries], status=Appointment.Status.BOOKED
        )
    }
    return [
        {
            "entry": entry,
            "number": number,
            "urgency": URGENCY[entry.urgency],
            "offer": offers.get(entry.pk),
            "date": dates.get((entry.series_id, entry.ordinal)),
        }
        for number, entry in enumerate(entries, start=1)
    ]


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
    slots = FreedSlot.objects.filter(resource__site=site, done_at__isnull=True, during__endswith__gt=now)
    context = {
        "site": site,
        "now": now,
        "rows": rows_of(site, user),
        "slots": slots.exclude(offers__state=WaitlistOffer.State.OPEN).select_related("resource")[:12],
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


def _code(request: HttpRequest) -> str:
    try:
        return str(UUID(request.POST.get("offer", "")))
    except ValueError as error:
        raise InvalidInput("There is no such offer.", code="unknown-offer", field="offer") from error
