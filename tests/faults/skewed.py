"""A Celery worker whose clock is wrong: `python -m tests.faults.skewed HOURS worker ...`, in this process and its children."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

import time_machine

if __name__ == "__main__":
    hours = float(sys.argv.pop(1))
    before = time.time()
    traveller = time_machine.travel(datetime.fromtimestamp(before + hours * 3600, UTC), tick=True)
    traveller.start()
    print(f"this process is {time.time() - before:.0f} s ahead", flush=True)
    from celery.__main__ import main

    sys.argv[1:1] = ["-A", "config"]
    sys.exit(main())
