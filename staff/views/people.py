"""People: the list, one person, invite, change, end and restore access. For those who manage the clinic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from staff import presenting, roles, second_step
from staff.access import require
from staff.access_people import get_person_for
from staff.clock import app_now
from staff.errors import DomainError
from staff.forms import ClinicalForm
from staff.forms_people import AccessForm, DeactivateForm, InviteForm, PersonForm
from staff.models import Site, User
from staff.querysets_people import matching, people
from staff.services import people as service
from staff.services.invitations import send_invitation
from staff.views.acts import base_url, manager, posted, status_of, tell

PER_PAGE = 25
NOT_SENT = "The message could not be handed to the mail server. Send the invitation again in a while."


@require_safe
@login_required
def person_list(request: HttpRequest) -> HttpResponse:
    """Everybody who has or had an account: searched by name, by role, site and state; all of it in the address."""
    require(request.user, "person.manage")
    wanted = {name: request.GET.get(name, "").strip()[:100] for name in ("q", "role", "site", "state")}
    sites = list(Site.objects.order_by("name"))
    site = next((str(site.code) for site in sites if str(site.code) == wanted["site"]), "")
    rows = matching(people(), text=wanted["q"], role=wanted["role"], site=site, state=wanted["state"])
    page = Paginator(rows.order_by("full_name", "pk"), PER_PAGE).get_page(request.GET.get("page"))
    today = app_now().date()
    context = {
        "page_obj": page,
        "rows": [_row(person, today) for person in page],
        "wanted": wanted,
        "query": urlencode({name: value for name, value in wanted.items() if value}),
        "filtered": any(wanted.values()),
        "roles": list(roles.LABELS.items()),
        "sites": sites,
        "states": list(presenting.STATES.values()),
    }
    return render(request, "staff/people.html", context)


def _row(person: User, today: Any) -> dict[str, Any]:
    names = [group.name for group in person.groups.all()]
    licences = list(person.licences.all())
    soon = presenting.expiring(licences, today)
    return {
        "person": person,
        "roles": presenting.role_labels(names),
        "state": presenting.state_of(person),
        "missing": presenting.missing_licences(names, licences, today) if person.is_active else [],
        "expiring": min((presenting.last_day(row) for row in soon), default=None)
        if person.is_active
        else None,
        "licensed": any(row.covers(row.jurisdiction, today) for row in licences),
    }


@require_safe
@login_required
def person_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One person: what they may do and where, their licences, whether they can sign in, what changed lately."""
    person = get_person_for(manager(request), code)
    today = app_now().date()
    licences = list(person.licences.order_by("profession", "jurisdiction", "valid_during"))
    context = {
        "person": person,
        "state": presenting.state_of(person),
        "role_labels": presenting.role_labels(person.role_names),
        "person_sites": person.sites.order_by("name"),
        "languages": presenting.languages(person),
        "licences": [presenting.licence_row(row, today) for row in licences],
        "missing": (missing := presenting.missing_licences(person.role_names, licences, today)),
        "missing_words": f"Needed for their roles: {' and '.join(missing)}.",
        "ending": [presenting.ending_words(row) for row in presenting.expiring(licences, today)],
        "mfa": second_step.has_one(person),
        "mfa_required": second_step.is_required(person),
        "changes": presenting.changes_of(person),
        "own": person == request.user,
    }
    return render(request, "staff/person.html", context)


@require_http_methods(["GET", "POST"])
@login_required
@reauthentication_required
def person_invite(request: HttpRequest) -> HttpResponse:
    """Make an account and send its one-time link."""
    user = manager(request)
    require(user, "person.manage")
    sites = list(user.sites.all())
    form = InviteForm(posted(request), initial={"sites": [site.code for site in sites]})
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        names, chosen = data.pop("roles"), list(data.pop("sites"))
        try:
            person = service.invite(role_names=names, sites=chosen, by=user, **data)
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            _send(request, person)
            return redirect("person_detail", code=person.code)
    return render(request, "staff/person_invite.html", {"form": form}, status=status_of(form))


def _send(request: HttpRequest, person: User) -> None:
    if send_invitation(person, base_url(request), at=app_now()):
        messages.success(request, f"The invitation is on its way to {person.email}.")
    else:
        messages.warning(request, NOT_SENT)


@require_POST
@login_required
@reauthentication_required
def person_invite_again(request: HttpRequest, code: str) -> HttpResponse:
    """Send a fresh link to somebody who has not chosen a password yet."""
    person = get_person_for(manager(request), code)
    if presenting.state_of(person) == presenting.INVITED:
        _send(request, person)
    else:
        messages.info(request, "Only somebody who has not signed in yet is invited.")
    return redirect("person_detail", code=person.code)


@require_http_methods(["GET", "POST"])
@login_required
def person_edit(request: HttpRequest, code: str) -> HttpResponse:
    """Name, title, languages."""
    user = manager(request)
    person = get_person_for(user, code)
    initial = {
        "full_name": person.full_name,
        "title": person.title,
        "email": person.email,
        "languages": person.languages.split(","),
    }
    form = PersonForm(posted(request), initial=initial, version=person.version)

    def do(data: dict[str, Any]) -> None:
        version = data.pop("version")
        service.update_person(person=person, changes=data, expected_version=version, by=user)
        messages.success(request, "Saved.")

    return _act(request, person, form, do, "Change name and languages", "Save")


@require_http_methods(["GET", "POST"])
@login_required
@reauthentication_required
def person_access(request: HttpRequest, code: str) -> HttpResponse:
    """Roles and sites; the password is asked again, because a role is the key to patients' records."""
    user = manager(request)
    person = get_person_for(user, code)
    initial = {"roles": list(person.role_names), "sites": [site.code for site in person.sites.all()]}
    form = AccessForm(posted(request), initial=initial, version=person.version)

    def do(data: dict[str, Any]) -> None:
        outcome = service.set_access(
            person=person,
            role_names=data["roles"],
            sites=list(data["sites"]),
            expected_version=data["version"],
            by=user,
        )
        tell(request, "Roles and sites saved.", outcome.handed_over)

    lede = "What loses its person, such as bookings ahead, stands and goes on the coordinators' work list."
    return _act(request, person, form, do, "Roles and sites", "Save roles and sites", lede=lede)


@require_http_methods(["GET", "POST"])
@login_required
@reauthentication_required
def person_deactivate(request: HttpRequest, code: str) -> HttpResponse:
    """End somebody's access."""
    user = manager(request)
    person = get_person_for(user, code)
    form = DeactivateForm(posted(request), version=person.version)

    def do(data: dict[str, Any]) -> None:
        outcome = service.deactivate(
            person=person, reason=data["reason"], expected_version=data["version"], by=user
        )
        tell(request, f"{person.full_name} can no longer sign in.", outcome.handed_over)

    lede = (
        "Signed out everywhere at once. What they signed and recorded stays. Bookings ahead, patients, open work and "
        "duty turns go on the coordinators' list."
    )
    return _act(request, person, form, do, "End access", "End access", lede=lede, danger=True)


@require_POST
@login_required
@reauthentication_required
def person_reactivate(request: HttpRequest, code: str) -> HttpResponse:
    """Let somebody back in, with a new link."""
    user = manager(request)
    person = get_person_for(user, code)
    if not person.is_active:
        _send(request, service.reactivate(person=person, by=user))
    return redirect("person_detail", code=person.code)


@require_POST
@login_required
@reauthentication_required
def person_reset_second_step(request: HttpRequest, code: str) -> HttpResponse:
    """Somebody has lost the device and the recovery codes: they set the second step up anew."""
    user = manager(request)
    person = get_person_for(user, code)
    service.reset_second_step(person=person, by=user)
    messages.success(request, f"{person.full_name} is signed out, and signs in with the password alone.")
    return redirect("person_detail", code=person.code)


def _act(
    request: HttpRequest,
    person: User,
    form: ClinicalForm,
    do: Callable[[dict[str, Any]], None],
    title: str,
    button: str,
    **words: Any,
) -> HttpResponse:
    """A form that does one thing to one person."""
    if request.method == "POST" and form.is_valid():
        try:
            do(dict(form.cleaned_data))
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            return redirect("person_detail", code=person.code)
    context = {
        "person": person,
        "form": form,
        "act_title": title,
        "button": button,
        "back_url": reverse("person_detail", args=[person.code]),
        **words,
    }
    return render(request, "staff/person_act.html", context, status=status_of(form))
