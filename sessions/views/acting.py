"""How every act on the record page is answered: the live part again (htmx), the whole page, or a redirect
after POST.

The page stays what it was when a service refuses: the form keeps what was typed, with the reason at its
field. A stale page (412) additionally lists what others added meanwhile, and takes the new version, so that
pressing again saves.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from patients.presenting import banner, local_day
from sessions.forms.record import ActForm, RecordForm
from sessions.models import AdverseEvent, Infusion, MeasuredLevel, PumpEvent
from sessions.pages import record as record_page
from sessions.pages.alike import names_alike
from sessions.pages.timeline import changes_since, events_log
from sessions.pages.words import driving_alert, rate_words, state_chip, zone_of
from sessions.services import ADVERSE_EVENTS, rows
from sessions.services.checks import NOT_APPLICABLE
from sessions.services.pump import STRIKE_WITHIN
from sessions.views.panels import blank_forms
from staff.clock import app_now
from staff.errors import DomainError, StaleVersion
from staff.models import User


def record_context(
    request: HttpRequest, infusion: Infusion, bound: dict[str, RecordForm] | None = None, **extra: Any
) -> dict[str, Any]:
    """Everything the record templates read. `bound`: forms that were sent and come back with their errors."""
    user = cast("User", request.user)
    record = record_page.read_record(infusion, app_now(), user)
    gone = record.disposition is not None and record.disposition.unplanned
    chip = state_chip(infusion, ready_to_sign=record.ready_to_sign, gone=gone)
    warning = driving_alert(infusion, record.therapy, record.now)
    identity = banner(infusion.patient, today=local_day(infusion.patient, record.now))
    identity["chips"] = [*identity["chips"], {"word": chip["word"], "tone": chip["tone"]}]
    if alike := names_alike(infusion, record.now):
        words = f"Similar name here today: {'; '.join(alike)}"
        identity["alerts"] = [*identity["alerts"], {"text": words, "tone": "warning"}]
    if warning:
        identity["alerts"] = [*identity["alerts"], {"text": warning, "tone": "warning"}]
    forms = {**blank_forms(record, user), **(bound or {})}
    struckable = _struckable(infusion, user, record.now)
    return {
        "infusion": infusion,
        "record": record,
        "now": record.now,
        "chip": chip,
        "banner": identity,
        "facts": record_page.time_facts(record),
        "chart": record_page.build_chart(record),
        "log": events_log(infusion),
        "forms": forms,
        "failed_form": next(iter((bound or {}).values()), ActForm(infusion=infusion)),
        "page_errors": bool(bound),
        "rate_now": rate_words(infusion, record.pump.rate) if record.pump and record.pump.rate else "",
        "struckable": struckable,
        "show_pump": bool(forms.get("pump")) and (infusion.stopped_at is None or struckable is not None),
        "adverse_events": [
            {"row": row, "label": ADVERSE_EVENTS.get(row.kind, row.kind)}
            for row in rows.live(infusion, AdverseEvent, "entered_by")
        ],
        "levels": rows.live(infusion, MeasuredLevel),
        "record_lines": record.criteria,
        "no_test_reasons": list(NOT_APPLICABLE.items()),
        "may_order": user.may("infusion.order"),
        "may_record": user.may("infusion.record"),
        "may_sign": user.may("infusion.sign_off"),
        "definition": infusion.protocol_version.read(),
        **extra,
    }


def _struckable(infusion: Infusion, user: User, now: datetime) -> PumpEvent | None:
    """This person's own last entry, while it is younger than two minutes and the record is not signed."""
    if infusion.status == Infusion.Status.SIGNED_OFF:
        return None
    lines = rows.live(infusion, PumpEvent)
    last = max(lines, key=lambda line: (line.entered_at, line.pk), default=None)
    mine = last is not None and last.entered_by_id == user.pk and now - last.entered_at <= STRIKE_WITHIN
    return last if mine else None


def show(
    request: HttpRequest,
    infusion: Infusion,
    *,
    template: str = "sessions/record.html",
    status: int = 200,
    **extra: Any,
) -> HttpResponse:
    """Draw the record in its site's own time."""
    with timezone.override(zone_of(infusion)):
        return render(request, template, record_context(request, infusion, **extra), status=status)


def act(
    request: HttpRequest,
    infusion: Infusion,
    form: RecordForm,
    do: Callable[[dict[str, Any]], object],
    *,
    done: str | Callable[[Any], str],
    warns: Callable[[Any], bool] | None = None,
    names: dict[str, str] | None = None,
) -> HttpResponse:
    """Run one act of the record page and answer it.

    `done` is the flash line, or makes it from what `do` returned; `warns` says whether it is a warning. `names` maps
    a service's field names to the form's.
    """
    extra: dict[str, Any] = {}
    if form.is_valid():
        try:
            result = do(form.cleaned_data)
        except StaleVersion as refusal:
            extra["changes"] = take_new_version(form, infusion)
            form.add_refusal(refusal)
        except DomainError as refusal:
            form.add_refusal(refusal, names)
        else:
            words = done if isinstance(done, str) else done(result)
            return _done(request, infusion, words, warning=bool(warns and warns(result)))
    fresh = reread(infusion)
    template = "sessions/_record.html" if request.htmx else "sessions/record.html"  # type: ignore[attr-defined]  # django-htmx
    return show(request, fresh, template=template, status=form.error_status, bound={form.key: form}, **extra)


def take_new_version(form: RecordForm, infusion: Infusion) -> list[Any]:
    """Give a stale form the present version; returns what was added since the one it carried."""
    fresh = reread(infusion)
    behind = fresh.version - int(form.cleaned_data.get("version") or 0)
    data = cast("QueryDict", form.data).copy()
    data[form.add_prefix("version")] = str(fresh.version)
    form.data = data
    return changes_since(fresh, behind)


def reread(infusion: Infusion) -> Infusion:
    """The record as it is now."""
    return cast("Infusion", Infusion.objects.for_record().get(pk=infusion.pk))


def _done(request: HttpRequest, infusion: Infusion, words: str, *, warning: bool) -> HttpResponse:
    tone = "warning" if warning else "success"
    if request.htmx:  # type: ignore[attr-defined]  # django-htmx
        response = show(request, reread(infusion), template="sessions/_record.html")
        response["HX-Trigger"] = json.dumps({"cw:flash": {"tone": tone, "text": words}})
        return response
    messages.add_message(request, messages.WARNING if warning else messages.SUCCESS, words)
    return redirect("infusion_detail", code=infusion.code)


def back_url(infusion: Infusion) -> str:
    """The record page of this infusion."""
    return reverse("infusion_detail", args=[infusion.code])
