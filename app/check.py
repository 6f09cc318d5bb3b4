"""Check the whole database: with a member's keys every stored row against its entry, and every signature of every finding.

Without keys a row cannot be held against the ledger: its digest is sealed, so that a thief learns nothing from it. What was not
checked is said (docs/operate.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DamagedError, SealError
from app.findings.records import item_of
from app.findings.signatures import is_borne
from app.findings.states import SIGNED
from app.ledger.append import Actor, RowVersion
from app.ledger.read import open_as_auditor, open_as_team
from app.ledger.rows import open_rows
from app.ledger.verify import verify
from app.members.change import draft_version
from app.reports.records import open_message, open_reports
from app.store.cases import Act, Case, Finding, Incident, Person, Reference, SealedRow
from app.store.keys import KeyWrap, Member, MemberSession
from app.store.ledger import LedgerEntry
from app.store.reports import Message, Report
from app.vault import manifest
from app.vault.entries import OpenedEntry
from app.vault.manifest import Chain

_SEALED: tuple[type[SealedRow], ...] = (Case, Incident, Act, Person, Reference, Finding)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and every fault in words for an operator; none of them holds anything that was written by a person."""

    entries: int
    rows: int
    findings: int
    faults: tuple[str, ...]


@dataclass(slots=True)
class _Known:
    """The newest version of each record that the ledger names, and what it says beside."""

    newest: dict[str, RowVersion]
    damaged: set[str]


class _Keyrings:
    """Entries name the keyring they were signed under, and a later entry never an older one: a removed member's key is over."""

    def __init__(self, chain: Chain) -> None:
        self._epochs = {item.digest: item.epoch for item in chain.manifests}
        self._newest = 0

    def faults_of(self, opened: OpenedEntry) -> list[str]:
        """Return what is wrong with the keyring that the next entry names."""
        epoch, index = self._epochs[opened.manifest], opened.record["index"]
        if epoch < self._newest:
            return [f"entry {index} is signed under keyring {epoch}, after keyring {self._newest} was in force"]
        self._newest = epoch
        return []


def check_public(session: Session, chain: Chain) -> Checked:
    """Check what needs no key: the tree, and that only the manifest's members have sessions and secrets."""
    verdict = verify(session, chain.newest.origin)
    faults = [f"ledger: {fault}" for fault in verdict.faults]
    members = set(chain.newest.members)
    strange = session.scalars(select(MemberSession.member_id).where(MemberSession.member_id.not_in(members)))
    faults += [f"session of member:{member}: the manifest does not name this member" for member in strange]
    wraps = session.scalars(select(KeyWrap).where(KeyWrap.record.startswith("epoch:"), KeyWrap.recipient.startswith("member:")))
    faults += [
        f"{wrap.record} is wrapped to {wrap.recipient}, whom the manifest does not name"
        for wrap in wraps
        if wrap.epoch <= max(chain.newest.team.epoch, chain.newest.audit.epoch) and wrap.recipient.removeprefix("member:") not in members
    ]
    known = set(session.scalars(select(Member.id)))
    faults += [f"member:{member} is in the manifest and has no account" for member in sorted(members - known)]
    return Checked(verdict.size, 0, 0, tuple(faults))


def check_as_auditor(session: Session, actor: Actor) -> Checked:
    """Open every entry with the audit secret; each must carry its actor's signature. Findings must name two people."""
    public = check_public(session, actor.chain)
    faults, proposed, confirmed, keyrings = list(public.faults), dict[str, str](), 0, _Keyrings(actor.chain)
    for entry in session.scalars(select(LedgerEntry).order_by(LedgerEntry.index)):
        try:
            opened = open_as_auditor(session, actor, entry)
        except SealError:
            faults.append(f"entry {entry.index} does not open, or is not signed by the member it names")
            continue
        record = opened.record
        faults += keyrings.faults_of(opened)
        if record["kind"] == "finding.proposed":
            proposed[record["object"]] = record["actor"]
        if record["kind"] == "finding.confirmed":
            confirmed += 1
            if proposed.get(record["object"], record["actor"]) == record["actor"]:
                faults.append(f"entry {entry.index}: {record['object']} was confirmed by its proposer")
    return Checked(public.entries, 0, confirmed, tuple(faults))


def check_as_team(session: Session, actor: Actor) -> Checked:
    """Hold every row against its newest entry, and every finding's state against its signatures."""
    public = check_public(session, actor.chain)
    faults, known = list(public.faults), _Known({}, set())
    faults += _read_ledger(session, actor, known)
    found = dict(_rows(session, actor))
    draft = draft_version(session)
    found |= {draft.record: draft} if draft else {}
    for record, version in sorted(found.items()):
        expected = known.newest.get(record)
        if expected is None:
            if record not in known.damaged:
                faults.append(f"{record}: the ledger knows no such record")
        elif version is None:
            faults.append(f"{record}: does not match its seal")
        elif version.version != expected.version:
            faults.append(f"{record}: version {version.version} is stored, the ledger's newest is {expected.version}")
        elif version.digest != expected.digest:
            faults.append(f"{record}: differs from what its entry recorded")
    faults += [f"{record}: is gone" for record in sorted(set(known.newest) - set(found))]
    signed, unborne = _findings(session, actor)
    faults += [f"{record}: its signatures do not bear its state" for record in unborne]
    return Checked(public.entries, len(found), signed, tuple(faults))


def _read_ledger(session: Session, actor: Actor, known: _Known) -> Iterator[str]:
    keyrings = _Keyrings(actor.chain)
    with_wrap = set(session.scalars(select(KeyWrap.record).where(KeyWrap.record.startswith("ledger:"), KeyWrap.recipient == manifest.TEAM)))
    for entry in session.scalars(select(LedgerEntry).order_by(LedgerEntry.index)):
        if f"ledger:{entry.index}" not in with_wrap:
            continue  # written by somebody without the team's secret; auditors open it
        try:
            opened = open_as_team(session, actor, entry)
        except SealError:
            yield f"entry {entry.index} does not open, or is not signed by the member it names"
            continue
        record = opened.record
        yield from keyrings.faults_of(opened)
        if record["version"] is not None:
            known.newest[record["object"]] = RowVersion(record["object"], record["version"], record["digest"])
        elif record["kind"] == "report.damaged":
            known.damaged.add(record["object"])


def _rows(session: Session, actor: Actor) -> Iterator[tuple[str, RowVersion | None]]:
    reports = list(session.scalars(select(Report).where(Report.version > 0)))
    for report_id, opened in open_reports(session, actor, reports).items():
        yield f"report:{report_id}", opened.row if opened else None
    for message in session.scalars(select(Message)):
        try:
            yield f"message:{message.id}", open_message(session, actor, message).row
        except SealError:
            yield f"message:{message.id}", None
    for table in _SEALED:
        rows = list(session.scalars(select(table)))
        opened_rows = open_rows(session, actor, rows)
        for row in rows:
            item = opened_rows[row.id]
            yield row.record, item.version if item else None


def _findings(session: Session, actor: Actor) -> tuple[int, list[str]]:
    rows = list(session.scalars(select(Finding)))
    opened, signed, unborne = open_rows(session, actor, rows), 0, list[str]()
    for row in rows:
        item = opened[row.id]
        if item is None:
            continue  # named among the rows
        try:
            is_good = is_borne(actor.chain, item_of(item, row))
        except DamagedError:
            is_good = False
        if not is_good:
            unborne.append(row.record)
        signed += row.state in SIGNED
    return signed, sorted(unborne)
