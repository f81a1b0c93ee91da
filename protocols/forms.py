"""Forms of protocol texts: a new one, documents, and the acts of review. The draft's own boxes are in `sheet_form`."""

from __future__ import annotations

from typing import Any

from django import forms

from protocols.lexicon import LONGEST_TEXT
from protocols.models import OutsideReview, ProtocolDocument
from protocols.services.outside import USUAL_DAYS, WORKS_FOR_DAYS
from protocols.services.writing import LONGEST_BODY
from staff.forms import ClinicalForm, ClinicalTextField, Radios


class NewTemplateForm(ClinicalForm):
    """A named protocol; its first draft starts from a shipped text."""

    name = ClinicalTextField("Name", max_length=120)
    slug = ClinicalTextField("Address", max_length=50, hint="Small letters and hyphens; it never changes.")
    summary = ClinicalTextField("In one sentence", max_length=300, required=False)
    start = forms.ChoiceField(label="Start from", widget=Radios())

    def __init__(self, *args: Any, starts: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["start"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = starts
        self.initial.setdefault("start", starts[0][0] if starts else "")


class DuplicateForm(ClinicalForm):
    """A copy under a name of its own."""

    name = ClinicalTextField("Name", max_length=120)
    slug = ClinicalTextField("Address", max_length=50, hint="Small letters and hyphens; it never changes.")


class DocumentForm(ClinicalForm):
    """The consent or education text of a draft."""

    versioned = True
    title = ClinicalTextField("Title", max_length=160)
    body = ClinicalTextField(
        "Text",
        rows=24,
        max_length=LONGEST_BODY,
        hint="A line that begins with ## is a heading, one that begins with a hyphen is a list item.",
    )
    change = forms.ChoiceField(
        label="What the text asks of patients", choices=ProtocolDocument.Change.choices, widget=Radios()
    )


class ActForm(ClinicalForm):
    """An act of review without words."""

    versioned = True


class TermForm(ClinicalForm):
    """Which word of which text the clinical term is put in for."""

    versioned = True
    field = forms.CharField(max_length=120)
    start = forms.IntegerField(min_value=0, max_value=1_000_000)
    match = forms.CharField(max_length=300, strip=False)


class ApproveForm(ClinicalForm):
    """The signature: which text was read."""

    versioned = True
    sha256 = forms.CharField(widget=forms.HiddenInput(), max_length=64)
    consent_change = forms.ChoiceField(
        label="What the consent text asks of patients",
        choices=ProtocolDocument.Change.choices,
        required=False,
        widget=Radios(),
        help_text="As the author marked it, unless you change it.",
    )
    education_change = forms.ChoiceField(
        label="What the education text asks of patients",
        choices=ProtocolDocument.Change.choices,
        required=False,
        widget=Radios(),
    )
    change_reason = ClinicalTextField(
        "Why you mark a text otherwise than the author", required=False, max_length=300
    )
    read = forms.BooleanField(label="I have read this version and approve it for use")


class AskOutsideForm(ClinicalForm):
    """Who outside the clinic reads the text, and for how long the link works."""

    versioned = True
    name = ClinicalTextField("Name of the reviewer", max_length=120)
    email = forms.EmailField(
        label="E-mail", max_length=254, help_text="Nobody who works here: colleagues sign in and approve."
    )
    days = forms.ChoiceField(
        label="The link works for",
        choices=[(str(number), f"{number} days") for number in WORKS_FOR_DAYS],
        initial=str(USUAL_DAYS),
        widget=Radios(inline=True),
    )


class OutsideAnswerForm(ClinicalForm):
    """The reviewer's answer, signed with name and registration."""

    seen_sha256 = forms.CharField(widget=forms.HiddenInput(), max_length=64)
    answer = forms.ChoiceField(
        label="Your answer",
        choices=[
            (OutsideReview.Answer.APPROVED, "I have read this text and approve it for use"),
            (OutsideReview.Answer.RETURNED, "I return it with remarks"),
        ],
        widget=Radios(),
    )
    remarks = ClinicalTextField(
        "Remarks",
        rows=4,
        max_length=500,
        required=False,
        hint="Needed when you return it. The author reads them.",
    )
    signed_name = ClinicalTextField("Your full name", max_length=120)
    registration = ClinicalTextField(
        "Your registration", max_length=80, hint="Profession, authority and number, such as MD, GMC 1234567."
    )


class ReturnForm(ClinicalForm):
    """Back to the author."""

    versioned = True
    note = ClinicalTextField("What needs another look", rows=4, max_length=500)


class RetireForm(ClinicalForm):
    """Out of use."""

    versioned = True
    reason = ClinicalTextField("Why it is retired", rows=3, max_length=500)
    running = forms.ChoiceField(
        label="Series that run on it",
        choices=[
            ("finish", "Finish on it"),
            ("hold", "Hold every next infusion: withdrawn for safety, no pump starts on it"),
        ],
        widget=Radios(),
    )


class ReviseForm(ClinicalForm):
    """The next draft from a published text."""

    versioned = True
    change_note = ClinicalTextField("What will change, and why", rows=3, max_length=500, required=False)


class LanguageForm(ClinicalForm):
    """A text to check; nothing is stored."""

    text = ClinicalTextField("Text", rows=12, max_length=LONGEST_TEXT)
