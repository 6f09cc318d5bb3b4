"""Admission and opening: one bad report keeps nobody out; what is shown was opened, and what was opened is an entry."""

import secrets
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select

from app.ledger.read import open_as_auditor, open_as_team
from app.members.chain import ChainKeeper
from app.reports.admit import admit_waiting
from app.store.keys import KeyWrap
from app.store.ledger import LedgerEntry
from app.store.reports import Report, ReportState
from app.vault import envelope, hpke, keyring, mailbox, padding
from app.vault.encoding import Context, from_jcs, sha256, to_b64, to_jcs
from app.vault.receipt import derive
from tests.conftest import START, Instance, Member, Source


def plant(instance: Instance, **changes: Any) -> str:
    """Insert what only the public form's keys can make: a signed, sealed report with some values of our own."""
    chain = ChainKeeper(instance.database(), instance.root).current()
    receipt, report_id = derive(secrets.token_bytes(10), instance.root), uuid4()
    value: dict[str, Any] = {
        "v": 1,
        "kind": "first",
        "request": secrets.token_hex(16),
        "thread": mailbox.thread_id(instance.root, receipt.signing.public, receipt.kem.public).hex(),
        "sign": to_b64(receipt.signing.public),
        "kem": to_b64(receipt.kem.public),
        "address": to_b64(receipt.address),
        "form": "short-1",
        "language": "en",
        "consent": None,
        "day": "2026-11-24",
        "week": "2026-W48",
        "salt": to_b64(secrets.token_bytes(32)),
        "answers": {"text": "planted"},
        "first": None,
        **changes,
    }
    try:
        message = mailbox._request_bytes(instance.root, value)
    except (TypeError, AttributeError):
        message = b"cannot be signed"
    raw = to_jcs({**value, "signature": to_b64(receipt.signing.sign(message))})
    key = envelope.new_key()
    body = envelope.seal(padding.pad(raw, padding.TEXT), key, mailbox.body_context(instance.root, str(report_id), 1))
    bundle = to_jcs({"v": 1, "body_key": to_b64(key), "body_digest": sha256(body).hex(), "files": []})
    context = Context(instance.root, "report.bundle", str(report_id), "bundle", 1, 1)
    sealed = hpke.seal_to(padding.pad(bundle, padding.SMALL), chain.newest.team.kem, context)
    with instance.database().write() as session:
        session.add(Report(id=report_id, week="2026-W48", body=body))
        session.add(KeyWrap(record=f"report:{report_id}", part="body", version=1, recipient="team", epoch=1, sealed=sealed))
    return str(report_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": 5},
        {"kind": "erase"},
        {"language": {}},
        {"language": "../../etc"},
        {"day": "never"},
        {"day": "2026-W48-1"},
        {"week": "2026-11-24"},
        {"form": "x" * 40},
        {"first": "zz"},
        {"answers": {"text": "x", "danger": "x" * 900}},
        {"answers": {"text": "x", **{f"more{number}": "x" for number in range(200)}}},
        {"answers": {"text": 7}},
        {"answers": {"text": ["x"]}},
        {"answers": {"text": "x", "kind": "LIB"}},
        {"answers": {}},
        {"thread": "0" * 32},
    ],
    ids=str,
)
def test_a_poisoned_report_is_set_aside_and_the_others_come_in(
    instance: Instance, source: Source, nigora: Member, changes: dict[str, Any]
) -> None:
    """Anybody can seal to a public key: what is not of our forms is damaged, logged, and in nobody's way."""
    plant(instance, **changes)
    source.write("an honest report")

    nigora.sign_in()

    assert nigora.page.status_code == 200
    assert nigora.page.text.count("Damaged: does not open") == 1
    assert "Not yet opened" in nigora.page.text
    nigora.open_first()
    assert "an honest report" in nigora.page.text


def test_the_same_source_object_is_admitted_once(instance: Instance, nigora: Member) -> None:
    """A stored object put in again under another row is set aside."""
    request = secrets.token_hex(16)
    plant(instance, request=request)
    nigora.sign_in()
    plant(instance, request=request)

    nigora.take_in_again()

    assert nigora.page.text.count("Damaged: does not open") == 1


def test_a_row_set_back_to_waiting_keeps_nobody_out(instance: Instance, source: Source, nigora: Member) -> None:
    """An administrator who sets state and version back gains a damaged row and nothing else."""
    source.write("first")
    nigora.sign_in()
    instance.sql("UPDATE report SET state = 'waiting', version = 0")
    source.write("second")

    nigora.get("/desk/queue")
    nigora.take_in()

    assert nigora.page.status_code == 200
    assert nigora.page.text.count("Damaged: does not open") == 1
    assert "Not yet opened" in nigora.page.text


def kinds(instance: Instance, name: str) -> list[tuple[str, Any, Any]]:
    actor, _ = instance.actor(name)
    with instance.database().read() as session:
        rows = session.scalars(select(LedgerEntry).order_by(LedgerEntry.index)).all()
        records = [open_as_team(session, actor, row).record for row in rows]
    return [(record["kind"], record["object"], record["details"]) for record in records]


def test_what_comes_while_a_report_is_open_needs_an_opening_of_its_own(instance: Instance, source: Source, nigora: Member) -> None:
    """No entry, no words: an addition is announced, and shown after the next opening."""
    code = source.write("first words")
    nigora.sign_in()
    nigora.open_first()
    report = nigora.report_url
    source.open_mailbox(code)
    source.press("/f", ("do", "add"), text="later words")
    nigora.get("/desk/queue")
    nigora.take_in()

    nigora.get(report)
    assert "1 message came while this was open." in nigora.page.text
    assert "later words" not in nigora.page.text
    nigora.press("/open")
    assert "later words" in nigora.page.text

    opened = [details for kind, _, details in kinds(instance, "Timur") if kind == "report.opened"]
    assert [details["items"] for details in opened] == [1, 2]
    assert [len(details["new"]) for details in opened] == [1, 1]


def test_opening_twice_within_the_hour_is_one_entry(instance: Instance, source: Source, nigora: Member) -> None:
    """One entry per person, record and hour."""
    source.write("words")
    nigora.sign_in()
    for _ in range(3):
        nigora.get("/desk/queue")
        nigora.open_first()

    assert [kind for kind, _, _ in kinds(instance, "Timur")].count("report.opened") == 1
    instance.clock.forward(minutes=14)
    nigora.get("/desk/queue")
    for _ in range(4):
        instance.clock.forward(minutes=14)
        nigora.get("/desk/queue")
    nigora.press("/desk/queue")
    nigora.open_first()
    assert [kind for kind, _, _ in kinds(instance, "Timur")].count("report.opened") == 2


def test_every_change_at_the_desk_is_one_entry(instance: Instance, source: Source, nigora: Member, ruth: Member) -> None:
    """The ledger tells the whole walk, in order, and the auditor reads the same."""
    source.write("words", reply="yes")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    nigora.press("/state")
    nigora.press("/state")
    nigora.press("/description", gist="gist")
    nigora.press("/notes", note="note")
    nigora.press("/messages", message="question?")
    ruth.sign_in()
    ruth.get("/desk/messages")
    ruth.press("/release")
    nigora.get("/desk/queue")
    nigora.open_first()
    nigora.press("/leave")

    told = [kind for kind, _, _ in kinds(instance, "Timur")]

    assert told == [
        "instance.founded",
        "report.admitted",
        "queue.viewed",
        "report.opened",
        "report.claimed",
        "report.moved",
        "report.moved",
        "report.described",
        "report.noted",
        "message.handed",
        "report.updated",
        "queue.viewed",
        "message.released",
        "report.moved",
        "report.left",
    ]
    auditor, _ = instance.actor("Edda")
    with instance.database().read() as session:
        rows = session.scalars(select(LedgerEntry).order_by(LedgerEntry.index)).all()
        assert [open_as_auditor(session, auditor, row).record["kind"] for row in rows] == [*told, "member.signed_in"]


def test_an_auditors_key_opens_no_report(instance: Instance, source: Source) -> None:
    """The audit secret is another secret: every wrap and body is tried with every key derived from it."""
    source.write("words")
    actor, _ = instance.actor("Nigora")
    with instance.database().write() as session:
        admit_waiting(session, actor, now=START)
    auditor, _ = instance.actor("Edda")
    assert auditor.keys.team == ()
    (audit,) = auditor.keys.audit
    with instance.database().read() as session:
        report = session.scalars(select(Report)).one()
        wraps = session.scalars(select(KeyWrap).where(KeyWrap.record == f"report:{report.id}")).all()
    assert report.state is ReportState.RECEIVED
    for wrap in wraps:
        for key in [audit.secret, *(audit.key(label) for label in ("commit", "kem", "wrap", "prev", "tag", "index"))]:
            with pytest.raises(Exception, match=r"^$"):
                keyring.unwrap_key(
                    wrap.sealed,
                    key,
                    root=instance.root,
                    record=f"{wrap.record}/{wrap.part}",
                    recipient=wrap.recipient,
                    version=wrap.version,
                    epoch=wrap.epoch,
                )


def test_a_planted_wrap_does_not_hide_an_entry_and_a_missing_one_is_an_alarm(instance: Instance, app: Flask) -> None:
    """What does not open and is not explained is said aloud to the auditor."""
    with instance.edit() as sql:
        ((batch,),) = sql.rows("SELECT recipient FROM key_wrap WHERE record = 'ledger:0' AND recipient LIKE 'batch:%'")
        fake = "batch:00000000-0000-4000-8000-000000000000"
        for record, recipient, epoch in (("ledger:0", fake, 0), (fake, "audit", 1)):
            sql.run("INSERT INTO key_wrap VALUES (?, 'key', 1, ?, ?, x'00', NULL, NULL)", record, recipient, epoch)
    edda = Member(app, instance, "Edda", "/audit/")
    edda.sign_in()
    assert "Instance founded" in edda.page.text
    assert "do not open" not in edda.page.text

    instance.sql("DELETE FROM key_wrap WHERE record = ?", batch)
    edda.get("/audit/log")
    assert "1 entry on this page does not open" in edda.page.text


def test_an_edited_ledger_shows_no_queue_but_signs_in(instance: Instance, source: Source, nigora: Member) -> None:
    """Sign-in works, looking is refused: nothing is shown on a tree that was edited."""
    source.write("words")
    instance.sql("UPDATE ledger_head SET root = zeroblob(32)")

    nigora.sign_in()

    assert nigora.page.status_code == 200
    assert "Show the queue" in nigora.page.text
    nigora.take_in()
    assert nigora.page.status_code == 409
    assert "does not match its seal or the log" in nigora.page.text


def test_another_text_under_the_same_form_is_shown_with_its_sibling(source: Source, nigora: Member) -> None:
    """Back, change, send again: two reports with two codes, and the desk sees that they belong together."""
    source.open_form()
    form = source.form("/f")
    first = source.post("/f", form.data(("do", "send"), text="one"))
    second = source.post("/f", form.data(("do", "send"), text="two"))
    assert (first.status_code, second.status_code) == (201, 201)

    nigora.sign_in()
    nigora.open_first()

    assert "Sent with the same form" in nigora.page.text


def test_summary_holds_no_word_of_the_text(instance: Instance, source: Source) -> None:
    """The queue's summary is derived from choices and sizes only."""
    source.write("kanarek", who="kanarek", danger="now", kind=["SEX"])
    actor, _ = instance.actor("Nigora")
    with instance.database().write() as session:
        admit_waiting(session, actor, now=START)
        report = session.scalars(select(Report)).one()
        wrap = session.get_one(KeyWrap, (f"report:{report.id}", "body", 1, "team", 1))
        padded = keyring.unwrap_key(
            wrap.sealed, actor.team.wrap_key, root=instance.root, record=f"report:{report.id}/body", recipient="team", version=1, epoch=1
        )
        key, digest = keyring.read_bundle(padded)
        raw = envelope.unseal(report.summary or b"", key, Context(instance.root, "report.summary", str(report.id), digest.hex(), 1, 1))
    summary = from_jcs(padding.unpad(raw, padding.SMALL))
    assert len(raw) == 512
    assert "kanarek" not in str(summary)
    assert (summary["danger"], summary["flags"], summary["answered"]) == ("now", ["sexual-violence"], ["danger", "kind", "text", "who"])


def test_an_addition_is_never_answered_apart_from_its_first_text(instance: Instance, source: Source, nigora: Member) -> None:
    """What endangers holds for the whole conversation, in whatever order its parts came in."""
    code = source.write("first words", reply="unsafe")
    source.open_mailbox(code)
    source.press("/f", ("do", "add"), text="more words")
    actor, _ = instance.actor("Timur")
    with instance.database().write() as session:
        ids = session.scalars(select(Report.id)).all()
        for _ in ids:  # one at a time: an addition may come in before its first text
            admit_waiting(session, actor, now=START, limit=1)
    nigora.sign_in()

    assert nigora.page.text.count("Not yet opened") == 1
    nigora.open_first()
    assert "first words" in nigora.page.text
    assert "more words" in nigora.page.text
    assert "Do not write." in nigora.page.text
    head = nigora.report_url
    csrf = nigora.form("/notes").value("csrf")
    for report_id in ids:
        if str(report_id) not in head:
            assert nigora.post(f"/desk/reports/{report_id}/open", {"csrf": csrf}).status_code == 404
            assert nigora.post(f"/desk/reports/{report_id}/messages", {"csrf": csrf, "message": "x"}).status_code == 403


def test_a_note_sent_twice_is_kept_once(source: Source, nigora: Member) -> None:
    """A double click, or a page loaded again."""
    source.write("words")
    nigora.sign_in()
    nigora.open_first()
    form = nigora.form("/notes")
    for _ in range(2):
        nigora.post(form.action, form.data(note="only once"))

    assert nigora.page.text.count("only once") == 1


def test_a_stale_page_cannot_save_over_a_newer_description(source: Source, nigora: Member) -> None:
    """Two tabs: the older one may add its note, but its boxes keep the version they were filled at."""
    source.write("words")
    nigora.sign_in()
    nigora.open_first()
    nigora.press("/claim")
    old = nigora.form("/description")
    notes = nigora.form("/notes")
    nigora.press("/description", gist="newer gist")
    nigora.post(notes.action, notes.data(note="from the old tab", gist="older gist"))
    assert nigora.form("/description").value("gist") == "older gist"

    nigora.press("/description")

    assert nigora.page.status_code == 409
    assert nigora.get(nigora.report_url.removesuffix("/description")).text.count("newer gist") >= 1
    assert old.value("version") != ""
