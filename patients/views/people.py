"""Find a patient, register one, open the record, change who they are and who treats them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from patients import services
from patients.access import get_patient_for
from patients.contraindications import label
from patients.forms import (
    ROUTE_LABELS,
    EditPatientForm,
    NewPatientForm,
    PatientForm,
    SearchForm,
    StatusForm,
    TeamForm,
)
from patients.models import ContactPoint, Contraindication, Patient, TherapistRelease
from patients.presenting import banner, contact_chips, local_day, status_chip
from patients.querysets import PatientQuerySet
from patients.views.acts import Act, act_page, answer_status, posted
from staff.access import require
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User

PAGE = 25
MOST_FOUND = 50
STATUSES = ("active", "inactive", "deceased", "all")
NO_SITE = "00000000-0000-0000-0000-000000000000"


@require_http_methods(["GET", "POST"])
@login_required
def patient_list(request: HttpRequest) -> HttpResponse:
    """All patients the person may see. A search comes as POST: no name stands in an address or a log."""
    user = _user(request)
    require(user, "patient.view")
    seen = Patient.objects.visible_to(user).with_people()
    form = SearchForm(posted(request))
    context: dict[str, Any] = {
        "form": form,
        "may_edit": user.may("patient.edit"),
        "several_sites": len(user.site_ids()) > 1,
    }
    if form.is_bound and form.is_valid() and form.cleaned_data["q"]:
        context |= _found(seen, form.cleaned_data["q"])
    else:
        context |= _listed(seen, request)
    template = "patients/_results.html" if request.headers.get("HX-Request") else "patients/list.html"
    return render(request, template, context, status=422 if form.is_bound and not form.is_valid() else 200)


def _found(seen: PatientQuerySet, text: str) -> dict[str, Any]:
    exact = list(seen.matching(text)[: MOST_FOUND + 1])
    close = [] if exact else list(seen.sounding_like(text)[:10])
    return {
        "rows": _rows(exact[:MOST_FOUND] or close),
        "searched": text,
        "only_close": bool(close),
        "more": len(exact) > MOST_FOUND,
    }


def _listed(seen: PatientQuerySet, request: HttpRequest) -> dict[str, Any]:
    wanted = request.GET.get("status", "active")
    status = wanted if wanted in STATUSES else "active"
    shown = seen if status == "all" else seen.filter(status=status)
    page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    tabs = [
        {"label": name.capitalize(), "url": f"{request.path}?status={name}", "current": name == status}
        for name in STATUSES
    ]
    return {"rows": _rows(page.object_list), "page_obj": page, "tabs": tabs}


def _rows(patients: Iterable[Patient]) -> list[dict[str, Any]]:
    now = app_now()
    return [
        {"patient": item, "age": item.age_on(local_day(item, now)), "chip": status_chip(item)}
        for item in patients
    ]


@require_http_methods(["GET", "POST"])
@login_required
def patient_new(request: HttpRequest) -> HttpResponse:
    """Register a patient, after looking at those of similar name."""
    user = _user(request)
    require(user, "patient.edit")
    site = (
        user.sites.filter(code=str(request.session.get("site", NO_SITE))).first()
        or user.sites.order_by("name").first()
    )
    starts = {"site": site, "time_zone": site.time_zone, "jurisdiction": site.jurisdiction} if site else {}
    form = NewPatientForm(posted(request), user=user, initial=starts)
    if request.method == "POST" and form.is_valid():
        try:
            patient = services.create_patient(by=user, **form.cleaned_data)
        except DomainError as refusal:
            form.add_refusal(refusal)
            form.similar = _similar(user, form)
        else:
            messages.success(request, "Patient registered.")
            return redirect("patient_detail", code=patient.code)
    context = {"form": form, "new": True}
    return render(request, "patients/form.html", context, status=answer_status(form))


@require_http_methods(["GET", "POST"])
@login_required
def patient_edit(request: HttpRequest, code: str) -> HttpResponse:
    """Change identity fields."""
    user = _user(request)
    patient = get_patient_for(user, code, action="patient.edit")
    names = [name for name in PatientForm.base_fields if name != "confirm_different"]
    starts = {name: getattr(patient, name) for name in names}
    form = EditPatientForm(
        posted(request), initial=starts, version=patient.version, patient_code=patient.code
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.update_patient(
                patient=patient,
                changes={name: data[name] for name in names},
                expected_version=data["version"],
                confirm_different=data["confirm_different"],
                by=user,
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
            form.similar = _similar(user, form, patient)
        else:
            messages.success(request, "Changes saved.")
            return redirect("patient_detail", code=patient.code)
    context = {
        "form": form,
        "patient": patient,
        "banner": banner(patient, today=local_day(patient, app_now())),
    }
    return render(request, "patients/form.html", context, status=answer_status(form))


def _similar(user: User, form: PatientForm, patient: Patient | None = None) -> list[Patient]:
    """Patients of similar name that the person may see; empty when the refusal was about something else."""
    if "confirm_different" not in form.errors:
        return []
    names = {name: form.cleaned_data[name] for name in ("given_name", "family_name", "birth_date")}
    alike = Patient.objects.visible_to(user).with_people().similar_to(**names)
    others = alike.exclude(pk=patient.pk) if patient else alike
    return list(others[:5])


@require_safe
@login_required
def patient_detail(request: HttpRequest, code: str) -> HttpResponse:
    """Everything about one patient; plan and record come as fragments from the apps that own them."""
    user = _user(request)
    patient = get_patient_for(user, code)
    now = app_now()
    open_ones: list[Contraindication] = []
    closed: list[Contraindication] = []
    for item in patient.contraindications.select_related("recorded_by"):
        (closed if item.resolved_at else open_ones).append(item)
    similar = list(
        Patient.objects.visible_to(user)
        .exclude(pk=patient.pk)
        .similar_to(
            given_name=patient.given_name, family_name=patient.family_name, birth_date=patient.birth_date
        )[:5]
    )
    context = {
        "patient": patient,
        "banner": banner(
            patient, today=local_day(patient, now), contraindications=open_ones, similar=len(similar)
        ),
        "contacts": _contacts(patient),
        "representatives": patient.representatives.select_related("recorded_by"),
        "releases": [
            {"row": row, "valid": row.valid_at(now), "last_day": _last_day(row)}
            for row in patient.releases.select_related("therapist", "recorded_by", "revoked_by")
        ],
        "preference": getattr(patient, "contact_preference", None),
        "contraindications": [{"item": item, "label": label(item.kind)} for item in open_ones],
        "resolved": [{"item": item, "label": label(item.kind)} for item in closed],
        "exposures": [
            {"item": item, "route": ROUTE_LABELS[item.route]}
            for item in patient.prior_exposures.select_related("recorded_by")
        ],
        "language": dict(settings.LANGUAGES).get(patient.language, patient.language),
        "similar": similar,
        "chip": status_chip(patient),
        "may_edit": user.may("patient.edit"),
        "may_book": user.may("series.book") and patient.status == Patient.Status.ACTIVE,
        "may_record_safety_contact": user.may("safety_contact.record"),
        "sees_record": user.may("infusion.view"),
    }
    return render(request, "patients/detail.html", context)


def _last_day(release: TherapistRelease) -> date:
    """The last local day on which it holds."""
    return local_day(release.patient, release.valid_until - timedelta(seconds=1))


def _contacts(patient: Patient) -> list[dict[str, Any]]:
    points = list(patient.contact_points.select_related("representative", "external_therapist"))
    shared = ContactPoint.objects.filter(address_index__in=[item.address_index for item in points])
    elsewhere = set(shared.exclude(patient=patient).values_list("address_index", flat=True))
    return [
        {"point": item, "chips": contact_chips(item), "shared": item.address_index in elsewhere}
        for item in points
    ]


@require_http_methods(["GET", "POST"])
@login_required
def patient_team(request: HttpRequest, code: str) -> HttpResponse:
    """Therapist and prescriber."""
    user = _user(request)
    patient = get_patient_for(user, code, action="patient.edit")
    form = TeamForm(
        posted(request),
        patient=patient,
        initial={"therapist": patient.therapist, "prescriber": patient.prescriber},
        version=patient.version,
        patient_code=patient.code,
    )
    act = Act("Care team", "Save the care team", "Care team saved.")

    def do(data: dict[str, Any]) -> object:
        return services.assign_team(
            patient=patient,
            therapist=data["therapist"],
            prescriber=data["prescriber"],
            expected_version=data["version"],
            by=user,
        )

    return act_page(request, patient, act, form, do)


@require_http_methods(["GET", "POST"])
@login_required
def patient_status(request: HttpRequest, code: str) -> HttpResponse:
    """Active, inactive or deceased."""
    user = _user(request)
    patient = get_patient_for(user, code, action="patient.edit")
    form = StatusForm(
        posted(request),
        initial={"status": patient.status},
        version=patient.version,
        patient_code=patient.code,
    )
    if patient.status != Patient.Status.DECEASED:
        del form.fields["correction"]
    act = Act(
        "Status",
        "Save the status",
        "Status saved.",
        lede="Automatic messages go only to active patients.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.set_status(
            patient=patient,
            status=data["status"],
            correction=data.get("correction", False),
            expected_version=data["version"],
            by=user,
        )

    return act_page(request, patient, act, form, do)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
