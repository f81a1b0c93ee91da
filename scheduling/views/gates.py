"""Gates: what is to do before the visits of a site, one visit's gates, a site's own gates, the report of overrides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from scheduling.access import get_appointment_for, get_site_gate_for
from scheduling.booking_pages import patient_banner, title_of
from scheduling.domain.localtime import local_date
from scheduling.forms_gates import GateForm, SiteGateForm
from scheduling.loaders import zone_of
from scheduling.loaders_gates import GateLine, VisitGates, load_gates, visits_with_gates
from scheduling.models import Appointment
from scheduling.override_report import (
    COLUMNS,
    by_rule,
    following_month,
    line_of,
    month_before,
    overrides,
    read_month,
)
from scheduling.services.gates import OPEN_FOR_GATES, gates_of, mark_gate
from scheduling.sites import chosen_site
from scheduling.views.acts import Act, act_page, person, posted, show, zone
from sessions import gates as rules
from sessions import services as facts
from sessions.access import get_infusion_for
from sessions.models import SiteGate
from staff import roles
from staff.access import require
from staff.clock import app_now
from staff.csv_text import as_csv
from staff.errors import DomainError, InvalidInput
from staff.models import Site, User

SPANS = {"tomorrow": "Tomorrow", "48h": "Next 48 hours", "week": "Next 7 days", "month": "Next 30 days"}
WHOSE = {"all": "Everybody's", "mine": "My role's"}


# --- Before the visits of a site ---


@dataclass(frozen=True)
class Waiting:
    """A visit on the list: what is open on it, of the roles asked for."""

    row: VisitGates
    lines: tuple[GateLine, ...]

    @property
    def late(self) -> int:
        """How many should have been done by now."""
        return sum(line.late for line in self.lines)


@require_safe
@login_required
def before_visits(request: HttpRequest) -> HttpResponse:
    """Each visit ahead with what is still to do before it, and whose task that is; late ones first in each."""
    user = person(request)
    require(user, "gate.view")
    site, now = chosen_site(request), app_now()
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    span = request.GET.get("span", "")
    span = span if span in SPANS else "tomorrow"
    whose = request.GET.get("whose", "")
    whose = whose if whose in WHOSE else "all"
    first, until = span_of(span, site, now)
    found = load_gates(seen_by(user, visits_with_gates(site_ids=[site.pk], first=first, until=until)), now)
    rows = [Waiting(row, _lines_of(row, user, whose)) for row in found]
    context = {
        "site": site,
        "now": now,
        "rows": rows,
        "clear": sum(1 for row in rows if not row.lines),
        "late": sum(1 for row in rows if row.late),
        "spans": [_tab(name, span, words, whose) for name, words in SPANS.items()],
        "whose": [
            {"label": words, "url": _address(span, name), "current": name == whose}
            for name, words in WHOSE.items()
        ],
        "may_edit": user.may("gate.edit"),
        "may_report": user.may("override.report"),
    }
    return show(request, "scheduling/before_visits.html", context, site)


def span_of(span: str, site: Site, now: datetime) -> tuple[datetime, datetime]:
    """[first, until) of a span's name: tomorrow is the site's local day, the others count from now."""
    if span == "tomorrow":
        day = local_date(now, zone_of(site)) + timedelta(days=1)
        first = datetime.combine(day, time(), zone_of(site))
        return first, datetime.combine(day + timedelta(days=1), time(), zone_of(site))
    days = {"48h": 2, "week": 7, "month": 30}[span]
    return now - timedelta(hours=4), now + timedelta(days=days)


def seen_by(user: User, visits: list[Appointment]) -> list[Appointment]:
    """Only visits of patients whom this person may see."""
    codes = [visit.pk for visit in visits]
    allowed = set(Appointment.objects.visible_to(user).filter(pk__in=codes).values_list("pk", flat=True))
    return [visit for visit in visits if visit.pk in allowed]


def _lines_of(row: VisitGates, user: User, whose: str) -> tuple[GateLine, ...]:
    if whose == "all":
        return row.before
    return tuple(line for line in row.before if line.gate.owner_role in user.role_names)


def _address(span: str, whose: str) -> str:
    return f"{reverse('before_visits')}?{urlencode({'span': span, 'whose': whose})}"


def _tab(name: str, current: str, words: str, whose: str) -> dict[str, Any]:
    return {"label": words, "url": _address(name, whose), "current": name == current}


# --- One visit ---


@require_safe
@login_required
def visit_gates(request: HttpRequest, code: str) -> HttpResponse:
    """Every gate of one infusion visit: how it stands, when it is due, whose task it is, who said so."""
    user = person(request)
    visit = get_appointment_for(user, code, action="gate.view")
    context = _visit_context(user, visit)
    context |= {"banner": patient_banner(visit, app_now()), "title": title_of(visit)}
    return show(request, "scheduling/visit_gates.html", context, visit.site)


@require_safe
@login_required
def visit_gates_fragment(request: HttpRequest, code: str) -> HttpResponse:
    """The same list as a part of the visit's page."""
    user = person(request)
    visit = get_appointment_for(user, code, action="gate.view")
    return show(request, "scheduling/_gates_card.html", _visit_context(user, visit), visit.site)


@require_safe
@login_required
def infusion_gates_fragment(request: HttpRequest, code: str) -> HttpResponse:
    """The same list as a part of the infusion record."""
    user = person(request)
    infusion = get_infusion_for(user, code)
    visit = Appointment.objects.for_page().filter(infusion=infusion).first()
    if visit is None:
        raise Http404("Not found.")
    return show(request, "scheduling/_gates_card.html", _visit_context(user, visit), visit.site)


def _visit_context(user: User, visit: Appointment) -> dict[str, Any]:
    found = _gates_or_404(visit)
    started = found.visit.infusion is not None and found.visit.infusion.started
    return {
        "visit": visit,
        "gates": found,
        "may_answer": user.may("gate.answer") and visit.status in OPEN_FOR_GATES and not started,
        "version": found.visit.protocol_version,
        "may_sign": user.may("infusion.order"),
        "may_record": user.may("infusion.record"),
    }


def _gates_or_404(visit: Appointment) -> VisitGates:
    try:
        return gates_of(visit)
    except InvalidInput as error:
        raise Http404("Not found.") from error


@require_http_methods(["GET", "POST"])
@login_required
def visit_gate(request: HttpRequest, code: str, gate: str) -> HttpResponse:
    """Say how one gate stands: met, does not apply, overridden with a reason, or open again."""
    user = person(request)
    visit = get_appointment_for(user, code, action="gate.answer")
    found = _gates_or_404(visit)
    try:
        line = found.line(gate)
    except KeyError as error:
        raise Http404("Not found.") from error
    form = GateForm(
        posted(request),
        line=line,
        may_override=user.may("gate.override"),
        zone=zone(visit),
        patient_code=visit.patient.code,
        initial={"outcome": "met"},
    )
    if not form.possible:
        messages.info(request, "The record answers this one itself.")
        return redirect("visit_gates", code=visit.code)

    def do(data: dict[str, Any]) -> object:
        return mark_gate(
            appointment=visit,
            gate=gate,
            outcome=data["outcome"],
            reason_code=data.get("reason_code", ""),
            note=data["note"],
            by=user,
        )

    act = Act(
        title=line.gate.label,
        button="Save",
        done=f"{line.gate.label}: saved.",
        lede=f"Infusion visit {visit.ordinal}. Due: {line.due_words.lower()}. {line.owner}'s task.",
        back="Gates",
    )
    return act_page(request, visit, act, form, do, back_url=reverse("visit_gates", args=[visit.code]))


# --- A site's own gates ---


@require_http_methods(["GET", "POST"])
@login_required
def site_gates(request: HttpRequest) -> HttpResponse:
    """What this site asks for besides the rules of the house; prescribers and coordinators add to it."""
    user = person(request)
    require(user, "gate.view")
    site, now = chosen_site(request), app_now()
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    form = SiteGateForm(
        posted(request), zone=zone_of(site), version=1, initial={"hard": "no", "due": "before_48h"}
    )
    if request.method == "POST":
        require(user, "gate.edit")
        if form.is_valid():
            try:
                facts.add_site_gate(site=site, by=user, **form.values())
            except DomainError as refusal:
                form.add_refusal(refusal)
            else:
                messages.success(request, "Added: it is asked of every visit from now on.")
                return redirect("site_gates")
    context = {
        "site": site,
        "now": now,
        "rows": [_site_row(row) for row in SiteGate.objects.in_use(now).filter(site=site)],
        "built_in": [
            {"gate": gate, "due": rules.DUE_POINTS[gate.due], "owner": rules.OWNERS[gate.owner_role]}
            for gate in rules.BUILT_IN
        ],
        "form": form,
        "may_edit": user.may("gate.edit"),
    }
    status = form.error_status if form.is_bound else 200
    return show(request, "scheduling/site_gates.html", context, site, status=status)


def _site_row(row: SiteGate) -> dict[str, Any]:
    return {"gate": row, "due": rules.DUE_POINTS[row.due], "owner": rules.OWNERS[row.owner_role]}


@require_http_methods(["GET", "POST"])
@login_required
def site_gate_change(request: HttpRequest, code: str) -> HttpResponse:
    """Change a gate of the site's own."""
    user = person(request)
    gate = get_site_gate_for(user, code, action="gate.edit")
    initial = {
        "label": gate.label,
        "due": gate.due,
        "owner_role": gate.owner_role,
        "hard": "yes" if gate.hard else "no",
    }
    form = SiteGateForm(posted(request), zone=zone_of(gate.site), version=gate.version, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            facts.change_site_gate(
                gate=gate, by=user, expected_version=form.cleaned_data["version"], **form.values()
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Changed.")
            return redirect("site_gates")
    context = {"site": gate.site, "gate": gate, "form": form, "now": app_now()}
    status = form.error_status if form.is_bound else 200
    return show(request, "scheduling/site_gate.html", context, gate.site, status=status)


@require_POST
@login_required
def site_gate_retire(request: HttpRequest, code: str) -> HttpResponse:
    """No longer ask for it. Sent twice, nothing changes."""
    gate = get_site_gate_for(person(request), code, action="gate.edit")
    facts.retire_site_gate(gate=gate, by=person(request))
    messages.success(request, f"No longer asked: {gate.label}.")
    return redirect("site_gates")


# --- Overrides ---


@require_safe
@login_required
def override_report(request: HttpRequest) -> HttpResponse:
    """Every override of a month at the site; `?format=csv` gives the same as a file."""
    user = person(request)
    require(user, "override.report")
    site, now = chosen_site(request), app_now()
    if site is None:
        return render(request, "scheduling/no_site.html", {})
    today = local_date(now, zone_of(site))
    try:
        month = read_month(request.GET.get("month", ""), today, zone_of(site))
    except InvalidInput:
        month = read_month("", today, zone_of(site))
    rows = overrides(site, month)
    if request.GET.get("format") == "csv":
        answer = HttpResponse(
            as_csv(COLUMNS, [line_of(row) for row in rows]), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="overrides-{month.name}.csv"'
        return answer
    later = following_month(month.first)
    context = {
        "site": site,
        "now": now,
        "month": month,
        "rows": [{"item": row, "role": roles.LABELS.get(row.role, row.role)} for row in rows],
        "counts": by_rule(rows),
        "earlier": f"{month_before(month.first):%Y-%m}",
        "later": f"{later:%Y-%m}" if later <= today else "",
    }
    return show(request, "scheduling/overrides.html", context, site)
