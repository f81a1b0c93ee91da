"""A second person who identifies with their own password on somebody else's page."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.core import ratelimit
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from staff.errors import InvalidInput, RuleNotMet
from staff.models import User


def confirmed_person(
    request: HttpRequest, email: str, password: str, *, field: str = "second_password"
) -> User | None:
    """The active person whose e-mail and password these are; None when no e-mail was given.

    Raises InvalidInput when they do not belong together and RuleNotMet after too many tries, both at `field`.
    Failed tries count against the same limit as failed sign-ins.
    """
    if not email:
        return None
    limit = {"action": "login_failed", "key": email.lower()}
    if not ratelimit.consume(request, dry_run=True, **limit):
        raise RuleNotMet("Too many tries. Wait five minutes.", code="too-many-tries", field=field)
    person = User.objects.filter(email__iexact=email, is_active=True).first()
    if person is None:
        make_password(password)  # the same work as for a known person, so that time tells nothing
    if person is None or not person.check_password(password):
        ratelimit.consume(request, **limit)
        raise InvalidInput("E-mail and password do not belong together.", code="wrong-password", field=field)
    return person


@reauthentication_required
def _confirmed(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def recently_confirmed(request: HttpRequest) -> bool:
    """Whether the person typed their own password within the last minutes (allauth's re-authentication)."""
    try:
        _confirmed(request)
    except ReauthenticationRequired:
        return False
    return True


def confirm_again(request: HttpRequest) -> ValidationError:
    """What a form says when it is signed too long after the password was given: where to give it again."""
    link = format_html(
        'Your signature needs your password: <a href="{}?next={}" target="_blank" rel="opener">confirm it in a new '
        "tab</a>, then sign here. What you ticked is kept.",
        reverse("account_reauthenticate"),
        request.path,
    )
    return ValidationError(link, code="confirm-again")
