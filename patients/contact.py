"""When and by which channel a patient may be written to, and that the words stay neutral. Pure module.

Quiet hours 21:30 to 08:00 in the patient's own zone (decisions 1.9). A message that can no longer arrive in
time is not sent late: it is printed on the sheet instead, and the caller makes that visible. Texts of SMS,
e-mail and calendar feeds carry no drug name, diagnosis or therapy word by default (product.md, what must
never happen, 8).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from scheduling.domain.intervals import as_utc
from scheduling.domain.localtime import local_clock, local_date, parse_clock, resolve_local
from staff.errors import InvalidInput

QUIET_FROM = time(21, 30)
QUIET_UNTIL = time(8, 0)
LAST_CALL = timedelta(minutes=5)  # a message pulled forward leaves this long before its send window shuts

Channel = Literal["email", "sms"]


@dataclass(frozen=True)
class SendTime:
    """due_at: send from then on. expires_at: never at or after it. local_text: due_at as the patient's clock
    shows it.

    zone is the IANA name. moved: not at the wished moment, because that one lay in hours without messages.
    """

    due_at: datetime
    expires_at: datetime
    local_text: str
    zone: str
    moved: bool


@dataclass(frozen=True)
class SheetOnly:
    """No message: what it would say goes on the printed sheet, and why."""

    reason: str


@dataclass(frozen=True)
class ContactOption:
    """One contact point with what is known of it; `rank` 0 comes first. `code` is the caller's own key."""

    code: str
    channel: Channel
    verified: bool
    consented: bool
    opted_out: bool = False
    rank: int = 0


@dataclass(frozen=True)
class NoContact:
    """Nobody may be written to, and why: an item for a person's list."""

    reason: str


def in_quiet_hours(at: datetime, zone: ZoneInfo) -> bool:
    """True from 21:30 (inclusive) to 08:00 (exclusive) local time."""
    return not QUIET_UNTIL <= local_clock(at, zone).clock < QUIET_FROM


def send_hours(send_from: str = "08:00", send_until: str = "21:30") -> tuple[time, time]:
    """The daily hours [from, until) of a message kind, never wider than the quiet hours allow. Raises
    InvalidInput.
    """
    opens, shuts = max(parse_clock(send_from), QUIET_UNTIL), min(parse_clock(send_until), QUIET_FROM)
    if opens >= shuts:
        raise InvalidInput("leaves no time of day to send", field="send_until")
    return opens, shuts


def next_allowed(
    at: datetime, zone: ZoneInfo, send_from: str = "08:00", send_until: str = "21:30"
) -> datetime:
    """The first instant from `at` on at which such a message may leave. What a dispatcher asks again before
    sending.
    """
    opens, shuts = send_hours(send_from, send_until)
    at = as_utc(at)
    day = local_date(at, zone)
    for ahead in range(3):
        start = resolve_local(day + timedelta(days=ahead), opens, zone).instant
        until = resolve_local(day + timedelta(days=ahead), shuts, zone).instant
        if at < until:
            return max(at, start)
    raise AssertionError("three local days always hold an hour in which messages may leave")


def send_time(
    *,
    earliest: datetime,
    target: datetime,
    expires_at: datetime,
    zone: ZoneInfo,
    send_from: str = "08:00",
    send_until: str = "21:30",
) -> SendTime | SheetOnly:
    """When to send: the target, else the next allowed hour before expiry, else the last allowed one since
    `earliest`.

    All bounds are instants; the message is useful in [earliest, expires_at). Raises InvalidInput when that is
    empty.
    """
    earliest, wished, expires_at = as_utc(earliest), as_utc(target), as_utc(expires_at)
    if expires_at <= earliest:
        raise InvalidInput("a message cannot expire before it may be sent", field="expires_at")
    wished = max(wished, earliest)
    due = next_allowed(wished, zone, send_from, send_until)
    if due >= expires_at:
        pulled = _last_allowed(min(wished, expires_at), earliest, zone, send_from, send_until)
        if pulled is None:
            return SheetOnly(f"no message may leave between {send_until} and {send_from}: printed sheet only")
        due = pulled
    return SendTime(due, expires_at, local_words(due, zone), zone.key, moved=due != wished)


def local_words(at: datetime, zone: ZoneInfo) -> str:
    """What a clock and a calendar in that zone show: `Tue 3 Mar 2026, 20:30`."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M}"


def _last_allowed(
    before: datetime, earliest: datetime, zone: ZoneInfo, send_from: str, send_until: str
) -> datetime | None:
    """The last comfortable instant in [earliest, before) at which such a message may leave."""
    opens, shuts = send_hours(send_from, send_until)
    for back in range(2):
        day = local_date(before, zone) - timedelta(days=back)
        start = max(resolve_local(day, opens, zone).instant, earliest)
        last = min(resolve_local(day, shuts, zone).instant, before) - LAST_CALL
        if start <= last:
            return last
    return None


def choose_channel(
    options: Sequence[ContactOption], preferred: Channel | None = None
) -> ContactOption | NoContact:
    """The contact point to write to: preferred channel first, then rank. Verified, consented, not opted out:
    all three.
    """
    if not options:
        return NoContact("no contact details on file")
    usable = [item for item in options if item.verified and item.consented and not item.opted_out]
    if usable:
        return min(usable, key=lambda item: (item.channel != preferred, item.rank, item.code))
    if all(item.opted_out for item in options):
        return NoContact("the patient has opted out of messages")
    if not any(item.consented and not item.opted_out for item in options):
        return NoContact("no consent to messages on file")
    return NoContact("no verified contact details on file")


_CLINICAL = re.compile(
    r"""
    (?<!\w)(?:
        (?:es)?ketamin\w* | spravato | infusion\w* | intraven\w+ | iv | drip | inject\w* | drugs?
      | dos(?:e|es|age|ing) | mg(?:/kg)? | medicat\w+ | medicines? | prescri\w+ | ana?esthe\w+ | sedat\w+
      | dissociat\w+ | psych\w+ | mental\w* | (?:anti)?depress\w* | anxi\w+ | bipolar | suicid\w* | ptsd
      | self[-\s]harm\w* | trauma\w* | disorder\w* | diagnos\w+ | symptom\w* | relaps\w+
      | therap\w+ | counsel\w+ | treatment\w* | integration | plasticity | neuro\w+
      | phq(?:-?9)? | gad(?:-?7)? | qids\S* | madrs | cadss\S* | c-?ssrs | moaa/?s
    )(?!\w)
    """,
    re.IGNORECASE | re.VERBOSE,
)


def contains_clinical_words(text: str) -> tuple[str, ...]:
    """The drug, diagnosis and therapy words found in a text, lower case, in order, each once. Empty: it is
    neutral.
    """
    return tuple(dict.fromkeys(match.group(0).lower() for match in _CLINICAL.finditer(text)))
