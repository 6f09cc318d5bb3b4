"""Every page: no finding by axe-core, no sideways scroll, targets for a thumb, *Leave this page* first and last."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from app.vault.receipt import WORD_LANGUAGES, word_list
from tests.browser.conftest import NewPage, Site, Watch
from tests.browser.people import WORDS, Worker, Writer, press, report_with_question
from tests.conftest import Source

pytestmark = pytest.mark.browser
RULES: Final[dict[str, Any]] = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
WIDTHS: Final = (320, 1280)
THUMB: Final = 44
OPEN_ALL: Final = "() => document.querySelectorAll('details').forEach(group => { group.open = true })"
SIDEWAYS: Final = "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
SMALL: Final = """thumb => [...document.querySelectorAll('a[href], button, summary, select, textarea, input:not([type=hidden])')]
    .map(part => part.matches('[type=radio], [type=checkbox]') ? part.closest('label') : part)
    .filter(part => part.checkVisibility())
    .map(part => [part.outerHTML.slice(0, 80), part.getBoundingClientRect()])
    .filter(([_, box]) => Math.min(box.width, box.height) < thumb)
    .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
FOCUSABLE: Final = """() => [...document.querySelectorAll('a[href], button, summary, select, textarea, input, [tabindex]')]
    .filter(part => part.checkVisibility() && !part.disabled && part.type !== 'hidden' && part.tabIndex >= 0)
    .map(part => [part.tabIndex, part.getAttribute('href') || ''])"""
AXE: Final = Axe()


def write_error(writer: Writer, lang: str) -> None:
    writer.show_form(lang)
    writer.page.locator("details").nth(3).locator("summary").click()
    writer.page.fill("#year", "long ago")
    writer.send()


def code_error(writer: Writer, lang: str) -> None:
    writer.show_code_page(lang)
    writer.page.fill("#code", "123")
    press(writer.page.locator("[value=open]"))


def empty_mailbox(writer: Writer, lang: str) -> None:
    writer.open_mailbox(Source(writer.site.app).write(WORDS), lang)


def full_mailbox(writer: Writer, lang: str) -> None:
    writer.open_mailbox(report_with_question(writer.site, released=True), lang)


def sent_mailbox(writer: Writer, lang: str) -> None:
    empty_mailbox(writer, lang)
    writer.page.fill("#text", WORDS)
    press(writer.page.locator("[value=add]"))


def public_refusal(writer: Writer, lang: str) -> None:
    writer.page.goto(f"{writer.site.address}/nowhere")


PUBLIC: Final[dict[str, Callable[[Writer, str], object]]] = {
    "landing": Writer.show_landing,
    "write": Writer.show_form,
    "write-error": write_error,
    "receipt": Writer.send_words,
    "code": Writer.show_code_page,
    "code-error": code_error,
    "mailbox-empty": empty_mailbox,
    "mailbox-message": full_mailbox,
    "mailbox-sent": sent_mailbox,
    "refusal": public_refusal,
}


def door(worker: Worker) -> None:
    worker.show("/desk/")


def door_error(worker: Worker) -> None:
    worker.sign_in(passphrase="not the one")


def queue_not_looked(worker: Worker) -> None:
    worker.sign_in()
    worker.site.instance.clock.forward(minutes=61)
    worker.sign_in()
    worker.show("/desk/queue")


def queue(worker: Worker) -> None:
    report_with_question(worker.site, released=True)
    Source(worker.site.app).write(WORDS, "ru", danger="now", reply="unsafe", kind=["SEX"])
    worker.sign_in()
    worker.show("/desk/queue")


def empty_view(worker: Worker) -> None:
    worker.sign_in()
    worker.show("/desk/queue/mine")


def report_unowned(worker: Worker) -> None:
    Source(worker.site.app).write(WORDS, danger="now", who="his mother", kind=["THR", "ECO"])
    worker.sign_in()
    worker.open_first()


def report_mine(worker: Worker) -> None:
    report_with_question(worker.site, released=True)
    worker.sign_in()
    worker.open_first()


def report_translated(worker: Worker) -> None:
    report_mine(worker)
    worker.page.locator("summary", has_text="Edit the translation").click()
    worker.page.fill("#tr", WORDS)
    worker.page.fill("#nt", "Ask again in a month.")
    press(worker.page.locator(".edit .go"))


def closed(worker: Worker) -> None:
    report_unowned(worker)
    path = worker.page.url
    worker.site.instance.clock.forward(minutes=61)
    worker.sign_in()
    worker.page.goto(path)


def messages(worker: Worker) -> None:
    report_with_question(worker.site, released=False)
    worker.name = "Ruth"
    worker.sign_in()
    worker.show("/desk/messages")


def messages_own(worker: Worker) -> None:
    report_with_question(worker.site, released=False)
    worker.sign_in()
    worker.show("/desk/messages")


def messages_empty(worker: Worker) -> None:
    worker.sign_in()
    worker.show("/desk/messages")


def desk_refusal(worker: Worker) -> None:
    worker.sign_in()
    worker.show("/desk/queue/nowhere")


def log(worker: Worker) -> None:
    report_with_question(worker.site, released=True)
    worker.name = "Edda"
    worker.sign_in("/audit/")


DESK: Final[dict[str, Callable[[Worker], None]]] = {
    "door": door,
    "door-error": door_error,
    "queue-not-looked": queue_not_looked,
    "queue": queue,
    "view-empty": empty_view,
    "report-unowned": report_unowned,
    "report-mine": report_mine,
    "report-translated": report_translated,
    "closed": closed,
    "messages": messages,
    "messages-own": messages_own,
    "messages-empty": messages_empty,
    "refusal": desk_refusal,
    "log": log,
}


def assert_fit(page: Page, *, thumb: int = 0) -> None:
    """Measure a page at both widths, in both schemes, folded and open."""
    page.wait_for_load_state()
    for fold in ("as sent", "open"):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(SIDEWAYS) <= 0, f"{fold}, {width} px: scrolls sideways"
            if thumb:
                assert page.evaluate(SMALL, thumb) == []
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                found = AXE.run(page, options=RULES)
                assert found.violations_count == 0, f"{fold}, {width} px, {scheme}:\n{found.generate_report()}"
        if not page.locator("details").count():
            return
        page.evaluate(OPEN_ALL)


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("name", PUBLIC)
def test_public_page(name: str, lang: str, site: Site, new_page: NewPage) -> None:
    page = new_page(measured=True)
    PUBLIC[name](Writer(page, site), lang)

    order = page.evaluate(FOCUSABLE)

    assert {index for index, _ in order} == {0}
    assert (order[0][1], order[-1][1]) == ("/x", "/x")
    assert_fit(page, thumb=THUMB)


@pytest.mark.parametrize("name", DESK)
def test_staff_page(name: str, site: Site, new_page: NewPage) -> None:
    worker = Worker(new_page(measured=True), site, "Nigora")
    DESK[name](worker)
    assert_fit(worker.page)


@pytest.mark.parametrize("name", ["door-error", "queue-not-looked", "closed", "refusal", "log"])
def test_staff_page_obeys_its_own_policy(name: str, site: Site, new_page: NewPage) -> None:
    """Measuring lifts the policy; here it holds, and the watch sees whether a page breaks it (the walk sees the other pages)."""
    worker = Worker(new_page(script=True), site, "Nigora")
    DESK[name](worker)
    worker.page.wait_for_load_state()
    expect(worker.page.locator("h1, .lead").first).to_be_visible()


def test_the_watch_sees_a_broken_policy_and_a_foreign_host(site: Site, browser: Browser) -> None:
    """A control: what the other tests rely on."""
    watch = Watch()
    with browser.new_context() as context:
        watch.follow(context)
        page = context.new_page()
        page.goto(site.address)
        page.evaluate("document.body.setAttribute('style', 'color: red')")
        page.goto(site.elsewhere)
        page.evaluate("new Image().src = 'http://other.invalid/'")
        page.wait_for_timeout(500)
    assert any("Content Security Policy" in text for text in watch.errors)
    assert "other.invalid" in watch.hosts


@pytest.mark.parametrize("name", ["landing", "write", "receipt", "code", "mailbox-empty", "refusal"])
def test_the_first_tab_reaches_the_way_out(name: str, site: Site, new_page: NewPage) -> None:
    """Without script, with the keyboard alone."""
    page = new_page()
    PUBLIC[name](Writer(page, site), "en")

    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_attribute("href", "/x")

    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.elsewhere}/")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_way_out_covers_no_focused_field(width: int, site: Site, new_page: NewPage) -> None:
    """WCAG 2.4.11: the bar that stays on top hides nothing that has the focus, forwards and backwards."""
    page = new_page(measured=True, width=width)
    Writer(page, site).show_form()
    page.evaluate(OPEN_ALL)
    bar = page.locator(".bar").bounding_box()
    assert bar is not None
    for key in ("Tab", "Shift+Tab"):
        for _ in range(30):
            page.keyboard.press(key)
            focused = page.locator("main :focus")
            if focused.count():
                box = focused.bounding_box()
                assert box is not None
                assert box["y"] + box["height"] > bar["height"], focused.evaluate("part => part.outerHTML")


LONGEST: Final = """words => [...document.querySelectorAll('.words li')].map((item, at) => {
    item.textContent = words[at];
    const range = document.createRange();
    range.selectNodeContents(item);
    return range.getClientRects().length;
})"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lang", WORD_LANGUAGES)
def test_no_word_of_a_code_is_broken(width: int, lang: str, site: Site, new_page: NewPage) -> None:
    """A word is copied by hand: even the longest eight of the list stand on one line each."""
    page = new_page(width=width, script=True)
    Writer(page, site).send_words(lang)

    lines = page.evaluate(LONGEST, sorted(word_list(lang), key=len)[-8:])

    assert lines == [1] * 8
    assert page.evaluate(SIDEWAYS) == 0
