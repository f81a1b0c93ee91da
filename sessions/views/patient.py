"""Facts on the patient: safety contact, consent, education, outcome score, and their part of the patient
page.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from patients.access import get_patient_for
from patients.models import Patient
from patients.views.acts import Act, act_page
from sessions import scoring, services
from sessions.access import documents_in_use, get_consent_for
from sessions.forms.patient import ConsentForm, EducationForm, OutcomeForm, SafetyContactForm, WithdrawForm
from sessions.models import Infusion
from sessions.pages.words import state_chip
from sessions.views.record import the_user
from staff import roles
from staff.clock import app_now
from staff.models import User

SAFETY = Act(
    "Safety contact",
    "Save the safety contact",
    "Safety contact saved.",
    lede="A contact about safety may be recorded at any moment. It is not therapy.",
)


@login_required
@require_http_methods(["GET", "POST"])
def safety_contact_new(request: HttpRequest, code: str) -> HttpResponse:
    """Record a safety contact: any clinical role, any moment."""
    user = the_user(request)
    patient = get_patient_for(user, code, action="safety_contact.record")
    form = SafetyContactForm(
        request.POST or None, zone=_zone(patient), patient_code=patient.code, staff=_clinical_staff(patient)
    )

    def do(data: dict[str, Any]) -> object:
        return services.record_safety_contact(
            patient=patient,
            manner=data["manner"],
            occurred_at=data["occurred_at"],
            cssrs=data["cssrs"],
            outcome=data["outcome"],
            next_owner=form.owner,
            by=user,
        )

    return act_page(request, patient, SAFETY, form, do)


@login_required
@require_http_methods(["GET", "POST"])
def consent_new(request: HttpRequest, code: str) -> HttpResponse:
    """Record consent to a protocol's text."""
    user = the_user(request)
    patient = get_patient_for(user, code, action="infusion.record")
    documents = documents_in_use("consent", patient)
    form = ConsentForm(
        request.POST or None,
        zone=_zone(patient),
        patient_code=patient.code,
        documents=documents,
        representatives=patient.representatives.filter(ended_at__isnull=True),
    )
    act = Act(
        "Record consent",
        "Save the consent",
        "Consent saved.",
        lede="Valid for one year. It can be withdrawn at any moment.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.record_consent(
            patient=patient,
            document=form.chosen,
            given_at=data["given_at"],
            representative=form.representative,
            by=user,
        )

    return act_page(
        request, patient, act, form, do, template="sessions/document_act.html", documents=documents
    )


@login_required
@require_http_methods(["GET", "POST"])
def consent_withdraw(request: HttpRequest, code: str) -> HttpResponse:
    """Withdrawal: accepted at every moment."""
    user = the_user(request)
    consent = get_consent_for(user, code)
    form = WithdrawForm(request.POST or None, zone=_zone(consent.patient), patient_code=consent.patient.code)
    act = Act(
        "Withdraw consent",
        "Record the withdrawal",
        "Withdrawal recorded.",
        lede=f"{consent.document.title}. No further infusion starts on it. Therapy and safety calls go on.",
        danger=True,
    )

    def do(data: dict[str, Any]) -> object:
        return services.withdraw_consent(consent=consent, withdrawn_at=data["withdrawn_at"], by=user)

    return act_page(request, consent.patient, act, form, do)


@login_required
@require_http_methods(["GET", "POST"])
def education_new(request: HttpRequest, code: str) -> HttpResponse:
    """Record education and its teach-back."""
    user = the_user(request)
    patient = get_patient_for(user, code, action="infusion.record")
    documents = documents_in_use("education", patient)
    form = EducationForm(
        request.POST or None, zone=_zone(patient), patient_code=patient.code, documents=documents
    )
    act = Act(
        "Record education",
        "Save",
        "Education saved.",
        lede="Ask the three questions and let the patient answer.",
    )

    def do(data: dict[str, Any]) -> object:
        return services.record_education(
            patient=patient,
            document=form.chosen,
            taught_at=data["taught_at"],
            experience_not_needed=data["experience_not_needed"] == "yes",
            work_happens_afterwards=data["work_happens_afterwards"] == "yes",
            no_driving_understood=data["no_driving_understood"] == "yes",
            by=user,
        )

    return act_page(
        request, patient, act, form, do, template="sessions/document_act.html", documents=documents
    )


@login_required
@require_http_methods(["GET", "POST"])
def outcome_new(request: HttpRequest, code: str) -> HttpResponse:
    """Enter the total of one questionnaire."""
    user = the_user(request)
    patient = get_patient_for(user, code, action="follow_up.complete")
    form = OutcomeForm(request.POST or None, zone=_zone(patient), patient_code=patient.code)
    act = Act("Enter a score", "Save the score", "Score saved.")

    def do(data: dict[str, Any]) -> object:
        return services.record_outcome(
            patient=patient,
            instrument=data["instrument"],
            total=data["total"],
            item_9=form.ninth,
            taken_at=data["taken_at"],
            by=user,
        )

    return act_page(request, patient, act, form, do)


@login_required
@require_GET
def patient_record_fragment(request: HttpRequest, code: str) -> HttpResponse:
    """The patient's infusion visits, for the patient page."""
    patient = get_patient_for(the_user(request), code, action="infusion.view")
    infusions = Infusion.objects.for_record().filter(patient=patient).order_by("-arrived_at")
    rows = [
        {"infusion": item, "chip": state_chip(item), "therapy": services.therapy_time(item)}
        for item in infusions
    ]
    with timezone.override(_zone(patient)):
        return render(request, "sessions/_patient_record.html", {"patient": patient, "rows": rows})


@login_required
@require_GET
def patient_consents_fragment(request: HttpRequest, code: str) -> HttpResponse:
    """Consents, education, safety contacts and scores, for the patient page."""
    user = the_user(request)
    patient = get_patient_for(user, code)
    scores = [
        {
            "score": item,
            "title": scoring.INSTRUMENTS[item.instrument].title,
            "band": scoring.band(item.instrument, item.total),
        }
        for item in patient.outcome_scores.order_by("-taken_at")[:12]
    ]
    context = {
        "patient": patient,
        "now": app_now(),
        "consents": patient.consents.select_related("document__protocol_version__template", "recorded_by"),
        "education": patient.education_records.select_related("document", "recorded_by"),
        "contacts": patient.safety_contacts.select_related("entered_by", "next_owner")[:10],
        "scores": scores,
        "progress": patient.progress_reports.order_by("-taken_at", "-pk")[:6],
        "may_record": user.may("infusion.record"),
        "may_score": user.may("follow_up.complete"),
        "may_contact": user.may("safety_contact.record"),
    }
    with timezone.override(_zone(patient)):
        return render(request, "sessions/_patient_consents.html", context)


def _zone(patient: Patient) -> ZoneInfo:
    return ZoneInfo(patient.site.time_zone)


def _clinical_staff(patient: Patient) -> list[User]:
    """People of the patient's site who may follow up, and the patient's own therapist."""
    people = User.objects.filter(is_active=True, groups__name__in=roles.CLINICAL)
    return list(people.filter(Q(sites=patient.site) | Q(pk=patient.therapist_id)).distinct())
