"""An admin without a colleague sends the waiting revision to an outside reviewer; by the link in the mail it is approved."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.journeys.person import Person
from tests.journeys.stack import Stack, wait_until

pytestmark = pytest.mark.journey
REVISION, READER = "/protocols/six-in-three-weeks/v/2/", "lea.external@university.example"


def test_sent_by_the_admin_read_and_signed_by_link(demo: Stack, guest: Any) -> None:
    admin: Person = guest()
    admin.one_click("Protocol admin")
    admin.open(REVISION)
    admin.page.get_by_role("link", name="Send to an outside reviewer").click()
    admin.page.get_by_label("Name of the reviewer").fill("Dr Lea External")
    admin.page.get_by_label("E-mail").fill(READER)
    admin.page.get_by_role("button", name="Send the link").click()
    admin.page.get_by_text(f"The link is on its way to {READER}.").wait_for()
    admin.check_page()
    [message] = wait_until(lambda: demo.mailbox.to(READER), seconds=20, what="the link by mail")
    found = re.search(r"/review/[\w-]{20,}/", message.get_content())
    assert found is not None
    reader: Person = guest()
    reader.open(found.group())
    reader.check_widths()
    reader.page.get_by_label("I have read this text and approve it for use").check()
    reader.page.get_by_label("Your full name").fill("Lea External")
    reader.page.get_by_label("Your registration").fill("GMC 1234567")
    reader.page.get_by_role("button", name="Sign and send your answer").click()
    reader.page.get_by_role("heading", name="Approved").wait_for()
    reader.check_page()
    admin.open(REVISION)
    admin.page.get_by_text("Approved by Lea External, GMC 1234567 (outside reviewer)").wait_for()
