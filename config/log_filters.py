"""What may not reach a log. No Django in here: the logging settings load it before any app is ready."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"/(p|review)/[\w-]{16,}")


class LinkTokenFilter(logging.Filter):
    """Takes the tokens of patients' and reviewers' links out of every line that a log handler writes."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True; the record's text is changed."""
        text = record.getMessage()
        if "/p/" in text or "/review/" in text:
            record.msg, record.args = _TOKEN.sub(r"/\1/...", text), None
        return True
