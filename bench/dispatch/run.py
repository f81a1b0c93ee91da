"""Claimed, sent and marked per second by 1, 2 and 4 processes, behind a small and a large backlog. See README.md."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg2
import redis

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("SECRET_KEY", "bench-" + "x" * 60)
os.environ.setdefault("FIELD_KEY", "bm90LWEtc2VjcmV0LWZpZWxkLWtleS1kZW1vISEhISE=")

from tests.faults.storm import Ground, Storm, ground, storm  # noqa: E402

BACKLOG = """
    INSERT INTO scheduling_message (code, patient_id, follow_up_id, contact_point_id, channel, kind, ordinal,
        generation, due_at, expires_at, due_local, time_zone, state, fence, attempts, idem_key, created_at,
        subject, body, provider_id, last_error_code, closed_reason, doubtful, delivery)
    SELECT gen_random_uuid(), m.patient_id, m.follow_up_id, m.contact_point_id, m.channel, m.kind, 1,
        1000 + n, m.due_at + interval '300 days' + n * interval '1 second', m.due_at + interval '900 days', '',
        m.time_zone, 'scheduled', 0, 0, 'backlog/' || n, m.created_at, '', '', '', '', '', false, ''
    FROM generate_series(1, %s) n
    JOIN (SELECT *, row_number() OVER () - 1 AS place, count(*) OVER () AS places FROM scheduling_message) m
      ON m.place = n %% m.places
"""


PEER_BACKLOG = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, scheduled_at, attempts)
    SELECT 'default', 'noop', '{"number": 0}', 'todo', now() + interval '300 days' + n * interval '1 second', 0
    FROM generate_series(1, %s) n
"""


def as_superuser(one: Ground, database: str, *statements: tuple[str, tuple[object, ...]]) -> None:
    """Statements as the cluster's superuser, without triggers (a million history rows are not the question)."""
    connection = psycopg2.connect(dbname=database, user="postgres", host=str(one.servers.sockets), port=5432)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for text, values in statements:
            cursor.execute(text, values or None)
    connection.close()


def settled(table: str) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """Statements after which the server has no work left over from filling `table`."""
    return (f"VACUUM (ANALYZE) {table}", ()), ("CHECKPOINT", ())


def drain(one: Storm, workers: int) -> float:
    """Messages per second by that many processes."""
    processes = [
        subprocess.Popen(
            [sys.executable, "bench/dispatch/drain.py"], cwd=ROOT, env=one.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(workers)
    ]  # fmt: skip
    for process in processes:
        process.stdout.readline()
    began = time.monotonic()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    sent = sum(int(process.stdout.readline()) for process in processes)
    seconds = time.monotonic() - began
    for process in processes:
        process.wait()
    return sent / seconds


def ours(place: Ground, name: str, due: int, pending: int, workers: int) -> float:
    """A fresh database with this backlog."""
    with storm(place, name) as one:
        one.fill(due, "sms", 1, 0)
        as_superuser(place, name, (BACKLOG, (pending,)), *settled("scheduling_message"))
        time.sleep(max(one.began + 2 - time.time(), 0))
        return drain(one, workers)


def celery_eta(place: Ground, number: int, workers: int) -> float:
    """No-op tasks with an ETA that has passed, by one worker with that many processes."""
    environment = os.environ | {"REDIS_URL": place.servers.redis_url, "CLEARWINDOW_NO_BOOTSTRAP": "1"}
    broker = redis.from_url(place.servers.redis_url)
    broker.flushall()
    code = (
        "from bench.dispatch.peers import noop; from datetime import datetime, UTC\n"
        f"for n in range({number}): noop.apply_async([n], eta=datetime.fromtimestamp(0, UTC))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
    command = ["worker", "--loglevel", "ERROR", "--without-gossip", "--without-mingle", "-c", str(workers)]
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "bench.dispatch.peers", *command], cwd=ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while not int(broker.get("done") or 0):
            time.sleep(0.01)
        began = time.monotonic()
        while int(broker.get("done") or 0) < number:
            time.sleep(0.01)
        return number / (time.monotonic() - began)
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def procrastinate(place: Ground, python: str, due: int, pending: int, workers: int) -> float:
    """No-op jobs by that many of its workers, behind this backlog, in a database of its own."""
    place.sql("DROP DATABASE IF EXISTS bench_peer WITH (FORCE)")
    place.sql("CREATE DATABASE bench_peer")
    dsn = f"dbname=bench_peer user=postgres host={place.servers.sockets} port=5432"
    command, environment = [python, "bench/dispatch/procrastinate_peer.py"], os.environ | {"DSN": dsn}
    for verb in (["schema"], ["defer", str(due)]):
        subprocess.run([*command, *verb], cwd=ROOT, env=environment, check=True, stderr=subprocess.DEVNULL)
    as_superuser(place, "bench_peer", (PEER_BACKLOG, (pending,)), *settled("procrastinate_jobs"))
    processes = [
        subprocess.Popen(
            [*command, "drain"], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )
        for _ in range(workers)
    ]  # fmt: skip
    for process in processes:
        process.stdout.readline()
    began = time.monotonic()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.stdout.readline()
    seconds = time.monotonic() - began
    for process in processes:
        process.wait()
    question = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
    connection = psycopg2.connect(dsn)
    with connection.cursor() as cursor:
        cursor.execute(question)
        done = int(cursor.fetchone()[0])
    connection.close()
    if done != due:
        raise SystemExit(f"Procrastinate did {done} of {due}")
    return done / seconds


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--pending", type=int, nargs=2, default=[10_000, 1_000_000])
    options.add_argument("--due", type=int, default=2000)
    options.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    options.add_argument("--procrastinate-python", default="")
    chosen = options.parse_args()
    small, large = chosen.pending
    print(
        f"{time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores, {chosen.due} due, "
        f"backlogs of {small} and {large}"
    )
    print(
        "| processes | small backlog | large | ratio | Procrastinate, small | large | ratio | Celery ETA, none |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with ground() as place:
        for workers in chosen.workers:
            found = [ours(place, "bench_ours", chosen.due, pending, workers) for pending in (small, large)]
            peer = [
                procrastinate(place, chosen.procrastinate_python, chosen.due, pending, workers)
                for pending in (small, large)
                if chosen.procrastinate_python
            ]
            cells = [
                *(f"{rate:.0f}/s" for rate in found), f"{found[1] / found[0]:.2f}",
                *(f"{rate:.0f}/s" for rate in peer), *([f"{peer[1] / peer[0]:.2f}"] if peer else ["-"] * 3),
                f"{celery_eta(place, chosen.due, workers):.0f}/s",
            ]  # fmt: skip
            print(f"| {workers} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
