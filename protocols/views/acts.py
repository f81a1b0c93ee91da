"""One way to show a form that does one thing to one version, and to answer it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from protocols.models import ProtocolVersion
from staff.errors import DomainError
from staff.forms import ClinicalForm


def posted(request: HttpRequest) -> QueryDict | None:
    """What was sent, also when it is empty; None when the form is only being opened."""
    return request.POST if request.method == "POST" else None


def answer_status(form: ClinicalForm) -> int:
    """200 for a form that is only opened; for one that was refused 409 or 412 where that is why, else 422."""
    if not form.is_bound:
        return 200
    return form.error_status if form.error_status in (409, 412) else 422


def act_page(
    request: HttpRequest,
    version: ProtocolVersion,
    form: ClinicalForm,
    page: dict[str, Any],
    do: Callable[[dict[str, Any]], object],
) -> HttpResponse:
    """GET shows the form; a valid POST does the act and goes to the version; a refusal shows the form again.

    `page` has heading, lede, button and done (the flash line), and what else the template shows.
    """
    if request.method == "POST" and form.is_valid():
        try:
            do(form.cleaned_data)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, page["done"])
            return redirect("version_detail", slug=version.template.slug, number=version.number)
    context = {"form": form, "version": version, "template": version.template, "page": page}
    return render(request, "protocols/act.html", context, status=answer_status(form))
