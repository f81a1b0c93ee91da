"""The form of a review point."""

from __future__ import annotations

from django import forms

from sessions.models import CourseReview
from staff.forms import ClinicalForm, ClinicalTextField, Radios


class ReviewForm(ClinicalForm):
    """What the prescriber found, and how it goes on."""

    versioned = True
    response = forms.ChoiceField(
        label="Response so far", choices=CourseReview.Response, widget=Radios(inline=True)
    )
    urinary = forms.ChoiceField(
        label="Bladder symptoms",
        choices=CourseReview.Urinary,
        widget=Radios(inline=True),
        help_text="Frequency, urgency, pain on passing water, blood.",
    )
    interval = forms.ChoiceField(
        label="Interval from here", choices=CourseReview.Interval, widget=Radios(inline=True)
    )
    dose = forms.ChoiceField(label="Dose from here", choices=CourseReview.Dose, widget=Radios(inline=True))
    decision = forms.ChoiceField(
        label="How it goes on", choices=CourseReview.Decision, widget=Radios(inline=True)
    )
    note = ClinicalTextField(
        "Note", rows=3, max_length=500, required=False, hint="Needed for anything but a plain “continue”."
    )
