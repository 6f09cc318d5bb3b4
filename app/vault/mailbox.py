"""What travels between a source and the team: self-certifying requests and signed replies (docs/formats.md §7, §8).

Every source object carries its keys and signature inside the seal, so it proves itself alone and in any order; no
mailbox key is ever read from a column.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from app.errors import MalformedError, SealError
from app.vault import envelope, hpke, padding, signing
from app.vault.encoding import Context, from_b64, from_hex, from_jcs, is_one, length_prefixed, sha256, to_b64, to_jcs
from app.vault.manifest import Chain, EpochKeys
from app.vault.receipt import Receipt

KINDS_OF_BODY: Final = ("first", "addition")
MAX_REPLIES: Final = 64
REPLY_ROLES: Final = frozenset({"lead", "caseworker"})
_BODY_FIELDS: Final = frozenset(
    [
        *("v", "kind", "request", "thread", "sign", "kem", "address", "form", "language", "consent"),
        *("day", "week", "salt", "answers", "first", "signature"),
    ]
)
_REPLY_FIELDS: Final = frozenset(("v", "id", "index", "day", "language", "text", "signer", "signature"))
_WEEK: Final = re.compile(r"\d{4}-W\d{2}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_FORM: Final = re.compile(r"[a-z]{1,16}-[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class SealedReport:
    """What the intake stores of one report: it keeps no key that opens either part."""

    body: bytes
    bundle: bytes


@dataclass(frozen=True, slots=True)
class ReportBody:
    """One opened and verified source object."""

    kind: str
    request: str
    thread: str
    sign: bytes
    kem: bytes
    address: bytes
    form: str
    language: str
    consent: str | None
    day: str
    week: str
    answers: dict[str, Any]
    first: str | None
    commitment: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One verified reply, as the source sees it."""

    index: int
    day: str
    language: str
    text: str


def thread_id(root: bytes, sign: bytes, kem: bytes) -> bytes:
    """Name a conversation by its own keys."""
    return sha256(root, sign, kem)[:16]


def seal_report(
    receipt: Receipt,
    *,
    root: bytes,
    team: EpochKeys,
    report_id: str,
    kind: str,
    form: str,
    language: str,
    consent: str | None,
    day: str,
    week: str,
    answers: dict[str, Any],
    first: bytes | None = None,
) -> SealedReport:
    """Sign and seal one source object to the team.

    Raises:
        MalformedError: the answers do not fit into the largest size, or are not storable text.
    """
    thread = thread_id(root, receipt.signing.public, receipt.kem.public)
    request = secrets.token_bytes(16)
    unsigned: dict[str, Any] = {
        "v": 1,
        "kind": kind,
        "request": request.hex(),
        "thread": thread.hex(),
        "sign": to_b64(receipt.signing.public),
        "kem": to_b64(receipt.kem.public),
        "address": to_b64(receipt.address),
        "form": form,
        "language": language,
        "consent": consent,
        "day": day,
        "week": week,
        "salt": to_b64(secrets.token_bytes(32)),
        "answers": answers,
        "first": first.hex() if first else None,
    }
    signature = receipt.signing.sign(_request_bytes(root, unsigned))
    key = envelope.new_key()
    plaintext = padding.pad(to_jcs({**unsigned, "signature": to_b64(signature)}), padding.TEXT)
    body = envelope.seal(plaintext, key, body_context(root, report_id, team.epoch))
    bundle = to_jcs({"v": 1, "body_key": to_b64(key), "body_digest": sha256(body).hex(), "files": []})
    context = Context(root, "report.bundle", report_id, "bundle", 1, team.epoch)
    return SealedReport(body, hpke.seal_to(padding.pad(bundle, padding.SMALL), team.kem, context))


def body_context(root: bytes, report_id: str, epoch: int) -> Context:
    """Return the context of a report body."""
    return Context(root, "report.body", report_id, "body", 1, epoch)


def read_body(root: bytes, plaintext: bytes) -> ReportBody:
    """Read an opened body and verify that it certifies itself.

    Raises:
        SealError: the form, the thread id or the signature is wrong.
    """
    try:
        value = from_jcs(padding.unpad(plaintext, padding.TEXT))
        if set(value) != _BODY_FIELDS or not is_one(value["v"]):
            raise SealError
        _check_body(value)
        unsigned = {name: item for name, item in value.items() if name != "signature"}
        sign, kem = from_b64(value["sign"], signing.PUBLIC_BYTES), from_b64(value["kem"], hpke.PUBLIC_BYTES)
        if from_hex(value["thread"], 16) != thread_id(root, sign, kem):
            raise SealError
        if not signing.is_signed(_request_bytes(root, unsigned), from_b64(value["signature"], 64), sign):
            raise SealError
        salt = from_b64(value["salt"], 32)
        address = from_b64(value["address"], 32)
    except (MalformedError, ValueError):
        raise SealError from None
    return ReportBody(
        kind=value["kind"],
        request=value["request"],
        thread=value["thread"],
        sign=sign,
        kem=kem,
        address=address,
        form=value["form"],
        language=value["language"],
        consent=value["consent"],
        day=value["day"],
        week=value["week"],
        answers=value["answers"],
        first=value["first"],
        commitment=hmac.digest(salt, b"paivand/v1 content\n" + to_jcs(value["answers"]), "sha256"),
    )


def reply_address(address_key: bytes, index: int) -> bytes:
    """Return the address of reply `index`: only source and team can tell that two addresses belong together."""
    return hmac.digest(address_key, index.to_bytes(8, "big"), "sha256")


def seal_reply(
    *,
    root: bytes,
    epoch: int,
    to: ReportBody,
    index: int,
    text: str,
    language: str,
    day: str,
    signer: str,
    keys: signing.SigningKeys,
) -> tuple[bytes, bytes]:
    """Sign a reply, then seal it to the mailbox.

    Returns:
        (address, sealed reply)

    Raises:
        MalformedError: the text does not fit.
    """
    unsigned: dict[str, Any] = {
        "v": 1,
        "id": secrets.token_hex(16),
        "index": index,
        "day": day,
        "language": language,
        "text": text,
        "signer": signer,
    }
    signature = keys.sign(_reply_bytes(root, bytes.fromhex(to.thread), to.sign, to.kem, unsigned))
    plaintext = padding.pad(to_jcs({**unsigned, "signature": to_b64(signature)}), padding.LETTER)
    address = reply_address(to.address, index)
    return address, hpke.seal_to(plaintext, to.kem, _reply_context(root, address, epoch))


def open_reply(receipt: Receipt, address: bytes, sealed: bytes, *, index: int, chain: Chain) -> Reply:
    """Open a reply as its source and verify who signed it.

    Raises:
        SealError: it does not open, is not reply `index`, or its signer may not write to sources.
    """
    context = _reply_context(chain.root, address, hpke.epoch_of(sealed))
    try:
        value = from_jcs(padding.unpad(hpke.open_with(sealed, receipt.kem, context), padding.LETTER))
        if set(value) != _REPLY_FIELDS or not is_one(value["v"]) or isinstance(value["index"], bool) or value["index"] != index:
            raise SealError
        if not all(isinstance(value[name], str) for name in ("day", "language", "text", "signer")):
            raise SealError
        _check_day(value["day"])
        from_hex(value["id"], 16)
        signature = from_b64(value.pop("signature"), 64)
    except (MalformedError, ValueError):
        raise SealError from None
    thread = thread_id(chain.root, receipt.signing.public, receipt.kem.public)
    message = _reply_bytes(chain.root, thread, receipt.signing.public, receipt.kem.public, value)
    signer = chain.newest.members.get(value["signer"])
    if signer is None or not signer.roles & REPLY_ROLES or not signing.is_signed(message, signature, signer.sign):
        raise SealError
    return Reply(index, value["day"], value["language"], value["text"])


def _check_body(value: dict[str, Any]) -> None:
    """Refuse a body whose words are not of their form: anybody can seal to a public key."""
    texts = ("kind", "form", "language", "day", "week")
    if not all(isinstance(value[name], str) for name in texts) or value["kind"] not in KINDS_OF_BODY:
        raise SealError
    if not (_WEEK.fullmatch(value["week"]) and _LANGUAGE.fullmatch(value["language"]) and _FORM.fullmatch(value["form"])):
        raise SealError
    _check_day(value["day"])
    from_hex(value["request"], 16)
    for name, size in (("consent", 32), ("first", 16)):
        if value[name] is not None:
            from_hex(value[name], size)
    if not isinstance(value["answers"], dict):
        raise SealError
    for answer in value["answers"].values():
        if not all(isinstance(item, str) for item in (answer if isinstance(answer, list) else [answer])):
            raise SealError


def _check_day(day: str) -> None:
    if date.fromisoformat(day).isoformat() != day:
        raise SealError


def _request_bytes(root: bytes, unsigned: dict[str, Any]) -> bytes:
    return length_prefixed(
        "paivand/v1 source request",
        root,
        bytes.fromhex(unsigned["thread"]),
        bytes.fromhex(unsigned["request"]),
        unsigned["kind"],
        sha256(to_jcs(unsigned)),
        unsigned["week"],
    )


def _reply_bytes(root: bytes, thread: bytes, sign: bytes, kem: bytes, unsigned: dict[str, Any]) -> bytes:
    return length_prefixed(
        "paivand/v1 reply",
        root,
        thread,
        sign,
        kem,
        bytes.fromhex(unsigned["id"]),
        unsigned["index"],
        sha256(to_jcs(unsigned)),
    )


def _reply_context(root: bytes, address: bytes, epoch: int) -> Context:
    return Context(root, "reply", address.hex(), "reply", 1, epoch)
