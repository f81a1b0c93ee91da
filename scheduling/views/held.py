"""After a restore: a person releases or discards the messages that were held, all of them or one by one."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from scheduling.access_follow import get_message_for
from scheduling.forms_follow import HoldForm
from scheduling.models import Message
from scheduling.services import message_acts, restores
from scheduling.views.acts import person, posted
from staff.access import require
from staff.errors import DomainError


@require_http_methods(["GET", "POST"])
@login_required
def held_decide(request: HttpRequest) -> HttpResponse:
    """Release all held messages, or send none of them. The decision is for the whole database."""
    user = person(request)
    require(user, "message.act")
    hold = restores.open_hold()
    if hold is None:
        raise Http404("No restore waits for a decision.")
    form = HoldForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            restores.decide(
                hold=hold,
                release=form.cleaned_data["what"] == "release",
                by=user,
                note=form.cleaned_data["note"],
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            messages.success(request, "Decided. The messages page shows what becomes of them.")
            return redirect("message_list")
    status = form.error_status if form.is_bound else 200
    held = Message.objects.filter(state=Message.State.HELD).count()
    return render(request, "scheduling/held.html", {"hold": hold, "form": form, "held": held}, status=status)


@require_POST
@login_required
def held_one(request: HttpRequest, code: str) -> HttpResponse:
    """One held message: send it, or not."""
    row = get_message_for(person(request), code, action="message.act")
    release = request.POST.get("what") == "release"
    message_acts.settle_one_held(message=row, release=release, by=person(request))
    messages.success(request, "It will be sent." if release else "It will not be sent.")
    return redirect(f"{reverse('message_list')}?show=held")
