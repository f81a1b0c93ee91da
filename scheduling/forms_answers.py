"""What patients fill in behind a link. Plain words, big targets; the services decide."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from scheduling.services.answers import AS_USUAL, ESCORT_ANSWERS, SLEPT, TEACH_BACK, UNSAFE, VISIT_ANSWERS
from scheduling.services.outside import NOT_HELD
from sessions.instrument_texts import CHOICES, EMBEDDED
from staff.forms import ClinicalForm, ClinicalTextField, LocalDateTimeField, Radios

YES_NO = (("yes", "Yes"), ("no", "No"))
CHECK_IN_QUESTIONS = {
    SLEPT: "Did you sleep through most of the night?",
    AS_USUAL: "Do you feel as you usually do?",
    UNSAFE: "Do you feel unsafe, or have you thought of hurting yourself?",
}
TEACH_BACK_QUESTIONS = {
    "experience_not_needed": ("Is it necessary to have a strong experience for this to help?", "no"),
    "work_happens_afterwards": ("Is the work in the days and weeks afterwards an important part?", "yes"),
    "no_driving_understood": ("May you drive on the day itself, if you feel well?", "no"),
}


def _radios(label: str, choices: Any, *, inline: bool = False) -> forms.ChoiceField:
    field = forms.ChoiceField(label=label, choices=choices, widget=Radios(inline=inline))
    field.error_messages["required"] = "Choose an answer."
    return field


class VisitAnswerForm(ClinicalForm):
    """How it stands with a visit."""

    def __init__(self, *args: Any, therapy: bool, escort: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wanted = ("coming", "late", "change") if therapy else tuple(VISIT_ANSWERS)
        choices = list(ESCORT_ANSWERS.items()) if escort else [(name, VISIT_ANSWERS[name]) for name in wanted]
        self.fields["answer"] = _radios("Your answer", choices)


class CheckInForm(ClinicalForm):
    """Three questions the next morning."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label in CHECK_IN_QUESTIONS.items():
            self.fields[name] = _radios(label, YES_NO, inline=True)

    def answers(self) -> dict[str, bool]:
        """As the service wants them."""
        return {name: self.cleaned_data[name] == "yes" for name in CHECK_IN_QUESTIONS}


class QuestionnaireForm(ClinicalForm):
    """PHQ-9, then GAD-7: every item must be answered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for instrument, items in EMBEDDED.items():
            for number, words in enumerate(items, start=1):
                choices = [(str(value), label) for value, label in CHOICES]
                self.fields[f"{instrument}_{number}"] = _radios(f"{number}. {words}", choices)

    def items(self, instrument: str) -> list[int]:
        """The answers in the order of the items."""
        return [int(self.cleaned_data[f"{instrument}_{n}"]) for n in range(1, len(EMBEDDED[instrument]) + 1)]

    def part(self, instrument: str) -> list[Any]:
        """The fields of one instrument, for the page."""
        return [self[f"{instrument}_{n}"] for n in range(1, len(EMBEDDED[instrument]) + 1)]


class TeachBackForm(ClinicalForm):
    """Three questions about the text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in TEACH_BACK:
            self.fields[name] = _radios(TEACH_BACK_QUESTIONS[name][0], YES_NO, inline=True)

    def answers(self) -> dict[str, bool]:
        """Whether each was answered as the text says."""
        return {name: self.cleaned_data[name] == TEACH_BACK_QUESTIONS[name][1] for name in TEACH_BACK}


class StopForm(ClinicalForm):
    """One press."""


class HeldForm(ClinicalForm):
    """When a session outside the clinic began."""

    held_at = LocalDateTimeField("Start of the session")
    confirm = forms.BooleanField(label="It was held as I say")

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, zone=zone, **kwargs)
        self.fields["held_at"].help_text = f"Local time in {zone.key.replace('_', ' ')}."


class NotHeldForm(ClinicalForm):
    """Why no session was held outside the clinic."""

    words = ClinicalTextField(
        "In a few words", max_length=200, required=False, hint="Only if you wish; no clinical details."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {"reason": _radios("Why", list(NOT_HELD.items())), **self.fields}


class AddressForm(ClinicalForm):
    """One press."""
