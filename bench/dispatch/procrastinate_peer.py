"""Procrastinate's part, run in an environment of its own (requirements.txt): `schema`, `defer N`, or `drain`.

`drain` prints "ready", waits for a line, and works in one-shot mode until nothing is due. DSN names the database.
"""

from __future__ import annotations

import asyncio
import os
import sys

from procrastinate import App, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=os.environ["DSN"]))


@app.task(name="noop")
async def noop(number: int) -> None:
    """Nothing."""


async def main(verb: str, *rest: str) -> None:
    """One verb."""
    async with app.open_async():
        if verb == "schema":
            await app.schema_manager.apply_schema_async()
        elif verb == "defer":
            await noop.batch_defer_async(*({"number": n} for n in range(int(rest[0]))))
        else:
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)
            print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
