"""What happens around every request: a reference id, no caching of clinical pages, idle sign-out, history context,
and domain errors turned into pages."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pghistory
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django_structlog.middlewares import RequestMiddleware

from scheduling.sites import chosen_site
from staff.errors import DomainError
from staff.second_step import is_missing

log = logging.getLogger("clearwindow.web")
GetResponse = Callable[[HttpRequest], HttpResponse]
LAST_SEEN = "last_seen"
POLLED = ("/queue/", "/board/", "/messages/", "/healthz/")
WITHOUT_SECOND_STEP = ("/accounts/", "/healthz/", "/p/", "/webhooks/", "/demo/")
TITLES = {
    400: "That could not be read",
    403: "Not allowed",
    409: "Something changed in between",
    412: "This page is out of date",
    422: "A rule stands in the way",
    503: "Busy right now",
}


def without_token(path: str) -> str:
    """A path as it may be logged: the token of a patient's link is a key, not an address."""
    return "/p/.../" if path.startswith("/p/") else path


class RequestLogMiddleware(RequestMiddleware):
    """One line when a request starts and one when it ends, without the tokens of patients' links."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """`GET /path`."""
        return f"{request.method} {without_token(request.get_full_path())}"


class PageGuardMiddleware:
    """A reference id for every request, `no-store` for every page that is not a static file."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.reference = uuid.uuid4().hex[:12]  # type: ignore[attr-defined]  # read by pages and problem documents
        response = self.get_response(request)
        response.setdefault("Cache-Control", "no-store, private")
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
        response["X-Request-Reference"] = request.reference  # type: ignore[attr-defined]  # set above
        if request.user.is_authenticated or request.path.startswith("/accounts/"):
            response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary"), "HX-Request"]))
        return response


class IdleTimeoutMiddleware:
    """Signs out after SESSION_IDLE_SECONDS without an act of the person; background polling does not count."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            # The computer's clock, not the demo's: moving the demo clock must not sign anyone out.
            now = int(time.time())
            last = int(request.session.get(LAST_SEEN, now))
            if now - last > settings.SESSION_IDLE_SECONDS:
                logout(request)
                return redirect_to_login(request.get_full_path())
            polled = request.headers.get("HX-Request") and (
                request.path.startswith(POLLED) or request.path.endswith("/live/")
            )
            if LAST_SEEN not in request.session or (not polled and now - last > 30):
                request.session[LAST_SEEN] = now
        return self.get_response(request)


class SecondStepMiddleware:
    """Whoever must have a second step at sign-in (REQUIRE_MFA_ROLES) sets it up before anything else opens."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not settings.REQUIRE_MFA_ROLES or request.path.startswith(WITHOUT_SECOND_STEP):
            return self.get_response(request)
        if not request.user.is_authenticated or not is_missing(request.user):
            return self.get_response(request)
        if request.path.startswith("/api/"):
            body = {"type": "/problems/second-step-missing", "title": "Second step missing", "status": 403,
                    "detail": "Set up the second step at sign-in first."}  # fmt: skip
            return JsonResponse(body, status=403, content_type="application/problem+json")
        target = reverse("mfa_activate_totp")
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": target})
        messages.warning(request, "Your role needs a second step at sign-in. Set it up to go on.")
        return redirect(target)


class SiteClockMiddleware:
    """Pages show the wall clock of the site that is being looked at (the API always speaks with offsets)."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated or request.path.startswith(("/api/", "/healthz/")):
            return self.get_response(request)
        site = chosen_site(request)
        with timezone.override(ZoneInfo(site.time_zone) if site else None):
            return self.get_response(request)


class HistoryContextMiddleware:
    """Every history row written during a request names the person and the route."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return self.get_response(request)
        user = request.user
        with pghistory.context(
            user=user.pk if user.is_authenticated else None, url=request.path, method=request.method
        ):
            return self.get_response(request)


class DomainErrorMiddleware:
    """A refusal that no form caught becomes a page that says what to do next. Nothing was written."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError):
            return None
        log.info("refused %s on %s", error.code, getattr(request.resolver_match, "view_name", "?"))
        return refusal_page(request, error)


def refusal_page(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page (or htmx fragment) for one refusal, with its own status."""
    title = TITLES.get(error.status, "That did not work")
    context: dict[str, Any] = {
        "error": error,
        "refusal_title": title,
        "title": title,
        "message": error.message,
        "conflicts": error.conflicts,
        "back_url": _back(request),
    }
    template = "_refusal.html" if request.headers.get("HX-Request") else "409.html"
    return render(request, template, context, status=error.status)


def _back(request: HttpRequest) -> str:
    """The page the person came from, as a path of this site."""
    if request.method == "GET":
        return request.path
    came_from = urlsplit(request.headers.get("Referer", ""))
    return came_from.path if came_from.netloc == request.get_host() else "/"
