"""The demo's web port: which one is free, and whether the product answers there."""

from __future__ import annotations

import errno
import http.client
import socket
from contextlib import closing, suppress

from config.launcher.errors import LauncherError

HOST = "127.0.0.1"
DEFAULT_PORT = 8000
READY_PATH = "/healthz/ready"
LIVE_PATH = "/healthz/live"
_TRIES = 100


def address(port: int) -> str:
    """The address to open in a browser."""
    return f"http://{HOST}:{port}/"


def claim_port(wanted: int) -> socket.socket:
    """A socket bound to `wanted` or the next free port (0: any); the server inherits it, so nobody can take
    it between.

    Raises LauncherError when none of the next hundred ports is free or this account may not use the wanted
    one.
    """
    for port in range(wanted, min(wanted + _TRIES, 65_536)) if wanted else (0,):
        if port and _somebody_listens(port):
            continue
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((HOST, port))
        except OSError as error:
            bound.close()
            if error.errno == errno.EACCES:
                raise LauncherError(
                    f"This account may not use port {port}; choose one above 1023."
                ) from error
            continue
        return bound
    raise LauncherError(f"No free port from {wanted} on; choose another with --port.")


def _somebody_listens(port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def is_ready(port: int) -> bool:
    """Whether the product says that it can do all its work."""
    return _answers(port, READY_PATH)


def is_live(port: int) -> bool:
    """Whether the product answers at all."""
    return _answers(port, LIVE_PATH)


def _answers(port: int, path: str) -> bool:
    """Whether a probe gets 200. No proxy of the environment is asked."""
    with suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        with closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status == 200
    return False
