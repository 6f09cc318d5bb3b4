"""Every page: no finding by axe-core, no sideways scroll, targets for a thumb, *Leave this page* first and last."""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe, AxeResults
from playwright.sync_api import Browser, Page, expect

from app.members.passphrase import code_at
from app.vault.receipt import WORD_LANGUAGES, word_list
from app.web.staff import LANGUAGE_COOKIE
from tests.browser import people
from tests.browser.conftest import NewPage, Site, Watch, serve
from tests.browser.people import WORDS, Story, Worker, Writer, press, report_with_question, tell
from tests.conftest import Source, Template
from tests.findings.world import MINOR, SEXUAL, make_published, open_world

pytestmark = pytest.mark.browser
RULES: Final[dict[str, Any]] = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
}
CONTRAST: Final = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
WIDTHS: Final = (320, 1280)
THUMB: Final = 44
RUN: Final = "options => axe.run(options)"
TURN: Final = "direction => { document.documentElement.dir = direction }"
OPEN_ALL: Final = "() => document.querySelectorAll('details').forEach(group => { group.open = true })"
SIDEWAYS: Final = "() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
SMALL: Final = """thumb => [...document.querySelectorAll('a[href], button, summary, select, textarea, input:not([type=hidden])')]
    .filter(part => !part.matches('.skip:not(:focus)'))
    .filter(part => !part.matches('p > a') || part.parentElement.innerText === part.innerText)
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


def cases_not_looked(worker: Worker) -> None:
    queue_not_looked(worker)
    worker.show("/desk/cases")


def findings_not_looked(worker: Worker) -> None:
    queue_not_looked(worker)
    worker.show("/desk/findings")


def cases_empty(worker: Worker) -> None:
    worker.sign_in()
    worker.show("/desk/cases")


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
    "cases-not-looked": cases_not_looked,
    "findings-not-looked": findings_not_looked,
    "cases-empty": cases_empty,
    "refusal": desk_refusal,
    "log": log,
}


def case_without_names(me: Worker, story: Story) -> None:
    me.open(story.case())
    me.show(f"{story.case()}?names=off")


def link_shut(me: Worker, story: Story) -> None:
    me.open(story.report("open"))
    me.show(story.link(SEXUAL))


def link(me: Worker, story: Story) -> None:
    me.open(story.report("open"))
    me.open(story.link(MINOR))


def finding_without_names(me: Worker, story: Story) -> None:
    me.open(story.finding(people.CONFIRMED))
    me.show(f"{story.finding(people.CONFIRMED)}?names=off")


def invited(me: Worker, story: Story) -> None:
    me.show("/desk/members")
    me.page.fill("[name=name]", story.newcomer())
    me.page.select_option("[name=role]", "auditor")
    press(me.page.locator("form[action$=invitations] button"))


def keep(me: Worker, story: Story) -> None:
    me.show("/desk/join")
    me.page.fill("[name=code]", story.invite(story.newcomer()))
    press(me.page.locator(".go"))


def joined(me: Worker, story: Story) -> None:
    keep(me, story)
    passphrase, secret = me.page.locator("main code").all_inner_texts()
    me.page.fill("[name=passphrase]", passphrase)
    me.page.fill("[name=second]", code_at(base64.b32decode(secret.replace(" ", "")), story.world.now))
    press(me.page.locator(".go"))


def not_kept(me: Worker, story: Story) -> None:
    keep(me, story)
    me.page.fill("[name=passphrase]", "something else")
    me.page.fill("[name=second]", "000000")
    press(me.page.locator(".go"))


def filtered(me: Worker, _: Story) -> None:
    me.show("/audit/log")
    me.page.select_option("select[name=eyes]", "half")
    press(me.page.locator(".fields button"))


def nothing_fits(me: Worker, _: Story) -> None:
    me.show("/audit/log")
    me.page.fill("#c-case", "C-9999")
    press(me.page.locator(".fields button"))


STORY: Final[dict[str, tuple[str, str, Callable[[Worker, Story], object]]]] = {  # who looks, what only this page has, the way there
    "cases": ("Nigora", ".cases", lambda me, _: me.show("/desk/cases")),
    "case": ("Nigora", ".time", lambda me, story: me.open(story.case())),
    "case-without-names": ("Nigora", ".time .ref", case_without_names),
    "case-shut": ("Timur", "main.door .go", lambda me, story: me.show(story.case(people.ELSEWHERE))),
    "report-suggestions": ("Nigora", ".sugg", lambda me, story: me.open(story.report("open"))),
    "report-linked": ("Nigora", ".says b", lambda me, story: me.open(story.report("linked"))),
    "report-duplicate": ("Nigora", "main .note b", lambda me, story: me.open(story.report("twin"))),
    "report-closing": ("Timur", "main .note.warn", lambda me, story: me.open(story.report("asked"))),
    "report-closed": ("Ruth", "[name=reopen_reason]", lambda me, story: me.open(story.report("closed"))),
    "link": ("Nigora", ".cmp", link),
    "link-shut": ("Nigora", "main.door .go", link_shut),
    "findings": ("Timur", ".queue .lv", lambda me, _: me.show("/desk/findings")),
    "finding-unassessed": ("Nigora", "form[action$=take]", lambda me, story: me.open(story.finding(people.UNASSESSED))),
    "finding-in-assessment": ("Nigora", ".row", lambda me, story: me.open(story.finding(people.IN_ASSESSMENT))),
    "finding-proposed": ("Ruth", "[name=reviewer]", lambda me, story: me.open(story.finding(people.PROPOSED))),
    "finding-in-review": ("Timur", "[name=read]", lambda me, story: me.open(story.finding(people.IN_REVIEW))),
    "finding-returned": ("Nigora", ".note.warn .says", lambda me, story: me.open(story.finding(people.RETURNED))),
    "finding-confirmed": ("Timur", "[name=dispute_text]", lambda me, story: me.open(story.finding(people.CONFIRMED))),
    "finding-without-names": ("Timur", ".grades", finding_without_names),
    "finding-disputed": ("Ruth", "[name=settle_text]", lambda me, story: me.open(story.finding(people.DISPUTED))),
    "finding-shut": ("Timur", "main.door .go", lambda me, story: me.show(story.finding(people.ELSEWHERE))),
    "approvals": ("Salome", ".queue .plain", lambda me, _: me.show("/desk/approvals")),
    "approval": ("Salome", "[name=decision]", lambda me, story: me.open(story.approval(SEXUAL))),
    "approval-shut": ("Salome", "main.door .go", lambda me, story: me.show(story.approval(MINOR))),
    "members-lead": ("Ruth", "[name=words]", lambda me, _: me.show("/desk/members")),
    "members-invited": ("Jonas", "[role=status] code", invited),
    "join": ("", "[name=code]", lambda me, _: me.show("/desk/join")),
    "join-keep": ("", "[name=second]", keep),
    "join-not-kept": ("", "#e", not_kept),
    "join-done": ("", "main ol", joined),
    "log-filtered": ("Edda", ".log .due", filtered),
    "log-nothing-fits": ("Edda", ".empty", nothing_fits),
    "audit-cases": ("Edda", ".log", lambda me, _: me.show("/audit/cases")),
    "audit-case": ("Edda", ".split aside", lambda me, story: me.show(story.audited())),
    "questions": ("Edda", "#q8", lambda me, _: me.show("/audit/questions")),
}


@dataclass
class Team:
    """One served story for all tests of this file; who is needed signs in once."""

    site: Site
    story: Story
    cookies: dict[str, list[Any]] = field(default_factory=dict)

    def enter(self, page: Page, name: str, lang: str) -> Worker:
        """Give a browser a language and the session of a member; of nobody, where the name is empty."""
        me = Worker(page, self.site, name)
        if name in self.cookies:
            page.context.add_cookies(self.cookies[name])
        elif name:
            me.sign_in("/audit/" if name == "Edda" else "/desk/")
            self.cookies[name] = page.context.cookies()
        page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": lang, "url": self.site.address}])
        return me


@pytest.fixture(scope="module")
def team(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A story is long, so it is told once: no test here changes what another one looks at."""
    folders = (tmp_path_factory.mktemp(name) for name in ("published", "story"))
    story = tell(open_world(template, make_published(template, next(folders)), next(folders)))
    app = story.world.instance.app()
    with serve(app) as address:
        yield Team(Site(story.world.instance, app, address, ""), story)
    story.world.instance.let_go()


def show_story(name: str, lang: str, team: Team, page: Page) -> None:
    """Go to a page of the story."""
    who, sign, show = STORY[name]
    show(team.enter(page, who, lang), team.story)
    expect(page.locator(sign)).not_to_have_count(0)


def assert_fit(page: Page, *, thumbs: tuple[int, ...] = WIDTHS[:1], dark: bool = True) -> None:
    """Measure a page at both widths, folded and open; open, where all of it is seen, also against axe-core.

    Between the schemes only colours change, so the dark one is held against the rule on contrast.
    """
    page.wait_for_load_state()
    expect(page.locator("h1")).to_have_count(1)
    assert_room(page, thumbs)
    page.evaluate(OPEN_ALL)
    assert_room(page, thumbs)
    page.evaluate(AXE.axe_script)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="light")
        assert_sound(page, RULES)
        if dark:
            page.emulate_media(color_scheme="dark")
            assert_sound(page, CONTRAST)


def assert_room(page: Page, thumbs: tuple[int, ...]) -> None:
    """Nothing reaches over the edge, and where a thumb is used it has room."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(SIDEWAYS) <= 0, f"{width} px: scrolls sideways"
        if width in thumbs:
            assert page.evaluate(SMALL, THUMB) == []


def assert_sound(page: Page, rules: dict[str, Any]) -> None:
    """axe-core finds nothing."""
    found = AxeResults(page.evaluate(RUN, rules))
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("name", PUBLIC)
def test_public_page(name: str, lang: str, site: Site, new_page: NewPage) -> None:
    page = new_page(measured=True)
    PUBLIC[name](Writer(page, site), lang)

    order = page.evaluate(FOCUSABLE)

    assert {index for index, _ in order} == {0}
    assert (order[0][1], order[-1][1]) == ("/x", "/x")
    assert_fit(page, thumbs=WIDTHS)


@pytest.mark.parametrize("name", DESK)
def test_staff_page(name: str, site: Site, new_page: NewPage) -> None:
    worker = Worker(new_page(measured=True), site, "Nigora")
    DESK[name](worker)
    assert_fit(worker.page)


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("name", STORY)
def test_page_of_the_story(name: str, lang: str, team: Team, new_page: NewPage) -> None:
    """In both languages, whose colours are the same, and from right to left, as a third would be."""
    page = new_page(measured=True)
    show_story(name, lang, team, page)

    expect(page.locator("html")).to_have_attribute("lang", lang)
    assert_fit(page, dark=lang == "en")
    page.evaluate(TURN, "rtl")
    assert_room(page, WIDTHS[:1])


@pytest.mark.parametrize("name", ["door-error", "queue-not-looked", "closed", "refusal", "log"])
def test_staff_page_obeys_its_own_policy(name: str, site: Site, new_page: NewPage) -> None:
    """Measuring lifts the policy; here it holds, and the watch sees whether a page breaks it (the walk sees the other pages)."""
    worker = Worker(new_page(script=True), site, "Nigora")
    DESK[name](worker)
    worker.page.wait_for_load_state()
    expect(worker.page.locator("h1, .lead").first).to_be_visible()


@pytest.mark.parametrize("name", ["case", "link", "finding-in-assessment", "members-lead", "log-filtered", "audit-case"])
def test_page_of_the_story_obeys_its_own_policy(name: str, team: Team, new_page: NewPage) -> None:
    """The same, for pages with drawings, many fields or answers to a form."""
    page = new_page(script=True)
    show_story(name, "en", team, page)
    page.wait_for_load_state()


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
