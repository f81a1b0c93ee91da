"""The peer's no-op job: `celery -A bench.dispatch.peers`."""

from __future__ import annotations

import os

from celery import Celery

url = os.environ.get("REDIS_URL", "")
app = Celery("peer", broker="redis+socket://" + url.removeprefix("unix://"))
app.conf.task_ignore_result = True
app.conf.broker_connection_retry_on_startup = True


@app.task(name="noop")
def noop(number: int) -> None:
    """Count it in Valkey, so that the end can be seen."""
    import redis

    global _counter
    if _counter is None:
        _counter = redis.Redis(unix_socket_path=url.removeprefix("unix://"))
    _counter.incr("done")


_counter = None
