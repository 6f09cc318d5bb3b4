"""A real Chromium before a real server; every page is watched for errors and for requests to anybody else."""

import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from flask import Flask, Response
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.conftest import Instance

FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT: Final = 10_000
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_EXPECTED: Final = (
    "Failed to load resource: the server responded with a status of 4",  # our own refusals and error pages
    "Failed to load resource: net::ERR_CACHE_MISS",  # an answer to a POST that the browser did not keep
    "Error with Permissions-Policy header: Unrecognized feature: ",  # a power that this Chromium does not even have
)


@dataclass
class Watch:
    """What a browser did that it should not."""

    hosts: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def follow(self, context: BrowserContext) -> None:
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def _request(self, request: Request) -> None:
        self.hosts.add(urlsplit(request.url).hostname or request.url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_EXPECTED):
            self.errors.append(message.text)

    def check(self) -> None:
        assert self.errors == []
        assert self.hosts <= {"127.0.0.1"}


@dataclass
class Site:
    """One instance, served; and the everyday page that *Leave this page* leads to."""

    instance: Instance
    app: Flask
    address: str
    elsewhere: str


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve(app: Flask) -> Iterator[str]:
    """Serve an application on a free port of this machine."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def everyday() -> Flask:
    """Another site: its page forbids storing, and holds a field as any page may."""
    app = Flask("everyday")

    @app.get("/")
    def show() -> Response:
        page = "<!doctype html><html lang=en><title>Weather</title><link rel=icon href=data:,><h1>Weather</h1><textarea></textarea>"
        return Response(page, headers={"Cache-Control": "no-store"})

    return app


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("Chromium is missing; Debian and Ubuntu: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def play(chromium: str) -> Iterator[Playwright]:
    with sync_playwright() as play:
        yield play


@pytest.fixture(scope="module")
def browser(play: Playwright, chromium: str) -> Iterator[Browser]:
    browser = play.chromium.launch(executable_path=chromium, args=FLAGS, timeout=TIMEOUT)
    yield browser
    browser.close()


@pytest.fixture
def site(instance: Instance) -> Iterator[Site]:
    with serve(everyday()) as elsewhere:
        app = instance.app(leave=f"{elsewhere}/")
        with serve(app) as address:
            yield Site(instance, app, address, elsewhere)


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    yield watch
    watch.check()


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(browser: Browser, watch: Watch) -> Iterator[NewPage]:
    """Open a page in a context of its own; without script unless asked."""
    contexts: list[BrowserContext] = []

    def make(*, script: bool = False, measured: bool = False, width: int = 1280) -> Page:
        context = browser.new_context(java_script_enabled=script or measured, bypass_csp=measured, viewport={"width": width, "height": 800})
        context.set_default_timeout(TIMEOUT)
        watch.follow(context)
        contexts.append(context)
        return context.new_page()

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def own_browser(play: Playwright, chromium: str, watch: Watch, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    """A browser with a profile on disk and with its back/forward cache, as people have it."""
    context = play.chromium.launch_persistent_context(
        tmp_path / "profile",
        executable_path=chromium,
        args=FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
        java_script_enabled=request.param,
        timeout=TIMEOUT,
    )
    context.set_default_timeout(TIMEOUT)
    watch.follow(context)
    yield context
    context.close()
