"""Forms on the patient: safety contact, consent, education, outcome score."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from patients.models import LegalRepresentative
from protocols.documents import QUESTIONS
from protocols.models import ProtocolDocument
from sessions import scoring
from sessions.instrument_texts import CHOICES
from sessions.models import SafetyContact
from staff.forms import ClinicalForm, ClinicalTextField, LocalDateTimeField, Radios, UnitIntegerField
from staff.models import User

TIME_HINT = "Leave empty for now"
YES_NO = [("yes", "Yes"), ("no", "No")]


class SafetyContactForm(ClinicalForm):
    """A contact about safety. Everything but how and what came of it may stay empty."""

    manner = forms.ChoiceField(label="How", choices=SafetyContact.Manner.choices, widget=Radios(inline=True))
    occurred_at = LocalDateTimeField("When", nudges=True, required=False, hint=TIME_HINT)
    cssrs = UnitIntegerField(
        "Suicidality screen", min_value=0, max_value=5, required=False, hint="0 none, to 5 plan with intent"
    )
    outcome = ClinicalTextField("What was said and done", rows=3, max_length=500)
    next_owner = forms.ChoiceField(label="Who follows up", required=False)

    def __init__(self, *args: Any, staff: Iterable[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(item.code): item for item in staff}
        people = [(key, str(item)) for key, item in self.people.items()]
        cast("forms.ChoiceField", self.fields["next_owner"]).choices = [("", "Nobody needed"), *people]

    @property
    def owner(self) -> User | None:
        """The person chosen."""
        return self.people.get(self.cleaned_data.get("next_owner", ""))


class DocumentForm(ClinicalForm):
    """Base: one of the texts in use."""

    document = forms.ChoiceField(label="Text")

    def __init__(self, *args: Any, documents: Iterable[ProtocolDocument], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.documents = {str(item.code): item for item in documents}
        choices = [(key, f"{item.title} ({item.protocol_version})") for key, item in self.documents.items()]
        cast("forms.ChoiceField", self.fields["document"]).choices = choices

    @property
    def chosen(self) -> ProtocolDocument:
        """The text chosen."""
        return self.documents[self.cleaned_data["document"]]


class ConsentForm(DocumentForm):
    """Consent as given by the patient or a legal representative."""

    given_at = LocalDateTimeField("Given at", nudges=True, required=False, hint=TIME_HINT)
    signed_by = forms.ChoiceField(label="Who signed", widget=Radios(), initial="patient")
    understood = forms.BooleanField(label="Whoever signed has read the text, had time to ask, and agrees")

    def __init__(
        self, *args: Any, representatives: Iterable[LegalRepresentative] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.people = {str(row.code): row for row in representatives}
        if self.people:
            field = cast("forms.ChoiceField", self.fields["signed_by"])
            field.choices = [
                ("patient", "The patient"),
                *((key, str(row)) for key, row in self.people.items()),
            ]
        else:
            del self.fields["signed_by"]

    @property
    def representative(self) -> LegalRepresentative | None:
        """Who signed for the patient; None = the patient."""
        return self.people.get(self.cleaned_data.get("signed_by") or "")


class EducationForm(DocumentForm):
    """Education, and the three questions answered in the patient's own words."""

    taught_at = LocalDateTimeField("Taught at", nudges=True, required=False, hint=TIME_HINT)
    experience_not_needed = forms.ChoiceField(
        label=QUESTIONS[0],
        help_text="Right answer: no. It is a drug effect, and not necessarily true.",
        choices=[("yes", "Answered rightly"), ("no", "Not yet")],
        widget=Radios(inline=True),
    )
    work_happens_afterwards = forms.ChoiceField(
        label=QUESTIONS[1],
        help_text="Right answer: afterwards, with rest, practice and therapy.",
        choices=[("yes", "Answered rightly"), ("no", "Not yet")],
        widget=Radios(inline=True),
    )
    no_driving_understood = forms.ChoiceField(
        label=QUESTIONS[2],
        help_text="Right answer: not before tomorrow, after a night's sleep.",
        choices=[("yes", "Answered rightly"), ("no", "Not yet")],
        widget=Radios(inline=True),
    )


class WithdrawForm(ClinicalForm):
    """Withdrawal of consent: only when it was said."""

    withdrawn_at = LocalDateTimeField("Said at", nudges=True, required=False, hint=TIME_HINT)


NOT_KNOWN = "unknown"


class OutcomeForm(ClinicalForm):
    """The total of one questionnaire."""

    instrument = forms.ChoiceField(
        label="Questionnaire",
        choices=[(item.code, item.title) for item in scoring.INSTRUMENTS.values()],
        widget=Radios(),
    )
    total = UnitIntegerField("Total", min_value=0, max_value=60)
    item_9 = forms.ChoiceField(
        label="PHQ-9 item 9: better off dead, or hurting oneself",
        choices=[*((str(value), f"{value}: {label}") for value, label in CHOICES), (NOT_KNOWN, "Not known")],
        widget=Radios(),
        required=False,
        help_text="Only for the PHQ-9. An answer that needs a person alerts whoever is on duty when it is saved.",
    )
    taken_at = LocalDateTimeField("Answered at", required=False, hint=TIME_HINT)

    @property
    def ninth(self) -> int | None:
        """The answer to item 9, None when it is not known or not asked."""
        answer = self.cleaned_data.get("item_9") if self.cleaned_data.get("instrument") == "phq9" else ""
        return int(answer) if answer and answer != NOT_KNOWN else None

    def clean(self) -> dict[str, Any]:
        """The total lies in the range of the questionnaire chosen; the PHQ-9 comes with its ninth answer."""
        cleaned = super().clean()
        found = scoring.INSTRUMENTS.get(cleaned.get("instrument") or "")
        total = cleaned.get("total")
        if found and total is not None and total > found.highest:
            self.add_error(
                "total", ValidationError(f"{found.title} goes from 0 to {found.highest}.", code="range")
            )
        if found and found.code == "phq9" and not cleaned.get("item_9"):
            missing = "Say how item 9 was answered, or that it is not known."
            self.add_error("item_9", ValidationError(missing, code="required"))
        return cleaned
