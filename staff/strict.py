"""Reading what people and programs type: numbers, texts and times, without guessing.

Pure module. Every function either returns a clean value or raises `InvalidInput`, with a sentence that
says what to type instead. Python's own constructors are too kind for a clinic: `Decimal("7_0")` is 70,
`Decimal("NaN")` compares with nothing, `float("1e400")` is infinity, `json` lets the last of two equal
keys win (70 becomes 700 kg).

Numbers are written with ASCII digits, one decimal point OR one decimal comma, and a digit before it:
"0.5", "0,5", never ".5" or "5." (the naked and trailing point are known causes of tenfold dose errors;
ISMP list of error-prone abbreviations). "1,234" is refused because it can be read as 1.234 and as 1234.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from staff.errors import InvalidInput

MAX_DIGITS = 12  # before and after the point together: beyond any clinical quantity, and cheap to store
MAX_JSON_BYTES = 256 * 1024
MAX_JSON_DEPTH = 32

_NUMBER = re.compile(r"-?[0-9]+(?:[.,][0-9]+)?", re.ASCII)
_THOUSANDS = re.compile(r"-?[1-9][0-9]{0,2},[0-9]{3}", re.ASCII)
_LOCAL = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# Marks that reorder or hide text: what a colleague reads must be what was stored.
_HIDDEN = frozenset(
    "\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def parse_decimal(
    value: object,
    *,
    field: str,
    min_value: Decimal | None = None,
    max_value: Decimal | None = None,
    max_places: int | None = None,
    unit: str = "",
) -> Decimal:
    """A finite decimal from typed text or from a JSON number; both limits are inclusive.

    `true`, NaN, infinities, exponents in text, underscores and digits of other scripts are refused.
    """
    number = _decimal_from(value, field)
    exponent = int(number.as_tuple().exponent)
    if (
        len(number.as_tuple().digits) > MAX_DIGITS
        or number.adjusted() >= MAX_DIGITS
        or exponent < -MAX_DIGITS
    ):
        raise InvalidInput("This number has too many digits.", code="too-many-digits", field=field)
    if max_places is not None and -exponent > max_places:
        raise InvalidInput(_places_message(max_places), code="too-many-places", field=field)
    _check_range(number, min_value, max_value, unit, field)
    return number.copy_abs() if number.is_zero() else number  # "-0" is 0


def _decimal_from(value: object, field: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise InvalidInput("Enter a number, such as 72.5.", code="not-a-number", field=field)
    if isinstance(value, str):
        return _decimal_from_text(value, field)
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise InvalidInput("Enter an ordinary number, such as 72.5.", code="not-finite", field=field)
    if number.adjusted() < MAX_DIGITS and int(number.as_tuple().exponent) > 0:
        number = number.quantize(Decimal(1))  # JSON's 7e1 is 70, not 7E+1
    return number


def _decimal_from_text(text: str, field: str) -> Decimal:
    typed = text.strip(" \t\r\n\u00a0\u202f")
    if not typed:
        raise InvalidInput("Enter a number, such as 72.5.", code="required", field=field)
    if not _NUMBER.fullmatch(typed):
        message, code = _why_not_a_number(typed)
        raise InvalidInput(message, code=code, field=field)
    if _THOUSANDS.fullmatch(typed):
        plain, pointed = typed.replace(",", ""), typed.replace(",", ".")
        raise InvalidInput(
            f"{typed} can be read as {plain} or as {pointed}. Write the one you mean, without a comma.",
            code="ambiguous-comma",
            field=field,
        )
    return Decimal(typed.replace(",", "."))


def _why_not_a_number(typed: str) -> tuple[str, str]:
    """The most helpful refusal for a text that is not a plain number: (message, code)."""
    bare = typed.lstrip("+-").lower()
    if re.fullmatch(r"[.,][0-9]+", bare):
        return f"Put a zero before the decimal point: 0.{bare[1:]}.", "no-leading-zero"
    if re.fullmatch(r"[0-9]+[.,]", bare):
        return f"Leave out the decimal point, or write a digit after it: {bare[:-1]}.", "trailing-point"
    if bare in {"nan", "inf", "infinity", "snan"} or re.fullmatch(r"[0-9.,]+e[+-]?[0-9]+", bare):
        return "Write the number out in ordinary digits, such as 72.5.", "not-plain"
    if typed.startswith("+"):
        return "Leave out the plus sign.", "plus-sign"
    if re.fullmatch(r"[0-9]+(?:[.,][0-9]+){2,}", bare) or re.search(r"[0-9][ '_\u00a0\u202f][0-9]", typed):
        return "Write the number without spaces, underscores or thousands marks.", "grouped"
    if any(char.isdigit() and char not in "0123456789" for char in typed):
        return "Use the digits 0 to 9.", "other-digits"
    if re.match(r"[0-9]+(?:[.,][0-9]+)?\s*[a-zµ%/]+$", bare):
        return "Enter the number only. The unit is already beside the box.", "unit-typed"
    return "Enter a number, such as 72.5.", "not-a-number"


def _places_message(places: int) -> str:
    if places == 0:
        return "Enter a whole number."
    return f"Use at most {places} digit{'s' if places > 1 else ''} after the decimal point."


def _check_range(number: Decimal, low: Decimal | None, high: Decimal | None, unit: str, field: str) -> None:
    suffix = f" {unit}" if unit else ""
    if (low is None or number >= low) and (high is None or number <= high):
        return
    if low is not None and high is not None:
        message = f"Enter a value from {low} to {high}{suffix}. You entered {number:f}{suffix}."
    elif low is not None:
        message = f"Enter {low}{suffix} or more. You entered {number:f}{suffix}."
    else:
        message = f"Enter {high}{suffix} or less. You entered {number:f}{suffix}."
    raise InvalidInput(message, code="out-of-range", field=field)


def parse_integer(
    value: object, *, field: str, min_value: int | None = None, max_value: int | None = None, unit: str = ""
) -> int:
    """A whole number, by the same rules as `parse_decimal` (72.0 is refused: type 72)."""
    low = None if min_value is None else Decimal(min_value)
    high = None if max_value is None else Decimal(max_value)
    try:
        number = parse_decimal(value, field=field, min_value=low, max_value=high, max_places=0, unit=unit)
    except InvalidInput as refusal:
        words = refusal.message.replace("such as 72.5", "such as 12")
        raise InvalidInput(words, code=refusal.code, field=refusal.field) from None
    return int(number)


def parse_text(value: object, *, field: str, max_length: int = 4000, single_line: bool = False) -> str:
    """A text that PostgreSQL can store and a colleague can read: no NUL, surrogate, control or hidden mark.

    New lines become "\\n", and are refused when `single_line`. Surrounding space is dropped.
    """
    if not isinstance(value, str):
        raise InvalidInput("Enter text.", code="not-text", field=field)
    text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(text) > max_length:
        raise InvalidInput(
            f"Shorten this to {max_length} characters or fewer. It has {len(text)}.",
            code="too-long",
            field=field,
        )
    allowed = "\t" if single_line else "\t\n"
    for char in text:
        if char in _HIDDEN or (unicodedata.category(char) in {"Cc", "Cs"} and char not in allowed):
            raise InvalidInput(
                "This text contains a character that cannot be stored. Type it again rather than pasting it.",
                code="unstorable-character",
                field=field,
            )
    return text


def parse_date(value: object, *, field: str) -> date:
    """A calendar date written YYYY-MM-DD."""
    if isinstance(value, str) and _DATE.fullmatch(value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError as error:
            raise InvalidInput("This date does not exist.", code="no-such-date", field=field) from error
    raise InvalidInput("Enter a date, such as 2026-11-24.", code="not-a-date", field=field)


def parse_instant(value: object, *, field: str) -> datetime:
    """A moment with its offset (RFC 3339, "2026-11-24T14:07:00+01:00"), as aware UTC. Naive times are
    refused."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value.strip()):
        raise InvalidInput(
            "Enter a date and time with its offset, such as 2026-11-24T14:07:00+01:00.",
            code="not-an-instant",
            field=field,
        )
    try:
        return _in_range(datetime.fromisoformat(value.strip().upper()).astimezone(UTC), field)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("This date and time does not exist.", code="no-such-time", field=field) from error


def parse_local_datetime(value: object, zone: ZoneInfo, *, field: str) -> datetime:
    """A wall-clock time at a site ("2026-11-24T14:07"), as aware UTC.

    A time that the clocks skip, or that they show twice, is refused with the times around it: neither
    can be stored without a guess. Programs that must name such a moment send it with an offset
    (`parse_instant`).
    """
    match = _LOCAL.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise InvalidInput("Enter a date and time, such as 2026-11-24 14:07.", code="not-a-time", field=field)
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        wall = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        earlier = wall.astimezone(UTC)
        later = wall.replace(fold=1).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("This date and time does not exist.", code="no-such-time", field=field) from error
    if earlier == later:
        return _in_range(earlier, field)
    raise _clock_change(wall, earlier, later, field)


def _clock_change(wall: datetime, before: datetime, after: datetime, field: str) -> InvalidInput:
    """Why `wall` is not one moment. `before` and `after` read it with the offset on either side of the
    change."""
    turn = _transition(min(before, after), max(before, after), wall)
    edges = sorted(turn + _offset(moment, wall) for moment in (before, after))
    start, end = (edge.strftime("%H:%M") for edge in edges)
    day = f"{wall:%a} {wall.day} {wall:%b %Y}"
    if before > after:
        text = f"{wall:%H:%M} does not exist on {day}: the clocks go forward from {start} to {end}."
        return InvalidInput(
            f"{text} Enter a time before {start}, or from {end}.", code="skipped-time", field=field
        )
    text = f"{wall:%H:%M} happens twice on {day}: the clocks go back from {end} to {start}."
    return InvalidInput(
        f"{text} Enter a time before {start}, or from {end}.", code="repeated-time", field=field
    )


def _offset(moment: datetime, wall: datetime) -> timedelta:
    return moment.astimezone(wall.tzinfo).utcoffset() or timedelta(0)


def _transition(low: datetime, high: datetime, wall: datetime) -> datetime:
    """The instant in (low, high] from which the new offset holds, to the second."""
    old = _offset(low - timedelta(seconds=1), wall)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if _offset(middle, wall) == old:
            low = middle
        else:
            high = middle
    return high


def _in_range(moment: datetime, field: str) -> datetime:
    if not 1900 <= moment.year <= 2200:
        raise InvalidInput("Check the year.", code="year-out-of-range", field=field)
    return moment


def load_json(raw: bytes) -> object:
    """JSON from outside: numbers with a point stay decimals, and what two readers could read differently
    is refused.

    Refused: more than 256 KiB, nesting over 32, a key given twice in one object, NaN and infinities, a
    NUL or a lone surrogate in any text, and bytes that are not UTF-8.
    """
    if len(raw) > MAX_JSON_BYTES:
        raise InvalidInput("The body is too large.", code="body-too-large", field="")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("The body is not UTF-8 text.", code="not-utf-8", field="") from error
    _check_depth(text)
    try:
        found: object = json.loads(
            text,
            parse_float=Decimal,
            parse_int=_json_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_once,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"The body is not JSON ({place}).", code="not-json", field="") from error
    _check_texts(found)
    return found


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the recursive parser sees it. Brackets inside strings are skipped."""
    depth = 0
    for token in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text):
        mark = token.group()[0]
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(mark, 0)
        if depth > MAX_JSON_DEPTH:
            raise InvalidInput("The body is nested too deeply.", code="too-deep", field="")


def _json_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise InvalidInput("A number in the body has too many digits.", code="too-many-digits", field="")
    return int(digits)


def _refuse_constant(name: str) -> object:
    raise InvalidInput(f"{name} is not a number.", code="not-finite", field="")


def _object_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """One JSON object whose keys are all different."""
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidInput(
                f"The key {key!a} is given twice.", code="duplicate-key", field=_safe_name(key)
            )
        found[key] = value
    return found


def _check_texts(value: object, path: str = "") -> None:
    """Refuse texts PostgreSQL cannot store, wherever they stand. Depth is bounded by `_check_depth`."""
    if isinstance(value, str) and any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        raise InvalidInput(
            "A text contains a character that cannot be stored.", code="unstorable-character", field=path
        )
    if isinstance(value, dict):
        for key, item in value.items():
            _check_texts(key, _safe_name(key))
            _check_texts(item, _safe_name(key))
    elif isinstance(value, list):
        for item in value:
            _check_texts(item, path)


def _safe_name(key: str) -> str:
    return key.encode("ascii", "backslashreplace").decode("ascii")[:80].replace("\0", "")
