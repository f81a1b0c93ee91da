"""The demo's port, and its readiness question."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from config.launcher.demo import _parser
from config.launcher.web import LIVE_PATH, READY_PATH, claim_port, is_live, is_ready


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_gives_the_next_free_one(taken: int) -> None:
    with closing(claim_port(taken)) as claimed:
        assert taken < claimed.getsockname()[1] <= taken + 100
        assert claimed.getsockname()[0] == "127.0.0.1"


def test_a_claimed_port_cannot_be_claimed_again_before_it_is_served(taken: int) -> None:
    with closing(claim_port(taken)) as first:
        first.listen()
        with closing(claim_port(first.getsockname()[1])) as second:
            assert second.getsockname()[1] > first.getsockname()[1]


def test_port_zero_takes_any() -> None:
    with closing(claim_port(0)) as claimed:
        assert claimed.getsockname()[1] > 0


@pytest.mark.parametrize("text", ["-1", "65536", "8000x", "", "8e3", "1_000"])
def test_a_port_that_is_none_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        _parser().parse_args(["--port", text])
    assert refused.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_stop_and_reset_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        _parser().parse_args(["--stop", "--reset"])
    assert refused.value.code == 2
    assert "not allowed" in capsys.readouterr().err


@pytest.fixture
def served() -> Iterator[tuple[int, dict[str, int]]]:
    """A server whose answer to each path the test sets."""
    answers: dict[str, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers.get(self.path, 404))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, answers
        server.shutdown()
        thread.join(10)


def test_only_an_answer_of_200_counts_as_ready(
    served: tuple[int, dict[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, answers = served
    answers[LIVE_PATH] = 200
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    for status, ready in ((503, False), (302, False), (404, False), (200, True)):
        answers[READY_PATH] = status
        assert is_ready(port) is ready
        assert is_live(port)


def test_nobody_there_is_not_ready() -> None:
    with closing(socket.socket()) as unserved:
        unserved.bind(("127.0.0.1", 0))
        assert not is_ready(unserved.getsockname()[1])
