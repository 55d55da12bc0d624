"""A web server on this machine that misbehaves as told, for the tests of downloads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """`answers` by path; `asked`: the path and Range header of each request, in order; `over`: set when the test ends."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def serve() -> tuple[Server, Callable[[], None]]:
    """Start a server on a free port; returns it and what stops it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, self.headers.get("Range")))
            server.answers.get(self.path, status(404))(self)

        def log_message(self, *arguments: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listening.server_port}")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()

    def stop() -> None:
        server.over.set()
        listening.shutdown()
        thread.join()
        listening.server_close()

    return server, stop


def send(handler: BaseHTTPRequestHandler, code: int, body: bytes, headers: dict[str, str]) -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def status(code: int) -> Answer:
    return lambda handler: send(handler, code, b"", {"Content-Length": "0"})


def redirect(to: str) -> Answer:
    return lambda handler: send(handler, 302, b"", {"Content-Length": "0", "Location": to})


def whole(data: bytes) -> Answer:
    """Ignores Range."""
    return lambda handler: send(handler, 200, data, {"Content-Length": str(len(data))})


def ranged(data: bytes, at_most: int | None = None) -> Answer:
    """Honours `Range: bytes=N-`; breaks off after `at_most` bytes of each answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        start = int((handler.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if start >= len(data) > 0 and start:
            return send(handler, 416, b"", {"Content-Length": "0", "Content-Range": f"bytes */{len(data)}"})
        rest = data[start:]
        code, headers = 200, {"Content-Length": str(len(rest))}
        if handler.headers.get("Range"):
            code, headers = 206, headers | {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        send(handler, code, rest[:at_most], headers)

    return answer


def dripping(server: Server, byte: bytes, pause: float) -> Answer:
    """Sends a byte now and then, without end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, b"", {})
        while not server.over.wait(pause):
            try:
                handler.wfile.write(byte)
            except OSError:
                return

    return answer


def stalling(server: Server, data: bytes, length: int) -> Answer:
    """Sends `data` of `length` bytes, and then nothing."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, data, {"Content-Length": str(length)})
        handler.wfile.flush()
        server.over.wait(60)

    return answer
