"""Message texts that a protocol author writes: plain text with a fixed list of merge fields. Pure module.

`{name}` and its like are replaced in one pass by values that are not read again, so neither an author nor a patient's
name can bring in another field, a template tag or an attribute. Anything else in braces, and HTML, is refused where it
is written; the text is sent as plain text and never as a template.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from patients.contact import contains_clinical_words

MERGE_FIELDS = {
    "name": "the patient's given name",
    "day": "the day of the appointment, such as Tuesday 3 March",
    "time": "its time, such as 10:00",
    "link": "the patient's own link, where the message has one",
    "phone": "the clinic's telephone number",
    "emergency": "what to do in an emergency, by country",
}
LONGEST_EMAIL, LONGEST_SMS = 1500, 300
_FIELD = re.compile(r"\{([a-z]{1,20})\}")
_MARKUP = re.compile(r"<\s*[a-z!/?]|&[a-z0-9#]+;|javascript:", re.IGNORECASE)


def problem(text: str, longest: int) -> str | None:
    """Why this text cannot be sent, in words; None when it can, or when it is empty."""
    if len(text) > longest:
        return f"must be at most {longest} characters"
    rest = text
    for name in _FIELD.findall(text):
        if name not in MERGE_FIELDS:
            known = ", ".join(f"{{{item}}}" for item in MERGE_FIELDS)
            return f"knows only these fields: {known}"
        rest = rest.replace(f"{{{name}}}", "")
    if "{" in rest or "}" in rest:
        return "may have braces only around one of its fields, such as {name}"
    if _MARKUP.search(rest):
        return "is plain text: leave out HTML"
    words = contains_clinical_words(rest)
    if words:
        return f"would tell others what the patient is treated for: {', '.join(words)}"
    return None


def fill_in(text: str, values: Mapping[str, object]) -> str:
    """The text with its fields replaced, each value once and as it is. Raises KeyError for a field that has none."""
    return _FIELD.sub(lambda found: str(values[found[1]]), text)
