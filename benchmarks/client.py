"""The other side: sources without script, in a process of their own, over raw sockets. Standard library only.

`load` sends texts, `ping` asks for the first page, `stall` holds half-sent bodies open. Each prints one line of JSON.
"""

import argparse
import json
import re
import resource
import select
import socket
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, Final

TEXT: Final = ("They came to the house at night and asked for my brother. " * 40)[:2048]
_EMPTY: Final = ("who", "exile", "rel", "day", "month", "year", "when", "where", "by", "aim")  # what a browser sends of empty fields
_TOKEN: Final = re.compile(rb'name="token" value="([^"]+)"')
_CODE: Final = re.compile(rb'class="code">(.*?)</p>', re.DOTALL)
_DIGITS: Final = 27
_CREATED: Final = 201
_OK: Final = 200
_TIMEOUT: Final = 60
_PERIOD: Final = 0.05
_HALF: Final = 1024
_GIVE_UP: Final = 10  # wrong answers


@dataclass
class Answer:
    """Status, cookies and body of one answer."""

    status: int
    cookie: str
    body: bytes


def ask(port: int, method: str, path: str, pairs: list[tuple[str, str]] | None = None, cookie: str = "") -> Answer:
    """Connect, ask, read to the end."""
    body = urllib.parse.urlencode(pairs).encode() if pairs else b""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    if cookie:
        head += f"Cookie: {cookie}\r\n"
    if pairs:
        head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", port), _TIMEOUT) as line:
        line.sendall(head.encode() + b"\r\n" + body)
        parts = []
        while part := line.recv(65536):
            parts.append(part)
    headers, _, rest = b"".join(parts).partition(b"\r\n\r\n")
    lines = headers.decode("latin-1").split("\r\n")
    cookies = [item.partition(":")[2].partition(";")[0].strip() for item in lines if item.lower().startswith("set-cookie:")]
    return Answer(int(lines[0].split()[1]), "; ".join(cookies), rest)


@dataclass
class Load:
    """What the clients have done so far."""

    port: int
    until: float
    most: int
    taken: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    bytes: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    begun: int = 0

    def go_on(self) -> None:
        """Send one text after the other."""
        while time.perf_counter() < self.until and len(self.wrong) < _GIVE_UP:
            with self.lock:
                if self.begun == self.most:
                    return
                self.begun += 1
            start = time.perf_counter()
            fault = self._submit()
            with self.lock:
                if fault:
                    self.wrong.append(fault)
                else:
                    self.taken.append(time.perf_counter() - start)

    def _submit(self) -> str:
        """Open the form, send a text, receive a code; return what went wrong."""
        try:
            form = ask(self.port, "POST", "/f", [("l", "en"), ("go", "write")])
            token = _TOKEN.search(form.body)
            if form.status != _OK or token is None:
                return f"form: {form.status}"
            empty = [(name, "") for name in _EMPTY]
            pairs = [("token", token[1].decode()), ("l", "en"), ("text", TEXT), *empty, ("do", "send")]
            receipt = ask(self.port, "POST", "/f", pairs, form.cookie)
        except OSError as error:
            return type(error).__name__
        code = _CODE.search(receipt.body)
        digits = re.sub(rb"<[^>]*>|\s", b"", code[1]) if code else b""
        if receipt.status != _CREATED or len(digits) != _DIGITS or not digits.isdigit():
            return f"receipt: {receipt.status}, {len(digits)} digits"
        self.bytes = {"form": len(form.body), "receipt": len(receipt.body)}
        return ""


def load(port: int, clients: int, seconds: float, most: int) -> dict[str, Any]:
    """Send texts from so many clients at once, for so long or so many."""
    begun = time.perf_counter()
    state = Load(port, begun + seconds, most)
    threads = [threading.Thread(target=state.go_on) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"seconds": time.perf_counter() - begun, "taken": state.taken, "wrong": state.wrong, "bytes": state.bytes}


def ping(port: int, seconds: float) -> dict[str, Any]:
    """Ask for the first page every 50 ms; one that is late delays the next, as it does for a person."""
    taken: list[float] = []
    wrong: list[str] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until and len(wrong) < _GIVE_UP:
        start = time.perf_counter()
        try:
            status = ask(port, "GET", "/").status
        except OSError as error:
            wrong.append(type(error).__name__)
            continue
        taken.append(time.perf_counter() - start)
        if status != _OK:
            wrong.append(str(status))
        time.sleep(max(0.0, _PERIOD - (time.perf_counter() - start)))
    return {"taken": taken, "wrong": wrong}


def stall(port: int, count: int) -> dict[str, Any]:
    """Send half of many bodies, say `ready`, hold them until standard input ends, and count those still open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    head = f"POST /f HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {2 * _HALF}\r\n\r\n"
    lines = []
    for _ in range(count):
        lines.append(socket.create_connection(("127.0.0.1", port), _TIMEOUT))
        lines[-1].sendall(head.encode() + b"x" * _HALF)
    print("ready", flush=True)
    sys.stdin.read()
    ended = select.poll()
    for line in lines:
        ended.register(line, select.POLLIN | select.POLLHUP | select.POLLERR)
    held = count - len(ended.poll(0))
    for line in lines:
        line.close()
    return {"held": held}


def main() -> None:
    """Run as one of the three."""
    words = argparse.ArgumentParser()
    words.add_argument("what", choices=("load", "ping", "stall"))
    words.add_argument("port", type=int)
    words.add_argument("--clients", type=int, default=8)
    words.add_argument("--seconds", type=float, default=10)
    words.add_argument("--most", type=int, default=1_000_000)
    words.add_argument("--count", type=int, default=0)
    given = words.parse_args()
    if given.what == "load":
        found = load(given.port, given.clients, given.seconds, given.most)
    elif given.what == "ping":
        found = ping(given.port, given.seconds)
    else:
        found = stall(given.port, given.count)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
