"""What the boxes of a follow-up say in the protocol editor. Pure module."""

from __future__ import annotations

from typing import Any

from protocols.wording import ANCHORS, AUDIENCES, EXPIRIES, GATES, REDOSED, SCOPES

SUCCESSIVE = "Infusions that follow closely, and what is missed"
WINDOW_CUES = "Such as 20 h, 3 d, 90 min, at once, 20:30 same day, 09:00 next day or 09:00 after 3 days."
GRADE_WORDS = {
    "A": "A: label, meta-analysis or several randomised trials",
    "B": "B: one randomised trial, or trials in another condition",
    "C": "C: small or open studies, or a mechanism seen in people",
    "D": "D: animal studies, analogy or expert opinion",
}
MESSAGES = {
    "": "No message",
    "no_driving": "No driving until tomorrow",
    "rest": "Rest and sleep tonight",
    "check_in": "Next-morning check-in",
    "practice": "Practice",
    "practice_check_in": "Practice check-in",
    "questionnaire": "Questionnaire",
    "therapy_visit": "Therapy appointment",
}


def pairs(table: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Code and words of a choice."""
    return tuple(table.items())


def _successive(label: str, usual: int | str, **more: Any) -> dict[str, Any]:
    words = {"label": label, "usual": usual, "required": False, "folded": SUCCESSIVE, **more}
    return words if isinstance(usual, str) else {"unit": "h", **words}


FOLLOW_UP_WORDS: dict[str, dict[str, Any]] = {
    "follow_ups": {
        "label": "Follow-ups",
        "one": "follow-up",
        "head": "title",
        "usual": "Add the usual follow-ups",
    },
    "follow_ups.kind": {"label": "Code", "longest": 40, "required": False, "hidden": True},
    "follow_ups.title": {"label": "What", "longest": 120},
    "follow_ups.audience": {"label": "For", "kind": "choice", "choices": pairs(AUDIENCES)},
    "follow_ups.anchor": {
        "label": "Counted from when",
        "kind": "choice",
        "choices": pairs(ANCHORS),
    },
    "follow_ups.gate": {"label": "Waits for", "kind": "choice", "choices": pairs(GATES)},
    "follow_ups.earliest": {"label": "Earliest", "hint": WINDOW_CUES},
    "follow_ups.target": {"label": "Target"},
    "follow_ups.latest": {"label": "Late after"},
    "follow_ups.hard_latest": {"label": "Missed after"},
    "follow_ups.scope": {"label": "After which infusion", "kind": "choice", "choices": pairs(SCOPES)},
    "follow_ups.therapy": {"label": "It is therapy with a licensed therapist"},
    "follow_ups.duration_minutes": {"label": "Duration", "unit": "min"},
    "follow_ups.after_night": {"label": "Not before a night's sleep"},
    "follow_ups.night_hours": {"label": "That night is at least", "unit": "h"},
    "follow_ups.required": {"label": "Counts in adherence"},
    "follow_ups.repeat_days": {
        "label": "Repeated on day",
        "kind": "numbers",
        "hint": "0 is once; 0, 7, 14 is weekly, three times.",
    },
    "follow_ups.message_kind": {"label": "Message", "kind": "choice", "choices": pairs(MESSAGES)},
    "follow_ups.email_text": {
        "label": "E-mail in your own words",
        "lines": 4,
        "longest": 2000,
        "required": False,
        "hint": "Empty: our text. Fields: {name} {day} {time} {link} {phone} {emergency}. No clinical words.",
    },
    "follow_ups.sms_text": {
        "label": "SMS in your own words",
        "lines": 2,
        "longest": 400,
        "required": False,
        "hint": "At most 300 characters.",
    },
    "follow_ups.send_from": {"label": "Send from", "longest": 5, "hint": "The patient's local time."},
    "follow_ups.send_until": {"label": "Send until", "longest": 5},
    "follow_ups.grade": {"label": "Evidence grade", "kind": "choice", "choices": pairs(GRADE_WORDS)},
    "follow_ups.source": {"label": "Source", "required": False},
    "follow_ups.redosed": _successive(
        "When the next infusion comes before the target",
        "fit",
        kind="choice",
        choices=pairs(REDOSED),
        hint="The no-therapy period cuts it in any case.",
    ),
    "follow_ups.close_redose_hours": _successive(
        "The next infusion is close within",
        36,
        hint="After the no-therapy period ends. Only for therapy after every infusion.",
    ),
    "follow_ups.close_latest_hours": _successive("Then late after", 24),
    "follow_ups.tail_gap_hours": _successive(
        "A break counts as the end from", 144, hint="Only for what is asked for after the last infusion."
    ),
    "follow_ups.merge_within_hours": _successive(
        "Two of a kind are joined within", 12, hint="The later infusion's stays. 0: both stay."
    ),
    "follow_ups.expiry": _successive(
        "When it was missed", "as_required", kind="choice", choices=pairs(EXPIRIES)
    ),
}
