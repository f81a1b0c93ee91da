"""How Clearwindow's forms behave: renderer, base form, hidden identity and version, refusals in their place.

Settings need `FORM_RENDERER = "staff.forms.ClearwindowRenderer"` and "django.forms" among the installed apps.
Templates live in `templates/forms/`. The admin keeps Django's own widget templates: only whole fields,
whole forms and our own widgets are replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.forms.renderers import TemplatesSetting

from staff.errors import DomainError
from staff.form_fields import (
    Checkboxes,
    ClinicalDateField,
    ClinicalTextField,
    LocalDateTimeField,
    LocalDateTimeInput,
    Radios,
    TextArea,
    UnitDecimalField,
    UnitInput,
    UnitIntegerField,
    VersionField,
    _UnitField,
)

__all__ = [
    "Checkboxes",
    "ClearwindowRenderer",
    "ClinicalDateField",
    "ClinicalForm",
    "ClinicalTextField",
    "LocalDateTimeField",
    "LocalDateTimeInput",
    "Radios",
    "SummaryItem",
    "TextArea",
    "UnitDecimalField",
    "UnitInput",
    "UnitIntegerField",
    "summary_items",
]

CONFIRM = "confirm_"
PATIENT = "patient_code"
VERSION = "version"


class ClinicalBoundField(forms.BoundField):
    """A field as drawn: what the templates ask for beyond Django's own properties."""

    @property
    def optional(self) -> bool:
        """Optional fields say so; a lone tick box, and one that is never empty (`always_filled`), need not."""
        filled = isinstance(self.field.widget, forms.CheckboxInput) or getattr(
            self.field, "always_filled", False
        )
        return not self.field.required and not filled

    @property
    def single_checkbox(self) -> bool:
        """A lone tick box has its label after the box."""
        return isinstance(self.field.widget, forms.CheckboxInput)

    @property
    def target_id(self) -> str:
        """The id a link from the error summary goes to: the first thing that can take focus."""
        return self.id_for_label or (f"{self.auto_id}_0" if self.auto_id else "")

    @property
    def asks_back(self) -> str:
        """The unusual value to be confirmed, as text, when that is what went wrong; else empty."""
        errors = self.form.errors.get(self.name)
        if errors is None:
            return ""
        found = (error.params for error in errors.as_data() if error.code == "implausible")
        return next((str(params["typed"]) for params in found if params), "")

    @property
    def confirm_name(self) -> str:
        """The name of the tick box that confirms an unusual value."""
        return str(self.form.add_prefix(f"{CONFIRM}{self.name}"))


class ClearwindowRenderer(TemplatesSetting):
    """Draw forms and fields with the project's templates, widgets with Django's or our own."""

    form_template_name = "forms/div.html"
    formset_template_name = "forms/formset.html"
    field_template_name = "forms/field.html"
    bound_field_class = ClinicalBoundField


@dataclass(frozen=True)
class SummaryItem:
    """One line of the error summary: the words, and the id of the field they are about (empty: whole
    form)."""

    text: str
    target_id: str


def summary_items(form: forms.BaseForm) -> list[SummaryItem]:
    """Every error of a bound form in the order of its fields, whole-form errors first."""
    items = [SummaryItem(str(text), "") for text in form.non_field_errors()]
    for name in form.fields:
        if name not in form.errors:
            continue
        bound = form[name]
        label = str(getattr(bound.field, "name_without_unit", "") or bound.label)
        target = getattr(bound, "target_id", bound.id_for_label)
        for text in form.errors[name]:
            mark = "" if label.endswith("?") else ":"
            named = text if bound.is_hidden or label in str(text) else f"{label}{mark} {text}"
            items.append(SummaryItem(str(named), "" if bound.is_hidden else target))
    return items


class ClinicalForm(forms.Form):
    """Base of every form that writes.

    `zone` is the site's time zone for all times on the form. `versioned = True` adds the hidden record
    version; `patient_code` adds the hidden patient, and a form sent from a page about someone else is
    refused (hazard H1). `error_status` is the HTTP status to answer with when the form is not valid.
    """

    versioned: ClassVar[bool] = False

    def __init__(
        self,
        *args: Any,
        zone: ZoneInfo | None = None,
        version: int | None = None,
        patient_code: object = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.error_status = 422
        self._patient_code = "" if patient_code is None else str(patient_code)
        if self._patient_code:
            self.fields[PATIENT] = forms.CharField(widget=forms.HiddenInput(), required=False)
            self.initial.setdefault(PATIENT, self._patient_code)
        if self.versioned:
            self.fields[VERSION] = VersionField()
            self.initial.setdefault(VERSION, version)
        for field in self.fields.values():
            _say_what_is_missing(field)
            if isinstance(field, LocalDateTimeField):
                field.zone = field.zone or zone

    def clean(self) -> dict[str, Any]:
        """Identity first, then unusual values that nobody has confirmed."""
        cleaned = super().clean() or self.cleaned_data
        if self._patient_code and cleaned.get(PATIENT) != self._patient_code:
            self.error_status = 409
            self.add_error(None, ValidationError(_OTHER_PATIENT, code="wrong-patient"))
        for name, field in self.fields.items():
            if isinstance(field, _UnitField) and field.asks_back(cleaned.get(name)):
                self._ask_back(name, field, cleaned[name])
        return cleaned

    def _ask_back(self, name: str, field: _UnitField, value: Decimal | int) -> None:
        typed = f"{value:f}" if isinstance(value, Decimal) else str(value)
        if self.data.get(self.add_prefix(f"{CONFIRM}{name}")) == typed:
            return
        words = f"{typed} {field.unit}".strip()
        message = f"{words} is unusual. Check it, then correct it or confirm it."
        # Parameters make Django %-format the text, and units such as % must survive that.
        escaped = message.replace("%", "%%")
        self.add_error(name, ValidationError(escaped, code="implausible", params={"typed": typed}))

    def add_refusal(self, refusal: DomainError, names: Mapping[str, str] | None = None) -> None:
        """Show what a service refused at the field it named, or above the form; keeps its HTTP status.

        `names` maps the service's field names to this form's where they differ.
        """
        self.error_status = refusal.status
        wanted = (names or {}).get(refusal.field or "", refusal.field)
        known = wanted if wanted in self.fields else None
        self.add_error(known, ValidationError(refusal.message, code=refusal.code))


_OTHER_PATIENT = (
    "This page was opened for another patient. Nothing was saved. "
    "Go back to the patient you mean and start again."
)


def _say_what_is_missing(field: forms.Field) -> None:
    """Replace "This field is required." by the name of what is missing."""
    label = str(getattr(field, "name_without_unit", "") or field.label or "")
    if not label:
        return
    words = (
        f"Tick the box: {label}" if isinstance(field.widget, forms.CheckboxInput) else f"{label} is missing."
    )
    field.error_messages["required"] = words
