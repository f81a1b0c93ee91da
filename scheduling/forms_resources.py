"""Forms of chairs, people and their hours: names, weekly hours, absences, closures."""

from __future__ import annotations

from datetime import date, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from scheduling.domain.localtime import parse_clock
from staff.errors import InvalidInput
from staff.forms import (
    ClinicalDateField,
    ClinicalForm,
    ClinicalTextField,
    LocalDateTimeField,
    Radios,
    UnitIntegerField,
)

ANY, OTHER = "", "other"
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class HoursField(forms.CharField):
    """The hours of one weekday as text. Empty is an answer, not an omission: nobody is there."""

    def validate(self, value: Any) -> None:
        """Anything may be sent; the form reads it."""


class ResourceForm(ClinicalForm):
    """What a chair, a room or a person is called on the plan, and how many patients at once."""

    versioned = True
    name = ClinicalTextField("Name", max_length=80)
    capacity = UnitIntegerField("Patients at once", min_value=1, max_value=12, initial=1)


class NewResourceForm(ResourceForm):
    """A chair or a room; people are invited instead."""

    versioned = False
    kind = forms.ChoiceField(
        label="What it is", choices=[("chair", "Chair"), ("room", "Room")], initial="chair",
        widget=Radios(inline=True),
    )  # fmt: skip
    field_order = ("kind", "name", "capacity")


class WeeklyHoursForm(ClinicalForm):
    """Hours of each weekday in the site's wall clock; `seen` is what the page was opened with."""

    seen = forms.CharField(widget=forms.HiddenInput())
    use_required_attribute = False

    def __init__(self, *args: Any, others: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, name in enumerate(WEEKDAYS):
            self.fields[f"day_{number}"] = HoursField(
                label=name,
                max_length=80,
                help_text="" if number else "Such as 08:00-12:00, 13:00-18:00. Empty means not there.",
                widget=forms.TextInput(attrs={"autocomplete": "off", "class": "width-20"}),
            )
        if others:  # a clinic is set up once, not chair by chair
            self.fields["rest"] = forms.BooleanField(
                label="The same for everything here that has no hours yet",
                help_text=f"{others} {'others' if others > 1 else 'other'}: chairs, rooms and people.",
                required=False,
            )

    def clean(self) -> dict[str, Any]:
        """Every line read; `hours` holds (weekday, start, end)."""
        cleaned = super().clean()
        hours: list[tuple[int, time, time]] = []
        for number in range(7):
            name = f"day_{number}"
            try:
                hours += [(number, start, end) for start, end in read_hours(cleaned.get(name, ""))]
            except InvalidInput as refusal:
                self.add_error(name, ValidationError(refusal.message, code=refusal.code))
        cleaned["hours"] = hours
        return cleaned


def read_hours(text: str) -> list[tuple[time, time]]:
    """`08:00-12:00, 13:00-18:00` as pairs, in order and apart. Raises InvalidInput."""
    found: list[tuple[time, time]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        start, dash, end = part.replace("\u2013", "-").partition("-")
        if not dash:
            raise InvalidInput("Write hours as 08:00-12:00.", code="hours")
        try:
            pair = (
                parse_clock(start.strip()),
                time(23, 59) if end.strip() == "24:00" else parse_clock(end.strip()),
            )
        except InvalidInput as error:
            raise InvalidInput(
                "Write hours as 08:00-12:00, with two digits for each.", code="hours"
            ) from error
        if pair[1] <= pair[0]:
            raise InvalidInput("Hours must end after they start.", code="hours")
        if found and pair[0] < found[-1][1]:
            raise InvalidInput("Hours must not overlap, and stand in order.", code="hours")
        found.append(pair)
    return found


class AbsenceForm(ClinicalForm):
    """A stretch of time in which a person or chair is away."""

    starts = LocalDateTimeField("Away from")
    ends = LocalDateTimeField("Until")
    reason = ClinicalTextField("Reason", max_length=120)


class ClosureForm(ClinicalForm):
    """Days on which the site is closed."""

    first = ClinicalDateField("First day closed")
    last = ClinicalDateField("Last day closed")
    reason = ClinicalTextField("Reason", max_length=120)

    def clean(self) -> dict[str, Any]:
        """The last day is not before the first."""
        cleaned = super().clean()
        first, last = cleaned.get("first"), cleaned.get("last")
        if isinstance(first, date) and isinstance(last, date) and last < first:
            self.add_error("last", ValidationError("The last day lies before the first.", code="order"))
        return cleaned
