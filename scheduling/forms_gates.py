"""Forms of gates: how one stands, and a site's own gates. They read; the services decide."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from scheduling.loaders_gates import GateLine
from sessions import gates
from staff.forms import ClinicalForm, ClinicalTextField, Radios

MET, NOT_APPLICABLE, OVERRIDDEN, OPEN = "met", "not-applicable", "overridden", "open"
WORDS = {MET: "Met", NOT_APPLICABLE: "Does not apply", OVERRIDDEN: "Override", OPEN: "Open again"}


class GateForm(ClinicalForm):
    """How one gate stands. Choices that this person or this gate does not have are not offered."""

    outcome = forms.ChoiceField(label="How it stands", widget=Radios())
    reason_code = forms.ChoiceField(
        label="Reason for an override",
        choices=[("", "No override"), *gates.OVERRIDE_REASONS.items()],
        required=False,
    )
    note = ClinicalTextField("Note", rows=2, max_length=300, required=False)

    def __init__(self, *args: Any, line: GateLine, may_override: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [MET, NOT_APPLICABLE] if line.answerable else []
        if line.overridable and may_override:
            offered.append(OVERRIDDEN)
        else:
            del self.fields["reason_code"]
        if line.settled and offered:
            offered.append(OPEN)
        outcome = cast("forms.ChoiceField", self.fields["outcome"])
        outcome.choices = [(name, WORDS[name]) for name in offered]
        self.possible = bool(offered)
        if line.gate.key == "escort":
            self.fields["note"].help_text = "Who takes the patient home, and a telephone number."


class SiteGateForm(ClinicalForm):
    """A gate that a site adds for itself."""

    versioned = True

    label = forms.CharField(label="What has to stand", max_length=80)
    due = forms.ChoiceField(label="Due", choices=list(gates.DUE_POINTS.items()), widget=Radios(inline=True))
    owner_role = forms.ChoiceField(label="Whose task", choices=list(gates.OWNERS.items()))
    hard = forms.ChoiceField(
        label="When it is not met",
        choices=[("no", "It is late on the owner's list"), ("yes", "The pump does not start either")],
        widget=Radios(),
    )

    def values(self) -> dict[str, Any]:
        """As the service wants them."""
        data = self.cleaned_data
        return {
            "label": data["label"],
            "due": data["due"],
            "owner_role": data["owner_role"],
            "hard": data["hard"] == "yes",
        }
