"""Faces as processes, started as an operator does, and browsers that reach them over a real connection."""

import base64
import contextlib
import http.client
import http.cookies
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from app.members.passphrase import STEP_SECONDS, code_at
from tests.conftest import SERVER_SECRET, Instance
from tests.forms import Form, read_form

PROJECT: Final = Path(__file__).parents[1]
BROKEN: Final = (OSError, http.client.HTTPException)  # what a client sees of a process that died, or does not serve yet
NO_ANSWER: Final = 60
_START_SECONDS: Final = 60
_REDIRECTS: Final = (301, 302, 303)


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class Process:
    """One face, started as an operator does."""

    def __init__(self, instance: Instance, face: str, port: int, *, settings: Path | None = None, **variables: str) -> None:
        secret = instance.folder / "server.secret"
        if not secret.exists():
            secret.write_text(SERVER_SECRET.hex())
            secret.chmod(0o400)
        own = {"PAIVAND_STATE_FILE": str(instance.folder / f"{face}.state")}
        if face != "intake":
            own["PAIVAND_SERVER_SECRET_FILE"] = str(secret)
        environment = {
            "PATH": os.environ["PATH"],
            "PAIVAND_DATABASE": instance.url_of(face),
            "PAIVAND_ROOT": instance.root.hex(),
            **own,
            **variables,
        }
        chosen = str(settings or PROJECT / "deploy" / f"{face}.conf.py")
        command = [sys.executable, "-m", "gunicorn", "-c", chosen, "-b", f"127.0.0.1:{port}", f"wsgi:{face}"]
        self.port, self._said = port, ""
        self._log: IO[bytes] | None = tempfile.TemporaryFile()  # noqa: SIM115 - read and closed by `stop`; a pipe would fill up
        self.running = subprocess.Popen(
            command,
            env={name: value for name, value in environment.items() if value},
            cwd=PROJECT,
            start_new_session=True,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> None:
        """Wait until it answers."""
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self.running.poll() is None:
            try:
                self.ask("GET", "/-/ready")
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(self.stop())

    def ask(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> tuple[int, str]:
        """Send one request; return (status, page)."""
        answer = self.exchange(method, path, data)
        return answer.status, answer.text

    def exchange(self, method: str, path: str, data: Mapping[str, Any] | None = None, cookies: Mapping[str, str] | None = None) -> Answer:
        """Send one request over a connection of its own.

        Raises:
            OSError, http.client.HTTPException: nothing listens, or the line broke before the answer was whole (`BROKEN`).
        """
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if data else {}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        body = urllib.parse.urlencode(data, doseq=True) if data else None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=NO_ANSWER)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            with answer:
                return Answer(answer.status, answer.headers, answer.read().decode())

    def write(self, text: str) -> str:
        """Send a report; return the page with its code."""
        _, page = self.ask("POST", "/f", {"go": "write"})
        token = re.findall(r'name="token" value="([^"]+)"', page)[0]
        status, page = self.ask("POST", "/f", {"do": "send", "token": token, "text": text})
        assert status == 201, page
        return page

    def members(self) -> list[int]:
        """Return the ids of the master and its workers."""
        return [int(item.name) for item in Path("/proc").glob("[0-9]*") if _group(int(item.name)) == self.running.pid]

    def workers(self) -> list[int]:
        """Return the ids of the workers alone."""
        return [pid for pid in self.members() if pid != self.running.pid]

    def stop(self) -> str:
        """End master and workers at once; return all that they said."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()
        if self._log is not None:
            self._log.seek(0)
            self._said = self._log.read().decode()
            self._log.close()
            self._log = None
        return self._said


class Visitor:
    """A browser without script on a real line: opens pages, fills the forms it finds, keeps cookies, follows redirects."""

    def __init__(self, process: Process, statuses: list[int] | None = None) -> None:
        """Begin on no page; the status of every answer is put into the list, which others may share."""
        self.process, self.cookies = process, dict[str, str]()
        self.statuses: list[int] = [] if statuses is None else statuses
        self.status, self.text, self.path = 0, "", "/"

    def get(self, path: str) -> int:
        """Open a page; return its status."""
        return self._follow("GET", path, None)

    def post(self, path: str, data: Mapping[str, Any]) -> int:
        """Send a form; return the status of the page it led to."""
        return self._follow("POST", path.split("#", maxsplit=1)[0], data)

    def forms(self) -> list[Form]:
        """Return the forms of the page."""
        return read_form(self.text)

    def form(self, action: str) -> Form:
        """Return the form of which a button leads there."""
        for form in self.forms():
            if (found := form.towards(action)) is not None:
                return found
        raise AssertionError(f"no form {action} on a page of status {self.status}")

    def press(self, action: str, button: tuple[str, str] | None = None, /, **typed: Any) -> int:
        """Fill a form of the page and press one of its buttons."""
        return self.post(*self.fill(action, button, **typed))

    def fill(self, action: str, button: tuple[str, str] | None = None, /, **typed: Any) -> tuple[str, Mapping[str, Any]]:
        """Return where a form of the page would be sent, and with what."""
        form = next((form for form in self.forms() if button in form.buttons), None) or self.form(action)
        return form.action, form.data(button, **typed)

    def _follow(self, method: str, path: str, data: Mapping[str, Any] | None) -> int:
        answer = self.process.exchange(method, path, data, self.cookies)
        self.statuses.append(answer.status)
        for name, value in http.cookies.SimpleCookie("; ".join(answer.headers.get_all("Set-Cookie", []))).items():
            self.cookies[name] = value.value
        if answer.status in _REDIRECTS:
            return self._follow("GET", answer.headers["Location"], None)
        self.status, self.text, self.path = answer.status, answer.text, path
        return self.status


class Colleague(Visitor):
    """A member of the team at the desk, by the clock of this machine."""

    def __init__(self, process: Process, instance: Instance, name: str, statuses: list[int] | None = None) -> None:
        super().__init__(process, statuses)
        self.instance, self.name, self._step, self._csrf = instance, name, 0, ""

    def sign_in(self) -> bool:
        """Try to sign in with a code that was not used yet, of which three are good at any moment; return whether it was done."""
        if self.get("/desk/") != http.client.OK:
            return False
        if "passphrase" not in self.text:  # it was done, but the answer did not come
            return True
        self._step = max(self._step + 1, int(time.time()) // STEP_SECONDS - 1)
        while self._step > int(time.time()) // STEP_SECONDS + 1:
            time.sleep(0.2)  # a code works once
        member = self.instance.members[self.name]
        code = code_at(base64.b32decode(member.totp), datetime.fromtimestamp(self._step * STEP_SECONDS, UTC))
        return self.press("/desk/", name=self.name, passphrase=member.passphrase, code=code) == http.client.OK

    def look(self) -> int:
        """Take waiting reports in."""
        return self.post("/desk/queue", {"csrf": self.csrf})

    @property
    def csrf(self) -> str:
        """The form secret of the newest page that had one."""
        self._csrf = next((value for form in self.forms() if (value := form.value("csrf"))), self._csrf)
        return self._csrf


@contextmanager
def starting(instance: Instance) -> Iterator[Any]:
    """Hand out what starts faces, and stop them at the end whatever happens."""
    started: list[Process] = []

    def start(face: str, port: int, **options: Any) -> Process:
        started.append(Process(instance, face, port, **options))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.stop()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1
