"""Forms of therapy, follow-ups, messages and items. They read; the services decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from scheduling.services.not_fit import REASONS as NOT_FIT
from scheduling.services.therapy_rules import SAME_NIGHT_REASONS
from sessions.models import IntegrationSession
from staff.errors import InvalidInput
from staff.forms import ClinicalForm, ClinicalTextField, LocalDateTimeField, Radios, UnitIntegerField
from staff.models import User
from staff.strict import parse_instant


def _named(people: Iterable[User]) -> dict[str, User]:
    return {str(person.code): person for person in people}


class PickForm(ClinicalForm):
    """One press on an offered time: the instant and the therapist's code, as the page gave them out."""

    versioned = True

    pick = forms.CharField(widget=forms.HiddenInput())

    def __init__(self, *args: Any, therapists: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = _named(therapists)

    def clean_pick(self) -> str:
        """`when` and `person`; anything that no page gave out is refused."""
        text: str = self.cleaned_data["pick"]
        moment, _, code = text.partition("|")
        try:
            self.cleaned_data["when"] = parse_instant(moment, field="pick")
            self.cleaned_data["person"] = self.people[code]
        except (InvalidInput, KeyError) as refusal:
            raise ValidationError("Choose one of the offered times.", code="not-offered") from refusal
        return text


class BookForm(ClinicalForm):
    """A therapy session at a time typed in, with whom and how."""

    versioned = True

    when = LocalDateTimeField("Start", hint="Date and time at the clinic.")
    therapist = forms.ChoiceField(label="Therapist")
    mode = forms.ChoiceField(
        label="Where", choices=IntegrationSession.Mode.choices, widget=Radios(inline=True)
    )
    override_reason = forms.ChoiceField(
        label="Reason, if it is before the night is over", required=False,
        choices=[("", "Not before the night is over"), *SAME_NIGHT_REASONS.items()],
    )  # fmt: skip

    def __init__(self, *args: Any, therapists: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = _named(therapists)
        names = [(code, person.full_name) for code, person in self.people.items()]
        self.fields["therapist"].choices = names  # type: ignore[attr-defined]  # a ChoiceField
        self.initial.setdefault("mode", IntegrationSession.Mode.IN_PERSON)

    def clean(self) -> dict[str, Any]:
        """`person` beside the therapist's code."""
        cleaned = super().clean()
        cleaned["person"] = self.people.get(cleaned.get("therapist", ""))
        return cleaned


class NoteForm(ClinicalForm):
    """The therapist's note that completes a session."""

    goals = ClinicalTextField("Goals", rows=2, required=False, max_length=4000)
    practice_plan = ClinicalTextField("Practice plan: what", rows=3, required=False, max_length=4000)
    practice_when = ClinicalTextField(
        "When in the day",
        required=False,
        max_length=200,
        hint="For example: after waking, and late afternoon.",
    )
    practice_a_week = UnitIntegerField(
        "How often", unit="times a week", min_value=1, max_value=42, required=False
    )
    progress = ClinicalTextField("Progress", rows=4, required=False, max_length=4000)


class ReasonForm(ClinicalForm):
    """Why, in the person's own words."""

    versioned = True
    reason = ClinicalTextField("Reason", max_length=200)


class ReportForm(ClinicalForm):
    """Therapy outside the clinic, told by phone. `inside`: ask also whether it lay in a no-therapy period."""

    versioned = True
    held_at = LocalDateTimeField("Start of the session", hint="Date and time at the clinic.")
    spoken_with = ClinicalTextField("Spoken with", max_length=120)

    def __init__(self, *args: Any, inside: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if inside:
            self.ask_inside()

    def ask_inside(self) -> None:
        """Offer to keep the fact although it lies in a no-therapy period."""
        self.fields["as_it_was"] = forms.BooleanField(
            label="It was held then, in the no-therapy period. Keep it so; it counts nowhere, the prescriber is told.",
            required=False,
        )


class NotFitForm(ClinicalForm):
    """What was found, and from when therapy may be thought of again."""

    versioned = True
    reason = forms.ChoiceField(label="What was found", choices=list(NOT_FIT.items()), widget=Radios())
    until = LocalDateTimeField(
        "No therapy before", required=False, hint="Empty: tomorrow morning, 07:00 at the patient's place."
    )


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


class HoldForm(ClinicalForm):
    """What becomes of the messages held after a restore."""

    what = forms.ChoiceField(
        label="What shall happen to them",
        choices=[("release", "Send what is still of use"), ("discard", "Send none of them")],
        widget=Radios(),
    )
    note = ClinicalTextField(
        "What you looked at", max_length=200, hint="For example: the log of the provider."
    )


class ShiftForm(ClinicalForm):
    """Somebody on duty from when until when."""

    person = forms.ChoiceField(label="Who")
    start = LocalDateTimeField("From")
    end = LocalDateTimeField("Until")
    rank = forms.ChoiceField(
        label="Told",
        choices=[("1", "First"), ("2", "Second, if the first has not confirmed"), ("3", "Third")],
        widget=Radios(inline=True),
        initial="1",
    )
    phone = ClinicalTextField(
        "Number for text messages",
        required=False,
        max_length=40,
        hint="Besides the e-mail. With country code.",
    )

    def __init__(self, *args: Any, people: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = _named(people)
        names = [(code, person.full_name) for code, person in self.people.items()]
        self.fields["person"].choices = [("", "Choose one"), *names]  # type: ignore[attr-defined]  # a ChoiceField

    def values(self) -> dict[str, Any]:
        """As the service wants them."""
        data = self.cleaned_data
        return {
            "user": self.people[data["person"]],
            "start": data["start"],
            "end": data["end"],
            "rank": int(data["rank"]),
            "phone": data["phone"],
        }
