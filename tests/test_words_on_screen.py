"""The words of decisions: no page shows the names that only the code uses, to anybody, in text or to a screen reader."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from tests import test_every_address as every
from tests.test_every_address import as_everyone, everyone, inhabited  # noqa: F401  # fixtures

pytestmark = pytest.mark.django_db

FORBIDDEN = re.compile(
    r"(?<!therapy )(?<!integration )(?<!sign-in )\bsessions?\b|\bheld\b|\bT0\b|\bT_?pk\b|\bT_?sign\b|\bP95\b"
    r"|\banchor(?:s|ed|ing)?\b|\bfirmed\b|\bprovisional\b|\bblackouts?\b|\bgenerations?\b",
    re.IGNORECASE,
)
SPOKEN = ("aria-label", "alt", "title", "placeholder")
SKIPPED = ("script", "style", "code", "pre", "textarea")  # code keeps the names of the code
ALLOWED = {
    "accounts/sessions/": "sessions",  # where a person is signed in
    "language/": "breakthrough in session two",  # a sentence that the language check is there to refuse
}


class Visible(HTMLParser):
    """Text as it is read, element borders as line ends."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in SKIPPED
        self.lines += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in SKIPPED

    def handle_data(self, data: str) -> None:
        if not self.hidden and data.strip():
            self.lines.append(" ".join(data.split()))


def found_in(html: str) -> list[str]:
    """Each forbidden word with what stands around it."""
    reader = Visible()
    reader.feed(html)
    return sorted(
        {
            line[max(0, hit.start() - 40) : hit.end() + 40]
            for line in reader.lines
            for hit in FORBIDDEN.finditer(line)
        }
    )


@pytest.mark.parametrize(
    ("html", "bad"),
    [
        ("<p>One session today</p>", True),
        ("<p>Therapy session, two integration sessions</p>", False),
        ('<a aria-label="Anchor of T0">x</a>', True),
        ("<pre>t0: provisional</pre><p>Withheld, generational</p>", False),
        ("<td>Provisional</td>", True),
        ("<p>Slot held</p>", True),
    ],
)
def test_the_reader_sees_what_a_person_sees(html: str, bad: bool) -> None:
    assert bool(found_in(html)) is bad


def test_no_page_shows_the_names_of_the_code(
    as_everyone: Client,  # noqa: F811  # the fixture
    inhabited: dict[str, list[str]],  # noqa: F811  # the fixture
) -> None:
    wrong: dict[str, Any] = {}
    seen = 0
    for template in every.PAGES:
        if template.startswith(("static/", "webhooks/", "demo/", "healthz", "livez", "readyz")):
            continue
        _, page = every._first_shown(as_everyone, template, inhabited)
        if page is None or page.status_code != 200:
            continue
        seen += 1
        hits = [
            hit for hit in found_in(page.content.decode()) if ALLOWED.get(template, "\0") not in hit.lower()
        ]
        if hits:
            wrong[template] = hits
    assert wrong == {}
    assert seen > 60, "the pages are found"
