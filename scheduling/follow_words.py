"""How windows, follow-ups and messages are put into words and tones. Screen words only (decisions 3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scheduling.domain.localtime import clock_in_words, in_words
from scheduling.models import FollowUp, Message, PlasticityWindow

Window = PlasticityWindow.Status
Due, Sent = FollowUp.State, Message.State
WEEK = timedelta(days=6)


@dataclass(frozen=True)
class Chip:
    """A state: word, tone and icon."""

    word: str
    tone: str
    icon: str = ""


WAITING = Chip("Waiting for sign-off", "pending", "hourglass")
STATES: dict[str, Chip] = {
    "waiting": WAITING,
    "opening": Chip("Opening", "pending", "sunrise"),
    "open": Chip("Open", "success", "circle-check"),
    "closing": Chip("Closing", "warning", "clock-alert"),
    "closed": Chip("Closed", "neutral", "circle-minus"),
    "none": Chip("No window opens", "neutral", "circle-slash"),
    "stale": Chip("Being worked out again", "warning", "refresh-cw"),
}
FOLLOW_UP_CHIPS: dict[str, Chip] = {
    Due.PROVISIONAL: Chip("Planned", "pending", "calendar-clock"),
    Due.FIRM: Chip("Waiting for the window", "pending", "hourglass"),
    Due.RELEASED: Chip("To do", "info", "circle-dot"),
    Due.BOOKED: Chip("Booked", "success", "calendar-check"),
    Due.DONE: Chip("Done", "success", "circle-check"),
    Due.REPORTED: Chip("Reported", "info", "clipboard-check"),
    Due.MISSED: Chip("Missed", "warning", "circle-alert"),
    Due.DECLINED: Chip("Declined", "neutral", "hand"),
    Due.DROPPED: Chip("Not needed", "neutral", "circle-minus"),
    Due.WITHDRAWN: Chip("Withdrawn", "neutral", "circle-slash"),
}
MESSAGE_CHIPS: dict[str, Chip] = {
    Sent.SCHEDULED: Chip("Scheduled", "pending", "clock"),
    Sent.CLAIMED: Chip("About to be sent", "info", "send"),
    Sent.SENDING: Chip("Being sent", "info", "send"),
    Sent.SENT: Chip("Sent", "success", "mail-check"),
    Sent.CANCELLED: Chip("Cancelled", "neutral", "circle-minus"),
    Sent.EXPIRED: Chip("Too late to send", "warning", "clock-alert"),
    Sent.UNKNOWN: Chip("Not known whether it arrived", "warning", "circle-question-mark"),
    Sent.HELD: Chip("Waiting for release", "warning", "pause"),
    Sent.DEAD: Chip("Could not be delivered", "warning", "mail-x"),
}
WHY_LABELS = {
    "answered": "Answered by link",
    "counted_from": "Counted from",
    "target": "Target",
    "earliest": "Not before",
    "pump_stop": "Pump stopped",
    "drug_cleared": "Drug cleared",
    "ready_to_leave": "Ready to leave",
    "protocol": "Protocol",
    "source": "Source",
    "dropped": "Not needed because",
}
FLAG_WORDS = {
    "cut_short": "Ends before the next infusion visit.",
    "target_moved": "Target moved to the nearest working time.",
    "no_working_slot": "No working time of the therapist inside the limits.",
    "quiet_warning": "Less than four hours before the next infusion visit.",
    "clock_moved": "The clocks change: moved forward by the missing hour.",
    "clock_ambiguous": "The clocks change: the earlier of the two equal times.",
    "over_weekly_cap": "Above the protocol's weekly number of therapy sessions.",
}


def soon_in_words(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """`Tue 07:30` within six days, else `Tue 10 Mar 07:30`."""
    if abs(moment - now) <= WEEK:
        return f"{moment.astimezone(zone):%a} {clock_in_words(moment, zone)}"
    return in_words(moment, zone)


def window_words(
    row: PlasticityWindow, session: FollowUp | None, zone: ZoneInfo, now: datetime
) -> tuple[str, bool]:
    """(the sentence of a queue row, whether it is an estimate)."""
    if row.status == Window.STALE:
        return "Therapy is locked: the therapy time is being worked out again", False
    if row.status == Window.NONE:
        return "A clinician signed that no window opens", False
    if row.sign_off_id is None and row.inputs.get("t_pk") is None:
        return "Therapy time not known: a clinician states it with the signature", False
    start = session.earliest_at if session is not None else row.t0
    begin = f"Therapy from {soon_in_words(start, zone, now)}"
    if row.sign_off_id is None:
        return begin, True
    target = "" if session is None else f", target by {soon_in_words(session.latest_at, zone, now)}"
    return f"{begin}{target}, until {until_words(row, zone, now)}", False


def until_words(row: PlasticityWindow, zone: ZoneInfo, now: datetime) -> str:
    """`infusion Thu 09:00` when the next infusion visit ends the window, else its own end."""
    cut = row.inputs.get("cut_at")
    ends = soon_in_words(row.core_until, zone, now)
    return f"infusion {ends}" if cut and datetime.fromisoformat(cut) <= row.core_until else ends


def why_rows(row: FollowUp) -> list[tuple[str, str]]:
    """Why now: label and words, in the order in which they matter."""
    return [(label, row.why[key]) for key, label in WHY_LABELS.items() if row.why.get(key)]


def flags_of(row: FollowUp) -> list[str]:
    """What is unusual about its times, as sentences."""
    return [words for key, words in FLAG_WORDS.items() if row.why.get(key)]


def masked(address: str) -> str:
    """An address as staff may see it in a list: enough to recognise, not enough to copy."""
    if "@" in address:
        name, _, domain = address.partition("@")
        return f"{name[:1]}…@{domain}"
    return f"…{address[-4:]}"
