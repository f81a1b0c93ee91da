"""Messages to patients: due, sent, failed, unknown, expired; and in the demo what left, to read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, Min, Q
from django.db.models.functions import TruncHour
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from patients.models import UNREADABLE_ADDRESS
from scheduling.access_follow import get_message_for
from scheduling.follow_words import MESSAGE_CHIPS, masked
from scheduling.models import Message
from scheduling.notifications import KINDS
from scheduling.services import message_acts, previews, restores
from scheduling.sites import chosen_site
from scheduling.views.acts import person, show
from staff.access import require
from staff.clock import app_now
from staff.fields import Unreadable
from staff.models import Site, User

State = Message.State
TABS: dict[str, tuple[str, tuple[str, ...]]] = {
    "trouble": ("Needs a person", tuple(Message.TROUBLE)),
    "due": ("Due", (State.SCHEDULED, State.CLAIMED, State.SENDING)),
    "sent": ("Sent", (State.SENT,)),
    "failed": ("Failed", (State.DEAD,)),
    "unknown": ("Unknown", (State.UNKNOWN,)),
    "expired": ("Expired", (State.EXPIRED,)),
    "held": ("Waiting for release", (State.HELD,)),
    "cancelled": ("Cancelled", (State.CANCELLED,)),
}
PER_PAGE = 40
LETTERS = 12


@require_safe
@login_required
def message_list(request: HttpRequest) -> HttpResponse:
    """The outbox of the site, by what has become of the messages."""
    user = person(request)
    require(user, "message.view")
    site, now = chosen_site(request), app_now()
    if site is None:
        return render(request, "scheduling/messages.html", {"site": None})
    tab = request.GET.get("show", "")
    counts = _counts(user, site, now)
    tab = tab if tab in TABS else ("trouble" if counts["trouble"] else "due")
    page = Paginator(_rows(user, site, tab), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "site": site,
        "now": now,
        "tab": tab,
        "tabs": _tabs(tab, counts),
        "page_obj": page,
        "rows": [_line(row) for row in page],
        "counts": counts,
        "late": counts["oldest"] is not None and counts["oldest"] < now - timedelta(minutes=5),
        "may_act": user.may("message.act"),
        "hold": restores.open_hold(),
        "hours": _by_hour(user, site, now),
        "here": f"{reverse('message_list')}?{urlencode({'show': tab})}",
    }
    template = (
        "scheduling/_messages.html" if request.headers.get("HX-Request") else "scheduling/messages.html"
    )
    return show(request, template, context, site)


def _scope(user: User, site: Site) -> Any:
    return Message.objects.visible_to(user).filter(patient__site=site)


def _counts(user: User, site: Site, now: datetime) -> dict[str, Any]:
    """How many of each, and since when the oldest waits, in one query."""
    wanted = {
        name: Count(
            "pk", filter=Q(state__in=states) & (Q(acknowledged_at__isnull=True) if name == "trouble" else Q())
        )
        for name, (_, states) in TABS.items()
    }
    overdue = Q(state__in=Message.PENDING - {State.HELD}, due_at__lte=now)
    found: dict[str, Any] = _scope(user, site).aggregate(**wanted, oldest=Min("due_at", filter=overdue))
    return found


def _by_hour(user: User, site: Site, now: datetime) -> list[dict[str, Any]]:
    """The last six hours and the next twelve that have messages, in the site's clock: due, sent, in trouble."""
    zone = ZoneInfo(site.time_zone)
    rows = (
        _scope(user, site)
        .filter(due_at__gte=now - timedelta(hours=6), due_at__lt=now + timedelta(hours=12))
        .annotate(hour=TruncHour("due_at", tzinfo=zone))
        .values("hour")
        .annotate(
            due=Count("pk", filter=Q(state__in=Message.PENDING)),
            sent=Count("pk", filter=Q(state=State.SENT)),
            trouble=Count("pk", filter=Q(state__in=Message.TROUBLE)),
        )
        .order_by("hour")
    )
    return [row | {"current": row["hour"] <= now < row["hour"] + timedelta(hours=1)} for row in rows]


def _tabs(tab: str, counts: dict[str, Any]) -> list[dict[str, Any]]:
    base = reverse("message_list")
    return [
        {
            "label": label,
            "url": f"{base}?{urlencode({'show': name})}",
            "current": name == tab,
            "count": counts[name],
        }
        for name, (label, _) in TABS.items()
    ]


def _rows(user: User, site: Site, tab: str) -> Any:
    rows = _scope(user, site).filter(state__in=TABS[tab][1])
    if tab == "trouble":
        rows = rows.filter(acknowledged_at__isnull=True)
    order = ("due_at", "pk") if tab in ("due", "held") else ("-due_at", "-pk")
    return rows.select_related("patient", "contact_point", "follow_up", "acknowledged_by").order_by(*order)


def _line(row: Message) -> dict[str, Any]:
    return {
        "row": row,
        "kind": KINDS.get(row.kind, row.kind),
        "chip": MESSAGE_CHIPS[row.state],
        "address": _address(row),
        "trouble": row.state in Message.TROUBLE and row.acknowledged_at is None,
        "useful": row.state in Message.TROUBLE,
    }


@require_safe
@login_required
def message_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One message as this patient reads it, before it leaves and afterwards."""
    row = get_message_for(person(request), code)
    shown = previews.preview(row)
    context = {
        "line": _line(row),
        "preview": shown,
        "paragraphs": _paragraphs(shown.text),
        "left": bool(row.body),
    }
    return show(request, "scheduling/message.html", context, row.patient.site)


def _address(row: Message) -> str:
    """Masked; one that cannot be decrypted says so instead of breaking the list."""
    try:
        return masked(row.contact_point.address)
    except Unreadable:
        return UNREADABLE_ADDRESS


@require_POST
@login_required
def message_retry(request: HttpRequest, code: str) -> HttpResponse:
    """Send it again."""
    user = person(request)
    message_acts.retry_message(message=get_message_for(user, code, action="message.act"), by=user)
    messages.success(request, "It will be sent again within seconds.")
    return redirect("message_list")


@require_POST
@login_required
def message_acknowledge(request: HttpRequest, code: str) -> HttpResponse:
    """Seen; nothing more is needed."""
    user = person(request)
    message_acts.acknowledge_message(message=get_message_for(user, code, action="message.act"), by=user)
    messages.success(request, "Acknowledged.")
    return redirect("message_list")


@require_POST
@login_required
def message_call(request: HttpRequest, code: str) -> HttpResponse:
    """Call the patient instead."""
    user = person(request)
    message_acts.call_instead(message=get_message_for(user, code, action="message.act"), by=user)
    messages.success(request, "On the work list: call the patient.")
    return redirect("message_list")


@require_safe
@login_required
def outbox(request: HttpRequest) -> HttpResponse:
    """What has left, as it was written. Only in the demo: elsewhere nobody reads patients' mail."""
    if not settings.IS_DEMO:
        raise Http404("Not found.")
    user = person(request)
    require(user, "message.view")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/outbox.html", {"rows": []})
    rows = _scope(user, site).filter(state=State.SENT).order_by("-sent_at", "-pk")
    rows = rows.select_related("patient", "contact_point", "follow_up")
    page = Paginator(rows, LETTERS).get_page(request.GET.get("page"))
    letters = [_line(row) | {"paragraphs": _paragraphs(row.body)} for row in page]
    return show(request, "scheduling/outbox.html", {"rows": letters, "page_obj": page, "site": site}, site)


def _paragraphs(body: str) -> list[str]:
    """Paragraphs of a plain text, its line breaks inside them undone."""
    return [" ".join(part.split()) for part in body.split("\n\n") if part.strip()]
