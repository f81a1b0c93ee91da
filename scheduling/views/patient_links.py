"""`/p/<token>/`: pages for patients, who have no account. The token is all there is: it names one purpose of one
patient, and the page shows nothing of the record behind it.

Opening a link changes nothing (mail scanners open every link); only a press does. There is no cross-site risk
that a CSRF token would meet, because no cookie gives these pages any power, and one-click unsubscribing by a
mail program must work without one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from scheduling import forms_answers as forms
from scheduling.models import Appointment, PatientLink
from scheduling.services import answers
from scheduling.services.links import is_over, open_link
from scheduling.views.outside_links import address_question, outside_times
from staff.clock import app_now
from staff.emergency import ADVICE, ELSEWHERE
from staff.errors import DomainError
from staff.forms import ClinicalForm
from staff.models import Site

Purpose = PatientLink.Purpose
ENDS_ITSELF = frozenset({Purpose.OPT_OUT, Purpose.OUTSIDE})  # they say in their own words that they are over


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def patient_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show what the link is for, or take the answer. Too old: 410 with the phone number. Unknown: 404, in words for
    patients.
    """
    try:
        link = open_link(token)
    except Http404:
        return _unknown(request)
    now = app_now()
    if is_over(link, now) and link.purpose not in ENDS_ITSELF:
        return _page(request, link, "over", status=410)
    if "thanks" in request.GET and link.answered_at is not None and link.purpose != Purpose.OUTSIDE:
        return _page(request, link, "thanks", **_after(link))
    if link.purpose == Purpose.QUESTIONNAIRE and link.answered_at is not None:
        return _page(request, link, "thanks", **_after(link))
    return HANDLERS[link.purpose](request, link)


def _unknown(request: HttpRequest) -> HttpResponse:
    """Nothing is known of whoever opened it; with one site its number, with one country its emergency numbers."""
    sites = list(Site.objects.order_by("pk")[:50])
    countries = {site.country for site in sites}
    country = countries.pop() if len(countries) == 1 else ""
    context = {"site": sites[0] if len(sites) == 1 else None, "emergency": _emergency(country)}
    return _private(render(request, "patient/unknown.html", context, status=404))


def _emergency(country: str) -> str:
    """Whom to call; the groups of a number stay on one line."""
    return re.sub(r"(?<=\d) (?=\d)", "\u00a0", ADVICE.get(country, ELSEWHERE))


def _page(
    request: HttpRequest, link: PatientLink, name: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    cause = link.follow_up or link.appointment
    site = cause.site if cause is not None else link.patient.site
    context |= {"link": link, "site": site, "emergency": _emergency(site.country)}
    with timezone.override(ZoneInfo(link.patient.time_zone)):
        answer = render(request, f"patient/{name}.html", context, status=status)
    return _private(answer)


def _private(answer: HttpResponse) -> HttpResponse:
    answer["Referrer-Policy"] = "no-referrer"  # the address itself is the key
    answer["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _take(
    request: HttpRequest,
    link: PatientLink,
    name: str,
    form: ClinicalForm,
    do: Callable[[], object],
    **context: Any,
) -> HttpResponse:
    """A valid answer is stored and leads to the thanks; anything else shows the form again."""
    if request.method == "POST" and form.is_valid():
        try:
            do()
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            return HttpResponseRedirect(f"{request.path}?thanks")
    status = form.error_status if form.is_bound and form.errors else 200
    return _page(request, link, name, status=status, form=form, **context)


def _data(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _visit(request: HttpRequest, link: PatientLink) -> HttpResponse:
    visit = link.appointment
    therapy = visit is not None and visit.kind == Appointment.Kind.THERAPY
    if visit is None or visit.status != Appointment.Status.BOOKED or visit.during.lower != link.about_at:
        return _page(request, link, "changed", status=410)
    escort = answers.is_escort(link)
    form = forms.VisitAnswerForm(
        _data(request), therapy=therapy, escort=escort, initial={"answer": link.answer.get("answer")}
    )
    return _take(
        request, link, "visit", form,
        lambda: answers.answer_visit(link=link, answer=form.cleaned_data["answer"]), visit=visit, escort=escort,
    )  # fmt: skip


def _check_in(request: HttpRequest, link: PatientLink) -> HttpResponse:
    form = forms.CheckInForm(_data(request))
    return _take(
        request, link, "check_in", form, lambda: answers.answer_check_in(link=link, at=None, **form.answers())
    )


def _questionnaire(request: HttpRequest, link: PatientLink) -> HttpResponse:
    form = forms.QuestionnaireForm(_data(request))
    return _take(
        request, link, "questionnaire", form,
        lambda: answers.answer_questionnaire(link=link, phq9=form.items("phq9"), gad7=form.items("gad7")),
        phq9=form.part("phq9"), gad7=form.part("gad7"),
    )  # fmt: skip


def _education(request: HttpRequest, link: PatientLink) -> HttpResponse:
    form = forms.TeachBackForm(_data(request))
    return _take(
        request, link, "education", form,
        lambda: answers.answer_education(link=link, answers=form.answers()), document=link.document,
    )  # fmt: skip


def _stop(request: HttpRequest, link: PatientLink) -> HttpResponse:
    form = forms.StopForm(_data(request))
    if link.contact_point is not None and link.contact_point.opted_out_at is not None:
        return _page(request, link, "thanks", **_after(link))
    return _take(request, link, "stop", form, lambda: answers.stop_messages(link=link))


def _after(link: PatientLink) -> dict[str, Any]:
    """What the thanks say besides."""
    said = link.answer
    unwell = (
        said.get(answers.UNSAFE) or not said.get(answers.SLEPT, True) or not said.get(answers.AS_USUAL, True)
    )
    wants_call = link.purpose == Purpose.VISIT and said.get("answer") in answers.NEEDS_SOMEBODY
    return {
        "crisis": answers.says_unsafe(link),
        "unwell": link.purpose == Purpose.CHECK_IN and unwell,
        "wants_call": wants_call,
        "escort": answers.is_escort(link) and link.purpose == Purpose.VISIT,
        "again": link.purpose in (Purpose.VISIT, Purpose.CHECK_IN, Purpose.EDUCATION),
    }


HANDLERS: dict[str, Callable[[HttpRequest, PatientLink], HttpResponse]] = {
    Purpose.VISIT: _visit,
    Purpose.CHECK_IN: _check_in,
    Purpose.QUESTIONNAIRE: _questionnaire,
    Purpose.EDUCATION: _education,
    Purpose.OPT_OUT: _stop,
    Purpose.OUTSIDE: lambda request, link: outside_times(request, link, _page),
    Purpose.ADDRESS: lambda request, link: address_question(request, link, _page),
}
