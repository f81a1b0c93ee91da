"""Forms of therapy notes, the nights after an infusion, and daily life."""

from __future__ import annotations

from typing import Any

from django import forms

from sessions.models import NightReport
from sessions.services import NoteText
from staff.forms import (
    ClinicalForm,
    ClinicalTextField,
    LocalDateTimeField,
    Radios,
    UnitDecimalField,
    UnitIntegerField,
)


class AmendNoteForm(ClinicalForm):
    """The corrected note: it starts from the words of the one before it."""

    goals = ClinicalTextField("Goals", rows=2, required=False, max_length=4000)
    practice_plan = ClinicalTextField("Practice plan: what", rows=3, required=False, max_length=4000)
    practice_when = ClinicalTextField("When in the day", required=False, max_length=200)
    practice_a_week = UnitIntegerField(
        "How often", unit="times a week", min_value=1, max_value=42, required=False
    )
    progress = ClinicalTextField("Progress", rows=4, required=False, max_length=4000)

    def text(self) -> NoteText:
        """As the service wants it."""
        names = ("goals", "practice_plan", "practice_when", "practice_a_week", "progress")
        return NoteText(**{name: self.cleaned_data[name] for name in names})


class PrivateNoteForm(ClinicalForm):
    """A private note. The lexicon does not look at it, and nothing of it appears anywhere else."""

    text = ClinicalTextField("Private note", rows=8, max_length=20_000)


class NightForm(ClinicalForm):
    """How the patient slept in the first or second night after the infusion."""

    night = forms.TypedChoiceField(
        label="Night",
        choices=[(1, "First night after the infusion"), (2, "Second night")],
        coerce=int,
        widget=Radios(inline=True),
    )
    hours_slept = UnitDecimalField("Hours slept", unit="h", min_value=0, max_value=24)
    quality = forms.TypedChoiceField(
        label="How good was the sleep",
        choices=[
            ("", "Not asked"),
            *[(key, words.capitalize()) for key, words in NightReport.QUALITY.items()],
        ],
        coerce=int,
        empty_value=None,
        required=False,
    )


class ProgressForm(ClinicalForm):
    """Daily life as the patient sees it. What is not asked stays empty; nothing is added up."""

    function = UnitIntegerField(
        "Daily life: how well do everyday things go?",
        min_value=0, max_value=10, required=False, hint="0 not at all, to 10 as well as ever",
    )  # fmt: skip
    practice_days = UnitIntegerField(
        "Days practised of the last seven", unit="days", min_value=0, max_value=7, required=False
    )
    goal_rating = UnitIntegerField(
        "Own goal: how near is it?",
        min_value=0,
        max_value=10,
        required=False,
        hint="0 far away, to 10 reached",
    )
    taken_at = LocalDateTimeField("Asked at", required=False, hint="Leave empty for now")

    def values(self) -> dict[str, Any]:
        """As the service wants them."""
        return {
            name: self.cleaned_data[name] for name in ("function", "practice_days", "goal_rating", "taken_at")
        }
