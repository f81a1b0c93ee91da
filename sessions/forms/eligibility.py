"""The eligibility checklist as a form: one answer per line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from sessions.eligibility_list import ABSENT, ACCEPTED, Line
from staff.forms import ClinicalForm, ClinicalTextField, Radios


class EligibilityForm(ClinicalForm):
    """What rules treatment out is ticked as not present; a caution may also be accepted with a reason."""

    def __init__(self, *args: Any, lines: Sequence[Line], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lines = lines
        for line in lines:
            hint = f"On record. {line.known.source}." if line.recorded else f"{line.known.source}."
            if line.absolute:
                self.fields[line.code] = forms.BooleanField(
                    label=f"Not present: {line.known.label}",
                    required=False,
                    help_text=hint,
                )
            else:
                self.fields[line.code] = forms.ChoiceField(
                    label=line.known.label,
                    choices=[(ABSENT, "Not present"), (ACCEPTED, "Present, treatment is right nevertheless")],
                    widget=Radios(inline=True),
                    help_text=hint,
                    required=False,
                )
        self.fields["reason"] = ClinicalTextField(
            "Why treatment is right in spite of the cautions", rows=2, max_length=300, required=False
        )

    def answers(self) -> dict[str, str]:
        """The answers as the service wants them; what was left open is missing."""
        found = {}
        for line in self.lines:
            value = self.cleaned_data.get(line.code)
            if value:
                found[line.code] = ABSENT if line.absolute else str(value)
        return found


class EligibilityWithdrawForm(ClinicalForm):
    """Why a signed list no longer holds."""

    reason = ClinicalTextField("Why it no longer holds", rows=2, max_length=300)
