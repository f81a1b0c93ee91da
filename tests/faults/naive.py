"""The control: how reminders are usually made, an ETA in the broker. Under the same storm it must fail, or the storm
proves nothing. Nothing of the product is in here.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime

import requests
from celery import Celery

url = os.environ["REDIS_URL"]
app = Celery(
    "naive", broker="redis+socket://" + url.removeprefix("unix://") if url.startswith("unix://") else url
)
app.conf.update(
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    # An hour by default, for reminders hours ahead; here seconds stand for hours.
    broker_transport_options={"visibility_timeout": 5},
)


@app.task(name="remind")
def remind(address: str) -> None:
    """Send one reminder."""
    requests.post(os.environ["SMS_WEBHOOK_URL"], json={"to": address}, timeout=10).raise_for_status()


if __name__ == "__main__":
    number, lead, spread = map(int, sys.argv[1:])
    began, due = time.time(), {}
    for n in range(number):
        after = lead + spread * n / number
        due[f"+1503{5550000 + n}"] = began + after
        eta = datetime.fromtimestamp(began + after, UTC)
        app.tasks["remind"].apply_async([f"+1503{5550000 + n}"], eta=eta)
    print(json.dumps({"due": due}))
