"""The shipped protocols, put into a clinic that has none."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from protocols.services import install_shipped
from staff.access import require
from staff.models import User


@require_POST
@login_required
def protocol_install(request: HttpRequest) -> HttpResponse:
    """Install every shipped protocol that is not there yet; sent twice it changes nothing."""
    user = cast("User", request.user)
    require(user, "protocol.install")
    made = install_shipped(by=user)
    if made:
        number = len(made)
        messages.success(
            request, f"{number} protocol{'s' if number != 1 else ''} installed. Read before use."
        )
    else:
        messages.info(request, "The shipped protocols are there already.")
    return redirect("protocol_list")
