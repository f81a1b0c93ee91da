"""Strict reading: what is accepted is exactly what was typed; the rest is an InvalidInput, never a crash."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from staff import strict
from staff.errors import InvalidInput

plain_decimals = st.decimals(
    min_value=-99999, max_value=99999, allow_nan=False, allow_infinity=False, places=3
)
ZONES = ("Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca")


def code_of(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        call(*args, **kwargs)
    assert caught.value.message.endswith((".", "?")), "a refusal is a sentence"
    return caught.value.code


@given(plain_decimals, st.sampled_from(".,"), st.sampled_from(["", " ", "\u00a0"]))
def test_a_plainly_written_number_is_read_exactly(number: Decimal, mark: str, space: str) -> None:
    typed = f"{number:f}".replace(".", mark)
    if mark == "," and strict._THOUSANDS.fullmatch(typed):
        assert code_of(strict.parse_decimal, typed, field="x") == "ambiguous-comma"
    else:
        assert strict.parse_decimal(f"{space}{typed}{space}", field="x") == number


@given(st.text(max_size=20))
@example("1e400")
@example("0x10")
@example("\ud800")
def test_any_text_is_a_finite_number_or_refused(text: str) -> None:
    try:
        number = strict.parse_decimal(text, field="x")
    except InvalidInput:
        return
    assert number.is_finite()
    assert set(text.strip(" \t\r\n\u00a0\u202f")) <= set("0123456789.,-")
    assert number == Decimal(text.strip(" \t\r\n\u00a0\u202f").replace(",", "."))


@given(
    st.one_of(st.booleans(), st.none(), st.floats(), st.integers(), st.decimals(), st.lists(st.integers()))
)
def test_any_json_value_is_a_finite_number_or_refused(value: Any) -> None:
    try:
        number = strict.parse_decimal(value, field="x")
    except InvalidInput:
        return
    assert not isinstance(value, bool)
    assert number.is_finite()
    assert number == Decimal(repr(value) if isinstance(value, float) else value)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("NaN", "not-plain"),
        ("Infinity", "not-plain"),
        ("1e400", "not-plain"),
        ("7e1", "not-plain"),
        ("7_0", "grouped"),
        ("1 000", "grouped"),
        ("1,234", "ambiguous-comma"),
        (".5", "no-leading-zero"),
        ("5.", "trailing-point"),
        ("٧٠", "other-digits"),
        ("７０", "other-digits"),
        ("+5", "plus-sign"),
        ("72 kg", "unit-typed"),
        ("", "required"),
        ("seventy", "not-a-number"),
        ("72.5\x00", "not-a-number"),
        ("1234567890123", "too-many-digits"),
        (True, "not-a-number"),
        (float("nan"), "not-finite"),
        (Decimal("Infinity"), "not-finite"),
        (Decimal("1E+400"), "too-many-digits"),
        (10**30, "too-many-digits"),
        ([70], "not-a-number"),
    ],
)
def test_each_refusal_says_why(typed: object, code: str) -> None:
    assert code_of(strict.parse_decimal, typed, field="weight_kg") == code


def test_limits_are_inclusive_and_named_with_their_unit() -> None:
    limits: dict[str, Any] = {"field": "w", "min_value": Decimal(20), "max_value": Decimal(350), "unit": "kg"}
    assert strict.parse_decimal("20", **limits) == 20
    assert strict.parse_decimal("350.0", **limits) == 350
    with pytest.raises(InvalidInput, match=r"from 20 to 350 kg\. You entered 740 kg"):
        strict.parse_decimal("740", **limits)
    assert code_of(strict.parse_decimal, "70.25", field="w", max_places=1) == "too-many-places"


def test_minus_zero_is_zero() -> None:
    assert str(strict.parse_decimal("-0", field="x")) == "0"


def test_integers_refuse_fractions_even_of_zero() -> None:
    assert strict.parse_integer("70", field="x") == 70
    assert code_of(strict.parse_integer, "70.0", field="x") == "too-many-places"
    for typed in ("1e3", "many", ""):
        with pytest.raises(InvalidInput, match=r"such as 12\."):
            strict.parse_integer(typed, field="x")


def instants_that_show(wall: datetime, zone: ZoneInfo) -> set[datetime]:
    """Oracle by trial: every UTC moment that a clock in `zone` shows as `wall`."""
    naive = wall.replace(tzinfo=UTC)
    candidates = {naive + timedelta(minutes=minutes) for minutes in range(-15 * 60, 15 * 60 + 1, 15)}
    return {moment for moment in candidates if moment.astimezone(zone).replace(tzinfo=None) == wall}


near_changes = st.builds(
    lambda base, minutes: base + timedelta(minutes=minutes),
    st.sampled_from(
        [
            datetime(2026, 3, 29, 0),
            datetime(2026, 10, 25, 0),
            datetime(2026, 3, 8, 0),
            datetime(2026, 11, 1, 0),
            datetime(2026, 10, 4, 0),
            datetime(2026, 4, 5, 0),
            datetime(2011, 12, 29, 12),
            datetime(2026, 2, 15, 0),
        ]
    ),
    st.integers(0, 60 * 26),
)


@given(
    st.one_of(near_changes, st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1))), st.sampled_from(ZONES)
)
def test_a_wall_clock_time_is_the_one_moment_it_names_or_refused(wall: datetime, name: str) -> None:
    wall = wall.replace(second=0, microsecond=0)
    zone = ZoneInfo(name)
    typed = f"{wall:%Y-%m-%dT%H:%M}"
    found = instants_that_show(wall, zone)
    if len(found) == 1:
        assert strict.parse_local_datetime(typed, zone, field="at") == found.pop()
    else:
        wanted = "skipped-time" if not found else "repeated-time"
        assert code_of(strict.parse_local_datetime, typed, zone, field="at") == wanted


def test_the_refusal_of_a_skipped_time_names_the_edges() -> None:
    with pytest.raises(
        InvalidInput, match=r"forward from 02:00 to 03:00\. Enter a time before 02:00, or from 03:00"
    ):
        strict.parse_local_datetime("2027-03-28T02:30", ZoneInfo("Europe/Berlin"), field="at")


@pytest.mark.parametrize(
    "typed", ["", "now", "2026-11-24", "2026-11-24T25:00", "2026-02-30T10:00", "0001-01-01T00:00"]
)
def test_what_is_not_a_local_time_is_refused(typed: str) -> None:
    code_of(strict.parse_local_datetime, typed, ZoneInfo("Europe/Berlin"), field="at")


def test_an_instant_needs_its_offset() -> None:
    wanted = datetime(2026, 11, 24, 13, 7, tzinfo=UTC)
    assert strict.parse_instant("2026-11-24T14:07:00+01:00", field="at") == wanted
    assert strict.parse_instant("2026-11-24T13:07Z", field="at") == wanted
    for naive in ("2026-11-24T14:07:00", "2026-11-24 14:07+01:00", "20261124T140700Z", 1764000000, None):
        assert code_of(strict.parse_instant, naive, field="at") == "not-an-instant"
    assert code_of(strict.parse_instant, "2026-02-30T10:00Z", field="at") == "no-such-time"
    assert code_of(strict.parse_instant, "0001-01-01T00:00+14:00", field="at") == "no-such-time"


@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b", "a\u202eb", "a\x1bb", "a\u200bb", 7, None])
def test_texts_that_cannot_be_stored_or_read_are_refused(bad: object) -> None:
    code_of(strict.parse_text, bad, field="note")


def test_ordinary_text_of_any_script_is_kept() -> None:
    assert strict.parse_text(" Zoë 李\r\nline two \n", field="note") == "Zoë 李\nline two"
    assert code_of(strict.parse_text, "a\nb", field="name", single_line=True) == "unstorable-character"
    assert code_of(strict.parse_text, "x" * 11, field="name", max_length=10) == "too-long"


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-999999, 999999), st.text("abcäß ", max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("abc", max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
def test_ordinary_json_is_read_as_python_reads_it(value: Any) -> None:
    assert strict.load_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_refused(raw: bytes) -> None:
    try:
        strict.load_json(raw)
    except InvalidInput as refusal:
        refusal.message.encode("utf-8")
        (refusal.field or "").encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"weight_kg": 70, "weight_kg": 700}', "duplicate-key"),
        (b'{"a": {"\\ud800": 1, "\\ud800": 2}}', "duplicate-key"),
        (b"[" * 100_000, "too-deep"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "too-deep"),
        (b'{"a": NaN}', "not-finite"),
        (b'{"a": -Infinity}', "not-finite"),
        (b'["\\u0000"]', "unstorable-character"),
        (b'"\\ud800"', "unstorable-character"),
        (b"9" * 5000, "too-many-digits"),
        (b"\xff", "not-utf-8"),
        (b"", "not-json"),
        (b"[1,", "not-json"),
        (b" " * (strict.MAX_JSON_BYTES + 1), "body-too-large"),
    ],
)
def test_json_that_could_be_read_two_ways_is_refused(raw: bytes, code: str) -> None:
    assert code_of(strict.load_json, raw) == code


def test_json_numbers_keep_their_decimals() -> None:
    assert strict.load_json(b'{"mg": 0.1}') == {"mg": Decimal("0.1")}
    assert strict.load_json(b'["[[[[{{{{ in a string is not nesting"]') == [
        "[[[[{{{{ in a string is not nesting"
    ]


def test_every_body_of_the_api_is_read_strictly():
    """The framework's own fields take "7_0" for 70, "yes" for true and other scripts' digits: ours are used instead."""
    from rest_framework import serializers

    import config.api  # noqa: F401 - names every serializer
    from staff.api import StrictSerializer

    loose = (
        serializers.IntegerField, serializers.FloatField, serializers.DecimalField, serializers.BooleanField,
        serializers.DateField, serializers.DateTimeField, serializers.TimeField, serializers.CharField,
    )  # fmt: skip
    as_typed = {"password", "csv", "content"}  # a secret, and files that have a strict reader of their own

    def every(kind):
        for one in kind.__subclasses__():
            yield one
            yield from every(one)

    def parts(field):
        yield field
        child = getattr(field, "child", None)
        if child is not None:
            yield from parts(child)

    found = [
        f"{kind.__name__}.{name}"
        for kind in every(StrictSerializer)
        for name, field in kind().fields.items()
        for part in parts(field)
        if type(part) in loose and name not in as_typed and not field.read_only
    ]
    assert found == []
