"""Which site's day a person is looking at."""

from __future__ import annotations

from django.http import HttpRequest

from staff.models import Site


def chosen_site(request: HttpRequest) -> Site | None:
    """The site chosen in the session, else the first the person works at; None for people without a site."""
    if not hasattr(request, "site_choices"):
        request.site_choices = list(request.user.sites.order_by("name"))  # type: ignore[attr-defined,union-attr]  # cached for the request
        # The same rows say where the person works: visible_to() need not ask again.
        request.user._site_ids = frozenset(site.pk for site in request.site_choices)  # type: ignore[attr-defined,union-attr]  # User.site_ids()'s own cache
    choices: list[Site] = request.site_choices  # type: ignore[attr-defined]  # set above
    chosen = request.session.get("site")
    return next((site for site in choices if str(site.code) == chosen), choices[0] if choices else None)
