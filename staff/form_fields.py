"""Form fields and widgets that read clinical values by the rules of `staff.strict`.

A field's cleaned value is a `Decimal`, an `int`, a text, a `date`, or an aware UTC `datetime`: never a
float, never a naive time. Units stand in the label ("Weight, in kg") because a suffix beside the box is
not read out by screen readers, and beside the box because that is where eyes are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from staff import strict
from staff.errors import InvalidInput

T = TypeVar("T")


def _read(parse: Callable[[], T]) -> T:
    """Run a strict parser and turn its refusal into the form's own kind of error, words and code kept."""
    try:
        return parse()
    except InvalidInput as refusal:
        raise ValidationError(refusal.message, code=refusal.code) from refusal


class UnitInput(forms.TextInput):
    """A text box with its unit beside it: `type=number` changes values on scroll and swallows bad input."""

    template_name = "forms/widgets/unit_input.html"

    def __init__(self, unit: str, inputmode: str, width: int) -> None:
        super().__init__(
            attrs={
                "inputmode": inputmode,
                "autocomplete": "off",
                "spellcheck": "false",
                "class": f"width-{width}",
            }
        )
        self.unit = unit

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["unit"] = self.unit
        return context


class Radios(forms.RadioSelect):
    """Radio buttons as a list in a fieldset. `inline=True` sets short answers side by side."""

    template_name = "forms/widgets/choices.html"
    option_template_name = "forms/widgets/choice.html"

    def __init__(self, *, inline: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inline = inline

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["inline"] = self.inline
        return context


class Checkboxes(forms.CheckboxSelectMultiple):
    """Tick boxes as a list in a fieldset. `many=True` for dozens of answers: columns in a box that scrolls, what is
    ticked first.
    """

    template_name = "forms/widgets/choices.html"
    option_template_name = "forms/widgets/choice.html"

    def __init__(self, *, many: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.many = many

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        if self.many:
            ticked = {str(item) for item in value or []}
            self.choices = sorted(self.choices, key=lambda one: (str(one[0]) not in ticked, str(one[1])))
        context = super().get_context(name, value, attrs)
        context["widget"]["many"] = self.many
        return context


class TextArea(forms.Textarea):
    """A box for a few sentences."""

    def __init__(self, rows: int = 4) -> None:
        super().__init__(attrs={"rows": rows})


class LocalDateTimeInput(forms.DateTimeInput):
    """The browser's own date-and-time box; with `nudges`, buttons that set it 1, 5 or 10 minutes earlier."""

    input_type = "datetime-local"
    template_name = "forms/widgets/local_datetime.html"

    def __init__(self, *, seconds: bool = False, nudges: bool = False) -> None:
        super().__init__(attrs={"step": "1" if seconds else "60", "class": "width-time"})
        self.nudges = nudges

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["nudges"] = (1, 5, 10) if self.nudges else ()
        return context


class _UnitField(forms.Field):
    """What numbers with a unit share: label, limits in the hint, and the plausible range that asks back.

    `min_value` and `max_value` are hard limits, inclusive. A value outside `plausible` (inclusive) is
    refused once, with a tick box "Yes, 154 kg is right" for exactly that value: see `ClinicalForm`.
    """

    def __init__(
        self,
        label: str,
        *,
        unit: str,
        min_value: str | Decimal | int | None = None,
        max_value: str | Decimal | int | None = None,
        plausible: tuple[str, str] | None = None,
        hint: str = "",
        inputmode: str = "decimal",
        width: int = 5,
        **kwargs: Any,
    ) -> None:
        self.unit = unit
        self.name_without_unit = label
        self.min_value = None if min_value is None else Decimal(min_value)
        self.max_value = None if max_value is None else Decimal(max_value)
        self.plausible = None if plausible is None else (Decimal(plausible[0]), Decimal(plausible[1]))
        kwargs.setdefault("widget", UnitInput(unit, inputmode, width))
        full_label = f"{label}, in {unit}" if unit else label
        super().__init__(label=full_label, help_text=hint or self._range_hint(), **kwargs)

    def _range_hint(self) -> str:
        if self.plausible is not None:
            return f"Usually {self.plausible[0]} to {self.plausible[1]} {self.unit}".strip()
        return ""

    def asks_back(self, value: Decimal | int | None) -> bool:
        """Whether this value is allowed but unusual enough to ask "is it right?"."""
        return (
            value is not None
            and self.plausible is not None
            and not (self.plausible[0] <= value <= self.plausible[1])
        )


class UnitDecimalField(_UnitField):
    """A decimal with a unit, typed with a point or a comma. `decimal_places` is the most that may be
    typed."""

    def __init__(self, label: str, *, unit: str, decimal_places: int | None = None, **kwargs: Any) -> None:
        self.decimal_places = decimal_places
        super().__init__(label, unit=unit, **kwargs)

    def to_python(self, value: Any) -> Decimal | None:
        """The number, or None for an empty box; raises ValidationError with the words of `strict`."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        return _read(
            lambda: strict.parse_decimal(
                value,
                field="",
                min_value=self.min_value,
                max_value=self.max_value,
                max_places=self.decimal_places,
                unit=self.unit,
            )
        )

    def prepare_value(self, value: Any) -> Any:
        """Show stored numbers plainly: 70, 70.5, never 7E+1."""
        return f"{value:f}" if isinstance(value, Decimal) and value.is_finite() else value


class UnitIntegerField(_UnitField):
    """A whole number with a unit."""

    def __init__(self, label: str, *, unit: str = "", width: int = 4, **kwargs: Any) -> None:
        super().__init__(label, unit=unit, inputmode="numeric", width=width, **kwargs)

    def to_python(self, value: Any) -> int | None:
        """The number, or None for an empty box."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        low = None if self.min_value is None else int(self.min_value)
        high = None if self.max_value is None else int(self.max_value)
        return _read(
            lambda: strict.parse_integer(value, field="", min_value=low, max_value=high, unit=self.unit)
        )


class LocalDateTimeField(forms.Field):
    """A wall-clock time at the site, cleaned to aware UTC. The form sets `zone`; else Django's active
    zone is used.

    Times that the clocks skip or repeat are refused, because either would be stored as a guess.
    """

    def __init__(
        self, label: str, *, seconds: bool = False, nudges: bool = False, hint: str = "", **kwargs: Any
    ) -> None:
        self.zone: ZoneInfo | None = None
        self.seconds = seconds
        kwargs.setdefault("widget", LocalDateTimeInput(seconds=seconds, nudges=nudges))
        super().__init__(label=label, help_text=hint, **kwargs)

    def _zone(self) -> ZoneInfo:
        if self.zone is not None:
            return self.zone
        return ZoneInfo(timezone.get_current_timezone_name())

    def to_python(self, value: Any) -> datetime | None:
        """The moment in UTC, or None for an empty box."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return None
        if isinstance(value, datetime) and timezone.is_aware(value):
            return value.astimezone(UTC)
        return _read(lambda: strict.parse_local_datetime(value, self._zone(), field=""))

    def prepare_value(self, value: Any) -> Any:
        """Show a stored moment as the wall clock of the site."""
        if isinstance(value, datetime) and timezone.is_aware(value):
            wall = value.astimezone(self._zone())
            return wall.strftime("%Y-%m-%dT%H:%M:%S" if self.seconds else "%Y-%m-%dT%H:%M")
        return value


class ClinicalDateField(forms.Field):
    """A calendar day in the browser's own date box."""

    def __init__(self, label: str, *, hint: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput(attrs={"type": "date", "class": "width-date"}))
        super().__init__(label=label, help_text=hint, **kwargs)

    def to_python(self, value: Any) -> date | None:
        """The day, or None for an empty box."""
        if value is None or isinstance(value, date):
            return value
        if isinstance(value, str) and not value.strip():
            return None
        return _read(lambda: strict.parse_date(value, field=""))

    def prepare_value(self, value: Any) -> Any:
        """Dates are shown to the box in its own form, YYYY-MM-DD."""
        return value.isoformat() if isinstance(value, date) else value


class ClinicalTextField(forms.Field):
    """Text that can be stored and read by a colleague; `rows` makes it a box for several lines."""

    def __init__(
        self, label: str, *, rows: int = 0, max_length: int | None = None, hint: str = "", **kwargs: Any
    ) -> None:
        self.rows = rows
        self.max_length = max_length or (4000 if rows else 200)
        kwargs.setdefault("widget", TextArea(rows) if rows else forms.TextInput())
        super().__init__(label=label, help_text=hint, **kwargs)

    def to_python(self, value: Any) -> str:
        """The text without surrounding space; an empty box is an empty text."""
        if value is None:
            return ""
        return _read(
            lambda: strict.parse_text(value, field="", max_length=self.max_length, single_line=not self.rows)
        )


class VersionField(forms.Field):
    """The hidden version of the record that the person was looking at: what makes a stale save visible."""

    def __init__(self) -> None:
        super().__init__(widget=forms.HiddenInput())

    def to_python(self, value: Any) -> int:
        """The version, which is never negative; anything else means the page was tampered with or cut
        short."""
        try:
            return strict.parse_integer(value, field="version", min_value=0)
        except InvalidInput as refusal:
            raise ValidationError("Reload the page and try again.", code="version") from refusal
