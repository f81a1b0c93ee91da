"""Patients and future visits from a spreadsheet: check the file, look at what is wrong where, then import it.

The checked text travels in a hidden field, so that what is imported is what was checked, and nothing is kept here.
"""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from protocols.signing import require_means_to_sign
from scheduling.domain.booking_csv import COLUMNS, LARGEST, MOST_PROBLEMS, PERSON, VISIT
from scheduling.services.imports import ImportReport, import_bookings, shown
from scheduling.services.once import once
from scheduling.sites import chosen_site
from scheduling.views.acts import person, posted, show
from sessions.views.people import confirm_again, recently_confirmed
from staff.access import require
from staff.errors import DomainError, InvalidInput
from staff.forms import ClinicalForm, Radios
from staff.models import Site

MOST_ROWS = 300


class BookingImportForm(ClinicalForm):
    """The file, or the text that was checked before, and what happens when one patient cannot be imported."""

    file = forms.FileField(
        label="CSV file",
        required=False,
        help_text=f"UTF-8, at most {MOST_ROWS} rows; larger files by command.",
    )
    text = forms.CharField(widget=forms.HiddenInput(), required=False, strip=False, max_length=LARGEST)
    together = forms.ChoiceField(
        label="When something is wrong",
        choices=[
            ("all", "Import nothing"),
            ("each", "Import the patients whose rows are right, leave the others out"),
        ],
        widget=Radios(),
        initial="all",
    )

    eligible = forms.BooleanField(
        label="I have gone through the eligibility checklist of every patient in this file and sign each",
        required=False,
        help_text="Your signature is recorded for each patient, and your password is asked for. "
        "Without a signature a series is not booked.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = not self.data.get("text")

    def raw(self) -> bytes:
        """The bytes of the file, else the checked text. Raises InvalidInput when there is neither."""
        upload = self.cleaned_data.get("file")
        if upload is not None:
            if upload.size > LARGEST:
                raise InvalidInput(
                    "The file is larger than 2 MB. Split it.", code="body-too-large", field="file"
                )
            return bytes(upload.read())
        text = self.cleaned_data.get("text", "")
        if not text.strip():
            raise InvalidInput("Choose a file.", code="required", field="file")
        return str(text).encode("utf-8", "replace")


@require_http_methods(["GET", "POST"])
@login_required
def booking_import(request: HttpRequest) -> HttpResponse:
    """Check a file (`act=check`), then import it (`act=import`)."""
    user = person(request)
    require(user, "series.book")
    site = chosen_site(request)
    if site is None:
        return render(request, "scheduling/no_site.html")
    form = BookingImportForm(posted(request), request.FILES or None)
    report: ImportReport | None = None
    text = ""
    if request.method == "POST" and form.is_valid():
        try:
            raw = form.raw()
            report = _act(request, site, form, raw)
            text = raw.decode("utf-8-sig")
        except DomainError as refusal:
            form.add_refusal(refusal)
        if report is not None and report.written and not report.problems:
            messages.success(
                request, f"Imported: {report.new_patients} new patients, {report.visits} infusion visits."
            )
            return redirect("patient_list")
    return _draw(request, site, form, report, text)


def _act(request: HttpRequest, site: Site, form: BookingImportForm, raw: bytes) -> ImportReport:
    """The dry run, or the import itself; sent twice, it is done once.

    Signing for the patients of a file asks for the password again, as signing for one patient does; until it is given
    the file is checked and shown once more.
    """
    user, wanted = person(request), request.POST.get("act") == "import"
    facts: dict[str, Any] = {"site": site, "raw": raw, "by": user, "most_rows": MOST_ROWS}
    facts["eligible"] = form.cleaned_data["eligible"]
    together = form.cleaned_data["together"] == "all"
    signs = wanted and form.cleaned_data["eligible"]
    if signs:
        require_means_to_sign(user)
    if signs and not recently_confirmed(request):
        form.error_status = 403
        form.add_error(None, confirm_again(request))
        wanted = False
    if not wanted:
        return import_bookings(**facts, dry_run=True, together=together)
    found: list[ImportReport] = []

    def act() -> str:
        found.append(import_bookings(**facts, dry_run=False, together=together))
        return "done"

    _, fresh = once(user=user, token=request.POST.get("token", ""), route="booking_import", act=act)
    return found[0] if fresh else ImportReport(0, written=True)


def _draw(
    request: HttpRequest, site: Site, form: BookingImportForm, report: ImportReport | None, text: str
) -> HttpResponse:
    problems, more = shown(report.problems, MOST_PROBLEMS) if report else ([], 0)
    context = {
        "form": form,
        "site": site,
        "report": report,
        "problems": problems,
        "more": more,
        "text": text,
        "columns": COLUMNS,
        "needed": (*PERSON, *VISIT),
        "together": form.data.get("together", "all"),
        "eligible": form.is_bound and bool(form.data.get("eligible")),
        "may_sign": person(request).may("infusion.order"),
        "ready": report is not None
        and not report.written
        and bool(report.new_patients or report.series)
        and (not report.problems or form.data.get("together") == "each"),
        "token": str(uuid.uuid4()),
    }
    status = form.error_status if form.is_bound and form.errors else 200
    return show(request, "scheduling/import.html", context, site, status=status)
