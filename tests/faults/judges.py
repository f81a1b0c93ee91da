"""The other ends of the sockets. What counts as sent, doubled, lost or early is what these have seen, not our tables."""

from __future__ import annotations

import json
import select
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from tests.journeys.stack import free_port


@dataclass
class Ledger:
    """What arrived, by address: moments (seconds since the epoch) of everything that a person would have read."""

    arrived: dict[str, list[float]] = field(default_factory=dict)
    absorbed: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def deliver(self, address: str) -> None:
        with self.lock:
            self.arrived.setdefault(address, []).append(time.time())

    def counts(self) -> Counter[int]:
        """How many addresses got how many copies."""
        return Counter(len(times) for times in self.arrived.values())


class Provider:
    """A text message gateway with perfect key memory: a repeat of a key is answered and not delivered again."""

    def __init__(self) -> None:
        self.ledger, self.known = Ledger(), {}
        judge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = (
                True  # as any gateway does: no 40 ms between the head and the body of an answer
            )

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps(
                    {"id": judge.take(self.headers.get("Idempotency-Key"), body["to"])}
                ).encode()
                self.send_response(201)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                return

            def handle(self) -> None:
                try:
                    super().handle()
                except (ConnectionError, BrokenPipeError):  # its sender was killed
                    return

        class Server(ThreadingHTTPServer):
            daemon_threads, request_queue_size = True, 200

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def take(self, key: str | None, address: str) -> str:
        select.select([], [], [], 0.03)  # the way to a gateway and back: long enough to be killed on
        with self.ledger.lock:
            if key is not None and key in self.known:
                self.ledger.absorbed += 1
                return str(self.known[key])
            number = f"m{len(self.known) + 1}"
            if key is not None:
                self.known[key] = number
            self.ledger.arrived.setdefault(address, []).append(time.time())
        return number

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class MailServer:
    """A scripted SMTP server without any memory of keys. `script` is asked for every recipient.

    `script[address]` is a list of moods, used up one by one: `rcpt:550 ...` and `data:452 ...` are answers, `drop` closes
    the line after the text was taken in, `slow` takes it in and answers late. An address without a script is accepted.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.script: dict[str, list[str]] = {}
        self.patience = 0.0
        self.attempts: Counter[str] = Counter()
        self.refusing = False
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), ready_timeout=10)
        self.controller.start()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.controller.port}"

    def mood(self, address: str, stage: str) -> str:
        waiting = self.script.get(address) or []
        if waiting and waiting[0].split(":")[0] == stage:
            return waiting.pop(0).partition(":")[2] or stage
        return ""

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:
        self.attempts[address] += 1
        answer = self.mood(address, "rcpt")
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        import asyncio

        (address,) = envelope.rcpt_tos
        message_from_bytes(envelope.content, policy=policy.default)
        answer = self.mood(address, "data")
        if answer:
            return answer
        self.ledger.deliver(address)  # the text is here: whoever does not wait for the answer cannot know it
        if self.mood(address, "slow"):
            await asyncio.sleep(self.patience)
        if self.mood(address, "drop"):
            server.transport.abort()
        return "250 accepted"

    def stop(self) -> None:
        self.controller.stop()
