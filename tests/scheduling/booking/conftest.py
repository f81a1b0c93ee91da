"""For the tests that commit: what a migration put into the database is put back after them."""

from __future__ import annotations

from tests.scheduling.follow.conftest import basics_afterwards

__all__ = ["basics_afterwards"]
