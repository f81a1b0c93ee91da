"""One way to show a form that does one thing to one visit or series, and to answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone

from scheduling.booking_pages import patient_banner
from scheduling.loaders import zone_of
from scheduling.models import Appointment, FollowUp, ScheduleChange
from scheduling.services.recall import recall_words, recall_words_after
from staff.clock import app_now
from staff.errors import DomainError
from staff.forms import ClinicalForm
from staff.models import Site, User


@dataclass(frozen=True)
class Act:
    """What the page says: `title` heads it, `button` names the act, `done` is the flash line, `back` the way
    back.
    """

    title: str
    button: str
    done: str
    lede: str = ""
    danger: bool = False
    back: str = "Visit"


def person(request: HttpRequest) -> User:
    """Who asks."""
    return cast("User", request.user)


def posted(request: HttpRequest) -> QueryDict | None:
    """What was sent, also when it is empty; None when the form is only being opened."""
    return request.POST if request.method == "POST" else None


def show(
    request: HttpRequest, template: str, context: dict[str, Any], site: Site, *, status: int = 200
) -> HttpResponse:
    """Draw a page in the wall clock of its site."""
    with timezone.override(ZoneInfo(site.time_zone)):
        return render(request, template, context, status=status)


def act_page(
    request: HttpRequest,
    subject: Any,
    act: Act,
    form: ClinicalForm,
    do: Callable[[dict[str, Any]], object],
    *,
    back_url: str,
    done_url: str = "",
    template: str = "scheduling/act.html",
    undo: Callable[[Any], str] | None = None,
    **extra: Any,
) -> HttpResponse:
    """GET shows the form; a valid POST does the act and goes on; a refusal shows the form again with its
    status.

    `subject` is the visit or series; `undo` gives the address that takes back what `do` returned.
    """
    before = _time_of(subject)
    if request.method == "POST" and form.is_valid():
        try:
            result = do(form.cleaned_data)
        except DomainError as refusal:
            form.add_refusal(refusal)
            extra["conflicts"] = refusal.conflicts
        else:
            tags = f"undo:{undo(result)}" if undo else ""
            messages.success(request, act.done, extra_tags=tags)
            _tell_what_left(request, before)
            return redirect(done_url or back_url)
    context = {
        "subject": subject,
        "banner": patient_banner(subject, app_now()),
        "act": act,
        "form": form,
        "back_url": back_url,
        **extra,
    }
    status = form.error_status if form.is_bound else 200
    return show(request, template, context, subject.site, status=status)


def _time_of(subject: Any) -> tuple[Appointment, Any, Any] | None:
    """The visit that an act is about, when it is and whether it stands; None for anything else."""
    visit = subject.appointment if isinstance(subject, FollowUp) else subject
    return (visit, visit.status, visit.during) if isinstance(visit, Appointment) else None


def _tell_what_left(request: HttpRequest, before: tuple[Appointment, Any, Any] | None) -> None:
    """After a visit was moved or cancelled: the messages about the old time that cannot be recalled."""
    if before is None:
        return
    now_is = Appointment.objects.get(pk=before[0].pk)
    if (now_is.status, now_is.during) != before[1:] and (words := recall_words(now_is, at=app_now())):
        messages.warning(request, words)


def tell_recall(request: HttpRequest, *changes: ScheduleChange) -> None:
    """The same after changes that concern several visits."""
    if words := recall_words_after(*changes, at=app_now()):
        messages.warning(request, words)


def zone(subject: Any) -> ZoneInfo:
    """The time zone that a page about this visit or series is read in."""
    return zone_of(subject.site)
