"""The forms of a switch of protocol: what to look at, and the signature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from protocols.models import ProtocolVersion
from staff.forms import ClinicalDateField, ClinicalForm, ClinicalTextField, UnitDecimalField


class SwitchForm(ClinicalForm):
    """Which protocol, from when, planned with which weight; sent by GET, nothing is written."""

    protocol = forms.ChoiceField(label="Protocol from here on")
    first_day = ClinicalDateField("First visit not before")
    weight_kg = UnitDecimalField(
        "Weight", unit="kg", min_value="20", max_value="350", decimal_places=1, plausible=("30", "250"),
        hint="For planning only: the dose is ordered from the weight of the day.",
    )  # fmt: skip

    def __init__(self, *args: Any, versions: Iterable[ProtocolVersion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.versions = {str(item.code): item for item in versions}
        names = [(code, str(item)) for code, item in self.versions.items()]
        self.fields["protocol"].choices = names  # type: ignore[attr-defined]  # a ChoiceField


class SignSwitchForm(SwitchForm):
    """The signature: which diff was seen, and why."""

    versioned = True
    seen = forms.CharField(widget=forms.HiddenInput(), max_length=64, required=False)
    reason = ClinicalTextField("Why", rows=3, max_length=300)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("protocol", "first_day", "weight_kg"):
            self.fields[name].widget = forms.HiddenInput()
