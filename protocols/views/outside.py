"""Review by somebody outside: an admin sends, repeats and takes back links; the reviewer answers on `/review/<token>/`.

Opening a link changes nothing (mail scanners open every link); only the signed form does.
"""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from protocols import services
from protocols.access import get_version_for
from protocols.differences import differences
from protocols.evidence import GRADES
from protocols.forms import AskOutsideForm, OutsideAnswerForm
from protocols.models import OutsideReview, ProtocolVersion
from protocols.presenting import finding_lines, key_facts
from protocols.reading import follow_ups, sections
from protocols.services.outside import why_dead
from protocols.services.review import findings_of
from protocols.views.acts import act_page, answer_status, posted
from staff.clock import app_now
from staff.errors import DomainError
from staff.models import User
from staff.views.acts import base_url

NOT_SENT = (
    "The mail server did not take the message. The link is kept: send it again in a while from this page."
)


@require_http_methods(["GET", "POST"])
@login_required
def version_outside(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Send a link to a named reviewer outside the clinic."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number, action="protocol.edit")
    form = AskOutsideForm(posted(request), version=version.version)
    page = {
        "heading": f"Send version {number} to an outside reviewer",
        "lede": "They get a link by e-mail, read the whole text with its evidence and findings, and approve it or "
        "return it with remarks. The link is for one person and one answer; it ends when the text leaves its review.",
        "button": "Send the link",
        "done": "The link was made.",
        "facts": key_facts(version),
        "no_signature": True,
    }

    def do(data: dict[str, Any]) -> object:
        review = services.ask_outside(
            version=version,
            name=data["name"],
            email=data["email"],
            days=int(data["days"]),
            expected_version=data["version"],
            by=user,
        )
        _send(request, review, user)
        return review

    return act_page(request, version, form, page, do)


def _send(request: HttpRequest, review: OutsideReview, by: User) -> None:
    if services.hand_over(review, base_url(request), by=by):
        messages.success(request, f"The link is on its way to {review.email}.")
    else:
        messages.warning(request, NOT_SENT)


@require_POST
@login_required
def version_outside_again(request: HttpRequest, slug: str, number: int, code: str) -> HttpResponse:
    """Send the message of an open link once more."""
    user = cast("User", request.user)
    review = _review_of(user, slug, number, code)
    try:
        _send(request, review, user)
    except DomainError as refusal:
        messages.error(request, refusal.message)
    return _back(slug, number)


@require_POST
@login_required
def version_outside_end(request: HttpRequest, slug: str, number: int, code: str) -> HttpResponse:
    """Take a link back that was not answered."""
    user = cast("User", request.user)
    review = _review_of(user, slug, number, code)
    try:
        services.take_back(review=review, by=user)
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"The link of {review.name} no longer works.")
    return _back(slug, number)


def _back(slug: str, number: int) -> HttpResponse:
    return redirect("version_detail", slug=slug, number=number)


def _review_of(user: User, slug: str, number: int, code: str) -> OutsideReview:
    version = get_version_for(user, slug, number, action="protocol.edit")
    found = version.outside_reviews.select_related("version__template", "sent_by").filter(code=code).first()
    if found is None:
        raise Http404("Not found.")
    return found


@csrf_exempt  # the token in the address is the only right used; `no-referrer` makes the browser hide the origin
@require_http_methods(["GET", "HEAD", "POST"])
def outside_review(request: HttpRequest, token: str) -> HttpResponse:
    """The text with its evidence and findings, and the reviewer's one answer. Dead link: 410 with the reason.

    Whoever is signed in here is no outside reviewer: 403.
    """
    review = services.open_review(token)
    if request.user.is_authenticated and review.answered_at is None:
        return _page(request, "staff", {"review": review}, 403)
    if review.answered_at is not None:
        return _page(request, "answered", {"review": review}, 410 if request.method == "POST" else 200)
    dead = why_dead(review, app_now())
    if dead:
        return _page(request, "over", {"review": review, "why": dead}, 410)
    form = OutsideAnswerForm(
        posted(request), initial={"seen_sha256": review.text_sha256, "signed_name": review.name}
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.answer_outside(
                review=review,
                answer=data["answer"],
                signed_name=data["signed_name"],
                registration=data["registration"],
                remarks=data["remarks"],
                seen_sha256=data["seen_sha256"],
            )
        except DomainError as refusal:
            form.add_refusal(refusal)
        else:
            return HttpResponseRedirect(request.path)
    return _page(
        request, "read", {"review": review, "form": form} | _text(review.version), answer_status(form)
    )


def _text(version: ProtocolVersion) -> dict[str, Any]:
    """All that is read before the signature."""
    text = version.read()
    base = version.template.versions.filter(status=ProtocolVersion.Status.ACTIVE).first()
    found = finding_lines(findings_of(version), in_draft=False)
    return {
        "version": version,
        "template": version.template,
        "text": text,
        "facts": key_facts(version),
        "sections": sections(text),
        "follow_ups": follow_ups(text),
        "grades": list(GRADES.items()),
        "findings": found,
        "blocking": sum(item["finding"].blocks for item in found),
        "documents": list(version.documents.all()),
        "base": base,
        "differences": differences(base.read(), text) if base else (),
    }


def _page(request: HttpRequest, name: str, context: dict[str, Any], status: int) -> HttpResponse:
    answer = render(request, f"protocols/outside/{name}.html", context, status=status)
    answer["Referrer-Policy"] = "no-referrer"  # the address itself is the key
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Cache-Control"] = "no-store"
    return answer
