"""A text of the clinic's own, checked for its clinical language: a leaflet, a web page, a letter. Nothing is stored."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from protocols.forms import LanguageForm
from protocols.lexicon import Finding, check_text, rules, with_term
from protocols.views.acts import answer_status, posted
from staff.access import require
from staff.models import User

AROUND = 60  # characters of the text shown on either side of a finding


@require_http_methods(["GET", "POST"])
@login_required
def language_check(request: HttpRequest) -> HttpResponse:
    """GET shows the form; POST the findings, or, with `use`, the text with that one term put in and what is left."""
    require(cast("User", request.user), "protocol.view")
    form = LanguageForm(posted(request))
    context: dict[str, Any] = {"form": form, "rules": rules(), "checked": False}
    if request.method == "POST" and form.is_valid():
        text = _with_chosen_term(form.cleaned_data["text"], request.POST.get("use", ""))
        form = LanguageForm(initial={"text": text})
        findings = check_text(text)
        errors = sum(found.severity == "error" for found in findings)
        context |= {
            "form": form,
            "checked": True,
            "findings": [shown(found, text) for found in findings],
            "errors": errors,
            "warnings": len(findings) - errors,
        }
        return render(request, "protocols/language.html", context)
    return render(request, "protocols/language.html", context, status=answer_status(form))


def _with_chosen_term(text: str, chosen: str) -> str:
    """The text with the clinical term at the finding that begins at `chosen`; unchanged when there is none."""
    for found in check_text(text) if chosen else ():
        if str(found.start) == chosen and found.term is not None:
            return with_term(text, found)
    return text


def _last_words(text: str) -> str:
    """The last eight words before a finding, with the space that parts them from it."""
    return " ".join(text.split()[-8:]) + (" " if text[-1:].isspace() else "")


def shown(found: Finding, text: str) -> dict[str, Any]:
    """A finding as a page draws it: the words around it, and what one click would put there."""
    before, after = text[max(0, found.start - AROUND) : found.start], text[found.end : found.end + AROUND]
    return {
        "line": found.line,
        "column": found.column,
        "start": found.start,
        "match": " ".join(found.match.split()),
        "before": ("… " if found.start > AROUND else "") + _last_words(before),
        "after": " ".join(f"{after} ".split(" ")[:9]),
        "error": found.severity == "error",
        "suggestion": found.suggestion,
        "reason": found.reason,
        "term": found.term,
        "rule": found.rule,
    }
