"""People come and go: invited, joined, granted, removed. Who is removed has nothing left that opens what comes after (docs/adr/0010)."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import (
    BusyError,
    ConflictError,
    DamagedError,
    ForbiddenError,
    MalformedError,
    ManifestError,
    PaivandError,
    SamePersonError,
    SealError,
    SignInError,
    UnknownError,
)
from app.ledger.append import Actor
from app.ledger.read import check_row, open_as_auditor, open_as_team
from app.members import change, invite, sessions
from app.members.chain import ChainKeeper
from app.members.invite import CodeError, Joined, LateCodeError, NameTakenError, NotKeptError, Offer, UsedCodeError
from app.members.passphrase import code_at
from app.members.sessions import SignedIn
from app.reports import letters, queue, triage
from app.reports.receive import Sending, receive_first
from app.reports.records import open_all
from app.store.database import METADATA
from app.store.keys import Invitation, KeyWrap, Lease, ManifestDraft, ManifestRow, Member, MemberSession
from app.store.ledger import LedgerEntry
from app.store.reports import Message, Report, ReportState
from app.vault import envelope, hpke, keyring, manifest, receipt
from app.vault.encoding import Context, sha256
from app.vault.envelope import new_key
from app.vault.hpke import KemKeys
from app.vault.keyring import EpochSecret, MemberBlob, Unlocked
from app.vault.mailbox import body_context
from app.vault.manifest import Chain, ManifestMember, SignedManifest
from app.vault.signing import SigningKeys
from tests import second_reader as second
from tests.conftest import Instance, Template, copy_of, found_template
from tests.stores import Store
from tests.test_invariants import files_of

HOST = bytes(32)
TWO = (("admin", "Jonas"), ("lead", "Ruth"), ("lead", "Omid"), ("caseworker", "Nigora"), ("protection", "Salome"), ("auditor", "Edda"))
WRONG = "abandon " * 8

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Newcomer:
    """Somebody who has joined: what they wrote down."""

    name: str
    id: str
    passphrase: str
    totp: bytes
    words: str


class Team:
    """The members, each with a browser's cookie, and the functions behind the pages."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.database = instance, instance.database()
        self.keeper = ChainKeeper(self.database, instance.root)
        self.cookies: dict[str, str] = {}
        self.secret = instance.server_secret

    @property
    def chain(self) -> Chain:
        return self.keeper.current()

    @property
    def epoch(self) -> int:
        return self.chain.newest.epoch

    def id(self, name: str) -> str:
        return self.instance.members[name].id

    def enter(self, name: str, **changes: Any) -> SignedIn:
        """Sign in with a fresh code."""
        member = self.instance.members.get(name)
        values = {"name": name, "passphrase": member.passphrase if member else "", **changes}
        code = self.instance.code(name) if member else changes.pop("code")
        values.pop("code", None)
        cookie, held = sessions.sign_in(
            self.database, **values, code=code, chain=self.chain, server_secret=self.secret, host_secret=HOST, now=self.instance.clock.now
        )
        self.cookies[name] = cookie
        return held

    def enter_new(self, newcomer: Newcomer) -> SignedIn:
        self.instance.clock.forward(seconds=30)
        code = code_at(newcomer.totp, self.instance.clock.now)
        return self.enter(newcomer.name, passphrase=newcomer.passphrase, code=code)

    def click(self, name: str) -> SignedIn | None:
        """Make a request with the cookie that this member's browser keeps."""
        return sessions.resume(self.database, self.cookies[name], chain=self.chain, host_secret=HOST, now=self.instance.clock.now)

    def actor(self, name: str) -> Actor:
        """Return who acts in a request of this member."""
        if name not in self.cookies or self.click(name) is None:
            self.enter(name)
        held = self.click(name)
        assert held is not None
        return held.actor

    # what people do

    def invite(self, by: str, name: str = "Marta", role: str = "caseworker") -> str:
        actor = self.actor(by)
        with self.database.write() as session:
            return invite.invite(session, actor, self.secret, name=name, role=role, now=self.instance.clock.now)

    def offer(self, code: str) -> Offer:
        return invite.offer(self.database, code, chain=self.chain, server_secret=self.secret, now=self.instance.clock.now)

    def join(self, code: str, offered: Offer, **changes: str) -> Joined:
        """Bring back what the page carries, with what the newcomer typed."""
        typed = {"passphrase": offered.passphrase, "second": code_at(base64.b32decode(offered.totp), self.instance.clock.now), **changes}
        carried = Offer("", "", offered.member_id, offered.salt, offered.blob)
        return invite.join(self.database, code, carried, **typed, chain=self.chain, server_secret=self.secret, now=self.instance.clock.now)

    def newcomer(self, by: str = "Jonas", name: str = "Marta", role: str = "caseworker") -> Newcomer:
        """Invite somebody and let them join."""
        code = self.invite(by, name, role)
        offered = self.offer(code)
        joined = self.join(code, offered)
        return Newcomer(name, offered.member_id, offered.passphrase, base64.b32decode(offered.totp), " ".join(joined.words))

    def invitation(self, name: str = "Marta") -> UUID:
        with self.database.read() as session:
            return next(item.id for item in invite.list_invitations(session, self.instance.root, self.secret) if item.name == name)

    def grant(self, by: str, newcomer: Newcomer, *, typed: str | None = None, epoch: int | None = None) -> bool:
        actor, invitation = self.actor(by), self.invitation(newcomer.name)
        with self.database.write() as session:
            return change.grant(
                session,
                actor,
                self.secret,
                invitation,
                typed=newcomer.words if typed is None else typed,
                epoch=epoch or self.epoch,
                now=self.instance.clock.now,
            )

    def remove(self, by: str, name: str, *, epoch: int | None = None, member_id: str | None = None) -> bool:
        actor = self.actor(by)
        with self.database.write() as session:
            gone = member_id or self.id(name)
            return change.remove(session, actor, gone, epoch=epoch or self.epoch, now=self.instance.clock.now)

    def waiting(self, by: str = "Ruth") -> change.Change | None:
        actor = self.actor(by)
        with self.database.read() as session:
            return change.read_waiting(session, actor)

    def sign(self, by: str, typed: str = "", digest: str | None = None) -> None:
        actor = self.actor(by)
        waiting = None if digest else self.waiting(by)
        shown = digest or (waiting.digest if waiting else "")
        with self.database.write() as session:
            change.sign(session, actor, self.secret, digest=shown, typed=typed, now=self.instance.clock.now)

    def withdraw(self, by: str) -> bool:
        actor, waiting = self.actor(by), self.waiting(by)
        with self.database.write() as session:
            return change.withdraw(session, actor, digest=waiting.digest if waiting else "", now=self.instance.clock.now)

    # reports

    def write(self, words: str) -> UUID:
        """Send a report through the border and return its id."""
        before = self.reports()
        sending = Sending("short-1", "en", None, {"text": words, "reply": "yes"}, self.instance.clock.now, 0)
        secret = receipt.new_secret()
        assert receive_first(self.database, self.chain, secret, receipt.derive(secret, self.chain.root), sending).is_new
        (new,) = self.reports() - before
        return new

    def reports(self) -> set[UUID]:
        with self.database.read() as session:
            return set(session.scalars(select(Report.id)))

    def read(self, name: str, report_id: UUID) -> str:
        """Take waiting reports in, open one, and return its words."""
        actor, now = self.actor(name), self.instance.clock.now
        held = self.click(name)
        assert held is not None
        queue.look(self.database, actor, held.keys.id, now=now)
        with self.database.write() as session:
            triage.open_report(session, actor, held.keys.id, report_id, now=now)
        with self.database.read() as session:
            talk = triage.read_conversation(session, actor, held.keys.id, report_id, now=now)
            assert talk.damaged_additions == 0
            return str(talk.body.answers["text"])

    def log(self, name: str) -> list[str | None]:
        """Return the kinds of all entries as an auditor opens them; None where one does not open."""
        actor = self.actor(name)
        with self.database.read() as session:
            return [kind_of(session, actor, entry) for entry in session.scalars(select(LedgerEntry).order_by(LedgerEntry.index))]

    def dump(self) -> Rows:
        """Return every row, but for the minute at which a session was last seen."""
        with self.database.engine.connect() as connection:
            return {
                table.name: sorted(
                    (tuple(row) for row in connection.execute(select(*(column for column in table.columns if column.name != "seen")))),
                    key=repr,
                )
                for table in METADATA.sorted_tables
                if table.name != "seen"
            }

    @contextmanager
    def refused(self, error: type[PaivandError]) -> Iterator[None]:
        """Whatever is done inside is refused, and leaves every row as it was. People have signed in before."""
        before = self.dump()
        with pytest.raises(error) as caught:
            yield
        assert type(caught.value) is error
        assert self.dump() == before


def kind_of(session: Session, actor: Actor, entry: LedgerEntry) -> str | None:
    try:
        return str(open_as_auditor(session, actor, entry).record["kind"])
    except SealError:
        return None


@pytest.fixture
def team(instance: Instance) -> Team:
    """One lead: Ruth."""
    return Team(instance)


@pytest.fixture(scope="session")
def two_leads(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """Two leads: Ruth and Omid."""
    return found_template(store, tmp_path_factory.mktemp("two"), TWO)


@pytest.fixture
def pair(two_leads: Template, tmp_path: Path) -> Iterator[Team]:
    """A team with two leads."""
    with copy_of(two_leads, tmp_path) as instance:
        yield Team(instance)


def wraps_to(team: Team, member_id: str) -> list[tuple[str, int]]:
    with team.database.read() as session:
        rows = session.scalars(select(KeyWrap).where(KeyWrap.recipient == f"member:{member_id}")).all()
        return sorted((row.record, row.epoch) for row in rows)


# invited and joined


def test_invited_joined_granted(team: Team) -> None:
    """The whole way; the newcomer reads what came before them and what comes after, and the log shows each step, signed."""
    old = team.write("Before Marta came.")
    assert team.read("Nigora", old) == "Before Marta came."
    marta = team.newcomer()
    with pytest.raises(SignInError):
        team.enter_new(marta)

    assert team.grant("Ruth", marta)

    held = team.enter_new(marta)
    assert held.actor.roles == {"caseworker"}
    new = team.write("After Marta came.")
    assert team.read("Marta", old) == "Before Marta came."
    assert team.read("Marta", new) == "After Marta came."
    log = team.log("Edda")
    assert None not in log
    assert [kind for kind in log if kind and kind.startswith(("member.", "manifest."))] == [
        "member.invited",
        "member.joined",
        "member.granted",
        "member.signed_in",
    ]
    newest = team.chain.newest
    assert newest.epoch == 2
    assert (newest.team, newest.audit) == (team.chain.epoch(1).team, team.chain.epoch(1).audit)
    with team.database.read() as session:
        assert session.scalars(select(Invitation)).all() == []
        assert session.get_one(Member, marta.id).public is None
        rows = [(row.body, row.signatures) for row in session.scalars(select(ManifestRow).order_by(ManifestRow.epoch))]
    assert set(second.read_chain(team.instance.root, rows)[1].people) == set(newest.members)


def test_whoever_invites_learns_nothing_that_signs_in(team: Team) -> None:
    """The code draws keys once; passphrase and second device are nowhere in the database, and the code is not either."""
    code = team.invite("Jonas")
    offered = team.offer(code)
    team.join(code, offered)
    raw = b"".join(files_of(team.instance).values())
    for secret in (offered.passphrase, offered.totp, code, "Marta"):
        assert secret.encode() not in raw
    assert base64.b32decode(offered.totp) not in raw
    assert receipt.read_code(code) not in raw


def test_pages_loaded_again_lose_nobody(team: Team) -> None:
    """An offer stores nothing; joining twice with the same keys answers twice with the same words, whenever the second one comes."""
    code = team.invite("Jonas")
    team.actor("Ruth")
    before = team.dump()
    first, again = team.offer(code), team.offer(code)
    assert first.passphrase != again.passphrase
    assert team.dump() == before

    words = team.join(code, again).words
    rows = team.dump()
    assert team.join(code, again).words == words
    assert team.join(code, again, second="000000").words == words  # the code was shown once; minutes later it has changed
    assert team.dump() == rows
    with team.refused(UsedCodeError):
        team.join(code, first)
    with team.refused(NotKeptError):
        team.join(code, again, passphrase=first.passphrase)
    with team.refused(UsedCodeError):
        team.offer(code)
    with team.refused(UsedCodeError):  # a member's own passphrase opens nothing here
        team.join(code, replace(again, member_id=team.id("Ruth")), passphrase=team.instance.members["Ruth"].passphrase)
    assert team.grant("Ruth", Newcomer("Marta", again.member_id, again.passphrase, base64.b32decode(again.totp), " ".join(words)))


def test_two_clicks_at_the_same_moment_join_once(team: Team) -> None:
    """Both answers show the words of the keys that are stored; two people with the same code do not both get in."""
    code = team.invite("Jonas")
    offered, other = team.offer(code), team.offer(code)
    with ThreadPoolExecutor(2) as pool:
        first, again = pool.map(lambda _: team.join(code, offered), range(2))
    assert first == again
    other_code = team.invite("Jonas", "Petra")
    offers = [team.offer(other_code), team.offer(other_code)]
    with ThreadPoolExecutor(2) as pool:
        tries = [pool.submit(team.join, other_code, each) for each in offers]
    assert {type(each.exception()) for each in tries} == {type(None), UsedCodeError}
    with pytest.raises(UsedCodeError):
        team.join(code, other)


@pytest.mark.parametrize("typed", [{"passphrase": "not this one"}, {"passphrase": ""}, {"second": "000000"}, {"second": ""}])
def test_nobody_joins_who_has_not_kept_the_keys(team: Team, typed: dict[str, str]) -> None:
    """Passphrase and second device are tried before anything is stored."""
    code = team.invite("Jonas")
    offered = team.offer(code)
    with team.refused(NotKeptError):
        team.join(code, offered, **typed)
    assert team.join(code, offered).name == "Marta"


@pytest.mark.parametrize("change_of", [{"member_id": "x"}, {"blob": b""}, {"salt": bytes(16)}, {"member_id": str(uuid4()).upper()}])
def test_what_the_page_carries_is_checked(team: Team, change_of: dict[str, Any]) -> None:
    """Changed on the way, it does not open."""
    code = team.invite("Jonas")
    offered = replace(team.offer(code), **change_of)
    with team.refused(NotKeptError):
        team.join(code, offered)


def test_nobody_joins_under_a_members_id(team: Team) -> None:
    """An account that exists is never replaced, even by keys that were kept."""
    code = team.invite("Jonas")
    offered, ruth = team.offer(code), team.id("Ruth")
    kek = team.secret.passphrase_key(offered.passphrase, offered.salt)
    blob = MemberBlob.unseal(offered.blob, kek, team.instance.root, offered.member_id, 1).seal(kek, ruth, 1)
    with team.refused(ConflictError):
        team.join(code, replace(offered, member_id=ruth, blob=blob))


def test_codes_that_do_not_fit(team: Team) -> None:
    """Guessed, mistyped, empty or of a report: the same refusal, and nothing is drawn."""
    code = team.invite("Jonas")
    swapped = " ".join([*code.split()[1:], code.split()[0]])
    for guess in ("", "abandon", receipt.to_digits(receipt.new_secret()), " ".join(receipt.to_words(receipt.new_secret(), "en")), swapped):
        with team.refused(CodeError):
            team.offer(guess)
    assert team.offer(receipt.to_digits(receipt.read_code(code))).name == "Marta"  # as digits, it is the same code
    with team.refused(CodeError):
        team.join("abandon", team.offer(code))


def test_an_invitation_ends(team: Team) -> None:
    """Fourteen days; then the name is free again."""
    code = team.invite("Jonas")
    offered = team.offer(code)
    team.instance.clock.forward(days=14)
    assert team.offer(code).name == "Marta"
    team.instance.clock.forward(days=1)
    with team.refused(LateCodeError):
        team.offer(code)
    with team.refused(LateCodeError):
        team.join(code, offered)
    other = team.invite("Jonas")
    assert team.offer(other).name == "Marta"
    with pytest.raises(CodeError):
        team.offer(code)


@pytest.mark.parametrize("name", ["Ruth", " ruth ", "RUTH", "Ｒuth", "Marta", "MARTA"])
def test_a_name_belongs_to_one_person(team: Team, name: str) -> None:
    """Of members and of the invited, in any spelling that reads the same."""
    team.invite("Jonas")
    with team.refused(NameTakenError):
        team.invite("Jonas", name)


@pytest.mark.parametrize(
    ("name", "role"), [("", "lead"), (" \n", "lead"), ("a\nb", "lead"), ("a\u200bb", "lead"), ("x" * 41, "lead"), ("Marta", "owner")]
)
def test_names_and_roles_have_a_form(team: Team, name: str, role: str) -> None:
    """What cannot be read on a page, or is no role, is refused."""
    team.actor("Jonas")
    with team.refused(MalformedError):
        team.invite("Jonas", name, role)


def test_the_longest_name_fits(team: Team) -> None:
    """Forty letters of four bytes."""
    name = "\U00010400" * 40
    code = team.invite("Jonas", name, "caseworker")
    assert team.join(code, team.offer(code)).name == name


@pytest.mark.parametrize("by", ["Nigora", "Salome"])
def test_only_administrators_and_leads_invite(team: Team, by: str) -> None:
    """Nor does anybody else take an invitation back."""
    team.newcomer()
    actor = team.actor(by)
    with team.refused(ForbiddenError), team.database.write() as session:
        invite.invite(session, actor, team.secret, name="Petra", role="caseworker", now=team.instance.clock.now)
    invitation = team.invitation()
    with team.refused(ForbiddenError), team.database.write() as session:
        invite.withdraw(session, actor, team.secret, invitation, now=team.instance.clock.now)


def test_a_withdrawn_invitation_takes_its_account_along(team: Team) -> None:
    """Joined or not, nothing of it is left; the name is free, and the log has it."""
    before = team.dump()["member"]
    code = team.invite("Jonas")
    team.join(code, team.offer(code))
    actor, invitation = team.actor("Jonas"), team.invitation()
    with team.database.write() as session:
        invite.withdraw(session, actor, team.secret, invitation, now=team.instance.clock.now)
    assert len(team.dump()["member"]) == len(before)
    with pytest.raises(CodeError):
        team.offer(code)
    assert team.invite("Jonas")
    assert "member.invitation_withdrawn" in team.log("Edda")
    with team.database.write() as session, pytest.raises(UnknownError):
        invite.withdraw(session, actor, team.secret, invitation, now=team.instance.clock.now)


def test_no_withdrawal_takes_a_members_account(team: Team) -> None:
    """Even if somebody writes a member's id into the invitation."""
    team.newcomer()
    reseal(team, member_id=team.id("Timur"))
    actor, invitation = team.actor("Jonas"), team.invitation()
    with team.database.write() as session:
        invite.withdraw(session, actor, team.secret, invitation, now=team.instance.clock.now)
    assert team.enter("Timur").actor.roles == {"caseworker"}


# granted


def test_whoever_invited_does_not_grant(team: Team) -> None:
    """Even with one lead, two people have acted."""
    marta = team.newcomer(by="Ruth")
    with team.refused(SamePersonError):
        team.grant("Ruth", marta)


@pytest.mark.parametrize("by", ["Jonas", "Nigora", "Salome"])
def test_only_a_lead_grants_and_removes(team: Team, by: str) -> None:
    """An administrator neither gives power nor takes it."""
    marta = team.newcomer(by="Ruth")
    team.actor(by)
    with team.refused(ForbiddenError):
        team.grant(by, marta)
    with team.refused(ForbiddenError):
        team.remove(by, "Timur")
    actor = team.actor(by)
    with team.refused(ForbiddenError), team.database.write() as session:
        change.end_all_sessions(session, actor, team.id("Ruth"), now=team.instance.clock.now)


@pytest.mark.parametrize("typed", ["", WRONG, "one two three"])
def test_other_words_change_nothing(team: Team, typed: str) -> None:
    """The lead types what they heard; if it is not what the keys say, nothing happens."""
    marta = team.newcomer()
    team.actor("Ruth")
    with team.refused(change.FingerprintError):
        team.grant("Ruth", marta, typed=typed)
    assert team.grant("Ruth", marta, typed=marta.words.upper().replace(" ", ", "))


def test_swapped_keys_are_heard(team: Team) -> None:
    """An administrator puts their own keys into the account: the words that the newcomer reads out are not the words of these."""
    marta = team.newcomer()
    team.actor("Ruth")
    mine = KemKeys.from_seed(new_key()).public + SigningKeys.from_seed(new_key()).public
    with team.database.write() as session:
        session.get_one(Member, marta.id).public = mine
    with team.refused(change.FingerprintError):
        team.grant("Ruth", marta)


@pytest.mark.parametrize("public", [None, b"", bytes(1247)])
def test_nobody_is_granted_before_they_join(team: Team, public: bytes | None) -> None:
    """Without keys, or with something that is none, there is nobody to grant."""
    marta = team.newcomer()
    team.actor("Ruth")
    with team.database.write() as session:
        session.get_one(Member, marta.id).public = public
    with team.refused(ConflictError):
        team.grant("Ruth", marta)
    team.invite("Jonas", "Petra")
    with team.refused(ConflictError):
        team.grant("Ruth", replace(marta, name="Petra"))


def reseal(team: Team, **changes: Any) -> None:
    """Change an invitation as somebody with the database and the server secret could."""
    with team.database.write() as session:
        row = session.scalars(select(Invitation)).one()
        invited = replace(invite.read_invitation(session, team.instance.root, team.secret, row.id), **changes)
        row.version += 1
        row.body = invite._seal(invited, row.version, team.instance.root, team.secret)


@pytest.mark.parametrize("changes", [{"role": "lead"}, {"name": "Ruth II"}, {"day": "2026-11-25"}])
def test_an_invitation_is_signed(team: Team, changes: dict[str, str]) -> None:
    """Role, name and day stand under the inviter's signature; the server secret is not enough to change them."""
    marta = replace(team.newcomer(), name=changes.get("name", "Marta"))
    team.actor("Ruth")
    reseal(team, **changes)
    with team.refused(change.VoidInvitationError):
        team.grant("Ruth", marta)


def test_an_inviter_cannot_be_written_in(team: Team) -> None:
    """Ruth invites, and somebody writes Jonas into the row, so that she can grant: his signature is missing."""
    marta = team.newcomer(by="Ruth")
    reseal(team, inviter=team.id("Jonas"))
    with team.refused(change.VoidInvitationError):
        team.grant("Ruth", marta)


def test_the_word_of_a_caseworker_is_none(team: Team) -> None:
    """Signed with a true key, but by somebody who may not invite."""
    marta = team.newcomer()
    nigora, invitation = team.actor("Nigora"), team.invitation()
    with team.database.read() as session:
        invited = replace(invite.read_invitation(session, team.instance.root, team.secret, invitation), inviter=nigora.member_id)
    reseal(team, inviter=nigora.member_id, signature=nigora.keys.signing.sign(invited.message(team.instance.root)))
    team.actor("Ruth")
    with team.refused(change.VoidInvitationError):
        team.grant("Ruth", marta)


def test_an_edited_invitation_is_none(team: Team) -> None:
    """Without the server secret a changed row does not open at all."""
    code = team.invite("Jonas")
    invitation = team.invitation()
    with team.database.write() as session:
        session.execute(update(Invitation).values(body=session.scalars(select(Invitation.body)).one()[:-1] + b"\0"))
    with team.refused(CodeError):
        team.offer(code)
    with team.database.read() as session:
        assert invite.list_invitations(session, team.instance.root, team.secret) == []
        with pytest.raises(UnknownError):
            invite.read_invitation(session, team.instance.root, team.secret, invitation)


def test_the_word_of_somebody_who_left_is_void(team: Team) -> None:
    """An invitation ends with its inviter."""
    marta = team.newcomer()
    team.remove("Ruth", "Jonas")
    team.actor("Ruth")
    with team.refused(change.VoidInvitationError):
        team.grant("Ruth", marta)


def test_a_second_click_grants_once(team: Team) -> None:
    """The page showed epoch 1; under epoch 2 the same click is too late, and changes nothing."""
    marta = team.newcomer()
    invitation, actor = team.invitation(), team.actor("Ruth")
    assert team.grant("Ruth", marta)
    team.actor("Ruth")
    for member in (actor, team.actor("Ruth")):
        with team.refused(ConflictError), team.database.write() as session:
            change.grant(session, member, team.secret, invitation, typed=marta.words, epoch=1, now=team.instance.clock.now)


@pytest.mark.parametrize("role", ["admin", "protection", "caseworker", "lead", "auditor"])
def test_each_role_holds_what_the_table_says(team: Team, role: str) -> None:
    """Only wraps of the role's secrets are made, whoever grants."""
    marta = team.newcomer(role=role)
    team.grant("Ruth", marta)
    expected = {"lead": [("epoch:team", 1)], "caseworker": [("epoch:team", 1)], "auditor": [("epoch:audit", 2)]}
    assert wraps_to(team, marta.id) == expected.get(role, [])
    held = team.enter_new(marta).actor
    assert (len(held.keys.team), len(held.keys.audit)) == (role in ("lead", "caseworker"), role == "auditor")


def test_a_new_auditor_reads_on_from_the_old_one(team: Team) -> None:
    """A lead has no audit secret to hand on: from the grant on it is a fresh one, and the next auditor who comes links the two."""
    marta = team.newcomer(role="auditor")
    team.enter("Edda")
    team.grant("Ruth", marta)
    team.enter_new(marta)
    team.write("More.")
    log = team.log("Marta")
    assert log[0] is None  # what was before is shut to her
    assert log[-1] == "member.signed_in"

    assert None not in team.log("Edda")  # her session goes on, and has linked the epochs

    team.enter_new(marta)
    assert None not in team.log("Marta")


def test_a_killed_grant_leaves_nothing(team: Team) -> None:
    """The store refuses the last entry: no manifest, no wrap, no account changed; the same click works afterwards."""
    marta = team.newcomer()
    team.actor("Ruth")
    tables = ("manifest", "key_wrap", "ledger_entry")
    for table in tables:
        before = team.dump()
        with team.instance.refusing(table):
            with pytest.raises((IntegrityError, BusyError)):
                team.grant("Ruth", marta)
            with pytest.raises((IntegrityError, BusyError)):
                team.remove("Ruth", "Timur")
        assert team.dump() == before, table
    assert team.grant("Ruth", marta)
    assert team.remove("Ruth", "Timur")


def test_no_entry_no_change(team: Team) -> None:
    """A log that cannot be written stops every change of people."""
    marta = team.newcomer()
    invitation = team.invitation()
    actors = {name: team.actor(name) for name in ("Ruth", "Jonas")}
    now = team.instance.clock.now
    with team.instance.refusing("ledger_entry"):
        with team.refused(BusyError), team.database.write() as session:
            change.grant(session, actors["Ruth"], team.secret, invitation, typed=marta.words, epoch=1, now=now)
        with team.refused(BusyError), team.database.write() as session:
            change.remove(session, actors["Ruth"], team.id("Timur"), epoch=1, now=now)
        with team.refused(BusyError), team.database.write() as session:
            change.end_all_sessions(session, actors["Ruth"], team.id("Jonas"), now=now)
        with team.refused(BusyError), team.database.write() as session:
            invite.invite(session, actors["Jonas"], team.secret, name="Petra", role="lead", now=now)
        with team.refused(BusyError), team.database.write() as session:
            invite.withdraw(session, actors["Jonas"], team.secret, invitation, now=now)


# removed


def keys_in(unlocked: Unlocked) -> set[bytes]:
    """Return every key that follows from what somebody saved."""
    found = {unlocked.kem_seed, unlocked.sign_seed, unlocked.batch_key}
    for secret in (*unlocked.team, *unlocked.audit):
        found |= {secret.secret} | {secret.key(label) for label in ("commit", "kem", "wrap", "prev", "tag", "index")}
    return found


def test_removed_is_out_at_once_and_for_good(team: Team) -> None:
    """Invariant 8: next click refused, session row gone, wrap gone, and nothing saved opens what comes after."""
    old = team.write("While Timur was here.")
    assert team.read("Timur", old) == "While Timur was here."
    held, cookie = team.click("Timur"), team.cookies["Timur"]
    assert held is not None
    timur, saved = team.id("Timur"), held.actor
    assert wraps_to(team, timur) == [("epoch:team", 1)]

    assert team.remove("Ruth", "Timur")

    with team.database.read() as session:
        assert session.scalars(select(MemberSession).where(MemberSession.member_id == timur)).all() == []
        assert session.get(Lease, (held.keys.id, f"report:{old}")) is None
    assert team.click("Timur") is None
    assert wraps_to(team, timur) == []
    with pytest.raises(SignInError):
        team.enter("Timur")
    assert "member.removed" in team.log("Edda")

    new = team.write("After Timur.")
    assert team.read("Nigora", new) == "After Timur."
    waiting = team.write("After Timur, not taken in yet.")
    _assert_shut(team, saved, new, waiting)
    # the old cookie on the old host, the chain as it was then, and the rows of now
    with pytest.raises(SealError), team.database.read() as session:
        open_all_strictly(session, saved, new)
    assert sessions.resume(team.database, cookie, chain=saved.chain, host_secret=HOST, now=team.instance.clock.now) is None


def open_all_strictly(session: Session, actor: Actor, report_id: UUID) -> None:
    """Open a report with the keys of an actor, or say that it does not open."""
    if not any(item.report.id == report_id for item in open_all(session, actor)):
        raise SealError


def _assert_shut(team: Team, saved: Actor, *report_ids: UUID) -> None:
    """Try every key that the removed had on everything that is in the database now."""
    kem, root = KemKeys.from_seed(saved.keys.kem_seed), team.instance.root
    held = keys_in(saved.keys)
    pairs = [kem, *(secret.kem for secret in (*saved.keys.team, *saved.keys.audit))]
    newest = team.chain.newest
    assert (newest.team.epoch, newest.audit.epoch) == (2, 2)
    with team.database.read() as session:
        reports = {row.id: row for row in session.scalars(select(Report)) if row.id in report_ids}
        wraps = session.scalars(select(KeyWrap).where(KeyWrap.epoch == 2)).all()
    for report_id, report in reports.items():
        context = body_context(root, str(report_id), 2)
        for key in held:
            with pytest.raises(SealError):
                envelope.unseal(report.body, key, context)
    assert {wrap.part for wrap in wraps} >= {"body", "row", "secret", "prev", "key"}
    for wrap in wraps:
        contexts = [
            Context(root, "key.wrap", f"{wrap.record}/{wrap.part}", wrap.recipient, wrap.version, 2),
            Context(root, "epoch.secret", wrap.record, wrap.recipient, 1, 2),
            Context(root, "epoch.prev", wrap.record, "prev", 1, 2),
            Context(root, "ledger.batch", wrap.record, "audit", 1, 2),
            Context(root, "report.bundle", wrap.record.removeprefix("report:"), "bundle", 1, 2),
        ]
        for context in contexts:
            for key in held:
                with pytest.raises(SealError):
                    envelope.unseal(wrap.sealed, key, context)
            for keys in pairs:
                with pytest.raises(SealError):
                    hpke.open_with(wrap.sealed, keys, context)
    # the same with a colleague's keys does open: the test could have failed
    mine = team.actor("Nigora")
    (waiting,) = [wrap for wrap in wraps if wrap.part == "body" and wrap.sealed.startswith(b"PVH")]
    assert keyring.open_bundle(waiting.sealed, mine.team, root=root, report_id=waiting.record.removeprefix("report:"))


def test_a_removed_auditor_reads_no_entry_that_comes_after(team: Team) -> None:
    """Colleagues' sessions go on, and yet their next entry is sealed to the fresh audit secret only."""
    team.grant("Ruth", team.newcomer(role="auditor"))
    team.actor("Nigora")
    saved = team.enter("Edda").actor
    team.remove("Ruth", "Edda")
    size = len(team.dump()["ledger_entry"])
    report = team.write("After Edda.")
    team.read("Nigora", report)
    with team.database.read() as session:
        entries = session.scalars(select(LedgerEntry).where(LedgerEntry.index >= size)).all()
        assert len(entries) >= 3
        assert [kind_of(session, saved, entry) for entry in entries] == [None] * len(entries)


def test_what_was_written_before_a_removal_stays(team: Team) -> None:
    """Old reports, letters, marks and owners are read and go on under the new secrets; each row's newest version is still proven."""
    old = team.write("One.")
    team.read("Nigora", old)
    held = team.click("Nigora")
    assert held is not None
    now = team.instance.clock.now
    with team.database.write() as session:
        triage.claim(session, held.actor, held.keys.id, old, version=1, now=now)
        letters.hand_over(session, held.actor, held.keys.id, old, text="A question.", language="en", now=now)

    team.remove("Ruth", "Timur")

    held = team.click("Nigora")
    assert held is not None
    assert held.actor.team.epoch == 2
    assert [secret.epoch for secret in held.actor.keys.team] == [1, 2]
    with team.database.read() as session:
        (row,) = queue.read_queue(session, held.actor, now=now)
        assert (row.unread, row.is_new, row.known is not None) == (0, False, True)
        check_row(session, held.actor, queue.open_rows(session, held.actor, [row])[old].row)
    with team.database.write() as session:
        triage.add_note(session, held.actor, held.keys.id, old, text="A note under the new secret.", now=now)
    ruth = team.actor("Ruth")
    with team.database.write() as session:
        (waiting,), damaged = letters.list_handed(session, ruth)
        assert damaged == 0
        letters.release(session, ruth, waiting.letter.message.id, version=1, now=now)
    with team.database.read() as session:
        report = session.get_one(Report, old)
        assert envelope.epoch_of(report.work or b"") == 2
        assert envelope.epoch_of(report.body) == 1
        assert session.scalars(select(Message)).one().releaser == ruth.member_id
        for actor in (team.actor("Nigora"), ruth):
            (opened,) = open_all(session, actor)
            check_row(session, actor, opened.row)
            assert [note["text"] for note in opened.work.notes] == ["A note under the new secret."]
    assert team.read("Nigora", old) == "One."


def test_an_old_row_put_back_over_a_removal_is_noticed(team: Team) -> None:
    """The tag of the newer version is looked for under each epoch's key."""
    report_id = team.write("One.")
    team.read("Nigora", report_id)
    (row,) = team.instance.rows("SELECT work, version, state FROM report")
    (wrap,) = team.instance.rows("SELECT * FROM key_wrap WHERE part = 'row'")
    team.remove("Ruth", "Timur")
    held = team.click("Nigora")
    assert held is not None
    with team.database.write() as session:
        triage.add_note(session, held.actor, held.keys.id, report_id, text="Newer.", now=team.instance.clock.now)
    with team.instance.edit() as sql:
        sql.run("UPDATE report SET work = ?, version = ?, state = ?", *row)
        sql.run("DELETE FROM key_wrap WHERE part = 'row'")
        sql.run("INSERT INTO key_wrap VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *wrap)
    with pytest.raises(DamagedError):
        team.read("Nigora", report_id)


def test_a_newcomer_reads_back_over_a_removal(team: Team) -> None:
    """Through the wraps they were given; and, if these were lost, along the links from the newest secret."""
    old = team.write("One.")
    team.read("Nigora", old)
    team.remove("Ruth", "Timur")
    marta = team.newcomer()
    team.grant("Ruth", marta)
    assert wraps_to(team, marta.id) == [("epoch:team", 1), ("epoch:team", 2)]
    team.enter_new(marta)
    assert team.read("Marta", old) == "One."
    with team.database.write() as session:
        session.execute(delete(KeyWrap).where(KeyWrap.recipient == f"member:{marta.id}", KeyWrap.epoch == 1))
    assert [secret.epoch for secret in team.enter_new(marta).actor.keys.team] == [1, 2]
    assert team.read("Marta", old) == "One."
    with team.database.read() as session:
        link = session.get_one(KeyWrap, ("epoch:team", "prev", 1, "team", 2))
    before, now = team.chain.epoch(1).team, team.actor("Marta").keys.team_epoch(2)
    opened = second.open_link(
        link.sealed, now.secret, root=team.instance.root, name="team", epoch=2, commit=before.commit, public=before.kem
    )
    assert opened == team.actor("Marta").keys.team_epoch(1).secret


@pytest.mark.parametrize("sealed", [b"", b"PVE\x01\x01" + bytes(200), None])
def test_a_link_that_somebody_planted_opens_nothing(team: Team, sealed: bytes | None) -> None:
    """It is held against the manifest; whoever has no other way simply does not hold the older secret."""
    team.remove("Ruth", "Timur")
    marta = team.newcomer()
    team.grant("Ruth", marta)
    if sealed is None:  # sealed as it should be, but another secret
        key = team.actor("Nigora").keys.team_epoch(2).key("prev")
        sealed = envelope.seal(new_key(), key, Context(team.instance.root, "epoch.prev", "epoch:team", "prev", 1, 2))
    with team.database.write() as session:
        session.get_one(KeyWrap, ("epoch:team", "prev", 1, "team", 2)).sealed = sealed
        session.execute(delete(KeyWrap).where(KeyWrap.recipient == f"member:{marta.id}", KeyWrap.epoch == 1))
    assert [secret.epoch for secret in team.enter_new(marta).actor.keys.team] == [2]


def test_recovery_gets_every_fresh_secret(team: Team) -> None:
    """All passphrases may be lost after a removal as well; and the link back is made with the removal, not later."""
    team.remove("Ruth", "Timur")
    with team.database.read() as session:
        assert session.get(KeyWrap, ("epoch:team", "prev", 1, "team", 2)) is not None
        rows = session.scalars(select(KeyWrap).where(KeyWrap.recipient == "recovery")).all()
    assert sorted((row.record, row.epoch) for row in rows) == [(f"epoch:{name}", epoch) for name in ("audit", "team") for epoch in (1, 2)]


def test_nobody_removes_themself(team: Team) -> None:
    """So the last lead stays, and with a lead somebody who can read."""
    team.actor("Ruth")
    with team.refused(SamePersonError):
        team.remove("Ruth", "Ruth")


def test_a_second_click_removes_once(team: Team) -> None:
    """Too late for the page that showed them, and for the member that is no longer there."""
    team.remove("Ruth", "Timur")
    team.actor("Ruth")
    with team.refused(ConflictError):
        team.remove("Ruth", "Timur", epoch=1)
    with team.refused(ConflictError):
        team.remove("Ruth", "Timur")
    with team.refused(ConflictError):
        team.remove("Ruth", "Nobody", member_id="00000000-0000-4000-8000-000000000000")


def test_nobody_comes_back_with_old_keys(team: Team) -> None:
    """Keys or id of somebody who was a member are not granted again."""
    timur = team.chain.newest.members[team.id("Timur")]
    team.remove("Ruth", "Timur")
    marta = team.newcomer()
    with team.database.write() as session:
        session.get_one(Member, marta.id).public = timur.kem + timur.sign
    team.actor("Ruth")
    with team.refused(ConflictError):
        team.grant("Ruth", marta)
    with team.refused(NameTakenError):
        team.invite("Jonas", "Timur")


def test_sessions_end_on_request(team: Team) -> None:
    """A lead ends somebody's sessions; they can sign in again."""
    team.enter("Timur")
    actor = team.actor("Ruth")
    with team.database.write() as session:
        change.end_all_sessions(session, actor, team.id("Timur"), now=team.instance.clock.now)
    assert team.click("Timur") is None
    assert team.enter("Timur").actor.roles == {"caseworker"}
    assert "session.ended" in team.log("Edda")
    with team.refused(UnknownError), team.database.write() as session:
        change.end_all_sessions(session, actor, str(uuid4()), now=team.instance.clock.now)


# sessions of the others


def test_a_colleagues_session_outlives_a_change(team: Team) -> None:
    """The same cookie, form secret, openings and end; other secrets, and a batch of its own for the new audit secret."""
    report = team.write("One.")
    team.read("Nigora", report)
    before = team.click("Nigora")
    assert before is not None
    with team.database.read() as session:
        row = session.get_one(MemberSession, before.keys.id)
        expires = row.expires

    team.grant("Ruth", team.newcomer())
    team.remove("Ruth", "Timur")
    team.instance.clock.forward(minutes=5)

    after, again = team.click("Nigora"), team.click("Nigora")
    assert after is not None
    assert again is not None
    assert after.keys == before.keys
    assert again.actor.keys.batch_id == after.actor.keys.batch_id != before.actor.keys.batch_id
    with team.database.read() as session:
        row = session.get_one(MemberSession, before.keys.id)
        assert (row.manifest_epoch, row.expires) == (3, expires)
        assert session.get(Lease, (before.keys.id, f"report:{report}")) is not None
    with team.database.write() as session:
        triage.add_note(session, after.actor, after.keys.id, report, text="Typed before the change.", now=team.instance.clock.now)
    assert None not in team.log("Edda")


def test_a_session_under_other_keys_ends(team: Team) -> None:
    """Two leads may give somebody new keys; the session that holds the old ones is over."""
    team.enter("Nigora")
    ruth, newest = team.actor("Ruth"), team.chain.newest
    other = replace(newest.members[team.id("Nigora")], sign=SigningKeys.from_seed(new_key()).public)
    body = manifest.encode_next(
        newest,
        members=[other if member.id == other.id else member for member in newest.members.values()],
        team=newest.team,
        audit=newest.audit,
    )
    signature = ruth.keys.signing.sign(manifest.signed_bytes(body))
    with team.database.write() as session:
        session.add(ManifestRow(epoch=2, body=body, signatures=manifest.encode_signatures({ruth.member_id: signature})))
    assert team.click("Nigora") is None
    with team.database.read() as session:
        assert session.scalars(select(MemberSession).where(MemberSession.member_id == other.id)).all() == []
    assert team.click("Ruth") is not None


@pytest.mark.parametrize("is_pair", [False, True], ids=["removed", "suspended"])
def test_a_session_put_back_ends_at_the_click(store: Store, request: pytest.FixtureRequest, *, is_pair: bool) -> None:
    """A row that somebody puts back after the removal, or after a lead's hand alone, is deleted when it is used."""
    team: Team = request.getfixturevalue("pair" if is_pair else "team")
    held = team.enter("Nigora")
    (row,) = team.instance.rows("SELECT * FROM member_session WHERE id = ?", held.keys.id)
    assert team.remove("Ruth", "Nigora") is not is_pair
    team.instance.sql("INSERT INTO member_session VALUES (?, ?, ?, ?, ?, ?)", *row)
    assert team.click("Nigora") is None
    with team.database.read() as session:
        assert session.get(MemberSession, held.keys.id) is None


# two leads


def test_two_leads_grant_together(pair: Team) -> None:
    """The first signature makes a draft and gives nothing; the second makes it so. Both hear the words."""
    marta = pair.newcomer()
    old = pair.write("One.")
    pair.read("Nigora", old)
    assert not pair.grant("Ruth", marta)
    waiting = pair.waiting("Omid")
    assert waiting is not None
    assert (waiting.member.id, waiting.is_removal, waiting.draft.signers) == (marta.id, False, frozenset({pair.id("Ruth")}))
    assert pair.epoch == 1
    assert wraps_to(pair, marta.id) == []
    with pytest.raises(SignInError):
        pair.enter_new(marta)
    with pair.refused(SamePersonError):
        pair.sign("Ruth", marta.words)
    with pair.refused(change.FingerprintError):
        pair.sign("Omid", WRONG)
    for name in ("Jonas", "Nigora", "Salome"):
        pair.actor(name)
        with pair.refused(ForbiddenError):
            pair.sign(name, marta.words)

    pair.sign("Omid", marta.words)

    assert pair.epoch == 2
    assert pair.waiting() is None
    pair.enter_new(marta)
    assert pair.read("Marta", old) == "One."
    log = pair.log("Edda")
    assert None not in log
    assert [kind for kind in log if kind and kind.startswith("m")][:5] == [
        "member.invited",
        "member.joined",
        "manifest.proposed",
        "manifest.signed",
        "member.granted",
    ]


def test_two_leads_grant_an_auditor(pair: Team) -> None:
    """The fresh audit secret was drawn by the first lead; the second does not know it, and does not need to."""
    marta = pair.newcomer(role="auditor")
    pair.grant("Ruth", marta)
    assert pair.enter("Edda").actor.keys.audit[-1].epoch == 1
    pair.sign("Omid", marta.words)
    pair.enter("Edda")
    pair.enter_new(marta)
    assert None not in pair.log("Marta")


def test_the_inviter_is_not_the_second_hand_either(pair: Team) -> None:
    """A lead who invites never grants, first or second."""
    marta = pair.newcomer(by="Omid")
    pair.grant("Ruth", marta)
    pair.actor("Omid")
    with pair.refused(SamePersonError):
        pair.sign("Omid", marta.words)


def test_one_change_waits_at_a_time(pair: Team) -> None:
    """Another grant has to wait, a second click changes nothing, and a signature is for the draft that the page showed."""
    marta = pair.newcomer()
    petra = pair.newcomer(name="Petra")
    pair.grant("Ruth", marta)
    for newcomer in (marta, petra):
        with pair.refused(ConflictError):
            pair.grant("Ruth", newcomer)
    pair.actor("Omid")
    with pair.refused(ConflictError):
        pair.sign("Omid", marta.words, digest="00" * 32)
    pair.sign("Omid", marta.words)
    pair.actor("Omid")
    with pair.refused(ConflictError):
        pair.sign("Omid", marta.words, digest="00" * 32)


def test_a_lead_takes_a_grant_back(pair: Team) -> None:
    """One lead is enough, whichever; what was drawn for it is gone, and it can begin again."""
    marta = pair.newcomer(role="auditor")
    jonas, invitation = pair.actor("Jonas"), pair.invitation()
    pair.grant("Ruth", marta)
    with pair.refused(ConflictError), pair.database.write() as session:
        invite.withdraw(session, jonas, pair.secret, invitation, now=pair.instance.clock.now)
    with pair.refused(ForbiddenError):
        pair.withdraw("Jonas")
    assert pair.withdraw("Omid")
    assert pair.waiting() is None
    assert wraps_to(pair, marta.id) == []
    with pair.refused(ConflictError):
        pair.withdraw("Omid")
    pair.grant("Omid", marta)
    pair.sign("Ruth", marta.words)
    assert pair.enter_new(marta).actor.roles == {"auditor"}
    assert None not in pair.log("Edda")


@pytest.mark.parametrize("hand", ["Nigora", "Jonas", "Salome"])
def test_a_lead_is_removed_by_the_other_and_one_who_stays(pair: Team, hand: str) -> None:
    """The lead's hand ends access at once; any further one who remains makes it the keyring in force."""
    omid = pair.enter("Omid").actor
    pair.enter("Nigora")

    assert not pair.remove("Ruth", "Omid")

    assert pair.epoch == 1
    assert pair.chain.suspended == {omid.member_id}
    with pair.database.read() as session:
        assert session.scalars(select(MemberSession).where(MemberSession.member_id == omid.member_id)).all() == []
    assert pair.click("Omid") is None
    with pytest.raises(SignInError):
        pair.enter("Omid")
    with pair.refused(ForbiddenError), pair.database.write() as session:  # a request that was already on its way
        waiting = pair.waiting()
        assert waiting is not None
        change.withdraw(session, omid, digest=waiting.digest, now=pair.instance.clock.now)
    with pair.refused(SamePersonError):
        pair.sign("Ruth")

    pair.sign(hand)

    assert pair.epoch == 2
    assert pair.chain.suspended == frozenset()
    assert set(pair.chain.newest.members) == {pair.id(name) for _, name in TWO if name != "Omid"}
    assert wraps_to(pair, omid.member_id) == []
    report = pair.write("After Omid.")
    assert pair.read("Nigora", report) == "After Omid."
    with pair.database.read() as session:
        rows = [(row.body, row.signatures) for row in session.scalars(select(ManifestRow).order_by(ManifestRow.epoch))]
        signed = second.read_signatures(rows[1][1])
    assert set(signed) == {pair.id("Ruth"), pair.id(hand)}
    assert len(second.read_chain(pair.instance.root, rows)) == 2
    assert None not in pair.log("Edda")


def test_an_auditor_is_no_further_hand(pair: Team) -> None:
    """They have no page to sign on, and the keyring of every reader would refuse it."""
    pair.remove("Ruth", "Omid")
    pair.actor("Edda")
    with pair.refused(ForbiddenError):
        pair.sign("Edda")


def test_a_removal_does_not_wait_for_a_grant(pair: Team) -> None:
    """It takes the place of the draft that waits; a second removal waits its turn."""
    marta = pair.newcomer(role="auditor")
    pair.grant("Omid", marta)
    pair.remove("Ruth", "Nigora")
    waiting = pair.waiting()
    assert waiting is not None
    assert waiting.member.id == pair.id("Nigora")
    assert wraps_to(pair, marta.id) == []
    with pair.refused(ConflictError):
        pair.remove("Ruth", "Salome")
    pair.actor("Omid")
    with pair.refused(ConflictError):
        pair.grant("Omid", marta)
    pair.sign("Jonas")
    pair.grant("Omid", marta)
    pair.sign("Ruth", marta.words)
    assert pair.enter_new(marta).actor.roles == {"auditor"}


def test_giving_back_takes_two_where_two_are_left(pair: Team) -> None:
    """A removal has taken power away; one lead asks, another agrees."""
    pair.remove("Ruth", "Nigora")
    with pytest.raises(SignInError):
        pair.enter("Nigora")
    assert not pair.withdraw("Ruth")
    assert not pair.withdraw("Ruth")
    waiting = pair.waiting()
    assert waiting is not None
    assert waiting.lifter == pair.id("Ruth")
    assert pair.chain.suspended == {pair.id("Nigora")}
    assert pair.withdraw("Omid")
    assert pair.chain.suspended == frozenset()
    assert pair.enter("Nigora").actor.team.epoch == 1
    with pair.database.read() as session:
        assert session.scalars(select(KeyWrap).where(KeyWrap.record.startswith("epoch:"), KeyWrap.epoch > 1)).all() == []
    assert None not in pair.log("Edda")


def test_giving_back_takes_one_where_one_is_left(pair: Team) -> None:
    """With the other lead suspended there is nobody to ask."""
    pair.remove("Ruth", "Omid")
    assert pair.withdraw("Ruth")
    assert pair.enter("Omid").actor.roles == {"lead"}


def test_a_removal_that_was_to_be_given_back_can_still_be_signed(pair: Team) -> None:
    """Asking is not enough; the next signature decides."""
    pair.remove("Ruth", "Nigora")
    pair.withdraw("Ruth")
    pair.sign("Omid")
    assert pair.epoch == 2


# what somebody with SQL can do


def test_an_edited_draft_is_none(pair: Team) -> None:
    """A byte of it, or of its signatures, and it neither waits nor suspends."""
    pair.remove("Ruth", "Nigora")
    waiting = pair.waiting()
    assert waiting is not None
    with pair.database.read() as session:
        row = session.get_one(ManifestDraft, 1)
        body, signatures = row.body, row.signatures
    role = body.replace(b'"caseworker"', b'"protection"').replace(b'"roles":["lead"]', b'"roles":["admin"]', 1)
    for change_of in (
        {"body": role},
        {"body": b""},
        {"signatures": b'{"signatures":[]}'},
        {"signatures": signatures[:-9] + signatures[-8:]},
    ):
        with pair.database.write() as session:
            session.execute(update(ManifestDraft).values({"body": body, "signatures": signatures, **change_of}))
        assert pair.waiting() is None
        assert pair.chain.suspended == frozenset()
        pair.actor("Omid")
        with pair.refused(ConflictError):
            pair.sign("Omid", digest=waiting.digest)


def test_nobody_is_suspended_by_sql(pair: Team) -> None:
    """A draft without a lead's signature does nothing, whoever else has signed it."""
    pair.remove("Ruth", "Omid")
    nigora = pair.actor("Nigora")
    with pair.database.write() as session:
        row = session.get_one(ManifestDraft, 1)
        signature = nigora.keys.signing.sign(manifest.signed_bytes(row.body))
        row.signatures = manifest.encode_signatures({nigora.member_id: signature})
    assert pair.chain.suspended == frozenset()


def test_a_draft_that_was_taken_back_stays_so(pair: Team) -> None:
    """Somebody puts the row back, signature and all: its version is not the newest that the log knows."""
    marta = pair.newcomer()
    pair.grant("Ruth", marta)
    (row,) = pair.instance.rows("SELECT body, signatures, lifter, version FROM manifest_draft")
    pair.withdraw("Ruth")
    pair.instance.sql("UPDATE manifest_draft SET body = ?, signatures = ?, lifter = ?, version = ?", *row)
    assert pair.waiting() is not None
    pair.actor("Omid")
    with pair.refused(DamagedError):
        pair.sign("Omid", marta.words)
    assert pair.withdraw("Omid")


def draft_of(pair: Team, actor: Actor, *members: ManifestMember, **keys: Any) -> None:
    """Store a draft that the program would not make, signed by a lead who uses another program."""
    newest = keys.get("newest", pair.chain.newest)
    body = manifest.encode_next(newest, members=members, team=keys.get("team", newest.team), audit=keys.get("audit", newest.audit))
    signature = actor.keys.signing.sign(manifest.signed_bytes(body))
    with pair.database.write() as session:
        session.execute(delete(ManifestDraft))
        row = ManifestDraft(id=1, body=body, signatures=manifest.encode_signatures({actor.member_id: signature}))
        change._save(session, actor, row, pair.instance.clock.now, {})


def test_nobody_signs_more_than_one_sentence(pair: Team) -> None:
    """A lead's draft that does something beside what the second person is told is refused, and so is one that nobody was invited for."""
    ruth, newest = pair.actor("Ruth"), pair.chain.newest
    pair.actor("Omid")
    everybody = list(newest.members.values())
    new = [
        ManifestMember(
            str(uuid4()), frozenset({"caseworker"}), KemKeys.from_seed(new_key()).public, SigningKeys.from_seed(new_key()).public
        )
        for _ in "ab"
    ]
    higher = [replace(member, roles=member.roles | {"lead"}) if member.id == pair.id("Nigora") else member for member in everybody]
    fresh = {"team": EpochSecret.new("team", 2).public, "audit": EpochSecret.new("audit", 2).public}
    drafts: list[tuple[list[ManifestMember], dict[str, Any]]] = [
        ([*everybody, *new], {}),
        ([*higher, new[0]], {}),
        (higher, {}),
        (everybody, {}),
        ([*everybody, new[0]], fresh),
        ([*everybody, new[0]], {"team": fresh["team"]}),
        ([*everybody, new[0]], {"audit": fresh["audit"]}),
        ([*everybody, new[0]], {"newest": replace(newest, recovery_kem=new[1].kem)}),
        ([*everybody, new[0]], {"newest": replace(newest, origin="another/log")}),
        ([*everybody, replace(new[0], roles=frozenset({"auditor"}))], {}),
        ([*everybody, replace(new[0], roles=frozenset({"lead", "admin"}))], {}),
        ([*everybody[:-1], new[0]], {}),
        ([member for member in everybody if "lead" in member.roles], fresh),
    ]
    for members, keys in drafts:
        draft_of(pair, ruth, *members, **keys)
        with pytest.raises(DamagedError):
            pair.waiting("Omid" if pair.id("Omid") not in pair.chain.suspended else "Ruth")
        with pair.refused(DamagedError):
            pair.sign("Omid", digest=digest_of(pair))
    draft_of(pair, ruth, *everybody, new[0])
    with pair.refused(change.NobodyInvitedError):
        pair.sign("Omid", digest=digest_of(pair))


def digest_of(team: Team) -> str:
    with team.database.read() as session:
        return sha256(session.get_one(ManifestDraft, 1).body).hex()


def test_a_role_is_not_raised_between_two_leads(pair: Team) -> None:
    """Invited as a caseworker, drafted as a lead: the invitation says otherwise."""
    marta = pair.newcomer()
    ruth, newest = pair.actor("Ruth"), pair.chain.newest
    pair.actor("Omid")
    with pair.database.read() as session:
        public = session.get_one(Member, marta.id).public or b""
    draft_of(pair, ruth, *newest.members.values(), ManifestMember(marta.id, frozenset({"lead"}), public[:1216], public[1216:]))
    with pair.refused(change.VoidInvitationError):
        pair.sign("Omid", marta.words, digest=digest_of(pair))


def test_an_edited_manifest_row_brings_nobody_back(team: Team) -> None:
    """A process that has seen the removal keeps it; a new one is told by its members' keys that something is wrong."""
    team.enter("Nigora")
    team.remove("Ruth", "Timur")
    for name in ("Ruth", "Nigora", "Jonas"):
        team.enter(name)  # they have now seen epoch 2
    state = team.instance.folder / "some.state"
    ChainKeeper(team.database, team.instance.root, state).current()
    with team.database.write() as session:
        session.execute(delete(ManifestRow).where(ManifestRow.epoch == 2))

    assert team.epoch == 2
    with pytest.raises(SignInError):
        team.enter("Timur")
    assert ChainKeeper(team.database, team.instance.root, state).current().newest.epoch == 2

    team.keeper = ChainKeeper(team.database, team.instance.root)  # a new process without a state file
    assert team.epoch == 1
    assert team.click("Nigora") is None
    for name in ("Ruth", "Nigora", "Jonas"):
        with pytest.raises(ManifestError):
            team.enter(name)


def test_a_forged_row_does_not_hide_a_removal(team: Team) -> None:
    """Junk after the true manifest keeps a running process from nothing."""
    team.enter("Timur")
    assert team.epoch == 1
    fresh = ChainKeeper(team.instance.database(), team.instance.root)
    assert fresh.current().newest.epoch == 1
    team.remove("Ruth", "Timur")
    with team.database.write() as session:
        session.add(ManifestRow(epoch=3, body=b"{}", signatures=b"{}"))
    assert fresh.current().newest.epoch == 2
    with pytest.raises(ManifestError):
        ChainKeeper(team.instance.database(), team.instance.root).current()


def test_another_history_does_not_take_over(team: Team) -> None:
    """A lead signs a longer second history without the removal: whoever has seen the true one stays with it."""
    ruth, founding = team.actor("Ruth"), team.chain
    team.remove("Ruth", "Timur")
    assert team.epoch == 2
    chain = founding
    for gone in ("Salome", "Edda"):
        newest = chain.newest
        fresh = [EpochSecret.new(name, keys.epoch + 1).public for name, keys in (("team", newest.team), ("audit", newest.audit))]
        rest = [member for member in newest.members.values() if member.id != team.id(gone)]
        body = manifest.encode_next(newest, members=rest, team=fresh[0], audit=fresh[1])
        signature = ruth.keys.signing.sign(manifest.signed_bytes(body))
        signed = SignedManifest(body, manifest.encode_signatures({ruth.member_id: signature}))
        chain = manifest.verify_chain(chain.root, [*chain.signed, signed])
    with team.database.write() as session:
        session.execute(delete(ManifestRow).where(ManifestRow.epoch > 1))
        session.add_all(
            ManifestRow(epoch=at, body=item.body, signatures=item.signatures) for at, item in enumerate(chain.signed[1:], start=2)
        )
    assert team.id("Timur") not in team.chain.newest.members
    assert team.epoch == 2


def test_the_intake_moves_forward_and_never_back(team: Team) -> None:
    """Its state file follows each manifest; what it seals opens under the newest secret only."""
    state = team.instance.folder / "intake.state"
    intake = ChainKeeper(team.instance.database(), team.instance.root, state)
    assert intake.current().newest.epoch == 1
    team.grant("Ruth", team.newcomer())
    assert intake.current().newest.epoch == 2
    team.remove("Ruth", "Timur")
    assert intake.current().newest.epoch == 3
    read = second.read_state(team.instance.root, state.read_bytes())
    assert [item.epoch for item in read] == [1, 2, 3]
    assert [item.team[0] for item in read] == [1, 1, 2]
    sending = Sending("short-1", "en", None, {"text": "Sealed by the intake."}, team.instance.clock.now, 0)
    secret = receipt.new_secret()
    receive_first(team.database, intake.current(), secret, receipt.derive(secret, intake.root), sending)
    with team.database.read() as session:
        report = session.scalars(select(Report)).one()
        assert envelope.epoch_of(report.body) == 2
        assert session.scalars(select(KeyWrap).where(KeyWrap.record == f"report:{report.id}")).one().epoch == 2
    assert team.read("Nigora", report.id) == "Sealed by the intake."
    with team.database.write() as session:
        session.execute(delete(ManifestRow).where(ManifestRow.epoch > 1))
    assert intake.current().newest.epoch == 3
    assert ChainKeeper(team.instance.database(), team.instance.root, state).current().newest.epoch == 3


def test_a_report_sealed_to_the_old_secret_is_still_taken_in(team: Team) -> None:
    """It was on its way when somebody was removed; nothing is lost."""
    waiting = team.write("On its way.")
    team.remove("Ruth", "Timur")
    assert team.read("Nigora", waiting) == "On its way."
    with team.database.read() as session:
        report = session.get_one(Report, waiting)
        assert report.state is ReportState.RECEIVED
        assert {row.epoch for row in session.scalars(select(KeyWrap).where(KeyWrap.record == f"report:{waiting}"))} == {2}


def test_entries_of_every_epoch_open_for_team_and_auditor(team: Team) -> None:
    """Each row version has one entry, found under its own epoch's tag key."""
    for at in range(3):
        report = team.write(f"Report {at}.")
        assert team.read("Nigora", report) == f"Report {at}."
        if at < 2:
            team.remove("Ruth", ("Timur", "Salome")[at])
    actor = team.actor("Nigora")
    assert [secret.epoch for secret in actor.keys.team] == [1, 2, 3]
    with team.database.read() as session:
        for opened in open_all(session, actor):
            check_row(session, actor, opened.row)
        for entry in session.scalars(select(LedgerEntry)):
            if session.scalars(select(KeyWrap).where(KeyWrap.record == f"ledger:{entry.index}", KeyWrap.recipient == "team")).first():
                assert open_as_team(session, actor, entry).record["index"] == entry.index
        assert session.execute(text("SELECT count(*) FROM ledger_entry")).scalar_one() > 8
    assert None not in team.log("Edda")


def test_a_removal_that_was_taken_back_cannot_be_completed_by_hand(pair: Team) -> None:
    """Its row put back, an administrator as the second hand: the secrets of its epoch are gone, and the keyring stays."""
    for name in ("Ruth", "Omid", "Jonas"):
        pair.actor(name)
    assert not pair.remove("Ruth", "Nigora")
    (kept,) = pair.instance.rows("SELECT body, signatures, lifter, version FROM manifest_draft")
    pair.withdraw("Ruth")
    pair.withdraw("Omid")
    pair.instance.sql("UPDATE manifest_draft SET body = ?, signatures = ?, lifter = ?, version = ?", *kept)

    with pytest.raises(DamagedError):
        pair.sign("Jonas")

    assert pair.chain.newest.epoch == 1
    assert pair.id("Nigora") in pair.chain.newest.members
