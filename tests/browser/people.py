"""The people of these tests, as they use their browsers, and the story that the pages of the desk and of the auditor show."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from playwright.sync_api import Locator, Page
from sqlalchemy import select

from app.cases import changes, links
from app.cases.files import read_case
from app.demo.writer import demo_reports
from app.findings import review
from app.members import invite
from app.members.chain import ChainKeeper
from app.members.passphrase import code_at
from app.reports import queue, triage
from app.store.reports import Report, ReportState
from tests.browser.conftest import Site
from tests.conftest import Member, Source
from tests.findings.world import MINOR, SEXUAL, World, a_contradiction, a_statement, an_assessment

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

    def open(self, path: str) -> None:
        """Show a page; where it says that its record is not open, open it."""
        self.show(path)
        door = self.page.locator("main.door .go")
        if door.count():
            press(door)


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


CONFIRMED: Final = "I05·1"
DISPUTED: Final = "I05·2"
PROPOSED: Final = "I06·1"
IN_REVIEW: Final = "I07·1"
RETURNED: Final = "I07·2"
UNASSESSED: Final = "I07·3"
IN_ASSESSMENT: Final = "I08·1"
ELSEWHERE: Final = "I11·1"


@dataclass
class Story:
    """The published cases and five reports, with something of everything that the pages of the team show."""

    world: World
    reports: dict[str, UUID] = field(default_factory=dict)
    newcomers: int = 0

    def case(self, ref: str = CONFIRMED) -> str:
        """Return the address of the case of an act; C-0002 unless told."""
        return f"/desk/cases/{self.world.place(ref)[0]}"

    def finding(self, ref: str) -> str:
        """Return the address of the finding on an act."""
        return f"{self.case(ref)}/acts/{self.world.place(ref)[1]}"

    def approval(self, ref: str) -> str:
        """Return the address at which a protection officer signs."""
        return f"/desk/approvals/{self.world.finding_id(ref)}"

    def report(self, key: str) -> str:
        """Return the address of a report."""
        return f"/desk/reports/{self.reports[key]}"

    def link(self, ref: str) -> str:
        """Return the address at which the report that is not linked yet stands beside the case of an act."""
        return f"{self.report('open')}/link/{self.world.place(ref)[0]}"

    def audited(self) -> str:
        """Return the address of C-0002 for the auditor."""
        return f"/audit/cases/{self.world.place(CONFIRMED)[0]}"

    def newcomer(self) -> str:
        """Return a name that nobody has yet."""
        self.newcomers += 1
        return f"Newcomer {self.newcomers}"

    def invite(self, name: str) -> str:
        """Let Jonas invite somebody; return the code."""
        world = self.world
        jonas = world.actor("Jonas")
        with world.database.write() as session:
            return invite.invite(session, jonas, world.instance.server_secret, name=name, role="caseworker", now=world.now)

    def join(self, name: str) -> None:
        """Let somebody draw their keys, so that a lead can grant."""
        world, code = self.world, self.invite(name)
        common: dict[str, Any] = {
            "chain": ChainKeeper(world.database, world.instance.root).current(),
            "server_secret": world.instance.server_secret,
            "now": world.now,
        }
        offered = invite.offer(world.database, code, **common)
        second = code_at(base64.b32decode(offered.totp), world.now)
        invite.join(world.database, code, offered, passphrase=offered.passphrase, second=second, **common)

    def write_reports(self) -> None:
        """Send the reports of the demonstration and one of nothing, and take them in."""
        source = Source(self.world.instance.app("intake"))
        for key, report in zip(("linked", "twin", "asked", "open"), demo_reports(), strict=True):
            answers = {name: value for name, value in report["fields"].items() if name != "text"}
            source.write(report["fields"]["text"], report["language"], **answers)
            self._remember(key)
        source.write("Cheap flights.")
        self._remember("closed")

    def _remember(self, key: str) -> None:
        queue.look(self.world.database, self.world.actor("Nigora"), self.world.session_id("Nigora"), now=self.world.now)
        with self.world.database.read() as session:
            (self.reports[key],) = set(session.scalars(select(Report.id))) - set(self.reports.values())

    def work_on_reports(self) -> None:
        """Take them; link one, mark one as repeated, ask to close one, close another."""
        for key in self.reports:
            self._triage("Nigora", key, triage.claim)
        self._triage("Nigora", "linked", triage.describe, gist="Crowd at a house", summary="About 200 people came.", translation="")
        self.world.open("Nigora", CONFIRMED)
        self.world.link(self.reports["linked"], CONFIRMED, "Nigora")
        self._triage("Nigora", "twin", triage.mark_duplicate, of=self.reports["linked"])
        self._triage("Nigora", "open", links.refuse, case_id=self.world.place(ELSEWHERE)[0])
        for key in ("asked", "closed"):
            self._triage("Nigora", key, triage.ask_to_close, to=ReportState.SPAM, reason="advertising")
        self._triage("Timur", "closed", triage.close)

    def _triage(self, name: str, key: str, step: Callable[..., object], **values: Any) -> None:
        world, report_id = self.world, self.reports[key]
        actor, session_id = world.actor(name), world.session_id(name)
        with world.database.write() as session:
            triage.open_report(session, actor, session_id, report_id, now=world.now)
        with world.database.write() as session:
            if "version" in step.__annotations__:
                values["version"] = session.get_one(Report, report_id).version
            step(session, actor, session_id, report_id, now=world.now, **values)

    def work_on_case(self) -> None:
        """Ask and close a question, and tell two people of one name apart."""
        world, (case_id, _) = self.world, self.world.place(CONFIRMED)
        nigora, session_id = world.actor("Nigora"), world.session_id("Nigora")
        with world.database.read() as session:
            people = list(read_case(session, nigora, case_id).people.values())
            others = list(read_case(session, nigora, world.place(ELSEWHERE)[0]).people.values())
        steps: tuple[tuple[Callable[..., object], dict[str, Any]], ...] = (
            (changes.ask, {"text": "Where was he taken?"}),
            (changes.ask, {"text": "Who saw it?"}),
            (changes.close_question, {"at": 1}),
            (changes.tell_apart, {"person": people[0].id, "other": others[0].id}),
            (changes.set_priority, {"priority": "high"}),
        )
        for step, values in steps:
            world.open("Nigora", CONFIRMED)
            with world.database.write() as session:
                version = read_case(session, nigora, case_id).case.row.version
                step(session, nigora, session_id, case_id, version=version, now=world.now, **values)

    def work_on_findings(self) -> None:
        """Bring one act of C-0002 into each state, one of them by a second round; two others wait for the protection officer."""
        world = self.world
        statements = (
            a_statement(detailed=True),
            a_statement(who="Radio interview, retold a year later", reliability="D", credibility=4, interest=None),
            a_statement(who="Neighbour", how="was in the street", origin="neighbour", household="next door", first_hand=True, access="saw"),
        )
        contradictions = (a_contradiction(), a_contradiction(about="who", material=False, treatment="kept_open", why=""))
        rich = {"statements": statements, "contradictions": contradictions, "speaks_for": "It fits the week.\nTwo voices tell it."}
        world.review(CONFIRMED, **rich)
        nigora, session_id = world.actor("Nigora"), world.session_id("Nigora")
        with world.database.write() as session:
            review.record_refusal(session, nigora, session_id, *world.place(CONFIRMED), why="same-person", now=world.now)
        world.do("Timur", "give_back", CONFIRMED, note="Only one account so far.")
        world.confirm(CONFIRMED, **rich)
        world.confirm(DISPUTED)
        world.do("Timur", "dispute", DISPUTED, reason="new_information", text="A second paper has another day.")
        world.propose(PROPOSED)
        world.review(IN_REVIEW, **rich)
        world.review(RETURNED)
        world.do("Timur", "give_back", RETURNED)
        world.do("Nigora", "take", IN_ASSESSMENT)
        world.do("Nigora", "assess", IN_ASSESSMENT, typed=an_assessment(**rich))
        world.propose(SEXUAL)
        world.propose(MINOR)


def tell(world: World) -> Story:
    """Let the team do a week's work."""
    story = Story(world)
    story.write_reports()
    story.work_on_reports()
    story.work_on_case()
    story.work_on_findings()
    story.join("Marta")
    return story
