"""Routes of the whole project; each app keeps its own."""

from __future__ import annotations

from typing import NoReturn

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest
from django.urls import include, path

from config import demo_views
from staff.styleguide import styleguide

admin.site.site_header = admin.site.site_title = "Clearwindow technical admin"
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # documented way of allauth

handler400 = "config.errors.bad_request"
handler403 = "config.errors.not_allowed"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"


def account_addresses(request: HttpRequest) -> NoReturn:
    """There is no such page: the address a person signs in with is the clinic's to change."""
    raise Http404


urlpatterns = [
    path("", include("scheduling.urls")),
    path("", include("patients.urls")),
    path("", include("protocols.urls")),
    path("", include("sessions.urls")),
    path("", include("staff.urls")),
    path("api/", include("config.api")),
    path("accounts/email/", account_addresses),
    path("accounts/confirm-email/", account_addresses),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("site/", demo_views.site_switch, name="site_switch"),
    path("demo/clock/", demo_views.clock_jump, name="clock_jump"),
    path("demo/sign-in/", demo_views.demo_sign_in, name="demo_sign_in"),
    path("demo/tour/<int:step>/", demo_views.tour_step, name="tour_step"),
]
if not settings.IS_PRODUCTION:
    urlpatterns.append(path("styleguide/", styleguide, name="styleguide"))
