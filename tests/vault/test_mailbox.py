"""What travels between a source and the team proves itself, or is refused (docs/formats.md §7, §8)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MalformedError
from app.vault import envelope, hpke, keyring, mailbox, padding, receipt
from app.vault.encoding import Context, from_jcs, length_prefixed, sha256, to_b64, to_jcs
from app.vault.mailbox import ReportBody, SealedReport, open_reply, read_body, reply_address
from app.vault.manifest import Chain, verify_chain
from app.vault.receipt import Receipt
from tests import second_reader as second
from tests.vault import world
from tests.vault.world import CHAIN, DAVID, DAY, NIGORA, OMID, REPORT, ROOT, RUTH, SECRET, STRANGER, TEAM, WEEK, few, flipped, refused, seed

SOURCE: Final = receipt.derive(SECRET, ROOT)
OTHER: Final = receipt.derive(seed("other source")[:10], ROOT)
ANSWERS: Final = {"text": "Пришли двое.\nСпросили про брата.", "reply": "yes", "kind": ["ECO", "THR"]}
TEAM_KEM: Final = second.kem(second.epoch_key(TEAM.secret, "team", 1, "kem"))


def send(**changes: Any) -> SealedReport:
    """Seal a report as the intake does."""
    values: dict[str, Any] = {
        "root": ROOT,
        "team": TEAM.public,
        "report_id": REPORT,
        "kind": "first",
        "form": "short-1",
        "language": "ru",
        "consent": sha256(b"consent").hex(),
        "day": DAY,
        "week": WEEK,
        "answers": ANSWERS,
    }
    return mailbox.seal_report(changes.pop("source", SOURCE), **{**values, **changes})


def opened(sent: SealedReport) -> bytes:
    """Open the padded plaintext of a body as the team."""
    key, digest = keyring.read_bundle(keyring.open_bundle(sent.bundle, TEAM, root=ROOT, report_id=REPORT))
    assert digest == sha256(sent.body)
    return envelope.unseal(sent.body, key, mailbox.body_context(ROOT, REPORT, 1))


SENT: Final = send()
PLAIN: Final = opened(SENT)
VALUE: Final = from_jcs(padding.unpad(PLAIN, padding.TEXT))
BODY: Final = read_body(ROOT, PLAIN)


def padded(value: dict[str, Any]) -> bytes:
    """Write a body."""
    return padding.pad(to_jcs(value), padding.TEXT)


def resigned(**changes: Any) -> bytes:
    """Write a body with these changes, rightly signed by its own key: what anybody can make who holds the team's public key."""
    unsigned = {name: item for name, item in {**VALUE, **changes}.items() if name != "signature"}
    raw = mailbox._request_bytes(ROOT, unsigned) if isinstance(unsigned["kind"], str) and isinstance(unsigned["week"], str) else b""
    return padded({**unsigned, "signature": to_b64(SOURCE.signing.sign(raw))})


# source to team


@given(st.text(max_size=900), st.sampled_from(["first", "addition"]), st.none() | st.binary(min_size=16, max_size=16))
@few
def test_a_report_arrives(text: str, kind: str, first: bytes | None) -> None:
    """What was typed arrives, letter for letter, for both readers, with all that is beside it."""
    sent = send(kind=kind, first=first, answers={"text": text})
    found = read_body(ROOT, opened(sent))
    other = second.read_report(sent.body, sent.bundle, TEAM_KEM, root=ROOT, report=REPORT, epoch=1)
    assert found.answers == other["answers"] == {"text": text}
    assert (found.kind, found.form, found.language, found.day, found.week) == (kind, "short-1", "ru", DAY, WEEK)
    assert (found.sign, found.kem, found.address) == (SOURCE.signing.public, SOURCE.kem.public, SOURCE.address)
    assert found.first == (first.hex() if first else None)
    assert found.thread == second.thread_id(ROOT, found.sign, found.kem).hex() == other["thread"]
    assert found.commitment == second.content_commitment(second.b64(other["salt"]), other["answers"])


def test_equal_reports_look_different() -> None:
    """The same text sent twice shares nothing that a thief of the database could compare."""
    again = read_body(ROOT, opened(send()))
    assert again.answers == BODY.answers
    assert again.request != BODY.request
    assert again.commitment != BODY.commitment


@pytest.mark.parametrize(("length", "size"), [(0, 4096), (1000, 4096), (3000, 16384), (15_000, 65536)])
def test_the_size_says_little(length: int, size: int) -> None:
    """A report has one of three sizes, and its bundle one."""
    sent = send(answers={"text": "a" * length})
    assert len(sent.body) == size + envelope.OVERHEAD
    assert len(sent.bundle) == 512 + hpke.OVERHEAD


@pytest.mark.parametrize("answers", [{"text": "a" * 65_536}, {"text": "\ud800"}, {"ё": "a"}, {"text": 0.5}])
def test_what_does_not_fit_is_not_sent(answers: dict[str, Any]) -> None:
    """Too long, or no text that can be stored: refused before anything is sealed."""
    with pytest.raises(MalformedError):
        send(answers=answers)


def test_the_bundle_opens_for_its_team_and_report_only() -> None:
    """Another report, epoch, key or instance does not open it."""
    for team, root, report in ((TEAM, ROOT, world.BATCH), (TEAM, bytes(32), REPORT), (world.AUDIT, ROOT, REPORT)):
        refused(keyring.open_bundle, SENT.bundle, team, root=root, report_id=report)
    later = keyring.EpochSecret("team", 2, TEAM.secret)
    refused(keyring.open_bundle, SENT.bundle, later, root=ROOT, report_id=REPORT)


def test_bodies_and_bundles_do_not_mix() -> None:
    """The bundle of one report does not open the body of another."""
    other = send()
    key, digest = keyring.read_bundle(keyring.open_bundle(other.bundle, TEAM, root=ROOT, report_id=REPORT))
    assert digest != sha256(SENT.body)
    refused(envelope.unseal, SENT.body, key, mailbox.body_context(ROOT, REPORT, 1))


@given(st.integers(8 * 4, 8 * (4 + len(to_jcs(VALUE))) - 1))
@few
def test_no_flipped_bit_certifies_itself(bit: int) -> None:
    """One bit of the text, or of what is beside it, and the body is refused."""
    refused(read_body, ROOT, flipped(PLAIN, bit))


@pytest.mark.parametrize(
    "change",
    [
        {"thread": "00" * 16},
        {"request": "00" * 16},
        {"kind": "addition"},
        {"language": "en"},
        {"week": "2026-W47"},
        {"day": "2026-11-23"},
        {"first": "00" * 16},
        {"consent": None},
        {"form": "mailbox-1"},
        {"salt": to_b64(bytes(32))},
        {"address": to_b64(bytes(32))},
        {"kem": to_b64(OTHER.kem.public)},
        {"sign": to_b64(OTHER.signing.public)},
        {"signature": to_b64(bytes(64))},
        {"signature": to_b64(OTHER.signing.sign(b""))},
        {"answers": {}},
        {"answers": {**ANSWERS, "reply": "no"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_nothing_is_changed_under_a_signature(change: dict[str, Any]) -> None:
    """Thread, request, keys and every word are under the source's own signature."""
    assert read_body(ROOT, padded(VALUE)) == BODY
    refused(read_body, ROOT, padded({**VALUE, **change}))


def test_a_body_of_another_instance_is_refused() -> None:
    """Thread and signature name the instance."""
    refused(read_body, bytes(32), PLAIN)


def test_another_key_cannot_take_a_thread() -> None:
    """A body under the keys of one source and the thread of another is refused, though its own key signed it."""
    stolen = send(source=OTHER)
    value = from_jcs(padding.unpad(opened(stolen), padding.TEXT))
    assert read_body(ROOT, padded(value)).thread != BODY.thread
    unsigned = {name: item for name, item in {**value, "thread": BODY.thread}.items() if name != "signature"}
    forged = to_b64(OTHER.signing.sign(mailbox._request_bytes(ROOT, unsigned)))
    refused(read_body, ROOT, padded({**unsigned, "signature": forged}))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"extra": 1},
        {"thread": "00" * 16},
        {"request": "00" * 15 + "0 0"[:2] + "A"},
        {"salt": to_b64(bytes(31))},
        {"address": to_b64(bytes(33))},
        {"answers": []},
        {"answers": None},
        {"kem": None},
    ],
    ids=lambda change: str(change)[:30],
)
def test_other_forms_are_refused_even_if_signed(change: dict[str, Any]) -> None:
    """Anybody can sign a body of their own; its form still has to be the page's."""
    assert read_body(ROOT, resigned()).thread == BODY.thread
    forged = resigned(**change) if "request" not in change else padded({**VALUE, **change})
    refused(read_body, ROOT, forged)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": None},
        {"kind": []},
        {"week": None},
        {"week": {}},
        {"kind": "third"},
        {"kind": "withdraw"},
        {"form": 1},
        {"language": None},
        {"day": "yesterday"},
        {"week": "2026-48"},
        {"first": {}},
        {"first": "00"},
        {"consent": 1},
        {"v": True},
    ],
    ids=str,
)
def test_other_values_are_refused_even_if_signed(change: dict[str, Any]) -> None:
    """Each field has the page's values and no other; a forged body must not stop the queue."""
    forged = resigned(**change)
    with pytest.raises(second.ClosedError):
        second.read_body(ROOT, forged)
    refused(read_body, ROOT, forged)


@pytest.mark.parametrize("name", sorted(VALUE))
def test_missing_fields_are_refused(name: str) -> None:
    """Every field must be there."""
    refused(read_body, ROOT, padded({key: item for key, item in VALUE.items() if key != name}))


@pytest.mark.parametrize("raw", [b"", bytes(4096), to_jcs(VALUE), PLAIN[:-1], padding.pad(to_jcs(VALUE), (65536,))])
def test_a_body_is_padded_as_the_page_says(raw: bytes) -> None:
    """Nothing, zeros, no padding and too much padding are refused."""
    refused(read_body, ROOT, raw)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"body_key": to_b64(bytes(31)), "body_digest": "00" * 32},
        {"body_key": to_b64(bytes(32)), "body_digest": "00" * 31},
        {"body_key": to_b64(bytes(32))},
    ],
)
def test_what_is_no_bundle_is_refused(value: dict[str, Any]) -> None:
    """A bundle holds a key and a digest."""
    refused(keyring.read_bundle, padding.pad(to_jcs({"v": 1, **value, "files": []}), padding.SMALL))


@pytest.mark.parametrize("change", [{"v": 2}, {"files": ["a"]}, {"more": 1}])
def test_other_bundles_are_refused(change: dict[str, Any]) -> None:
    """A version, a file or a field that this page does not have is refused."""
    value = {"v": 1, "body_key": to_b64(bytes(32)), "body_digest": "00" * 32, "files": [], **change}
    refused(keyring.read_bundle, padding.pad(to_jcs(value), padding.SMALL))


# team to source


def reply(index: int = 0, by: world.Person = NIGORA, **changes: Any) -> tuple[bytes, bytes]:
    """Write a reply as the desk does."""
    values: dict[str, Any] = {"root": ROOT, "epoch": 2, "to": BODY, "text": "Мы прочли.", "language": "ru", "day": DAY}
    return mailbox.seal_reply(**{**values, "index": index, "signer": by.id, "keys": by.sign, **changes})


def forged_reply(value: dict[str, Any], *, by: world.Person = NIGORA, at: int = 0, change: Callable[[bytes], bytes] = bytes) -> bytes:
    """Sign and seal any reply to the mailbox, as a member could with a program of their own."""
    unsigned = {"v": 1, "id": "00" * 16, "index": at, "day": DAY, "language": "ru", "text": "a", "signer": by.id, **value}
    unsigned = {name: item for name, item in unsigned.items() if item != "missing"}
    thread = mailbox.thread_id(ROOT, BODY.sign, BODY.kem)
    index, name = unsigned["index"], bytes.fromhex(str(unsigned["id"]))
    made = length_prefixed("paivand/v1 reply", ROOT, thread, BODY.sign, BODY.kem, name, index, sha256(to_jcs(unsigned)))
    plaintext = padding.pad(to_jcs({**unsigned, "signature": to_b64(by.sign.sign(made))}), padding.LETTER)
    where = Context(ROOT, "reply", reply_address(SOURCE.address, at).hex(), "reply", 1, 2)
    return hpke.seal_to(change(plaintext), BODY.kem, where)


def read(sealed: bytes, index: int = 0, source: Receipt = SOURCE, chain: Chain = CHAIN) -> mailbox.Reply:
    """Open reply `index` as a source does."""
    return open_reply(source, reply_address(source.address, index), sealed, index=index, chain=chain)


@given(st.text(max_size=400), st.integers(0, 2**40), st.sampled_from([NIGORA, RUTH, OMID]))
@few
def test_a_reply_arrives(text: str, index: int, by: world.Person) -> None:
    """What a caseworker or a lead wrote arrives at its own address, for both readers."""
    address, sealed = reply(index, by, text=text)
    assert address == reply_address(SOURCE.address, index) == second.reply_address(SOURCE.address, index)
    assert read(sealed, index) == mailbox.Reply(index, DAY, "ru", text)
    newest = second.read_chain(ROOT, [(item.body, item.signatures) for item in CHAIN.signed])[-1]
    assert second.read_reply(sealed, SECRET, root=ROOT, index=index, newest=newest)["text"] == text


def test_addresses_do_not_belong_together() -> None:
    """Without the key nobody tells which addresses are of one mailbox."""
    made = {reply_address(source.address, index) for source in (SOURCE, OTHER) for index in range(50)}
    assert {len(address) for address in made} == {32}
    assert len(made) == 100


@pytest.mark.parametrize(("length", "size"), [(0, 4096), (1000, 4096), (4000, 16384)])
def test_the_size_of_a_reply_says_little(length: int, size: int) -> None:
    """A reply has one of two sizes."""
    assert len(reply(text="a" * length)[1]) == size + hpke.OVERHEAD


def test_replies_to_one_mailbox_have_nothing_in_common() -> None:
    """A reply names no key: whoever holds the database cannot tell which replies went to one source."""
    made = [reply(index)[1] for index in range(4)]
    elsewhere = mailbox.seal_reply(
        root=ROOT, epoch=2, to=replace(BODY, kem=OTHER.kem.public), index=0, text="", language="ru", day=DAY, signer="", keys=NIGORA.sign
    )[1]
    assert {sealed[:18] for sealed in [*made, elsewhere]} == {made[0][:6] + bytes(8) + (2).to_bytes(4, "big")}
    assert hpke.key_id(SOURCE.kem.public) not in made[0]
    assert len({sealed[18:50] for sealed in made}) == 4


def test_a_reply_too_long_is_not_sealed() -> None:
    """Refused before anything is sealed."""
    with pytest.raises(MalformedError):
        reply(text="a" * 16_384)


def test_a_reply_has_one_place() -> None:
    """Put at another address of the mailbox, or into another mailbox, it does not open."""
    _, sealed = reply(1)
    assert read(sealed, 1).index == 1
    refused(read, sealed, 0)
    refused(read, sealed, 1, OTHER)
    refused(open_reply, SOURCE, reply_address(SOURCE.address, 1), sealed, index=0, chain=CHAIN)


def test_a_signed_index_is_that_of_the_address() -> None:
    """A member cannot seal yesterday's signed reply again at today's address."""
    assert read(forged_reply({}, at=1), 1).index == 1
    refused(read, forged_reply({"index": 0}, at=1), 1)


@pytest.mark.parametrize("by", [DAVID, STRANGER], ids=["auditor", "stranger"])
def test_only_leads_and_caseworkers_write_to_sources(by: world.Person) -> None:
    """An auditor's signature, or one of somebody the manifest does not name, is refused."""
    refused(read, reply(by=by)[1])


def test_the_newest_manifest_decides() -> None:
    """Who was dismissed, or has lost the role, no longer writes to sources."""
    _, sealed = reply()
    without = world.body(2, world.FOUNDING.body, people=[RUTH, OMID, DAVID])
    demoted = world.body(2, world.FOUNDING.body, people=[RUTH, OMID, replace(NIGORA, roles=frozenset({"auditor", "admin"}))])
    for raw in (without, demoted):
        refused(read, sealed, chain=verify_chain(ROOT, [world.FOUNDING, world.signed(raw, RUTH, OMID)]))


def test_nobody_signs_in_anothers_name() -> None:
    """The name in a reply is the signer's."""
    refused(read, reply(signer=RUTH.id)[1])
    refused(read, reply(keys=STRANGER.sign)[1])


def test_a_reply_is_signed_for_one_thread() -> None:
    """A text signed for one source does not open as an answer to another."""
    other = replace(BODY, thread=mailbox.thread_id(ROOT, OTHER.signing.public, OTHER.kem.public).hex())
    refused(read, reply(to=other)[1])
    refused(read, reply(to=replace(BODY, sign=OTHER.signing.public))[1])


def test_a_reply_is_of_one_instance() -> None:
    """Signed or sealed under another root it is refused."""
    refused(read, reply(root=bytes(32))[1])


@given(st.data())
@few
def test_no_flipped_bit_of_a_reply_opens(data: st.DataObject) -> None:
    """One bit anywhere, and there is no reply."""
    _, sealed = reply()
    refused(read, flipped(sealed, data.draw(st.integers(0, 8 * len(sealed) - 1))))


@pytest.mark.parametrize("length", [0, 17, 18, 1153, 1154])
def test_no_part_of_a_reply_opens(length: int) -> None:
    """Cut anywhere it is refused."""
    refused(read, reply()[1][:length])


@pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw[:-1] + b"\1", lambda raw: padding.unpad(raw, padding.LETTER)])
def test_a_reply_is_padded_as_the_page_says(change: Callable[[bytes], bytes]) -> None:
    """The signature does not save a padding that is none."""
    refused(read, forged_reply({}, change=change))


@pytest.mark.parametrize(
    "value", [{"signer": None}, {"signer": 1}, {"signer": []}, {"signer": "missing"}, {"index": "0"}, {"signer": {}}], ids=str
)
def test_other_replies_are_refused_even_if_signed(value: dict[str, Any]) -> None:
    """A signer of another type or an index that is text is refused."""
    refused(read, forged_reply(value))


@pytest.mark.parametrize(
    "value",
    [
        {"text": "missing"},
        {"day": "missing"},
        {"language": "missing"},
        {"text": 1},
        {"v": 2},
        {"v": "missing"},
        {"more": 1},
        {"id": "00"},
        {"id": "AA" * 16},
        {"index": False},
    ],
    ids=str,
)
def test_replies_have_the_fields_of_the_page(value: dict[str, Any]) -> None:
    """A field that is missing, unknown or of another form is refused, though a caseworker signed it."""
    refused(read, forged_reply(value))


def test_no_traceback_shows_a_body_key() -> None:
    """What the intake holds of a sent report are sealed bytes alone."""
    key, _ = keyring.read_bundle(keyring.open_bundle(SENT.bundle, TEAM, root=ROOT, report_id=REPORT))
    assert key not in SENT.body + SENT.bundle
    assert isinstance(BODY, ReportBody)
