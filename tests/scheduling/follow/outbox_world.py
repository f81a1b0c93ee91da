"""A mail server that is the judge, and an infusion whose messages are planned."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduling.models import Message
from scheduling.services import windows
from tests.scheduling.follow import world as w
from tests.scheduling.follow.mailbox import receiving


@pytest.fixture
def mailbox(settings):
    with receiving(settings) as box:
        yield box


@pytest.fixture
def visit(clinic):
    return w.book_course(clinic, [w.FIRST, w.FIRST + timedelta(days=3)]).appointments.get(ordinal=1)


@pytest.fixture
def infusion(clinic, clock, visit):
    """Stopped at 10:40, not signed; the clock stands there."""
    infusion = w.start_pump(clinic, visit)
    w.stop_pump(clinic, infusion)
    clock.set(infusion.stopped_at)
    windows.reanchor(infusion=infusion)
    return infusion


@pytest.fixture
def no_driving(infusion) -> Message:
    return Message.objects.get(kind="no_driving")


def again(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)
