"""A licence: record one, correct or end it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from staff import presenting
from staff.access_people import get_licence_for, get_person_for
from staff.errors import DomainError
from staff.forms_people import LicenceForm
from staff.models import Licence, User
from staff.services import licences as service
from staff.views.acts import manager, posted, status_of, tell


@require_http_methods(["GET", "POST"])
@login_required
def licence_new(request: HttpRequest, code: str) -> HttpResponse:
    """Record a licence of this person."""
    user = manager(request)
    person = get_person_for(user, code)
    form = LicenceForm(posted(request), initial=_start(person), version=person.version)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        data.pop("version")
        try:
            _, told = service.record_licence(user=person, by=user, **data)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            tell(request, "Licence recorded.", told)
            return redirect("person_detail", code=person.code)
    return _draw(request, person, form, "Record a licence")


def _start(person: User) -> dict[str, Any]:
    """What is probably meant: the profession of the role, the place of the first site."""
    site = person.sites.order_by("name").first()
    held = [profession for role, profession in presenting.NEEDED.items() if role in person.role_names]
    return {
        "profession": held[0] if held else Licence.Profession.NURSE,
        "jurisdiction": site.jurisdiction if site else "",
    }


@require_http_methods(["GET", "POST"])
@login_required
def licence_edit(request: HttpRequest, code: str) -> HttpResponse:
    """Correct a licence, or say on which day it ends; what it no longer covers goes on a list."""
    user = manager(request)
    licence = get_licence_for(user, code)
    valid = licence.valid_during
    initial = {
        "profession": licence.profession,
        "jurisdiction": licence.jurisdiction,
        "number": licence.number,
        "valid_from": valid.lower,
        "last_day": None if valid.upper is None else valid.upper - timedelta(days=1),
    }
    form = LicenceForm(posted(request), initial=initial, version=licence.version)
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        version = data.pop("version")
        try:
            _, told = service.correct_licence(licence=licence, expected_version=version, by=user, **data)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            tell(request, "Licence saved.", told)
            return redirect("person_detail", code=licence.user.code)
    return _draw(request, licence.user, form, "Change or end a licence")


def _draw(request: HttpRequest, person: User, form: LicenceForm, title: str) -> HttpResponse:
    context = {
        "person": person,
        "form": form,
        "act_title": title,
        "button": "Save the licence",
        "back_url": reverse("person_detail", args=[person.code]),
        "lede": "Bookings ahead that no licence covers go on the coordinators' work list; none is cancelled.",
    }
    return render(request, "staff/person_act.html", context, status=status_of(form))
