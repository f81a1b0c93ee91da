"""Forms of the preparation visit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django import forms

from staff.forms import ClinicalForm, ClinicalTextField, LocalDateTimeField, UnitIntegerField
from staff.models import User


class PreparationBookForm(ClinicalForm):
    """When, and with whom."""

    start = LocalDateTimeField("Start", hint="Date and time at the clinic.")
    therapist = forms.ChoiceField(label="Therapist")

    def __init__(self, *args: Any, therapists: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(one.code): one for one in therapists}
        names = [(code, one.full_name) for code, one in self.people.items()]
        cast("forms.ChoiceField", self.fields["therapist"]).choices = names

    @property
    def chosen(self) -> User:
        """The therapist chosen."""
        return self.people[self.cleaned_data["therapist"]]


class PreparationHeldForm(ClinicalForm):
    """What the visit agreed."""

    goals = ClinicalTextField("Goals", rows=2, required=False, max_length=4000)
    practice_plan = ClinicalTextField("Practice plan: what", rows=3, max_length=4000)
    practice_when = ClinicalTextField(
        "When in the day",
        required=False,
        max_length=200,
        hint="For example: after waking, and late afternoon.",
    )
    practice_a_week = UnitIntegerField(
        "How often", unit="times a week", min_value=1, max_value=42, required=False
    )
    expectations = ClinicalTextField(
        "Expectations",
        rows=2,
        required=False,
        max_length=4000,
        hint="What the patient expects; the acute experience is neither needed nor a sign of success.",
    )
    outside_therapist = ClinicalTextField("Outside therapist", required=False, max_length=200)
