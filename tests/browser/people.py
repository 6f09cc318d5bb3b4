"""The people of these tests, as they use their browsers."""

from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Locator, Page

from tests.browser.conftest import Site
from tests.conftest import Member, Source

WORDS: Final = "Two people came to the house.\n\nThey asked where he lives."
QUESTION: Final = "Was anything said about a passport?"


def press(button: Locator) -> None:
    """Press a button and wait for the page that answers."""
    with button.page.expect_navigation():
        button.click()


@dataclass
class Writer:
    """Somebody who writes to us."""

    page: Page
    site: Site

    def show_landing(self, lang: str = "en") -> None:
        self.page.goto(self.site.address)
        if lang != "en":
            press(self.page.locator(f".langs [lang={lang}]"))

    def show_form(self, lang: str = "en") -> None:
        self.show_landing(lang)
        press(self.page.locator("[value=write]"))

    def send(self) -> None:
        press(self.page.locator("[value=send]").last)

    def send_words(self, lang: str = "en") -> str:
        self.show_form(lang)
        self.page.fill("#text", WORDS)
        self.send()
        return self.shown_code()

    def shown_code(self) -> str:
        return "".join(self.page.locator(".code").inner_text().split())

    def show_code_page(self, lang: str = "en") -> None:
        self.show_landing(lang)
        press(self.page.locator("[value=code]"))

    def open_mailbox(self, code: str, lang: str = "en") -> None:
        self.show_code_page(lang)
        self.page.fill("#code", code)
        press(self.page.locator("[value=open]"))


@dataclass
class Worker:
    """A member of the team."""

    page: Page
    site: Site
    name: str

    def sign_in(self, door: str = "/desk/", *, passphrase: str = "") -> None:
        self.page.goto(self.site.address + door)
        self.page.fill("[name=name]", self.name)
        self.page.fill("[name=passphrase]", passphrase or self.site.instance.members[self.name].passphrase)
        self.page.fill("[name=code]", self.site.instance.code(self.name))
        press(self.page.locator("button.go"))

    def show(self, path: str) -> None:
        self.page.goto(self.site.address + path)

    def open_first(self) -> None:
        press(self.page.locator(".queue .plain").first)


def report_with_question(site: Site, *, released: bool) -> str:
    """Send a report and hand a question over without a browser; return the code."""
    source = Source(site.app)
    code = source.write(WORDS, danger="now", reply="yes", who="his mother", kind=["THR"])
    nigora = Member(site.app, site.instance, "Nigora")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    nigora.press("/description", gist="Visit at a home", summary="Two people came.", translation="")
    nigora.press("/messages", message=QUESTION)
    if released:
        ruth = Member(site.app, site.instance, "Ruth")
        ruth.sign_in()
        ruth.get("/desk/messages")
        ruth.press("/release")
    return code
