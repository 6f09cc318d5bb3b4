"""Write tests/vectors anew: `python -m tests.make_vectors`. Keys are fixed; salts are drawn once and live in the files."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final
from uuid import UUID

from app.cases.files import CaseFile
from app.cases.records import ActBody, CaseBody, IncidentBody, Item, PersonBody, ReferenceBody
from app.findings.records import FindingBody, Round, outcome_of, take_snapshot
from app.findings.states import LEVEL, NO_LEVEL
from app.ledger import rows, tree
from app.ledger.append import RowVersion
from app.store.cases import Act, Case, CaseState, Finding, FindingState, Incident, Person, Reference, SealedRow
from app.vault import backup, entries, envelope, hpke, keyring, mailbox, manifest, padding, receipt, statement
from app.vault.encoding import Context, from_b64, from_jcs, length_prefixed, sha256, to_b64, to_jcs, to_url_text
from app.vault.mailbox import ReportBody
from app.vault.manifest import SignedManifest
from app.vault.signing import SigningKeys
from app.vault.statement import PROPOSAL, REVIEW, Signed
from tests import second_reader as second
from tests.vault import world
from tests.vault.vectors import FOLDER, Vector, spell
from tests.vault.world import CHAIN, DAVID, DAY, FOUNDING, NIGORA, OMID, REPORT, ROOT, RUTH, SECOND, SECRET, STRANGER, TEAM, WEEK

CLOSED: Final = "cannot-open"
BAD: Final = "malformed"
KEY: Final = world.seed("key")
HOUR: Final = 498_777
EXPIRY: Final = 29_926_000


class Writer:
    """Writes one file per case."""

    def __init__(self, kind: str, /, **parameters: Any) -> None:
        """Begin the cases of one kind, with the parameters they share."""
        self.kind, self.parameters = kind, parameters

    def opened(self, name: str, comment: str, raw: bytes, gives: bytes, /, **changes: Any) -> None:
        """Write a case that opens, with the SHA-256 of what comes out."""
        self._write(name, comment, "opened", raw, {**changes, "gives": hashlib.sha256(gives).digest()})

    def refused(self, name: str, comment: str, raw: bytes, expect: str = CLOSED, /, **changes: Any) -> None:
        """Write a case that must be refused."""
        self._write(name, comment, expect, raw, changes)

    def _write(self, name: str, comment: str, expect: str, raw: bytes, changes: dict[str, Any]) -> None:
        values = {**self.parameters, **changes}
        headers = {"comment": comment, "kind": self.kind, "expect": expect}
        headers |= {key.replace("_", "-"): value.hex() if isinstance(value, bytes) else str(value) for key, value in values.items()}
        (FOLDER / f"{name}.txt").write_text(Vector(name, headers, raw).write(), "utf-8")


def _grow(leaves: list[bytes]) -> tree.Frontier:
    frontier = tree.Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier


def paddings() -> None:
    """§1: padding."""
    to = Writer("padding", sizes="small")
    good = padding.pad(b"seven..", padding.SMALL)
    to.opened("padding-small", "seven bytes in the one small size", good, b"seven..")
    to.opened("padding-empty", "zero bytes are data too", padding.pad(b"", padding.SMALL), b"")
    to.opened("padding-full", "the last byte of the size is data", padding.pad(bytes(508), padding.SMALL), bytes(508))
    to.refused("padding-not-zero", "the last byte of padding is one", good[:-1] + b"\1")
    to.refused("padding-too-long", "a length that does not fit", (509).to_bytes(4, "big") + bytes(508))
    to.refused("padding-truncated", "one byte short of the size", good[:-1])
    to.refused("padding-zero-length", "no bytes at all", b"")
    to.refused("padding-oversized", "a smaller size would have held the data", padding.pad(b"abc", (4096,)), sizes="record")


def spellings() -> None:
    """§1: the one spelling of an object."""
    to = Writer("jcs")
    good = to_jcs({"b": [1, True, None, {"x": 'ё\n\u001f\u007f"'}], "a": 2**53 - 1})
    to.opened("jcs-object", "every kind of value", good, good)
    to.opened("jcs-empty", "the empty object", b"{}", b"{}")
    for name, comment, raw in (
        ("order", "keys out of order", b'{"b":1,"a":2}'),
        ("space", "white space", b'{"a": 1}'),
        ("duplicate", "a key twice", b'{"a":1,"a":1}'),
        ("float", "a float", b'{"a":1.0}'),
        ("large", "2^53", b'{"a":9007199254740992}'),
        ("negative", "a negative number", b'{"a":-1}'),
        ("surrogate", "an unpaired surrogate", b'{"a":"\\ud800"}'),
        ("escape", "an escape that is not needed", b'{"a":"\\u0061"}'),
        ("list", "not an object", b"[]"),
        ("key", "a key that is not ASCII", '{"ё":1}'.encode()),
        ("zero-length", "no bytes at all", b""),
    ):
        to.refused(f"jcs-{name}", comment, raw, BAD)


def seals() -> None:
    """§3: the two seals."""
    where = Context(ROOT, "report.work", REPORT, "work", 3, 1)
    named = {"root": ROOT, "id": REPORT, "version": 3, "epoch": 1}
    to = Writer("envelope", key=KEY, context="report.work", field="work", **named)
    plain = b"the plaintext"
    good = envelope.seal(plain, KEY, where)
    to.opened("envelope-work", "a report.work envelope", good, plain)
    to.opened("envelope-empty", "an empty plaintext", envelope.seal(b"", KEY, where), b"")
    _strangers(to, "envelope", good, other="report.summary")
    to.refused("envelope-wrong-key", "another key", good, key=world.seed("other"))
    to.refused("envelope-short-key", "a key of 31 bytes", good, key=KEY[:31])
    to.refused("envelope-truncated", "the last byte is missing", good[:-1])
    to.refused("envelope-zero-length", "no bytes at all", b"")
    to.refused("envelope-header-epoch", "the epoch in the header flipped", world.flipped(good, 79))
    to.refused("envelope-header-suite", "another suite", world.flipped(good, 33))
    to.refused("envelope-flipped-tag", "one bit of the tag", world.flipped(good, 8 * len(good) - 1))
    to.refused("envelope-flipped-commitment", "one bit of the commitment", world.flipped(good, 8 * 40))
    other = envelope.seal(b"another plaintext", KEY, where)
    to.refused("envelope-swapped", "salt and commitment of one envelope before the ciphertext of another", good[:66] + other[66:])

    where = replace(where, kind="ledger.batch", field="audit")
    to = Writer("hpke", seed=world.seed("kem 3"), context="ledger.batch", field="audit", **named)
    good = hpke.seal_to(plain, NIGORA.kem.public, where)
    to.opened("hpke-batch", "an HPKE object", good, plain)
    to.opened("hpke-empty", "an empty plaintext", hpke.seal_to(b"", NIGORA.kem.public, where), b"")
    _strangers(to, "hpke", good, other="reply")
    to.refused("hpke-wrong-key", "another key pair", good, seed=world.seed("kem 4"))
    renamed = good[:6] + hpke.key_id(DAVID.kem.public) + good[14:]
    to.refused("hpke-renamed-key", "another key pair, and its key id in the header", renamed, seed=world.seed("kem 4"))
    to.refused("hpke-truncated", "the last byte is missing", good[:-1])
    to.refused("hpke-zero-length", "no bytes at all", b"")
    to.refused("hpke-header-key-id", "the key id in the header flipped", world.flipped(good, 50))
    to.refused("hpke-flipped-lattice", "one bit of the lattice ciphertext", world.flipped(good, 8 * 100))
    to.refused("hpke-flipped-curve", "one bit of the curve ciphertext", world.flipped(good, 8 * 1110))
    to.refused("hpke-curve-zero", "a curve point of low order", good[: 18 + 1088] + bytes(32) + good[1138:])
    to.refused("hpke-flipped-tag", "one bit of the tag", world.flipped(good, 8 * len(good) - 1))


def _strangers(to: Writer, name: str, good: bytes, *, other: str) -> None:
    to.refused(f"{name}-wrong-root", "of another instance", good, root=bytes(32))
    to.refused(f"{name}-wrong-kind", "of another kind", good, context=other)
    to.refused(f"{name}-wrong-id", "of another record", good, id=world.BATCH)
    to.refused(f"{name}-wrong-field", "of another field", good, field="wrok")
    to.refused(f"{name}-wrong-version", "of another version", good, version=4)
    to.refused(f"{name}-wrong-epoch", "of another epoch", good, epoch=2)


def wraps() -> None:
    """§4: wraps."""
    named: dict[str, Any] = {"root": ROOT, "recipient": "team", "version": 2, "epoch": 1}
    good = keyring.wrap_key(KEY, TEAM.wrap_key, record=f"report:{REPORT}/row", **named)
    to = Writer("wrap", secret=TEAM.secret, record=f"report:{REPORT}", part="row", **named)
    to.opened("wrap-row", "a row key under the team's wrap key", good, KEY)
    to.refused("wrap-other-part", "the wrap of another part", good, part="body")
    to.refused("wrap-other-recipient", "the wrap of another recipient", good, recipient="audit")

    sealed = keyring.wrap_epoch(TEAM, NIGORA.kem.public, root=ROOT, recipient=f"member:{NIGORA.id}")
    parameters = {"root": ROOT, "name": "team", "recipient": f"member:{NIGORA.id}", "epoch": 1}
    public = {"commit": TEAM.public.commit, "public": TEAM.public.kem}
    to = Writer("epoch-secret", seed=world.seed("kem 3"), **parameters, **public)
    to.opened("epoch-secret", "the team secret wrapped to a member", sealed, TEAM.secret)
    planted = keyring.wrap_epoch(
        keyring.EpochSecret("team", 1, world.seed("planted")), NIGORA.kem.public, root=ROOT, recipient=f"member:{NIGORA.id}"
    )
    to.refused("epoch-secret-planted", "a secret that the manifest does not commit to", planted)
    to.refused("epoch-secret-as-audit", "the team secret shown as the audit secret", sealed, name="audit")


def state_of(*signed: SignedManifest) -> bytes:
    """Write a state file."""
    bodies, signatures = [to_b64(item.body) for item in signed], [to_b64(item.signatures) for item in signed]
    return to_jcs({"manifests": bodies, "signatures": signatures})


def manifests() -> None:
    """§5: the chain."""
    to = Writer("manifest", root=ROOT)
    to.opened("manifest-founding", "one manifest, signed by one lead", state_of(FOUNDING), sha256(FOUNDING.body))
    to.opened("manifest-second", "a second one, signed by both leads", state_of(FOUNDING, SECOND), sha256(SECOND.body))
    to.refused("manifest-wrong-root", "pinned to another root", state_of(FOUNDING), root=bytes(32))
    to.refused("manifest-one-lead", "the second lead did not sign", state_of(FOUNDING, world.signed(SECOND.body, RUTH)))
    to.refused("manifest-caseworker", "a caseworker signed too", state_of(FOUNDING, world.signed(SECOND.body, RUTH, OMID, NIGORA)))
    to.refused("manifest-skipped", "the second manifest alone", state_of(SECOND))
    swapped = manifest.encode_signatures({RUTH.id: world.signature(SECOND.body, OMID), OMID.id: world.signature(SECOND.body, RUTH)})
    to.refused("manifest-swapped", "the two signatures swapped", state_of(FOUNDING, SignedManifest(SECOND.body, swapped)))
    extra = world.signed(world.changed(SECOND.body, extra=1), RUTH, OMID)
    to.refused("manifest-extra-field", "a field this version does not have", state_of(FOUNDING, extra))
    to.refused("manifest-zero-length", "no bytes at all", b"")

    head = {"origin": world.ORIGIN, "size": 7, "root": to_b64(world.seed("head"))}
    state = from_jcs(state_of(FOUNDING, SECOND))
    to.opened("manifest-with-head", "beside the head of a ledger", to_jcs({**state, "head": head}), sha256(SECOND.body))
    to = Writer("state-head")
    to.opened("state-head", "the largest ledger that was seen", to_jcs({**state, "head": head}), to_jcs(head))
    to.refused("state-head-short", "a root of 31 bytes", to_jcs({**state, "head": {**head, "root": to_b64(bytes(31))}}))
    to.refused("state-head-extra-field", "a field this version does not have", to_jcs({**state, "head": {**head, "x": 1}}))
    to.refused("state-head-size-true", "`true` for the size", to_jcs({**state, "head": {**head, "size": True}}))


def receipts() -> None:
    """§7: codes and keys."""
    to = Writer("code")
    digits = receipt.to_digits(SECRET)
    to.opened("code-digits", "27 digits", digits.encode(), SECRET)
    persian = digits.translate({ord("0") + value: ord("۰") + value for value in range(10)}).replace(" ", "-")
    to.opened("code-persian", "Persian digits, dashes", persian.encode(), SECRET)
    for language in receipt.WORD_LANGUAGES:
        words = " ".join(receipt.to_words(SECRET, language))
        to.opened(f"code-words-{language}", "eight words in capitals", words.upper().encode(), SECRET)
    mistyped = digits[:-2] + digits[-1] + digits[-2]
    to.refused("code-mistyped", "the last two digits swapped", mistyped.encode(), "mistyped")
    to.refused("code-short", "26 digits", digits[:-1].encode(), BAD)
    to.refused("code-large", "27 digits that are more than 88 bits", b"9" * 27, BAD)
    to.refused("code-nine-words", "nine words", " ".join([*receipt.to_words(SECRET, "en"), "zoo"]).encode(), BAD)
    to.refused("code-empty", "nothing", b"", BAD)
    keys = receipt.derive(SECRET, ROOT)
    found = keys.address + keys.dedupe + keys.signing.public + keys.kem.public
    Writer("receipt", root=ROOT).opened("receipt-keys", "address, dedupe, signing and KEM public keys", SECRET, found)


def body_of(unsigned: dict[str, Any], signer: SigningKeys) -> bytes:
    """Sign a body as a source does, whatever it says."""
    thread, request = bytes.fromhex(unsigned["thread"]), bytes.fromhex(unsigned["request"])
    message = length_prefixed(
        "paivand/v1 source request", ROOT, thread, request, unsigned["kind"], sha256(to_jcs(unsigned)), unsigned["week"]
    )
    return padding.pad(to_jcs({**unsigned, "signature": to_b64(signer.sign(message))}), padding.TEXT)


def sealed_report() -> mailbox.SealedReport:
    """Send one report."""
    return mailbox.seal_report(
        receipt.derive(SECRET, ROOT),
        root=ROOT,
        team=TEAM.public,
        report_id=REPORT,
        kind="first",
        form="short-1",
        language="ru",
        consent=sha256(b"consent").hex(),
        day=DAY,
        week=WEEK,
        answers={"text": "Пришли двое.\nСпросили про брата.", "reply": "yes"},
    )


def opened_report(sent: mailbox.SealedReport) -> tuple[bytes, bytes, ReportBody]:
    """Open a report; return (body key, plaintext of the body, body)."""
    key, _ = keyring.read_bundle(keyring.open_bundle(sent.bundle, TEAM, root=ROOT, report_id=REPORT))
    plaintext = envelope.unseal(sent.body, key, mailbox.body_context(ROOT, REPORT, 1))
    return key, plaintext, mailbox.read_body(ROOT, plaintext)


def reports() -> None:
    """§7 and §8: what travels between a source and the team."""
    sent = sealed_report()
    key, plaintext, found = opened_report(sent)
    to = Writer("report", root=ROOT, team=TEAM.secret, report=REPORT, epoch=1, bundle=sent.bundle)
    to.opened("report-first", "bundle and body of a report", sent.body, to_jcs(found.answers))
    again = envelope.seal(plaintext, key, mailbox.body_context(ROOT, REPORT, 1))
    to.refused("report-swapped-body", "another sealing of the same body under the same key", again)
    bundle = hpke.seal_to(
        padding.pad(to_jcs({"v": 1, "body_key": to_b64(key), "body_digest": sha256(sent.body).hex(), "files": []}), padding.SMALL),
        TEAM.public.kem,
        Context(ROOT, "report.bundle", world.BATCH, "bundle", 1, 1),
    )
    to.refused("report-other-bundle", "a bundle of another report", sent.body, bundle=bundle)

    to = Writer("body", root=ROOT)
    to.opened("body-first", "a body as it was sealed", plaintext, to_jcs(found.answers))
    value = from_jcs(padding.unpad(plaintext, padding.TEXT))
    unsigned = {name: item for name, item in value.items() if name != "signature"}
    changed = padding.pad(to_jcs({**value, "language": "en"}), padding.TEXT)
    to.refused("body-changed", "another language under the same signature", changed)
    signer = receipt.derive(SECRET, ROOT).signing
    thread = body_of({**unsigned, "thread": "00" * 16}, signer)
    to.refused("body-other-thread", "a thread that does not follow from the keys, rightly signed", thread)
    to.refused("body-extra-field", "a field this version does not have, rightly signed", body_of({**unsigned, "x": 1}, signer))
    to.refused("body-short-salt", "a salt of 31 bytes, rightly signed", body_of({**unsigned, "salt": to_b64(bytes(31))}, signer))
    to.refused("body-not-canonical", "keys out of order", _not_canonical(plaintext))

    summary = {"v": 1, "kind": "first", "thread": found.thread, "day": DAY, "language": "ru", "danger": None, "reply": "yes"}
    raw = to_jcs({**summary, "size": "s", "answered": ["reply", "text"], "flags": []})
    where = Context(ROOT, "report.summary", REPORT, sha256(sent.body).hex(), 1, 1)
    to = Writer("summary", root=ROOT, key=key, report=REPORT, epoch=1, body=sent.body)
    sealed = envelope.seal(padding.pad(raw, padding.SMALL), key, where)
    to.opened("summary", "a summary, bound to its body", sealed, raw)
    to.refused("summary-other-body", "the summary of another sealing", sealed, body=again)
    to.refused("summary-not-padded", "no padding", envelope.seal(raw, key, where))
    replies(found)


def _not_canonical(plaintext: bytes) -> bytes:
    data = padding.unpad(plaintext, padding.TEXT)
    first, rest = data[1:].split(b",", 1)
    return padding.pad(b"{" + rest[:-1] + b"," + first + b"}", padding.TEXT)


def replies(to_body: ReportBody) -> None:
    """§8: a reply and its forgeries."""
    to = Writer("reply", secret=SECRET, root=ROOT, index=1, state=state_of(FOUNDING))
    named: dict[str, Any] = {"root": ROOT, "epoch": 1, "to": to_body, "language": "ru", "day": DAY}

    def reply(index: int, by: world.Person, **changes: Any) -> bytes:
        return mailbox.seal_reply(index=index, text="Мы прочли.", signer=by.id, keys=by.sign, **{**named, **changes})[1]

    to.opened("reply", "reply 1 by a caseworker", reply(1, NIGORA), "Мы прочли.".encode())
    to.refused("reply-other-index", "reply 2 at the address of reply 1", reply(2, NIGORA))
    to.refused("reply-auditor", "signed by an auditor", reply(1, DAVID))
    to.refused("reply-stranger", "signed by somebody the manifest does not name", reply(1, STRANGER))
    to.refused("reply-other-thread", "signed for another thread", reply(1, NIGORA, to=replace(to_body, thread="00" * 16)))
    to.refused("reply-zero-length", "no bytes at all", b"")


def members() -> None:
    """§6: blob, name, session."""
    blob = keyring.MemberBlob(world.seed("kem 3"), world.seed("sign 3"), bytes(range(20)), 59_000_000, ROOT, 2)
    where = Context(ROOT, "member.blob", NIGORA.id, "blob", 5, 0)
    good = blob.seal(KEY, NIGORA.id, 5)
    to = Writer("blob", key=KEY, root=ROOT, member=NIGORA.id, version=5)
    to.opened("blob", "a member's blob", good, envelope.unseal(good, KEY, where))
    to.refused("blob-older", "version 4 in the place of version 5", blob.seal(KEY, NIGORA.id, 4))
    to.refused("blob-zero-length", "an empty plaintext", envelope.seal(b"", KEY, where))

    secret = keyring.ServerSecret(world.seed("server"))
    sealed = secret.seal_name(ROOT, NIGORA.id, "Нигора")
    to = Writer("name", secret=secret.secret, root=ROOT, member=NIGORA.id)
    to.opened("name", "a display name", sealed, "Нигора".encode())
    to.refused("name-other-member", "another member's name", sealed, member=RUTH.id)

    cookie, host = to_url_text(world.seed("cookie")), world.seed("host")
    sealed = keyring.SessionKeys.of(cookie, host).seal(world.unlocked(), root=ROOT, member_id=NIGORA.id, expires=EXPIRY, epoch=2)
    to = Writer("session", cookie=cookie, host=host, root=ROOT, member=NIGORA.id, expiry=EXPIRY, epoch=2)
    to.opened("session", "a session row", sealed, world.unlocked().to_jcs())
    to.refused("session-longer", "another expiry", sealed, expiry=EXPIRY + 1)
    to.refused("session-other-member", "another member", sealed, member=RUTH.id)
    to.refused("session-other-host", "after a restart of the host", sealed, host=world.seed("another host"))
    to.refused("session-short-cookie", "a cookie of 31 bytes", sealed, BAD, cookie=to_url_text(bytes(31)))


def tokens() -> None:
    """§7: form tokens."""
    sealed = envelope.seal(SECRET, KEY, Context(ROOT, "form.token", "write", "token", 0, HOUR))
    to = Writer("token", key=KEY, root=ROOT, purpose="write", hour=HOUR)
    to.opened("token", "a token with a receipt secret", to_url_text(sealed).encode(), SECRET)
    to.refused("token-other-purpose", "a token of another page", to_url_text(sealed).encode(), purpose="box")
    to.refused("token-padded", "base64 padding", to_url_text(sealed).encode() + b"=")
    to.refused("token-zero-length", "no bytes at all", b"")


def entry_of(record: dict[str, Any], salt: bytes, /, **changes: Any) -> tuple[bytes, bytes]:
    """Seal an entry by hand; return (sealed, leaf)."""
    commitment = entries.commitment_of(salt, to_jcs(record))
    made = CHAIN.newest.digest
    signature = NIGORA.sign.sign(entries.signed_bytes(ROOT, world.ORIGIN, record["index"], commitment, made))
    opening = {"record": record, "salt": to_b64(salt), "signature": to_b64(signature), "manifest": made.hex(), **changes}
    where = Context(ROOT, "ledger.record", str(record["index"]), "record", 1, 1)
    leaf = entries.leaf_of(commitment, record["day"][:7], entries.tag_of(TEAM.tag_key, f"report:{REPORT}", 2))
    return envelope.seal(padding.pad(to_jcs(opening), padding.RECORD), KEY, where), leaf


def ledger() -> None:
    """§9: leaf, entry, tree, head, row digest."""
    record = {"v": 1, "index": 7, "day": DAY, "kind": "report.noted", "actor": NIGORA.id, "role": "caseworker"}
    record |= {"object": f"report:{REPORT}", "version": 2, "digest": sha256(b"row").hex(), "details": {}}
    sealed, leaf = entry_of(record, world.seed("salt"))
    commitment, tag = entries.read_leaf(leaf)
    to = Writer("leaf")
    to.opened("leaf", "163 bytes", leaf, commitment + tag)
    to.refused("leaf-capitals", "a commitment in capitals", leaf.replace(commitment.hex().encode(), commitment.hex().upper().encode()), BAD)
    to.refused("leaf-version", "version 2", leaf.replace(b'"v":1', b'"v":2'), BAD)
    to.refused("leaf-extra-field", "a field this version does not have", leaf[:-1] + b',"w":1}', BAD)
    to.refused("leaf-zero-length", "no bytes at all", b"", BAD)

    to = Writer("entry", key=KEY, root=ROOT, index=7, epoch=1, origin=world.ORIGIN, actor=NIGORA.sign.public, leaf=leaf)
    to.opened("entry", "a sealed entry, its leaf and its signer", sealed, to_jcs(record))
    to.refused("entry-other-signer", "another member's key", sealed, actor=RUTH.sign.public)
    to.refused("entry-other-place", "at another index", sealed, index=8)
    to.refused("entry-other-leaf", "beside a leaf that commits to something else", sealed, leaf=entry_of(record, bytes(32))[1])
    short, short_leaf = entry_of(record, bytes(31))
    to.refused("entry-short-salt", "a salt of 31 bytes", short, leaf=short_leaf)
    forged = entry_of(record, world.seed("salt"), record={**record, "kind": "report.left"})[0]
    to.refused("entry-other-record", "the record is not the one committed to", forged)

    to = Writer("tag", secret=TEAM.secret, record=f"report:{REPORT}", version=2, epoch=1)
    to.opened("tag", "the tag in the leaf above; the bytes are the leaf", leaf, tag)

    leaves = [entries.leaf_of(world.seed(f"c{at}"), DAY[:7], world.seed(f"t{at}")) for at in range(7)]
    to = Writer("tree")
    for size in (0, 1, 7):
        to.opened(f"tree-{size}", f"{size} leaves", b"".join(leaves[:size]), _grow(leaves[:size]).root)

    head = f"{world.ORIGIN}\n7\n{to_b64(_grow(leaves).root)}\n".encode()
    to = Writer("head")
    to.opened("head", "three lines", head, head)
    to.refused("head-size", "a size with a leading zero", head.replace(b"\n7\n", b"\n07\n"), BAD)
    to.refused("head-truncated", "the last line end is missing", head[:-1], BAD)

    clear = {"week": WEEK, "state": "triage", "owner": NIGORA.id}
    keys = {"body": envelope.key_commitment(KEY).hex(), "row": envelope.key_commitment(world.seed("row")).hex()}
    columns = {"body": b"body", "summary": b"summary", "work": b"work"}
    found = entries.row_digest(table="report", record_id=REPORT, version=2, clear=clear, sealed=columns, keys=keys)
    raw = to_jcs({"table": "report", "id": REPORT, "version": 2, "clear": clear, "keys": keys})
    to = Writer("row", **columns)
    to.opened("row-digest", "the digest of a report row; the bytes are the object without `sealed`", raw, bytes.fromhex(found))


# §10 and §11: an invented case. Nobody in it is named, and nothing in it happened to anybody.

SALOME: Final = world.person(5, "protection")
CREW: Final = (*world.PEOPLE, SALOME)
CREW_FOUNDING: Final = world.signed(world.body(people=CREW), RUTH)
CREW_CHAIN: Final = manifest.verify_chain(manifest.root_of(CREW_FOUNDING.body), [CREW_FOUNDING])
ROOM: Final = CREW_CHAIN.root
CASE: Final = UUID("c0000000-0000-4000-8000-000000000001")
INCIDENT: Final = UUID("c0000000-0000-4000-8000-000000000002")
ACT: Final = UUID("c0000000-0000-4000-8000-000000000003")
EXILE: Final = UUID("c0000000-0000-4000-8000-000000000004")
RELATIVE: Final = UUID("c0000000-0000-4000-8000-000000000005")
PLACE: Final = UUID("c0000000-0000-4000-8000-000000000006")
FINDING: Final = UUID("c0000000-0000-4000-8000-000000000007")
APPROVAL: Final = UUID("c0000000-0000-4000-8000-000000000008")
SALT: Final = world.seed("round")
LINES: Final = {PROPOSAL: b"paivand/v1 finding proposal\n", REVIEW: b"paivand/v1 finding review\n"}
GRADED: Final = {
    "reliability": "B", "credibility": 2, "first_hand": True, "detailed": True, "consistent": True, "documentary": False,
    "authentic": False, "accused": False, "admission": False, "origin": "a neighbour", "household": None,
}  # fmt: skip
SAYS: Final = {"who": "A neighbour", "how": "A letter", "publication": None, "report": REPORT, "interest": None, "access": "saw"}
CONTRADICTION: Final = {
    "about": "when", "material": False, "treatment": "kept_open",
    "reading_a": "Monday", "source_a": "the letter", "reading_b": "Tuesday", "source_b": "", "why": "Both are near.",
}  # fmt: skip


def case_rows() -> list[tuple[SealedRow, Any]]:
    """Return one row of each table of a case, unsealed, with its body."""
    by = {"by": NIGORA.id, "day": DAY}
    question = {"text": "Which office?", **by, "closed": ""}
    reports = [{"report": REPORT, "type": "supports", "certainty": "likely"}]
    return [
        (
            Case(id=CASE, state=CaseState.OPEN, owner=None, version=3),
            CaseBody(2, "Пример", str(EXILE), distinct=[{"person": str(RELATIVE), "other": world.BATCH, **by}], questions=[question]),
        ),
        (
            Incident(id=INCIDENT, case_id=CASE, version=2),
            IncidentBody(
                "A visit", "I07", "2016-09/2016-12-20~", "told", [str(PLACE), "unsaid"], minor="no", open=["who"], reports=reports
            ),
        ),
        (
            Act(id=ACT, incident_id=INCIDENT, version=4),
            ActBody("THR_FAMILY", "1", [str(RELATIVE)], by="unknown", words="Two men came.", details={"ended": "none"}),
        ),
        (
            Person(id=RELATIVE, case_id=CASE, version=1),
            PersonBody("relative", "Somebody of the family", "P3", relation="sibling", relation_to=str(EXILE)),
        ),
        (Reference(id=PLACE, version=1), ReferenceBody("place", "Somewhere", "L1", ["Где-то"], {"kind": "town", "also": ["there"]})),
    ]


def judged(**changes: Any) -> FindingBody:
    """Return an assessment that is complete."""
    body = FindingBody(NIGORA.id, confirm="A second voice.", statements=[{**SAYS, "grading": GRADED}], contradictions=[CONTRADICTION])
    body.answers = {"plausible": True, "fits_pattern": True, "agency": False}
    body.speaks_against, body.reasoning, body.standard = "One origin.", "She saw it.", "reasonable_suspicion"
    body.trail = [{"what": "reopened", "by": RUTH.id, "day": DAY, "text": "New papers.", "reason": ""}]
    return replace(body, **changes)


def seen_round(decision: str = LEVEL, *, minor: str | None = None) -> Round:
    """Return a round before anybody signs: what the program freezes of the invented case, under a fixed salt."""
    items: dict[UUID, Any] = {}
    for row, body in case_rows():
        items[row.id] = Item(row, body, RowVersion(row.record, row.version, ""))
    items[RELATIVE].body.minor = minor
    incident, act = items[INCIDENT], items[ACT]
    file = CaseFile(items[CASE], (incident,), {INCIDENT: (act,)}, {str(RELATIVE): items[RELATIVE]}, {str(PLACE): items[PLACE]}, 0)
    body = judged(decision=decision)
    outcome = outcome_of(body)
    level, rule = (outcome.level, outcome.rule) if outcome and decision == LEVEL else (NO_LEVEL[decision], None)
    return replace(take_snapshot(file, incident, act, body, level=level, rule=rule), salt=to_b64(SALT))


def signed_by(by: world.Person, kind: str, said: Mapping[str, Any], **changes: Any) -> dict[str, str]:
    """Sign whatever it says, in the form in which it is stored."""
    raw = LINES[kind] + to_jcs({**said, "v": 1} | changes)
    return {"bytes": to_b64(raw), "signature": to_b64(by.sign.sign(raw)), "by": by.id}


def common(one: Round, by: world.Person) -> dict[str, Any]:
    """Return what proposal and review both say."""
    return {
        "root": ROOM.hex(),
        "finding": str(FINDING),
        "snapshot": one.digest,
        "level": one.seen["level"],
        "manifest": CREW_CHAIN.newest.digest.hex(),
        "member": by.id,
        "role": ",".join(sorted(by.roles)),
    }


def proposal(one: Round, by: world.Person = NIGORA) -> dict[str, Any]:
    """Return what a proposal says."""
    seen = {name: one.seen[name] for name in ("decision", "rule", "standard")}
    grades = [{"origin": "a neighbour", "grade": "B2"}]
    return {**common(one, by), **seen, "act": str(ACT), "round": 1, "act_version": 4, "statements": grades}


def review(one: Round, by: world.Person, part: str = "reviewer", decision: str = "confirm", comment: str = "") -> dict[str, Any]:
    """Return what a review of the round's first statement says."""
    judges = statement.digest_of(Signed.read(one.signatures[0]))
    found = hmac.digest(from_b64(one.salt), comment.encode(), "sha256").hex()
    return {**common(one, by), "proposal": judges, "as": part, "decision": decision, "comment": found}


def proposed(
    decision: str = LEVEL,
    *,
    minor: str | None = None,
    by: world.Person = NIGORA,
    snapshot: dict[str, Any] | None = None,
    **changes: Any,
) -> Round:
    """Return a round with its proposal; of another snapshot where one is given."""
    one = seen_round(decision, minor=minor)
    one = one if snapshot is None else replace(one, snapshot=to_b64(to_jcs(snapshot)))
    return replace(one, signatures=[signed_by(by, PROPOSAL, proposal(one, by), **changes)])


def reviewed(one: Round, by: world.Person, part: str = "reviewer", decision: str = "confirm", remark: str = "", **changes: Any) -> Round:
    """Return a round with one more review, and its comment where there is one."""
    added = signed_by(by, REVIEW, review(one, by, part, decision, remark), **changes)
    said = [{"by": by.id, "day": DAY, "text": remark, "reason": "facts_wrong" if decision == "return" else ""}] if remark else []
    return replace(one, signatures=[*one.signatures, added], comments=[*one.comments, *said])


def signed_round() -> Round:
    """Return a round that two people signed, with a comment."""
    return reviewed(proposed(), OMID, remark="I read the letter.")


def sealed_record(row: SealedRow, value: dict[str, Any], key: bytes, *, epoch: int = 1, sizes: tuple[int, ...] = padding.WORK) -> bytes:
    """Seal a row's body, whatever it says."""
    return envelope.seal(padding.pad(to_jcs(value), sizes), key, Context(ROOT, row.kind, str(row.id), "body", row.version, epoch))


def digested(row: SealedRow, sealed: bytes, key: bytes, value: dict[str, Any]) -> bytes:
    """Return what a record vector gives: the body, then the digest of its row."""
    digest = entries.row_digest(
        table=row.kind,
        record_id=str(row.id),
        version=row.version,
        clear=row.clear,
        sealed={"body": sealed},
        keys={rows.ROW: envelope.key_commitment(key).hex()},
    )
    return to_jcs(value) + bytes.fromhex(digest)


def cases() -> None:
    """§4 and §10: records, and the wrap of one to a member."""
    finding = Finding(id=FINDING, act_id=ACT, state=FindingState.CONFIRMED, version=5)
    for row, body in [*case_rows(), (finding, judged(rounds=[signed_round()]))]:
        value, clear = {**asdict(body), "v": 1}, to_jcs(row.clear).decode()
        sealed = sealed_record(row, value, KEY)
        to = Writer("record", key=KEY, root=ROOT, table=row.kind, id=row.id, version=row.version, clear=clear)
        to.opened(f"record-{row.kind}", f"a row of the table {row.kind}", sealed, digested(row, sealed, KEY, value))
        less = {name: item for name, item in value.items() if name != min(asdict(body))}
        to.refused(f"record-{row.kind}-less", "a field is missing", sealed_record(row, less, KEY))
        if row.kind != "incident":
            continue
        to.refused("record-extra-field", "a field this version does not have", sealed_record(row, {**value, "x": 1}, KEY))
        to.refused("record-version-true", "`true` for the format version", sealed_record(row, {**value, "v": True}, KEY))
        to.refused("record-version-2", "format version 2", sealed_record(row, {**value, "v": 2}, KEY))
        to.refused("record-not-padded", "a larger size than it needs", sealed_record(row, value, KEY, sizes=(16384,)))
        to.refused("record-other-id", "at the place of another record", sealed, id=ACT)
        to.refused("record-other-table", "in another table", sealed, table="act", clear=to_jcs({"incident_id": str(CASE)}).decode())
        to.refused("record-older", "version 2 in the place of version 3", sealed, version=3)
        to.refused("record-other-root", "of another instance", sealed, root=bytes(32))
        to.refused("record-other-key", "under the key of another version", sealed, key=world.seed("older key"))
        to.refused("record-header-epoch", "the epoch in the header flipped", world.flipped(sealed, 79))

    record, recipient = f"finding:{FINDING}", f"member:{SALOME.id}"
    named: dict[str, Any] = {"root": ROOM, "record": record, "recipient": recipient, "version": 5, "epoch": 1}
    sealed = keyring.wrap_record(KEY, SALOME.kem.public, **named)
    signature = RUTH.sign.sign(keyring.wrap_signature_bytes(ROOM, record, recipient, 1, sealed))
    to = Writer("record-wrap", seed=world.seed("kem 5"), by=RUTH.sign.public, signature=signature, **named)
    to.opened("record-wrap", "a finding's row key, wrapped to the protection officer", sealed, KEY)
    unsigned = keyring.wrap_record(KEY, SALOME.kem.public, **{**named, "version": 6})
    moved = RUTH.sign.sign(keyring.wrap_signature_bytes(ROOM, record, recipient, 1, unsigned))
    to.refused("record-wrap-other-version", "of the next version, rightly signed", unsigned, signature=moved)
    to.refused("record-wrap-other-record", "at the place of another record", sealed, record=f"finding:{CASE}")
    to.refused("record-wrap-other-member", "shown to another member", sealed, seed=world.seed("kem 3"), recipient=f"member:{NIGORA.id}")
    to.refused("record-wrap-other-epoch", "of another manifest", sealed, epoch=2)
    to.refused("record-wrap-other-signer", "not signed by its wrapper", sealed, by=OMID.sign.public)


def statements() -> None:
    """§11: what people sign."""
    one = proposed()
    to = Writer("statement", public=NIGORA.sign.public)
    good, said = one.signatures[0], proposal(one)
    to.opened("statement-proposal", "a proposal", to_jcs(good), from_b64(good["bytes"]))

    def bad(name: str, comment: str, value: dict[str, str], **changes: Any) -> None:
        to.refused(f"statement-{name}", comment, to_jcs(value), **changes)

    judged_by = signed_by(OMID, REVIEW, review(one, OMID, comment="Read."))
    to.opened("statement-review", "a review", to_jcs(judged_by), from_b64(judged_by["bytes"]), public=OMID.sign.public)
    bad("other-signer", "signed with another member's key", {**signed_by(RUTH, PROPOSAL, said), "by": NIGORA.id})
    bad("other-name", "stored as another member's", {**good, "by": RUTH.id})
    bad("other-bytes", "the level changed after it was signed", {**good, "bytes": signed_by(NIGORA, PROPOSAL, said, level="L4")["bytes"]})
    bad("as-review", "what a proposal says, under the line of a review", signed_by(NIGORA, REVIEW, said))
    bad("as-proposal", "what a review says, under the line of a proposal", signed_by(NIGORA, PROPOSAL, review(one, NIGORA)))
    bad("extra-field", "a field this version does not have, rightly signed", signed_by(NIGORA, PROPOSAL, said, x=1))
    less = {name: item for name, item in said.items() if name != "standard"}
    bad("less", "no standard, rightly signed", signed_by(NIGORA, PROPOSAL, less))
    bad("version-true", "`true` for the format version, rightly signed", signed_by(NIGORA, PROPOSAL, said, v=True))
    bad("round-true", "`true` for the first round, rightly signed", signed_by(NIGORA, PROPOSAL, said, round=True))
    bad("round-0", "round 0, rightly signed", signed_by(NIGORA, PROPOSAL, said, round=0))
    bad("other-level", "`LU` where a level was computed, rightly signed", signed_by(NIGORA, PROPOSAL, said, level="LU"))
    bad("no-rule", "a level without a rule, rightly signed", signed_by(NIGORA, PROPOSAL, said, rule=None))
    bad(
        "other-grade",
        "a grade that there is not, rightly signed",
        signed_by(NIGORA, PROPOSAL, said, statements=[{"origin": "a", "grade": "B7"}]),
    )
    other = signed_by(OMID, REVIEW, review(one, OMID, "friend"))
    bad("other-part", "a part that there is not, rightly signed", other, public=OMID.sign.public)
    bad("short-signature", "63 bytes of signature", {**good, "signature": to_b64(from_b64(good["signature"])[:63])})
    raw = from_b64(good["bytes"])
    for name, comment, changed in (
        ("no-line", "no domain line, rightly signed", raw[len(LINES[PROPOSAL]) :]),
        ("other-line", "the line of version 2, rightly signed", raw.replace(b"/v1 ", b"/v2 ", 1)),
        ("not-canonical", "a space in its JSON, rightly signed", raw.replace(b'":', b'": ', 1)),
    ):
        bad(name, comment, {**good, "bytes": to_b64(changed), "signature": to_b64(NIGORA.sign.sign(changed))})

    seen = from_b64(one.snapshot)
    Writer("snapshot", salt=SALT).opened("snapshot", "the digest of what the signers saw", seen, bytes.fromhex(one.digest))
    reasoning = {"for": "", "against": "One origin.", "reasoning": "She saw it."}
    sealed = bytes.fromhex(statement.reasoning_digest(SALT, reasoning))
    Writer("reasoning", salt=SALT).opened("reasoning", "the commitment to the reasoning", to_jcs(reasoning), sealed)


def findings() -> None:
    """§11: what a round of signatures bears, and a protection officer's statement on its way."""
    to = Writer("round", root=ROOM, state=state_of(CREW_FOUNDING), finding=FINDING, act=ACT, number=1)

    def bears(name: str, comment: str, one: Round, signers: dict[str, world.Person], state: str | None, *, returned: bool = False) -> None:
        given = {"signers": {part: each.id for part, each in signers.items()}, "returned": returned, "state": state}
        to.opened(f"round-{name}", comment, to_jcs(asdict(one)), to_jcs(given))

    def bad(name: str, comment: str, one: Round, **changes: Any) -> None:
        to.refused(f"round-{name}", comment, to_jcs(asdict(one)), **changes)

    two = {"proposer": NIGORA, "reviewer": OMID}
    bears("confirmed", "proposed and confirmed by two people", signed_round(), two, "confirmed")
    minor = proposed(minor="probable")
    bears("waits", "somebody who may be a minor: the protection officer has not signed", reviewed(minor, OMID), two, None)
    three = reviewed(reviewed(minor, SALOME, "protection", remark="Seen."), OMID)
    protected = {**two, "protection": SALOME}
    bears("protected", "somebody who may be a minor, and the protection officer signed first", three, protected, "confirmed")
    led = reviewed(reviewed(proposed("refuted"), RUTH, "lead"), OMID)
    bears("refuted", "refuted, with a lead's signature", led, {**two, "lead": RUTH}, "refuted")
    bears("returned", "given back", reviewed(proposed(), OMID, decision="return", remark="Which day?"), two, None, returned=True)
    bad("same-person", "reviewed by its proposer", reviewed(proposed(), NIGORA))
    bad("auditor", "reviewed by an auditor", reviewed(proposed(), DAVID))
    bad("part-twice", "two reviewers", reviewed(signed_round(), RUTH))
    bad("unprotected", "a lead in the part of the protection officer", reviewed(minor, RUTH, "protection"))
    bad("other-role", "a role that the manifest does not give", reviewed(proposed(), OMID, role="admin,lead"))
    bad("other-proposal", "a review of another proposal", reviewed(proposed(), OMID, proposal="0" * 64))
    bad("other-snapshot", "another snapshot than they signed", replace(signed_round(), snapshot=seen_round(minor="yes").snapshot))
    bad("other-comment", "another comment than its reviewer signed", replace(signed_round(), comments=[]))
    bad("other-finding", "of another finding", signed_round(), finding=CASE)
    bad("other-act", "on another act", signed_round(), act=CASE)
    bad("other-place", "the first round in the place of the second", signed_round(), number=2)

    signed = Signed.read(three.signatures[1])
    value = {"v": 1, "finding": str(FINDING), "statement": signed.to_value(), "comment": "Seen."}
    sealed = keyring.seal_approval(to_jcs(value), TEAM.public, root=ROOM, approval_id=str(APPROVAL))
    named: dict[str, Any] = {"team": TEAM.secret, "root": ROOM, "id": APPROVAL, "finding": FINDING, "epoch": 1}
    to = Writer("approval", **named)
    to.opened("approval", "a protection officer's statement, sealed to the team", sealed, signed.raw)
    to.refused("approval-other-id", "at the place of another", sealed, id=CASE)
    to.refused("approval-other-epoch", "read under another epoch", sealed, epoch=2)
    to.refused("approval-other-team", "read with another secret", sealed, team=world.seed("planted"))
    to.refused("approval-flipped-tag", "one bit of the tag", world.flipped(sealed, 8 * len(sealed) - 1))
    where = Context(ROOM, "approval", str(APPROVAL), "body", 1, 1)
    to.refused("approval-not-padded", "no padding", hpke.seal_to(to_jcs(value), TEAM.public.kem, where))
    forged = to_jcs({**value, "statement": {**signed.to_value(), "by": OMID.id}})
    to.refused(
        "approval-other-name",
        "a statement stored as another member's",
        keyring.seal_approval(forged, TEAM.public, root=ROOM, approval_id=str(APPROVAL)),
    )


BACKUP: Final = UUID("b1946ac9-2492-4d23-97c7-235b4d29115e")
CONTENTS: Final = backup.Contents(
    root=ROOT,
    revision="0003",
    manifest=2,
    head_origin=world.ORIGIN,
    head_size=7,
    head_root=world.seed("head"),
    tables={"manifest": backup.Table(("epoch", "body"), 2), "report": backup.Table(("id", "week", "owner", "body"), 20)},
    day=DAY,
    server_secret=world.seed("server"),
)


def framed(*records: bytes) -> bytes:
    """Return records as they stand in the chunks, without their end."""
    return b"".join(len(record).to_bytes(4, "big") + record for record in records)


def backups() -> None:
    """§12: the key, its words, the chunks and the records. Of the chunks only what is not zero stands in a file: both readers seal them."""
    header = backup.seal_key(KEY, BACKUP, root=ROOT, recovery=world.RECOVERY[0].public, epoch=2)
    to = Writer("backup-key", seed=world.seed("recovery kem"), root=ROOT)
    good = header.encode()
    to.opened("backup-key", "what stands before the chunks", good, KEY)
    to.refused("backup-key-other-seed", "another recovery key", good, seed=world.seed("kem 3"))
    to.refused("backup-key-other-root", "of another instance", good, root=bytes(32))
    to.refused("backup-key-other-id", "one bit of the backup's id", world.flipped(good, 8 * 20))
    to.refused("backup-key-header-epoch", "the manifest's epoch in the header flipped", world.flipped(good, 8 * (21 + 17)))
    to.refused("backup-key-flipped-tag", "one bit of the tag", world.flipped(good, 8 * len(good) - 1))
    to.refused("backup-key-truncated", "the last byte is missing", good[:-1])
    to.refused("backup-key-magic", "another version of the file", good[:4] + b"\2" + good[5:])
    to.refused("backup-key-zero-length", "no bytes at all", b"")
    where, value = Context(ROOT, "backup", str(BACKUP), "key", 1, 2), {"v": 1, "key": to_b64(KEY), "root": ROOT.hex()}

    def sealed(said: dict[str, Any], sizes: tuple[int, ...] = padding.SMALL) -> bytes:
        return good[:21] + hpke.seal_to(padding.pad(to_jcs(said), sizes), world.RECOVERY[0].public, where)

    to.refused("backup-key-extra-field", "a field this version does not have", sealed({**value, "x": 1}))
    to.refused("backup-key-inner-root", "the root of another instance inside", sealed({**value, "root": "00" * 32}))
    to.refused("backup-key-version-true", "`true` for the format version", sealed({**value, "v": True}))
    to.refused("backup-key-short", "a key of 31 bytes", sealed({**value, "key": to_b64(KEY[:31])}))

    to, words = Writer("backup-words"), backup.to_words(KEY)
    to.opened(
        "backup-words",
        "24 words in capitals, six in a line",
        "\n".join(" ".join(words[at : at + 6]) for at in range(0, 24, 6)).upper().encode(),
        KEY,
    )
    to.opened("backup-words-short", "their first four letters, with dashes", "-".join(word[:4] for word in words).encode(), KEY)
    to.refused("backup-words-mistyped", "two words swapped", " ".join([words[1], words[0], *words[2:]]).encode(), "mistyped")
    to.refused("backup-words-23", "a word is missing", " ".join(words[:-1]).encode(), BAD)
    to.refused("backup-words-25", "a word too many", " ".join([*words, "zoo"]).encode(), BAD)
    to.refused("backup-words-unknown", "a word that no list has", " ".join([*words[:-1], "paivand"]).encode(), BAD)
    to.refused("backup-words-russian", "a word of the Russian list", " ".join([*words[:-1], receipt.word_list("ru")[0]]).encode(), BAD)
    to.refused("backup-words-empty", "nothing", b"", BAD)

    row = backup.encode_row(1, [UUID(REPORT), WEEK, None, b"\0sealed"])
    chunks(framed(CONTENTS.encode(), row))
    first = CONTENTS.encode()
    to, said = Writer("backup-first"), from_jcs(first)
    to.opened("backup-first", "the first record", first, first)
    plain = to_jcs({**said, "server_secret": None})
    to.opened("backup-first-no-secret", "without the server secret", plain, plain)
    for name, comment, changes in (
        ("extra-field", "a field this version does not have", {"x": 1}),
        ("version-2", "format version 2", {"v": 2}),
        ("version-true", "`true` for the format version", {"v": True}),
        ("short-secret", "a server secret of 31 bytes", {"server_secret": to_b64(bytes(31))}),
        ("no-tables", "no tables", {"tables": {}}),
        ("columns", "a column twice", {"tables": {"manifest": {"columns": ["epoch", "epoch"], "rows": 2}}}),
        ("rows-true", "`true` for the number of rows", {"tables": {"manifest": {"columns": ["epoch"], "rows": True}}}),
        ("day", "a day that there is not", {"day": "2026-11-32"}),
        ("head", "a head of 31 bytes", {"head": {"origin": "a", "size": 1, "root": to_b64(bytes(31))}}),
        ("root", "a root in capitals", {"root": "AB" * 32}),
    ):
        to.refused(f"backup-first-{name}", comment, to_jcs({**said, **changes}))
    to.refused("backup-first-not-canonical", "a space in its JSON", first.replace(b'":', b'": ', 1))
    to.refused("backup-first-zero-length", "no bytes at all", b"")

    to = Writer("backup-row")
    values: list[backup.Value] = [0, 2**53 - 1, "", "ёлка", b"", bytes(3), UUID(REPORT), None]
    many = backup.encode_row(255, values)
    to.opened("backup-row", "every type", many, spelt(many))
    none = backup.encode_row(0, [None])
    to.opened("backup-row-null", "one column, null", none, spelt(none))
    for name, comment, raw in (
        ("leading-zero", "a number with a leading zero", b"\0\1\0\0\0\2" + b"07"),
        ("negative", "a negative number", b"\0\1\0\0\0\2" + b"-1"),
        ("large", "2^53", b"\0\1\0\0\0\x10" + b"9007199254740992"),
        ("empty-number", "a number without digits", b"\0\1\0\0\0\0"),
        ("not-utf-8", "text that is not UTF-8", b"\0\2\0\0\0\1\xff"),
        ("short-uuid", "a UUID of 15 bytes", b"\0\4\0\0\0\x0f" + bytes(15)),
        ("type-5", "a type that there is not", b"\0\5\0\0\0\0"),
        ("truncated", "the last byte is missing", many[:-2]),
        ("cut-length", "two bytes of a length", b"\0\3\0\0"),
        ("too-long", "a length that does not fit", b"\0\3\0\0\0\2a"),
    ):
        to.refused(f"backup-row-{name}", comment, raw)


def spelt(row: bytes) -> bytes:
    """Return what a row vector gives: its place and its values, spelt out."""
    place, values = backup.decode_row(row)
    return to_jcs({"place": place, "values": [spell(value) for value in values]})


def chunks(records: bytes) -> None:
    """§12: chunks that hold these records and zeros."""
    to = Writer("backup", key=KEY, root=ROOT, id=BACKUP)

    def sealed(plain: bytes, count: int) -> dict[str, Any]:
        file = second.seal_chunks(plain.ljust(count * backup.CHUNK, b"\0"), KEY, root=ROOT, backup=str(BACKUP))
        return {"chunks": count, "file": sha256(file)}

    to.opened("backup", "two records in the smallest size", records, records, **sealed(records, 16))
    to.refused("backup-small", "in fewer chunks than the smallest size", records, **sealed(records, 15))
    to.refused("backup-large", "in more chunks than it needs", records, **sealed(records, 17))
    after = records + bytes(4) + framed(b"\1\0")
    to.refused("backup-after-end", "a record after the end", after, **sealed(after, 16))
    long = records + b"\x00\xff\xff\xff"
    to.refused("backup-too-long", "a record longer than the file", long, **sealed(long, 16))


def main() -> None:
    """Write every file."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    made = (paddings, spellings, seals, wraps, manifests, receipts, reports, members, tokens, ledger, cases, statements, findings, backups)
    for write in made:
        write()


if __name__ == "__main__":
    main()
