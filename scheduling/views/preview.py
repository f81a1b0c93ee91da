"""The preview of a protocol text: a sample series on a real calendar and the curve of its dose.

Served here and joined to the protocol pages by its address: a protocol knows nothing of calendars. Nothing is written.
"""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from protocols.access import get_version_for
from protocols.definition import ProtocolDefinition
from protocols.models import ProtocolVersion
from protocols.services.drafting import sheet_of
from protocols.sheet import as_far_as_right
from scheduling.domain.localtime import local_date, parse_clock
from scheduling.domain.sample import next_clock_change
from scheduling.loaders import named_holidays
from scheduling.sample_pages import sample_page
from scheduling.sites import chosen_site
from staff.clock import app_now
from staff.errors import InvalidInput, RuleNotMet
from staff.forms import ClinicalDateField, ClinicalForm, UnitDecimalField, UnitIntegerField
from staff.models import Site, User
from staff.zones import known_zones

ZONES = (
    "America/Los_Angeles", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Kolkata", "Australia/Sydney",
    "UTC",
)  # fmt: skip
HOLIDAYS_AHEAD = timedelta(days=400)
WEEKS = {
    "": "From the day above",
    "weekend": "Over a weekend",
    "holiday": "Over the next public holiday",
    "forward": "When the clocks go forward",
    "back": "When the clocks go back",
}
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)


class PreviewForm(ClinicalForm):
    """Where, when and for whom the sample is drawn."""

    first_day = ClinicalDateField("First infusion")
    clock = forms.CharField(
        label="At", max_length=5, widget=forms.TimeInput(attrs={"type": "time", "class": "width-8"})
    )
    week = forms.ChoiceField(label="Look at", choices=list(WEEKS.items()), required=False)
    place = forms.ChoiceField(label="Time zone")
    holidays = forms.ChoiceField(label="On public holidays", choices=[("closed", "Closed"), ("open", "Open")])
    weight_kg = UnitDecimalField("Weight", unit="kg", decimal_places=1, min_value="20", max_value="350")
    age_years = UnitIntegerField("Age", unit="years", min_value=18, max_value=110)

    def __init__(self, *args: Any, zones: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ChoiceField", self.fields["place"]).choices = [
            (name, name.replace("_", " ")) for name in zones
        ]

    def clean_first_day(self) -> date:
        """A day between 2000 and 2100: calendars and holidays are known there."""
        day: date = self.cleaned_data["first_day"]
        if not EARLIEST <= day < LATEST:
            raise forms.ValidationError("Choose a day between 2000 and 2100.", code="out-of-range")
        return day

    def clean_clock(self) -> time:
        """A time of day."""
        try:
            return parse_clock(self.cleaned_data["clock"])
        except (InvalidInput, RuleNotMet) as refusal:
            raise forms.ValidationError("Enter a time such as 09:00.", code="clock") from refusal


@require_safe
@login_required
def protocol_preview(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The sample of one version; for htmx only the part that changes."""
    user = cast("User", request.user)
    version = get_version_for(user, slug, number)
    site = chosen_site(request)
    form = _form(request, site)
    context: dict[str, Any] = {"version": version, "template": version.template, "form": form}
    status = 200
    if form.is_valid():
        context |= _sample(version, form, site)
    else:
        status = 422
    name = "scheduling/_preview.html" if request.headers.get("HX-Request") else "scheduling/preview.html"
    with timezone.override(ZoneInfo(form.cleaned_data.get("place") or "UTC")):
        return render(request, name, context, status=status)


def _form(request: HttpRequest, site: Site | None) -> PreviewForm:
    """What was asked for, over what is usual: next Tuesday at nine, at the person's own site."""
    own = site.time_zone if site else "UTC"
    today = local_date(app_now(), ZoneInfo(own))
    usual = {
        "first_day": (today + timedelta(days=(1 - today.weekday()) % 7 or 7)).isoformat(),
        "clock": "09:00",
        "week": "",
        "place": own,
        "holidays": "open" if site and site.open_on_holidays else "closed",
        "weight_kg": "70",
        "age_years": "40",
    }
    asked = {key: value for key, value in request.GET.items() if key in usual}
    zones = list(dict.fromkeys([own, *ZONES]))
    if asked.get("place") in known_zones():
        zones = list(dict.fromkeys([*zones, str(asked["place"])]))
    return PreviewForm(usual | asked, zones=zones)


def _sample(version: ProtocolVersion, form: PreviewForm, site: Site | None) -> dict[str, Any]:
    data = form.cleaned_data
    zone = ZoneInfo(data["place"])
    unfinished = version.working is not None
    definition = as_far_as_right(sheet_of(version), version.read()) if unfinished else version.read()
    if definition is None:
        return {"nothing_yet": True}
    first_day = _first_day(data["first_day"], data["week"], zone, site, definition)
    if first_day is None:
        form.add_error("week", "There is no such week in this time zone within two years.")
        return {}
    holidays = named_holidays(site, first_day, first_day + HOLIDAYS_AHEAD) if site else {}
    try:
        page = sample_page(
            definition,
            first_day=first_day,
            clock=data["clock"],
            zone=zone,
            weight_kg=cast("Decimal", data["weight_kg"]),
            age_years=data["age_years"],
            holidays=holidays,
            closed_on_holidays=data["holidays"] == "closed",
        )
    except (InvalidInput, RuleNotMet) as refusal:
        form.add_refusal(refusal)
        return {}
    return {"page": page, "first_day": first_day, "unfinished": unfinished}


def _first_day(
    day: date, week: str, zone: ZoneInfo, site: Site | None, definition: ProtocolDefinition
) -> date | None:
    """The first day that makes the second visit of the sample meet what the person wants to look at."""
    step = timedelta(days=round(definition.phases[0].gap_target_hours / 24) if definition.visits > 1 else 0)
    if week == "weekend":
        return day + timedelta(days=(4 - day.weekday()) % 7)  # Friday: the second visit meets the weekend
    if week == "holiday":
        ahead = named_holidays(site, day, day + HOLIDAYS_AHEAD) if site else {}
        found = min(ahead, default=None)
        return None if found is None else found - step
    if week in ("forward", "back"):
        change = next_clock_change(day, zone, forward=week == "forward")
        return None if change is None else change - timedelta(days=2)
    return day
