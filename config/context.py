"""What every page shows around its content: navigation by role, the site, the demo's clock."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from scheduling.sites import chosen_site
from staff import roles
from staff.clock import app_now

# (label, url name, icon, action that makes it visible, first path segment, letter after g)
NAVIGATION = (
    ("Today", "home", "sun", "protocol.view", "", "t"),
    ("Patients", "patient_list", "users", "patient.view", "patients", "p"),
    ("Chair board", "chair_board", "armchair", "appointment.view", "board", "b"),
    ("Week", "week", "calendar-days", "appointment.view", "week", "w"),
    ("Clinic plan", "clinic_plan_list", "wand-sparkles", "series.book", "clinic-plan", "c"),
    ("Waitlist", "waitlist", "hourglass", "appointment.move", "waitlist", "a"),
    ("Therapy queue", "therapist_queue", "sunrise", "queue.view", "queue", "q"),
    ("Before visits", "before_visits", "clipboard-check", "gate.view", "before-visits", "v"),
    ("Work list", "work_list", "list-checks", "follow_up.view", "work", "l"),
    ("Messages", "message_list", "mail", "message.view", "messages", "m"),
    ("On duty", "duty_roster", "siren", "duty.view", "duty", "d"),
    ("Protocols", "protocol_list", "clipboard-list", "protocol.view", "protocols", "o"),
    ("Chairs and people", "resource_list", "layout-grid", "site.manage", "resources", "h"),
    ("People", "person_list", "id-card", "person.manage", "people", "e"),
    ("Sites", "site_list", "map-pin", "site.manage", "sites", "s"),
)
IN_THE_BAR = 4  # so many links fit beside "More" at the foot of a phone of 320 px
JUMPS = (
    ("5-minutes", "+5 min"),
    ("sign-off", "To sign-off"),
    ("therapy-time", "To therapy time"),
    ("evening", "To 20:30"),
    ("tomorrow", "Tomorrow 09:00"),
)
# (role, label, what they do, e-mail, icon): the sample person behind each one-click sign-in of the demo.
DEMO_ACCOUNTS = (
    ("nurse", "Infusion nurse", "Records the infusion at the chair", "nurse@demo.example", "syringe"),
    (
        "clinician",
        "Prescribing clinician",
        "Plans series and signs visits off",
        "clinician@demo.example",
        "stethoscope",
    ),
    ("therapist", "Licensed therapist", "Works from the therapy queue", "therapist@demo.example", "sunrise"),
    (
        "coordinator",
        "Coordinator",
        "Books, moves and keeps lists empty",
        "coordinator@demo.example",
        "calendar-days",
    ),
    (
        "protocol_admin",
        "Protocol admin",
        "Writes and revises protocols",
        "admin@demo.example",
        "clipboard-list",
    ),
    (
        "manager",
        "Clinic manager",
        "Invites people, keeps licences and sites",
        "manager@demo.example",
        "id-card",
    ),
)


def page(request: HttpRequest) -> dict[str, Any]:
    """Context of base.html. No queries for visitors; roles, sites and the clock for staff."""
    context: dict[str, Any] = {"request_id": getattr(request, "reference", ""), "demo": settings.IS_DEMO}
    user = getattr(request, "user", None)
    if user is None or request.headers.get("HX-Request"):
        return context
    if not user.is_authenticated:
        if settings.IS_DEMO:
            context["demo_logins"] = _demo_logins()
        return context
    context["nav_items"] = items = _navigation(request)
    if len(items) > IN_THE_BAR + 1:
        rest = items[IN_THE_BAR:]
        context["nav_more"] = {"items": rest, "current": any(item["current"] for item in rest)}
    context["user_roles"] = ", ".join(roles.LABELS[name] for name in roles.LABELS if name in user.role_names)
    context["account_items"] = _account_items(request)
    site = chosen_site(request)
    if site is not None:
        context["current_site"] = {"name": site.name, "time_zone": site.time_zone}
    context["sites"] = [
        {"name": item.name, "code": str(item.code), "current": item == site}
        for item in request.site_choices  # type: ignore[attr-defined]  # set by chosen_site
    ]
    context["site_switch_url"] = reverse("site_switch")
    context["page_now"] = now = getattr(request, "page_now", None) or app_now()
    if settings.IS_DEMO:
        context["clock_bar"] = {
            "now": now,
            "post_url": reverse("clock_jump"),
            "jumps": [{"value": value, "label": label} for value, label in JUMPS],
        }
        context["tour"] = tour(request)
    return context


def _demo_logins() -> list[dict[str, str]]:
    return [
        {
            "label": label,
            "description": text,
            "email": email,
            "icon": icon,
            "post_url": reverse("demo_sign_in"),
        }
        for _, label, text, email, icon in DEMO_ACCOUNTS
    ]


def _account_items(request: HttpRequest) -> list[dict[str, str]]:
    items = [
        {"label": "Change password", "url": reverse("account_change_password"), "icon": "key-round"},
        {"label": "Second step at sign-in", "url": reverse("mfa_index"), "icon": "shield-check"},
        {
            "label": "Where you are signed in",
            "url": reverse("usersessions_list"),
            "icon": "monitor-smartphone",
        },
        {"label": "API", "url": reverse("api_docs"), "icon": "braces"},
    ]
    if request.user.is_staff:
        items.append({"label": "Technical admin", "url": reverse("admin:index"), "icon": "wrench"})
    return items


def _navigation(request: HttpRequest) -> list[dict[str, Any]]:
    segment = request.path.strip("/").split("/")[0]
    return [
        {"label": label, "url": reverse(name), "icon": icon, "current": segment == prefix, "key": key}
        for label, name, icon, action, prefix, key in NAVIGATION
        if request.user.may(action)  # type: ignore[union-attr]  # authenticated users are staff.User
    ]


TOURS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "nurse": (
        (
            "Record an infusion",
            "Open the chair board and pick who is in a chair. Start, pause and stop are one tap.",
            "chair_board",
        ),
        (
            "Watch the drug clear",
            "The record draws the predicted level. Therapy time follows every pump event.",
            "chair_board",
        ),
        (
            "See what is left to do",
            "The work list holds what the software cannot do on its own.",
            "work_list",
        ),
    ),
    "clinician": (
        (
            "Plan a series",
            "Open a patient, choose Plan a series, and book six visits at once.",
            "patient_list",
        ),
        (
            "Sign off a visit",
            "Open a recovering patient from the chair board, check the criteria and sign.",
            "chair_board",
        ),
        (
            "See the windows used",
            "The therapy queue shows every open window and when it closes.",
            "therapist_queue",
        ),
    ),
    "therapist": (
        ("Read the queue", "One row per patient, the window that closes first on top.", "therapist_queue"),
        (
            "Take a patient",
            "Take an unassigned row and book a free time inside the window in two clicks.",
            "therapist_queue",
        ),
        (
            "Move the clock",
            "Use the clock bar to jump to the therapy time and start the session from its row.",
            "therapist_queue",
        ),
    ),
    "coordinator": (
        ("See the day", "Today lists who is coming, who is late and what is waiting.", "home"),
        (
            "Plan a series",
            "Open a patient and plan six visits around holidays and staff hours.",
            "patient_list",
        ),
        (
            "Follow the messages",
            "Every reminder with its time, its fate and what to do if it failed.",
            "message_list",
        ),
    ),
    "protocol_admin": (
        ("Read a protocol", "Every number with its source and evidence grade.", "protocol_list"),
        ("Revise it", "A revision is a new draft. Running series stay on their version.", "protocol_list"),
        ("Have it approved", "A second person approves; only then does it become active.", "protocol_list"),
    ),
    "manager": (
        ("See who works here", "Roles, sites, licences that end soon, who can sign in.", "person_list"),
        (
            "Invite somebody",
            "They get a link to choose a password, and can be booked at once.",
            "person_list",
        ),
        ("Keep the rooms", "Chairs, rooms and hours; nothing that is booked disappears.", "resource_list"),
    ),
}


def tour(request: HttpRequest) -> dict[str, Any] | None:
    """The demo's three-step strip for the role signed in with; None once dismissed."""
    role = request.session.get("tour_role")
    step = int(request.session.get("tour_step", 1))
    if role not in TOURS or not 1 <= step <= 3:
        return None
    title, text, target = TOURS[role][step - 1]
    return {
        "step": step,
        "total": 3,
        "title": title,
        "text": text,
        "next_url": reverse("tour_step", args=[step]),
        "next_label": "Show me" if step < 3 else "Done",
        "dismiss_url": reverse("tour_step", args=[0]),
        "target": reverse(target),
    }
