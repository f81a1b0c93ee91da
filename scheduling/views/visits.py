"""One booked visit: what it is, check-in, and the acts that change it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scheduling.access import get_appointment_for
from scheduling.booking_pages import chair_of, chip_of, next_acts, patient_banner, resource_name, title_of
from scheduling.domain.localtime import in_words
from scheduling.forms_booking import CancelForm, DecideForm, NoShowForm, OmitForm
from scheduling.loaders_follow import load_course
from scheduling.models import Appointment, FollowUp
from scheduling.services import visits as service
from scheduling.services.changes import undoable
from scheduling.services.lateness import start_by
from scheduling.services.therapy_rules import free_slots
from scheduling.services.visit_options import VisitOption, VisitOptions, visit_options
from scheduling.views.acts import Act, act_page, person, posted, show, zone
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet


@require_safe
@login_required
def visit_detail(request: HttpRequest, code: str) -> HttpResponse:
    """When, where, with whom, what follows, and what may be done next."""
    visit = get_appointment_for(person(request), code)
    now = app_now()
    window = None
    if visit.infusion is not None:
        window = visit.infusion.windows.filter(superseded_at__isnull=True).first()
    context = {
        "visit": visit,
        "banner": patient_banner(visit, now),
        "now": now,
        "title": title_of(visit),
        "chip": chip_of(visit, now),
        "chair": chair_of(visit),
        "nurse": resource_name(visit, "nurse"),
        "therapy_from": visit.predicted_t0 if window is None else window.t0,
        "estimate": window is None or window.sign_off_id is None,
        "acts": next_acts(visit, person(request), now),
        "no_therapist": _no_therapist(visit, now),
        "undo": undoable(visit, person(request), now),
        "facts": _facts(visit),
    }
    return show(request, "scheduling/visit.html", context, visit.site)


def _no_therapist(visit: Appointment, now: datetime) -> bool:
    """Before an infusion is given: no therapist is free in the window that it would open, and none is booked."""
    if visit.kind != Appointment.Kind.INFUSION or visit.status != Appointment.Status.BOOKED:
        return False
    rows = FollowUp.objects.filter(
        visit=visit, therapy=True, required=True, ordinal=1, state__in=FollowUp.OPEN
    )
    row = rows.select_related("patient", "site", "series__protocol_version").order_by("target_at").first()
    if row is None or row.appointment_id is not None:
        return False
    return not free_slots(row, load_course(visit.patient_id), now=now, most=1)


def _facts(visit: Appointment) -> list[tuple[str, object]]:
    site_zone = zone(visit)
    rows: list[tuple[str, object]] = [("Booked", in_words(visit.booked_at, site_zone))]
    limit = start_by(visit) if visit.status == Appointment.Status.BOOKED else None
    if limit is not None:
        rows.insert(0, ("Start by", in_words(limit, site_zone)))
    if visit.moved_from is not None:
        by = f" by {visit.moved_by}" if visit.moved_by else ""
        rows.append(("Moved", f"from {in_words(visit.moved_from.lower, site_zone)}{by}"))
    return rows


@require_POST
@login_required
def visit_check_in(request: HttpRequest, code: str) -> HttpResponse:
    """The patient is here: the record is opened. Sent twice, it leads to the same record."""
    user = person(request)
    visit = get_appointment_for(user, code, action="appointment.check_in")
    if visit.infusion is None:
        try:
            infusion = service.check_in(appointment=visit, by=user, expected_version=posted_version(request))
        except RuleNotMet as refusal:
            if refusal.field != "override_reason" or not user.may("infusion.order"):
                raise
            return redirect("visit_check_in_decided", code=visit.code)
        messages.success(request, f"Checked in: {title_of(visit).lower()}.")
    else:
        infusion = visit.infusion
    if user.may("infusion.view"):
        return redirect("infusion_detail", code=infusion.code)
    return redirect("visit_detail", code=visit.code)


@require_http_methods(["GET", "POST"])
@login_required
def visit_check_in_decided(request: HttpRequest, code: str) -> HttpResponse:
    """A prescriber checks a patient in against the minimum gap or a limit of exposure, with a reason."""
    user = person(request)
    visit = get_appointment_for(user, code, action="infusion.order")
    if visit.infusion is not None:
        return redirect("infusion_detail", code=visit.infusion.code)
    form = DecideForm(posted(request), version=visit.version, patient_code=visit.patient.code)
    act = Act(
        title=f"Check in all the same: {title_of(visit).lower()}",
        button="Check in with this reason",
        done="Checked in. Your reason is kept with the visit.",
        lede=service.why_not_checked_in(visit) or "Nothing stands in the way any more.",
    )
    return act_page(
        request,
        visit,
        act,
        form,
        lambda data: service.check_in(
            appointment=visit,
            by=user,
            expected_version=data["version"],
            override_reason=data["override_reason"],
        ),
        back_url=reverse("visit_detail", args=[visit.code]),
    )


def posted_version(request: HttpRequest) -> int:
    """The version that a plain form carries. Raises InvalidInput."""
    text = request.POST.get("version", "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidInput("Reload the page and try again.", code="version", field="version")
    return int(text)


def offers_for(visit: Appointment) -> VisitOptions | None:
    """Other times for an infusion visit that may move; None for anything else."""
    if (
        visit.kind != Appointment.Kind.INFUSION
        or visit.series is None
        or visit.status not in Appointment.MOVABLE
    ):
        return None
    return visit_options(series=visit.series, ordinal=visit.ordinal or 1)


def offer_choices(offers: VisitOptions | None, visit: Appointment | None = None) -> list[tuple[str, str]]:
    """Offered times as choices; the present one is left out."""
    if offers is None:
        return []
    present = visit.during.lower if visit is not None else None
    return [
        (item.start.isoformat(), _offer_words(item, offers))
        for item in offers.choices
        if item.start != present
    ]


def _offer_words(item: VisitOption, offers: VisitOptions) -> str:
    seat = offers.load.by_code(item.chair)
    words = f"{in_words(item.start, offers.load.zone)}, {seat.row.name if seat else ''}".rstrip(", ")
    return words if item.therapist else f"{words} (no therapist free after it)"


@require_http_methods(["GET", "POST"])
@login_required
def visit_cancel(request: HttpRequest, code: str) -> HttpResponse:
    """Postpone without a date: the chair is free, the infusion goes on the list."""
    user = person(request)
    visit = get_appointment_for(user, code, action="appointment.move")
    form = CancelForm(posted(request), version=visit.version, patient_code=visit.patient.code)
    act = Act(
        title=f"Postpone {title_of(visit).lower()}",
        button="Cancel this date",
        done="The date is cancelled. The infusion is on the list until it has a new one.",
        lede="Its place is kept for two minutes, while this can be undone, and then offered to the waitlist. "
        "The infusion still has to be given: it goes on the work list.",
    )
    return act_page(
        request,
        visit,
        act,
        form,
        lambda data: service.cancel_visit(appointment=visit, by=user, **reasons(data)),
        back_url=reverse("visit_detail", args=[visit.code]),
        done_url=series_url(visit),
        undo=undo_url,
    )


@require_http_methods(["GET", "POST"])
@login_required
def visit_omit(request: HttpRequest, code: str) -> HttpResponse:
    """Skip this infusion for good."""
    user = person(request)
    visit = get_appointment_for(user, code, action="series.book")
    form = OmitForm(posted(request), version=visit.version, patient_code=visit.patient.code)
    act = Act(
        title=f"Skip {title_of(visit).lower()}",
        button="Skip this infusion",
        done="The infusion is skipped.",
        lede="It will not be given. The other visits stay where they are.",
    )
    return act_page(
        request,
        visit,
        act,
        form,
        lambda data: service.omit_visit(appointment=visit, by=user, **reasons(data)),
        back_url=reverse("visit_detail", args=[visit.code]),
        done_url=series_url(visit),
        undo=undo_url,
    )


@require_http_methods(["GET", "POST"])
@login_required
def visit_no_show(request: HttpRequest, code: str) -> HttpResponse:
    """The patient did not come."""
    user = person(request)
    visit = get_appointment_for(user, code, action="appointment.move")
    form = NoShowForm(posted(request), version=visit.version, patient_code=visit.patient.code)
    act = Act(
        title="Patient did not attend",
        button="Record that the patient did not attend",
        done="Recorded. The infusion is on the list until it has a new date.",
        lede=f"{title_of(visit)}, {in_words(visit.during.lower, zone(visit))}.",
    )
    return act_page(
        request,
        visit,
        act,
        form,
        lambda data: service.mark_no_show(appointment=visit, by=user, **reasons(data)),
        back_url=reverse("visit_detail", args=[visit.code]),
        done_url=series_url(visit),
        undo=undo_url,
    )


def reasons(data: dict[str, Any]) -> dict[str, Any]:
    """Reason, initiator, note and version of a form, as the services take them."""
    found: dict[str, Any] = {name: data[name] for name in ("reason", "initiator", "note") if name in data}
    if "version" in data:
        found["expected_version"] = data["version"]
    return found


def undo_url(changed: Appointment) -> str:
    """Where this change is taken back, for two minutes."""
    return reverse("visit_undo_move", args=[changed.code, changed.version])


def series_url(visit: Appointment) -> str:
    """The page of the visit's series, else its own."""
    if visit.series is None:
        return reverse("visit_detail", args=[visit.code])
    return reverse("series_detail", args=[visit.series.code])
