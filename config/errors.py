"""Error pages: what happened, what to do next, and a reference to tell support."""

from __future__ import annotations

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

TOO_LONG = (
    "What was sent is too long. Nothing was changed. Go back: what was typed is still there. "
    "Shorten it and send it again."
)


def _answer(
    request: HttpRequest, status: int, template: str, code: str, detail: str, message: str = ""
) -> HttpResponse:
    reference = getattr(request, "reference", "")
    if request.path.startswith("/api/"):
        body = {
            "type": f"/problems/{code}",
            "title": code.replace("-", " ").capitalize(),
            "status": status,
            "detail": detail,
            "instance": f"/requests/{reference}",
        }
        return JsonResponse(body, status=status, content_type="application/problem+json")
    if status == 500:  # without the request no context processor runs: the database may be what failed
        return HttpResponse(render_to_string(template, {"reference": reference}), status=status)
    return render(request, template, {"reference": reference, "message": message}, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request itself could not be read; 413 when it is longer than any form of ours can be."""
    if isinstance(exception, RequestDataTooBig):
        return _answer(request, 413, "400.html", "too-long", TOO_LONG, TOO_LONG)
    return _answer(request, 400, "400.html", "bad-request", "The request could not be read.")


def not_allowed(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: this role may not do this."""
    return _answer(request, 403, "403.html", "not-allowed", "Your role does not allow this.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: nothing here, or nothing that is yours."""
    return _answer(request, 404, "404.html", "not-found", "There is nothing here for you.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault. The page needs neither database nor context processors."""
    return _answer(request, 500, "500.html", "server-error", "Something went wrong on our side.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form was older than the sign-in, or came from elsewhere."""
    return _answer(request, 403, "403_csrf.html", "csrf", "The form has expired. Load the page again.")
