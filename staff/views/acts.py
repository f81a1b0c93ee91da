"""What the pages of people and sites share."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, QueryDict

from staff.forms import ClinicalForm
from staff.models import User


def manager(request: HttpRequest) -> User:
    """Who asks."""
    return cast("User", request.user)


def posted(request: HttpRequest) -> QueryDict | None:
    """What was sent, also when it is empty; None when the form is only being opened."""
    return request.POST if request.method == "POST" else None


def status_of(form: ClinicalForm) -> int:
    """200 for a form that is only opened, else the status of its refusal."""
    return form.error_status if form.is_bound else 200


def base_url(request: HttpRequest) -> str:
    """Where colleagues reach this site: PUBLIC_URL, else the address this page was asked at."""
    return settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")


def tell(request: HttpRequest, words: str, handed_over: tuple[str, ...]) -> None:
    """The flash line of an act, with what now waits on somebody's list."""
    if handed_over:
        messages.warning(request, f"{words} On the work list now: {', '.join(handed_over)}.")
    else:
        messages.success(request, words)
