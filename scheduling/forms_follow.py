"""Forms of therapy, follow-ups, messages and items. They read; the services decide."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from scheduling.services.therapy_rules import SAME_NIGHT_REASONS
from sessions.models import IntegrationSession
from staff.errors import InvalidInput
from staff.forms import ClinicalForm, ClinicalTextField, LocalDateTimeField, Radios
from staff.models import User
from staff.strict import parse_instant


class BookForm(ClinicalForm):
    """A therapy session: an offered time with its therapist (`pick`), or a time typed in, with whom and how."""

    versioned = True

    pick = forms.CharField(widget=forms.HiddenInput(), required=False)
    start = LocalDateTimeField("Start", required=False, hint="Date and time at the clinic.")
    therapist = forms.ChoiceField(label="Therapist", required=False)
    mode = forms.ChoiceField(
        label="Where", choices=IntegrationSession.Mode.choices, widget=Radios(inline=True), required=False
    )
    override_reason = forms.ChoiceField(
        label="Why before the night is over", required=False,
        choices=[("", "It is not"), *SAME_NIGHT_REASONS.items()],
    )  # fmt: skip

    def __init__(self, *args: Any, therapists: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(person.code): person for person in therapists}
        names = [(code, person.full_name) for code, person in self.people.items()]
        self.fields["therapist"].choices = names  # type: ignore[attr-defined]  # a ChoiceField
        self.initial.setdefault("mode", IntegrationSession.Mode.IN_PERSON)

    def clean_pick(self) -> tuple[datetime, User] | None:
        """The offered time and therapist; anything that no page gave out is refused."""
        text = self.cleaned_data.get("pick", "")
        if not text:
            return None
        moment, _, code = text.partition("|")
        try:
            return parse_instant(moment, field="pick"), self.people[code]
        except (InvalidInput, KeyError) as refusal:
            raise ValidationError("Choose one of the offered times.", code="not-offered") from refusal

    def clean_mode(self) -> str:
        """In person unless said otherwise."""
        return self.cleaned_data.get("mode") or IntegrationSession.Mode.IN_PERSON

    def clean(self) -> dict[str, Any]:
        """`when` and `person`: of the offered time, else of the fields."""
        cleaned = super().clean()
        picked = cleaned.get("pick")
        cleaned["when"], cleaned["person"] = picked or (
            cleaned.get("start"),
            self.people.get(cleaned.get("therapist", "")),
        )
        if cleaned["when"] is None and not {"pick", "start"} & set(self.errors):
            self.add_error("start", ValidationError("Enter the date and time.", code="required"))
        if cleaned["person"] is None and not {"pick", "therapist"} & set(self.errors):
            self.add_error("therapist", ValidationError("Choose a therapist.", code="required"))
        return cleaned


class NoteForm(ClinicalForm):
    """The therapist's note that completes a session."""

    goals = ClinicalTextField("Goals", rows=2, required=False, max_length=4000)
    practice_plan = ClinicalTextField("Practice plan", rows=3, required=False, max_length=4000)
    progress = ClinicalTextField("Progress", rows=4, required=False, max_length=4000)


class ReasonForm(ClinicalForm):
    """Why, in the person's own words."""

    versioned = True
    reason = ClinicalTextField("Reason", max_length=200)


class CancelForm(ClinicalForm):
    """Why a booked time is given back."""

    reason = ClinicalTextField("Reason", max_length=200)


class DoneForm(ClinicalForm):
    """What came of a follow-up that is not therapy."""

    versioned = True
    note = ClinicalTextField(
        "What came of it",
        rows=3,
        required=False,
        max_length=300,
        hint="For a check-in: sleep, adverse effects, safety.",
    )


class ResolveForm(ClinicalForm):
    """What was done about an item."""

    resolution = ClinicalTextField("What was done", max_length=200)
