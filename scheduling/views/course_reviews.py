"""The review points of a series: what was given, how the scores went, and the signed next step."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from protocols.signing import require_means_to_sign
from scheduling.access import get_series_for
from scheduling.booking_pages import patient_banner
from scheduling.exposure import exposure_at
from scheduling.forms_review import ReviewForm
from scheduling.models import TreatmentSeries
from scheduling.review_page import given_lines, score_lines
from scheduling.services.course_reviews import Findings, review_series
from scheduling.services.review_items import due_review, point_lines
from scheduling.views.acts import person, posted, show
from sessions.models import CourseReview
from staff.clock import app_now
from staff.errors import DomainError, StateConflict
from staff.models import User

NAMES = ("response", "urinary", "interval", "dose", "decision", "note")


@require_http_methods(["GET", "POST"])
@login_required
def course_review(request: HttpRequest, code: str) -> HttpResponse:
    """Read by all who may see the series; only a prescriber signs, and is asked for the password then."""
    user = person(request)
    if request.method == "GET":
        series = get_series_for(user, code)
        return _page(request, series, user)
    get_series_for(user, code, action="infusion.order")
    return _sign(request, code)


@reauthentication_required
def _sign(request: HttpRequest, code: str) -> HttpResponse:
    user = person(request)
    series = get_series_for(user, code, action="infusion.order")
    require_means_to_sign(user)
    due = due_review(series)
    if due is None:
        raise StateConflict("No review of this series is due.", code="review-not-due")
    form = ReviewForm(posted(request), version=series.version, patient_code=series.patient.code)
    if form.is_valid():
        findings = Findings(**{name: form.cleaned_data[name] for name in NAMES})
        try:
            row = review_series(
                series=series,
                after=due.after,
                findings=findings,
                by=user,
                expected_version=form.cleaned_data["version"],
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, said(row))
            return redirect("series_detail", code=series.code)
    return _page(request, series, user, form)


def said(row: CourseReview) -> str:
    """What the signature did, in a sentence."""
    if row.decision == CourseReview.Decision.STOP:
        return f"Signed: stop after infusion {row.after_ordinal}. No more infusions; what follows those given goes on."
    return f"Signed: {row.get_decision_display().lower()}. The next infusion may go on."


def _page(
    request: HttpRequest, series: TreatmentSeries, user: User, form: ReviewForm | None = None
) -> HttpResponse:
    due = due_review(series)
    may_sign = due is not None and user.may("infusion.order")
    if form is None and may_sign:
        form = ReviewForm(None, version=series.version, patient_code=series.patient.code)
    context: dict[str, Any] = {
        "series": series,
        "banner": patient_banner(series, app_now()),
        "due": due,
        "lines": point_lines(series),
        "given": given_lines(series),
        "scores": score_lines(series),
        "exposure": exposure_at(series.patient, app_now()),
        "form": form if may_sign else None,
    }
    status = form.error_status if form is not None and form.is_bound else 200
    return show(request, "scheduling/course_review.html", context, series.site, status=status)
