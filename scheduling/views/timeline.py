"""The timeline of one patient: a part of their page, and a page of its own that goes back to the beginning."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from patients.access import get_patient_for
from patients.presenting import banner, local_day
from scheduling.timeline import patient_timeline
from scheduling.views.acts import person, show
from staff.clock import app_now


@require_safe
@login_required
def patient_timeline_page(request: HttpRequest, code: str) -> HttpResponse:
    """`?before=` goes on from there; nonsense begins at the newest. The patient page fetches it as a part."""
    user, now = person(request), app_now()
    patient = get_patient_for(user, code, action="patient.view")
    before = _moment(request.GET.get("before", ""))
    page = patient_timeline(patient, user, now, before)
    context = {
        "patient": patient,
        "page": page,
        "before": before,
        "banner": banner(patient, today=local_day(patient, now)),
    }
    part = request.headers.get("HX-Request")
    template = "scheduling/_timeline.html" if part else "scheduling/timeline.html"
    return show(request, template, context, patient.site)


def _moment(text: str) -> datetime | None:
    """An aware moment, or None."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None and 1900 < found.year < 2200 else None
