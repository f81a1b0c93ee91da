"""Reading e-mail addresses and phone numbers into the one form in which they are stored and compared."""

from __future__ import annotations

import phonenumbers
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from patients.models import ContactPoint
from staff.errors import InvalidInput
from staff.strict import parse_text

LONGEST = 254  # RFC 5321: the longest address that can be written to


def normalise(channel: str, text: object, *, country: str) -> str:
    """The address in stored form: e-mail in lower case, phone as E.164 read with `country` (two letters).

    Raises InvalidInput at `channel` or `address`.
    """
    typed = parse_text(text, field="address", max_length=LONGEST, single_line=True)
    if channel == ContactPoint.Channel.EMAIL:
        return _email(typed)
    if channel == ContactPoint.Channel.SMS:
        return _phone(typed, country)
    raise InvalidInput("Choose e-mail or text message.", field="channel")


def _email(typed: str) -> str:
    try:
        validate_email(typed)
    except ValidationError as error:
        raise InvalidInput("Enter an e-mail address, such as name@example.org.", field="address") from error
    if not typed.isascii():
        raise InvalidInput("Use an e-mail address without accents.", field="address")
    return typed.lower()


def _phone(typed: str, country: str) -> str:
    message = "Enter a mobile number with its country code, such as +1 503 555 0142."
    if any(char.isalpha() for char in typed):
        raise InvalidInput(message, field="address")
    try:
        number = phonenumbers.parse(typed, country)
    except phonenumbers.NumberParseException as error:
        raise InvalidInput(message, field="address") from error
    if not phonenumbers.is_possible_number(number) or number.extension:
        raise InvalidInput(message, field="address")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
