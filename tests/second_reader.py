"""A second reader of docs/formats.md, written from that page alone.

It shares no line with `app`: what both read alike, the page says; where they differ, one of the three is wrong.
HKDF, X-Wing and the HPKE key schedule are written out by hand over the primitives.
"""

import base64
import hashlib
import hmac
import json
import re
import struct
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

T = TypeVar("T")


class ReaderError(Exception):
    """The second reader refuses."""


class MalformedError(ReaderError):
    """Bytes or text without the form they must have."""


class ClosedError(ReaderError):
    """A seal, a signature or a chain that does not hold; one error for every cause."""


class MistypedError(ReaderError):
    """A receipt code whose check byte differs."""


# §1 encodings

TEXT: Final = (4096, 16384, 65536)
WORK: Final = (1024, 4096, 16384, 65536, 262144)
LETTER: Final = (4096, 16384)
SMALL: Final = (512,)
RECORD: Final = (1024, 4096)
SIZES: Final = {"text": TEXT, "work": WORK, "letter": LETTER, "small": SMALL, "record": RECORD}
_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
_WEEK = re.compile(r"\d{4}-W(0[1-9]|[1-4]\d|5[0-3])", re.ASCII)
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def lp(*parts: bytes | str | int) -> bytes:
    """Length-prefixed parts."""
    out = b""
    for part in parts:
        if isinstance(part, int):
            raw = struct.pack(">Q", part)
        else:
            raw = part if isinstance(part, bytes) else part.encode("utf-8")
        out += struct.pack(">I", len(raw)) + raw
    return out


def digest(raw: bytes) -> bytes:
    """The page's H."""
    return hashlib.sha256(raw).digest()


def mac(key: bytes, raw: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.new(key, raw, hashlib.sha256).digest()


def hkdf_extract(salt: bytes, key: bytes) -> bytes:
    """RFC 5869 §2.2."""
    return mac(salt or bytes(32), key)


def hkdf_expand(pseudorandom: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 §2.3."""
    out, block, at = b"", b"", 1
    while len(out) < length:
        block = mac(pseudorandom, block + info + bytes([at]))
        out, at = out + block, at + 1
    return out[:length]


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869."""
    return hkdf_expand(hkdf_extract(salt, key), info, length)


def jcs(value: object) -> bytes:
    """RFC 8785 over the page's values."""
    return _spell(value).encode("utf-8")


def _spell(value: object) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        if not 0 <= value < 2**53:
            raise MalformedError
        return str(value)
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, list):
        return "[" + ",".join(_spell(item) for item in value) + "]"
    if isinstance(value, dict):
        if any(ord(char) > 127 for name in value for char in name):
            raise MalformedError
        return "{" + ",".join(f"{_quote(name)}:{_spell(value[name])}" for name in sorted(value)) + "}"
    raise MalformedError


def _quote(text: str) -> str:
    if any(0xD800 <= ord(char) < 0xE000 for char in text):
        raise MalformedError
    return '"' + "".join(_ESCAPES.get(ord(char), char if ord(char) >= 32 else f"\\u{ord(char):04x}") for char in text) + '"'


def _refuse(_: str) -> Any:
    raise MalformedError


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise MalformedError
    return dict(pairs)


def read_jcs(raw: bytes) -> dict[str, Any]:
    """Read one object in its one spelling."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_float=_refuse, parse_constant=_refuse)
        if not isinstance(value, dict) or jcs(value) != raw:
            raise MalformedError
    except (ValueError, RecursionError):
        raise MalformedError from None
    return value


def fields(value: object, *names: str) -> list[Any]:
    """Return the values of exactly these names."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise MalformedError
    return [value[name] for name in names]


def number(value: object) -> int:
    """Read an integer that is not a truth value."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise MalformedError
    return value


def version_1(value: object) -> None:
    """Refuse another version."""
    if number(value) != 1:
        raise MalformedError


def text(value: object) -> str:
    """Read a string."""
    if not isinstance(value, str):
        raise MalformedError
    return value


def shaped(value: object, shape: re.Pattern[str]) -> str:
    """Read a string of one shape."""
    if shape.fullmatch(text(value)) is None:
        raise MalformedError
    return text(value)


def null(value: object) -> None:
    """Refuse anything but null."""
    if value is not None:
        raise MalformedError


def b64(value: object, size: int | None = None) -> bytes:
    """RFC 4648 §4, padded, canonical."""
    try:
        raw = base64.b64decode(text(value).encode("ascii"), validate=True)
    except ValueError:
        raise MalformedError from None
    if base64.b64encode(raw).decode() != value or size not in (None, len(raw)):
        raise MalformedError
    return raw


def unhex(value: object, size: int) -> bytes:
    """Lower-case hex."""
    if re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text(value)) is None:
        raise MalformedError
    return bytes.fromhex(text(value))


def unpad(raw: bytes, sizes: Sequence[int]) -> bytes:
    """Take padding off; any fault is a closed seal."""
    if len(raw) not in sizes:
        raise ClosedError
    length = struct.unpack(">I", raw[:4])[0]
    smallest = next((size for size in sizes if size >= 4 + length), None)
    if smallest != len(raw) or raw[4 + length :].strip(b"\0"):
        raise ClosedError
    return raw[4 : 4 + length]


# §2 keys


@dataclass(frozen=True)
class Kem:
    """A KEM key pair."""

    lattice: MLKEM768PrivateKey
    curve: X25519PrivateKey
    public: bytes


def kem(seed: bytes) -> Kem:
    """Expand a KEM seed."""
    long = hashlib.shake_256(seed).digest(96)
    lattice, curve = MLKEM768PrivateKey.from_seed_bytes(long[:64]), X25519PrivateKey.from_private_bytes(long[64:])
    return Kem(lattice, curve, lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw())


def key_id(public: bytes) -> bytes:
    """Name a public key."""
    return digest(lp("paivand/v1 key id", public))[:8]


def signing_public(seed: bytes) -> bytes:
    """Expand a signing seed to its public key."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def epoch_key(secret: bytes, name: str, number_: int, label: str) -> bytes:
    """Derive one key of an epoch."""
    return hkdf(secret, b"", lp("paivand/v1 epoch", name, number_, label), 32)


def key_commitment(key: bytes) -> bytes:
    """Commit to a key."""
    return mac(key, b"paivand/v1 key commitment")


def server_key(secret: bytes, label: str) -> bytes:
    """Derive one key of the server secret."""
    return hkdf(secret, b"", lp("paivand/v1 server", label), 32)


def server_id(secret: bytes) -> bytes:
    """Name a server secret."""
    return digest(lp("paivand/v1 server secret id", secret))[:8]


def recovery_key(seed: bytes, label: str) -> bytes:
    """Derive one key of the recovery seed."""
    return hkdf(seed, b"", lp("paivand/v1 recovery", label), 32)


def verified(message: bytes, signature: bytes, public: bytes) -> None:
    """Refuse a signature that does not verify."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise ClosedError from None


# §3 two seals

ENVELOPES: Final = {
    "report.body": 1,
    "report.summary": 3,
    "report.work": 4,
    "message": 5,
    "key.wrap": 7,
    "epoch.prev": 9,
    "member.blob": 10,
    "member.name": 11,
    "session": 12,
    "form.token": 13,
    "ledger.record": 14,
    "seen": 16,
    "case": 32,
    "incident": 33,
    "act": 34,
    "person": 35,
    "reference": 36,
    "finding": 37,
    "invitation": 40,
}
HPKES: Final = {"report.bundle": 2, "reply": 6, "epoch.secret": 8, "ledger.batch": 15, "backup": 21, "approval": 38, "record.wrap": 39}


@dataclass(frozen=True)
class Where:
    """A context."""

    root: bytes
    kind: str
    id: str
    field: str
    version: int
    epoch: int

    def encode(self) -> bytes:
        """Return the bytes of the context."""
        return lp("paivand/v1", self.root, self.kind, self.id, self.field, self.version, self.epoch)


def open_envelope(sealed: bytes, key: bytes, where: Where) -> bytes:
    """Open the symmetric seal."""
    if len(sealed) < 82 or len(key) != 32:
        raise ClosedError
    magic, version, suite, kind, epoch = struct.unpack(">3sBBBI", sealed[:10])
    if (magic, version, suite, kind, epoch) != (b"PVE", 1, 1, ENVELOPES[where.kind], where.epoch):
        raise ClosedError
    derived = hkdf(key, sealed[10:34], sealed[:10] + where.encode(), 64)
    if not hmac.compare_digest(derived[32:], sealed[34:66]):
        raise ClosedError
    try:
        return AESGCM(derived[:32]).decrypt(bytes(12), sealed[66:], None)
    except InvalidTag:
        raise ClosedError from None


_SUITE = b"HPKE" + struct.pack(">HHH", 0x647A, 0x0001, 0x0002)


def _labeled_extract(salt: bytes, label: bytes, key: bytes) -> bytes:
    return hkdf_extract(salt, b"HPKE-v1" + _SUITE + label + key)


def _labeled_expand(key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return hkdf_expand(key, struct.pack(">H", length) + b"HPKE-v1" + _SUITE + label + info, length)


def decapsulate(enc: bytes, keys: Kem) -> bytes:
    """X-Wing: both secrets, the curve's ciphertext and public key, and the label."""
    lattice = keys.lattice.decapsulate(enc[:1088])
    curve = keys.curve.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    return hashlib.sha3_256(lattice + curve + enc[1088:] + keys.public[1184:] + rb"\.//^\ "[:-1]).digest()


def open_hpke(sealed: bytes, keys: Kem, where: Where) -> bytes:
    """Open the public-key seal (RFC 9180 §5.1, base mode, first message)."""
    if len(sealed) < 1154:
        raise ClosedError
    magic, version, suite, kind, name, epoch = struct.unpack(">3sBBB8sI", sealed[:18])
    named = bytes(8) if where.kind == "reply" else key_id(keys.public)
    expected = (b"PVH", 1, 1, HPKES[where.kind], named, where.epoch)
    if (magic, version, suite, kind, name, epoch) != expected:
        raise ClosedError
    info = sealed[:18] + where.encode()
    try:
        shared = decapsulate(sealed[18:1138], keys)
        schedule = b"\0" + _labeled_extract(b"", b"psk_id_hash", b"") + _labeled_extract(b"", b"info_hash", info)
        secret = _labeled_extract(shared, b"secret", b"")
        key, nonce = _labeled_expand(secret, b"key", schedule, 32), _labeled_expand(secret, b"base_nonce", schedule, 12)
        return AESGCM(key).decrypt(nonce, sealed[1138:], b"")
    except (InvalidTag, ValueError):
        raise ClosedError from None


def sealed_whole(read: Callable[[], T]) -> T:
    """Within a seal a malformed content is a seal that does not hold."""
    try:
        return read()
    except MalformedError:
        raise ClosedError from None


# §4 wraps


def open_wrap(sealed: bytes, key: bytes, *, root: bytes, record: str, part: str, recipient: str, version: int, epoch: int) -> bytes:
    """Open a kind-7 wrap."""
    return open_envelope(sealed, key, Where(root, "key.wrap", f"{record}/{part}", recipient, version, epoch))


def open_epoch(sealed: bytes, keys: Kem, *, root: bytes, name: str, recipient: str, epoch: int, commit: bytes, public: bytes) -> bytes:
    """Open the wrap of an epoch secret and hold it against what the manifest says."""
    secret = open_hpke(sealed, keys, Where(root, "epoch.secret", f"epoch:{name}", recipient, 1, epoch))
    if len(secret) != 32 or epoch_key(secret, name, epoch, "commit") != commit:
        raise ClosedError
    if kem(epoch_key(secret, name, epoch, "kem")).public != public:
        raise ClosedError
    return secret


def open_record_wrap(sealed: bytes, keys: Kem, *, root: bytes, record: str, recipient: str, version: int, epoch: int) -> bytes:
    """Open the wrap of one record's row key to one member."""
    key = open_hpke(sealed, keys, Where(root, "record.wrap", record, recipient, version, epoch))
    if len(key) != 32:
        raise ClosedError
    return key


def wrap_message(root: bytes, record: str, recipient: str, epoch: int, sealed: bytes) -> bytes:
    """Return what the wrapper of an epoch secret signs."""
    return lp("paivand/v1 wrap", root, record, recipient, epoch, digest(sealed))


# §5 manifest and root

ROLES: Final = ("admin", "lead", "caseworker", "protection", "auditor")


@dataclass(frozen=True)
class Person:
    """One member of a manifest."""

    roles: tuple[str, ...]
    kem: bytes
    sign: bytes


@dataclass(frozen=True)
class ManifestRead:
    """One manifest."""

    epoch: int
    previous: str | None
    people: dict[str, Person]
    team: tuple[int, bytes, bytes]
    audit: tuple[int, bytes, bytes]
    origin: str
    rest: tuple[bytes, bytes, str]


def root_of(first: bytes) -> bytes:
    """Return the instance root."""
    return digest(lp("paivand/v1 root", first))


def read_manifest(raw: bytes) -> ManifestRead:
    """Read one manifest; its signatures are another matter."""
    names = ("v", "epoch", "previous", "members", "team", "audit", "recovery", "ledger")
    version, epoch, previous, members, team, audit, recovery, ledger = fields(read_jcs(raw), *names)
    version_1(version)
    if previous is not None:
        unhex(previous, 32)
    people: dict[str, Person] = {}
    order = []
    for row in _rows(members):
        name, roles, lattice, sign, mldsa = fields(row, "id", "roles", "kem", "sign", "mldsa")
        null(mldsa)
        if not isinstance(roles, list) or any(role not in ROLES for role in roles) or roles != sorted(set(roles)):
            raise MalformedError
        order.append(shaped(name, _UUID))
        people[name] = Person(tuple(roles), b64(lattice, 1216), b64(sign, 32))
    if order != sorted(people):
        raise MalformedError
    recovery_kem, recovery_sign, mldsa = fields(recovery, "kem", "sign", "mldsa")
    null(mldsa)
    origin, vkeys = fields(ledger, "origin", "vkeys")
    if vkeys != []:
        raise MalformedError
    rest = b64(recovery_kem, 1216), b64(recovery_sign, 32), text(origin)
    return ManifestRead(number(epoch), previous, people, _epoch(team), _epoch(audit), text(origin), rest)


def _epoch(row: object) -> tuple[int, bytes, bytes]:
    epoch, public, commit = fields(row, "epoch", "kem", "commit")
    return number(epoch), b64(public, 1216), b64(commit, 32)


def _rows(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedError
    return value


def read_signatures(raw: bytes) -> dict[str, bytes]:
    """Read a signature list: an object with the one member `signatures`, as `jcs` is over objects."""
    found: dict[str, bytes] = {}
    order = []
    for row in _rows(fields(read_jcs(raw), "signatures")[0]):
        name, signature, mldsa = fields(row, "member", "ed25519", "mldsa")
        null(mldsa)
        order.append(text(name))
        found[name] = b64(signature, 64)
    if order != sorted(found):
        raise MalformedError
    return found


def read_chain(root: bytes, signed: Sequence[tuple[bytes, bytes]]) -> list[ManifestRead]:
    """Follow the chain from the root; every fault is the same refusal."""
    return sealed_whole(lambda: _chain(root, signed))


def _chain(root: bytes, signed: Sequence[tuple[bytes, bytes]]) -> list[ManifestRead]:
    if not signed or root_of(signed[0][0]) != root:
        raise ClosedError
    chain: list[ManifestRead] = []
    before: str | None = None
    for body, raw in signed:
        manifest, signatures = read_manifest(body), read_signatures(raw)
        if manifest.epoch != len(chain) + 1 or manifest.previous != before:
            raise ClosedError
        judges = chain[-1] if chain else manifest
        if not leads_of(manifest) or (chain and not _follows(judges, manifest)):
            raise ClosedError
        leads = signatures.keys() & leads_of(judges)
        others = signatures.keys() - leads
        if others:
            remaining = {name for name, person in manifest.people.items() if set(person.roles) - {"auditor"}}
            if not (
                chain and _only_takes(judges, manifest) and len(others) == 1 and others <= remaining and leads & manifest.people.keys()
            ):
                raise ClosedError
        if len(signatures) < (min(2, len(leads_of(judges))) if chain else 1):
            raise ClosedError
        for name, signature in signatures.items():
            verified(lp("paivand/v1 manifest", digest(body)), signature, judges.people[name].sign)
        chain.append(manifest)
        before = digest(body).hex()
    return chain


def leads_of(manifest: ManifestRead) -> set[str]:
    """Return the leads that a manifest names."""
    return {name for name, person in manifest.people.items() if "lead" in person.roles}


def _follows(old: ManifestRead, new: ManifestRead) -> bool:
    return all(before == after or _fresh(before, after) for before, after in ((old.team, new.team), (old.audit, new.audit)))


def _fresh(before: tuple[int, bytes, bytes], after: tuple[int, bytes, bytes]) -> bool:
    return after[0] == before[0] + 1 and after[1] != before[1] and after[2] != before[2]


def _only_takes(old: ManifestRead, new: ManifestRead) -> bool:
    taken = 0
    for name, person in old.people.items():
        then = new.people.get(name)
        if then is None:
            taken += 1
            continue
        if (then.kem, then.sign) != (person.kem, person.sign) or not set(then.roles) <= set(person.roles):
            return False
        taken += then.roles != person.roles
    if new.people.keys() - old.people.keys() or not taken:
        return False
    return (old.rest == new.rest) and _fresh(old.team, new.team) and _fresh(old.audit, new.audit)


def fingerprint(root: bytes, lattice: bytes, sign: bytes, words: Sequence[str]) -> list[str]:
    """Return the eight words of a newcomer's keys."""
    bits = bin(int.from_bytes(b"\1" + digest(lp("paivand/v1 fingerprint", root, lattice, sign)), "big"))[3:]
    return [words[int(bits[at : at + 11], 2)] for at in range(0, 88, 11)]


def open_link(sealed: bytes, newer: bytes, *, root: bytes, name: str, epoch: int, commit: bytes, public: bytes) -> bytes:
    """Open the secret of epoch n-1 that epoch n seals, and hold it against what the manifest says of n-1."""
    key = epoch_key(newer, name, epoch, "prev")
    secret = open_envelope(sealed, key, Where(root, "epoch.prev", f"epoch:{name}", "prev", 1, epoch))
    if len(secret) != 32 or epoch_key(secret, name, epoch - 1, "commit") != commit:
        raise ClosedError
    if kem(epoch_key(secret, name, epoch - 1, "kem")).public != public:
        raise ClosedError
    return secret


def read_state(root: bytes, raw: bytes) -> list[ManifestRead]:
    """Read the manifests of a state file."""

    def read() -> list[ManifestRead]:
        value = read_jcs(raw)
        value.pop("head", None)
        bodies, signatures = fields(value, "manifests", "signatures")
        if len(_rows(bodies)) != len(_rows(signatures)):
            raise ClosedError
        return _chain(root, [(b64(body), b64(names)) for body, names in zip(bodies, signatures, strict=True)])

    return sealed_whole(read)


def read_state_head(raw: bytes) -> tuple[str, int, bytes]:
    """Read the largest ledger that a state file remembers: origin, size, root."""

    def read() -> tuple[str, int, bytes]:
        _, _, head = fields(read_jcs(raw), "manifests", "signatures", "head")
        origin, size, tree = fields(head, "origin", "size", "root")
        return text(origin), number(size), b64(tree, 32)

    return sealed_whole(read)


# §6 members and sessions


def kek(passphrase: str, salt: bytes, server_secret: bytes) -> bytes:
    """Derive a member's key-encryption key."""
    if len(salt) != 16:
        raise MalformedError
    secret = server_key(server_secret, "argon2")
    argon = Argon2id(salt=salt, length=32, iterations=3, lanes=1, memory_cost=65536, secret=secret)
    return argon.derive(unicodedata.normalize("NFKC", passphrase).encode())


def lookup(name: str, server_secret: bytes) -> bytes:
    """Return the search key of a name."""
    return mac(server_key(server_secret, "lookup"), unicodedata.normalize("NFKC", name).casefold().encode())


def open_name(sealed: bytes, server_secret: bytes, *, root: bytes, member: str) -> str:
    """Open a display name."""
    raw = open_envelope(sealed, server_key(server_secret, "name"), Where(root, "member.name", member, "name", 1, 0))
    return unpad(raw, SMALL).decode()


def open_blob(sealed: bytes, key: bytes, *, root: bytes, member: str, version: int) -> dict[str, Any]:
    """Open what a passphrase opens."""
    raw = open_envelope(sealed, key, Where(root, "member.blob", member, "blob", version, 0))

    def read() -> dict[str, Any]:
        value = read_jcs(raw)
        one, lattice, sign, mldsa, totp, last, pins = fields(value, "v", "kem", "sign", "mldsa", "totp", "totp_last", "pins")
        version_1(one)
        b64(lattice, 32)
        b64(sign, 32)
        null(mldsa)
        b64(totp, 20)
        number(last)
        pinned, epoch, checkpoint = fields(pins, "root", "manifest", "checkpoint")
        unhex(pinned, 32)
        number(epoch)
        null(checkpoint)
        return value

    return sealed_whole(read)


def session_keys(cookie: str, host: bytes) -> tuple[bytes, bytes, bytes]:
    """Return session id, session key and form secret of a cookie."""
    raw = unbase64url(cookie)
    if len(raw) != 32:
        raise MalformedError
    found = [hkdf(raw, host, f"paivand/v1 session {label}".encode(), size) for label, size in (("id", 16), ("key", 32), ("form", 32))]
    return found[0], found[1], found[2]


def unbase64url(value: str) -> bytes:
    """Read b64url without padding, canonical."""
    if re.fullmatch(r"[A-Za-z0-9_-]*", value) is None or len(value) % 4 == 1:
        raise MalformedError
    raw = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != value:
        raise MalformedError
    return raw


def open_session(sealed: bytes, cookie: str, host: bytes, *, root: bytes, member: str, expiry: int, epoch: int) -> dict[str, Any]:
    """Open a session row."""
    name, key, _ = session_keys(cookie, host)
    raw = open_envelope(sealed, key, Where(root, "session", name.hex(), member, expiry, epoch))

    def read() -> dict[str, Any]:
        value = read_jcs(raw)
        lattice, sign, team, audit, batch = fields(value, "kem", "sign", "team", "audit", "batch")
        b64(lattice, 32)
        b64(sign, 32)
        for row in [*_rows(team), *_rows(audit)]:
            held, secret = fields(row, "epoch", "secret")
            number(held)
            b64(secret, 32)
        batch_id, batch_key = fields(batch, "id", "key")
        shaped(batch_id, _UUID)
        b64(batch_key, 32)
        return value

    return sealed_whole(read)


# §7 receipt and report


def word_list(path: Path) -> list[str]:
    """Read a list of words."""
    return path.read_text("utf-8").split()


def _check(secret: bytes) -> int:
    return digest(b"paivand/v1 receipt check" + secret)[0]


def digits_of(secret: bytes) -> str:
    """Return the code in digits."""
    code = f"{int.from_bytes(secret, 'big') * 256 + _check(secret):027d}"
    return " ".join(re.findall("...", code))


def words_of(secret: bytes, words: Sequence[str]) -> list[str]:
    """Return the code in words."""
    bits = "".join(f"{byte:08b}" for byte in [*secret, _check(secret)])
    return [words[int(bits[at : at + 11], 2)] for at in range(0, 88, 11)]


def _fold(code: str) -> str:
    out = ""
    for char in unicodedata.normalize("NFKC", code).casefold().replace("ё", "е"):
        if unicodedata.category(char) == "Nd":
            out += str(unicodedata.digit(char))
        else:
            out += char if unicodedata.category(char)[0] in "LN" else " "
    return out


def read_code(code: str, *lists: Sequence[str]) -> bytes:
    """Read a code in digits or in the words of one list."""
    tokens = _fold(code).split()
    joined = "".join(tokens)
    if re.fullmatch(r"[0-9]{27}", joined):
        value = int(joined)
    else:
        value = _from_words(tokens, lists)
    if value >= 2**88:
        raise MalformedError
    raw = value.to_bytes(11, "big")
    if raw[10] != _check(raw[:10]):
        raise MistypedError
    return raw[:10]


def _from_words(tokens: Sequence[str], lists: Sequence[Sequence[str]]) -> int:
    for words in lists if len(tokens) == 8 else []:
        heads = [_fold(word)[:4] for word in words]
        if all(token[:4] in heads for token in tokens):
            return int("".join(f"{heads.index(token[:4]):011b}" for token in tokens), 2)
    raise MalformedError


def receipt_key(secret: bytes, root: bytes, label: str) -> bytes:
    """Derive one key of a receipt."""
    salt = digest(b"paivand/v1 receipt" + root)[:16]
    master = Argon2id(salt=salt, length=32, iterations=1, lanes=1, memory_cost=8192).derive(secret)
    return hkdf(master, b"", lp("paivand/v1 receipt", label), 32)


def thread_id(root: bytes, sign: bytes, public: bytes) -> bytes:
    """Name a conversation."""
    return digest(root + sign + public)[:16]


def content_commitment(salt: bytes, answers: dict[str, Any]) -> bytes:
    """Commit to the answers."""
    return mac(salt, b"paivand/v1 content\n" + jcs(answers))


_BODY = ["v", "kind", "request", "thread", "sign", "kem", "address", "form", "language", "consent", "day", "week"]
_BODY += ["salt", "answers", "first", "signature"]
_SUMMARY = ["v", "kind", "thread", "day", "language", "danger", "reply", "size", "answered", "flags"]


def read_body(root: bytes, plaintext: bytes) -> dict[str, Any]:
    """Read a body and verify that it certifies itself."""

    def read() -> dict[str, Any]:
        value = read_jcs(unpad(plaintext, TEXT))
        fields(value, *_BODY)
        version_1(value["v"])
        sign, public, request = b64(value["sign"], 32), b64(value["kem"], 1216), unhex(value["request"], 16)
        b64(value["address"], 32)
        b64(value["salt"], 32)
        text(value["language"])
        shaped(value["day"], _DAY)
        week = shaped(value["week"], _WEEK)
        if value["kind"] not in ("first", "addition") or value["form"] not in ("short-1", "mailbox-1"):
            raise MalformedError
        if value["consent"] is not None:
            unhex(value["consent"], 32)
        if value["first"] is not None:
            unhex(value["first"], 16)
        if not isinstance(value["answers"], dict) or unhex(value["thread"], 16) != thread_id(root, sign, public):
            raise MalformedError
        rest = digest(jcs({name: item for name, item in value.items() if name != "signature"}))
        message = lp("paivand/v1 source request", root, unhex(value["thread"], 16), request, value["kind"], rest, week)
        verified(message, b64(value["signature"], 64), sign)
        return value

    return sealed_whole(read)


def read_bundle(padded: bytes) -> tuple[bytes, bytes]:
    """Return body key and digest of a padded bundle."""

    def read() -> tuple[bytes, bytes]:
        version, key, body_digest, files = fields(read_jcs(unpad(padded, SMALL)), "v", "body_key", "body_digest", "files")
        version_1(version)
        if files != []:
            raise MalformedError
        return b64(key, 32), unhex(body_digest, 32)

    return sealed_whole(read)


def read_report(body: bytes, bundle: bytes, team: Kem, *, root: bytes, report: str, epoch: int) -> dict[str, Any]:
    """Open the bundle, check the digest, open and verify the body."""
    key, expected = read_bundle(open_hpke(bundle, team, Where(root, "report.bundle", report, "bundle", 1, epoch)))
    if digest(body) != expected:
        raise ClosedError
    return read_body(root, open_envelope(body, key, Where(root, "report.body", report, "body", 1, epoch)))


def read_summary(sealed: bytes, key: bytes, body: bytes, *, root: bytes, report: str, epoch: int) -> dict[str, Any]:
    """Open a summary, bound to its body."""
    where = Where(root, "report.summary", report, digest(body).hex(), 1, epoch)

    def read() -> dict[str, Any]:
        value = read_jcs(unpad(open_envelope(sealed, key, where), SMALL))
        fields(value, *_SUMMARY)
        version_1(value["v"])
        unhex(value["thread"], 16)
        shaped(value["day"], _DAY)
        for name in ("answered", "flags"):
            if _rows(value[name]) != sorted(value[name]):
                raise MalformedError
        if value["danger"] not in ("now", "soon", "no", "unknown", None) or value["reply"] not in ("yes", "no", "unsafe", None):
            raise MalformedError
        if value["size"] not in ("s", "m", "l"):
            raise MalformedError
        return value

    return sealed_whole(read)


def read_token(token: str, key: bytes, *, root: bytes, purpose: str, hour: int) -> bytes:
    """Open a form token."""
    secret = open_envelope(sealed_whole(lambda: unbase64url(token)), key, Where(root, "form.token", purpose, "token", 0, hour))
    if len(secret) != 10:
        raise ClosedError
    return secret


def row_digest(value: dict[str, Any], sealed: dict[str, bytes]) -> bytes:
    """Return the digest of a row; `value` is the object without `sealed`."""
    columns = {name: digest(raw).hex() for name, raw in sealed.items()}
    return digest(lp("paivand/v1 row") + jcs({**value, "sealed": columns}))


# §8 replies


def reply_address(address_key: bytes, index: int) -> bytes:
    """Return the address of a reply."""
    return mac(address_key, struct.pack(">Q", index))


def read_reply(sealed: bytes, secret: bytes, *, root: bytes, index: int, newest: ManifestRead) -> dict[str, Any]:
    """Open reply `index` of a receipt and verify who signed it."""
    keys, sign = kem(receipt_key(secret, root, "kem")), signing_public(receipt_key(secret, root, "sign"))
    address = reply_address(receipt_key(secret, root, "address"), index)
    if len(sealed) < 1154:
        raise ClosedError
    where = Where(root, "reply", address.hex(), "reply", 1, struct.unpack(">I", sealed[14:18])[0])
    plaintext = open_hpke(sealed, keys, where)

    def read() -> dict[str, Any]:
        value = read_jcs(unpad(plaintext, LETTER))
        fields(value, "v", "id", "index", "day", "language", "text", "signer", "signature")
        version_1(value["v"])
        shaped(value["day"], _DAY)
        text(value["language"])
        text(value["text"])
        signer = newest.people.get(shaped(value["signer"], _UUID))
        if signer is None or not {"lead", "caseworker"} & set(signer.roles) or number(value["index"]) != index:
            raise ClosedError
        rest = digest(jcs({name: item for name, item in value.items() if name != "signature"}))
        thread = thread_id(root, sign, keys.public)
        message = lp("paivand/v1 reply", root, thread, sign, keys.public, unhex(value["id"], 16), index, rest)
        verified(message, b64(value["signature"], 64), signer.sign)
        return value

    return sealed_whole(read)


# §9 ledger


def read_leaf(leaf: bytes) -> tuple[bytes, str, bytes]:
    """Return commitment, month and tag of a leaf."""
    commitment, month, tag, version = fields(read_jcs(leaf), "c", "d", "t", "v")
    version_1(version)
    return unhex(commitment, 32), shaped(month, _MONTH), unhex(tag, 32)


def tag_of(key: bytes, record: str, version: int) -> bytes:
    """Name a row version in the ledger."""
    return mac(key, lp("paivand/v1 tag", record, version))


def open_entry(sealed: bytes, leaf: bytes, key: bytes, *, root: bytes, index: int, epoch: int, origin: str, actor: bytes) -> dict[str, Any]:
    """Open a record, hold it against its leaf and verify who signed it."""
    plaintext = open_envelope(sealed, key, Where(root, "ledger.record", str(index), "record", 1, epoch))

    def read() -> dict[str, Any]:
        record, salt, signature, manifest = fields(read_jcs(unpad(plaintext, RECORD)), "record", "salt", "signature", "manifest")
        names = ("v", "index", "day", "kind", "actor", "role", "object", "version", "digest", "details")
        version, at, day, _, name, *_ = fields(record, *names)
        version_1(version)
        shaped(name, _UUID)
        commitment, month, _ = read_leaf(leaf)
        made = mac(b64(salt, 32), b"paivand/v1 ledger commitment\n" + jcs(record))
        if made != commitment or number(at) != index or shaped(day, _DAY)[:7] != month:
            raise ClosedError
        message = lp("paivand/v1 ledger entry", root, origin, index, commitment, unhex(manifest, 32))
        verified(message, b64(signature, 64), actor)
        return dict(record)

    return sealed_whole(read)


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1, as it is written there."""
    if not leaves:
        return digest(b"")
    if len(leaves) == 1:
        return digest(b"\0" + leaves[0])
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return digest(b"\1" + tree_root(leaves[:half]) + tree_root(leaves[half:]))


def read_head(raw: bytes) -> tuple[str, int, bytes]:
    """Read a head file: origin, size, root."""
    match = re.fullmatch(rb"([^\n]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/=]+)\n", raw)
    if match is None:
        raise MalformedError
    return match[1].decode(), int(match[2]), b64(match[3].decode("ascii"), 32)


# §10 records

Check = Callable[[Any], object]
NON_ANSWERS: Final = ("unknown", "unsaid")
_CODE = re.compile(r"[A-Za-z0-9_]+")
_POINT = r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?"
_DATE = re.compile(rf"({_POINT}|{_POINT}/{_POINT}|\.\./{_POINT})~?|{_POINT}/\.\.")
_NUMBER = re.compile(r"C-[0-9]{4,}")
_GRADE = re.compile(r"[A-F][1-6]")


def truth(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise MalformedError
    return value


def uuid(value: object) -> str:
    """Read an id."""
    return shaped(value, _UUID)


def one_of(*words: str) -> Check:
    """Take one of these words."""

    def check(value: object) -> None:
        if text(value) not in words:
            raise MalformedError

    return check


def like(shape: re.Pattern[str]) -> Check:
    """Take a text of this shape."""
    return lambda value: shaped(value, shape)


def maybe(check: Check) -> Check:
    """Take null too."""
    return lambda value: None if value is None else check(value)


def empty_or(check: Check) -> Check:
    """Take the empty text too."""
    return lambda value: None if value == "" else check(value)


def many(check: Check) -> Check:
    """Take a list."""
    return lambda value: [check(item) for item in _rows(value)]


def has(**members: Check) -> Check:
    """Take an object of exactly these members; a trailing `_` keeps a word out of Python's way."""
    names = {name.rstrip("_"): check for name, check in members.items()}

    def check(value: object) -> None:
        for name, item in zip(names, fields(value, *names), strict=True):
            names[name](item)

    return check


def words(value: object, *, lists: bool = False) -> None:
    """Take an object of texts, or of texts and lists of texts."""
    if not isinstance(value, dict):
        raise MalformedError
    for item in value.values():
        for part in item if lists and isinstance(item, list) else [item]:
            text(part)


def a_place(value: object) -> None:
    """Take the id of a place, or a non-answer."""
    if value not in NON_ANSWERS:
        uuid(value)


code, day, date = like(_CODE), like(_DAY), maybe(like(_DATE))

_RECORD: Final[dict[str, dict[str, Check]]] = {
    "case": {
        "number": number,
        "key": text,
        "title": text,
        "exile": uuid,
        "also": many(uuid),
        "priority": maybe(code),
        "distinct": many(has(person=uuid, other=uuid, by=uuid, day=day)),
        "questions": many(has(text=text, by=uuid, day=day, closed=empty_or(day))),
    },
    "incident": {
        "key": text,
        "title": text,
        "when": date,
        "when_basis": text,
        "places": many(a_place),
        "trigger": maybe(uuid),
        "also_triggers": many(uuid),
        "trigger_link": maybe(code),
        "demand": maybe(code),
        "outcome": maybe(code),
        "outcome_detail": text,
        "publications": many(uuid),
        "basis": maybe(code),
        "follows": maybe(uuid),
        "minor": maybe(code),
        "sensitive": maybe(one_of("sexual_violence")),
        "open": many(text),
        "quote": text,
        "reports": many(has(report=uuid, type=code, certainty=code)),
    },
    "act": {
        "key": text,
        "type": code,
        "victims": many(uuid),
        "organisation": maybe(uuid),
        "perpetrators": many(uuid),
        "by": maybe(code),
        "when": date,
        "consequence": truth,
        "words": text,
        "details": words,
    },
    "person": {
        "key": text,
        "role": one_of("exile", "relative", "other"),
        "forms": many(text),
        "label": text,
        "sex": maybe(code),
        "relation": maybe(code),
        "relation_to": maybe(uuid),
        "minor": maybe(code),
        "group": truth,
        "age": text,
        "affiliation": many(uuid),
        "affiliation_status": maybe(code),
        "category": maybe(code),
        "host": many(text),
        "reason": text,
        "occupation": text,
        "whereabouts": maybe(code),
        "note": text,
    },
    "reference": {
        "key": text,
        "kind": one_of("place", "organisation", "trigger", "publication", "stage_event", "pattern"),
        "name": text,
        "variants": many(text),
        "details": lambda value: words(value, lists=True),
    },
}
CLEAR: Final = {
    "case": ("state", "owner"),
    "incident": ("case_id",),
    "act": ("incident_id",),
    "person": ("case_id",),
    "reference": (),
    "finding": ("act_id", "state"),
}


def open_record(sealed: bytes, key: bytes, *, root: bytes, table: str, id_: str, version: int) -> dict[str, Any]:
    """Open a record of §10 or a finding; every field is looked at."""
    if len(sealed) < 82:
        raise ClosedError
    plaintext = open_envelope(sealed, key, Where(root, table, id_, "body", version, struct.unpack(">I", sealed[6:10])[0]))

    def read() -> dict[str, Any]:
        value = read_jcs(unpad(plaintext, WORK))
        checks = {**_RECORD, "finding": _FINDING}[table]
        for name, item in zip(("v", *checks), fields(value, "v", *checks), strict=True):
            {"v": version_1, **checks}[name](item)
        return value

    return sealed_whole(read)


def record_digest(sealed: bytes, key: bytes, *, table: str, id_: str, version: int, clear: dict[str, str | None]) -> bytes:
    """Return the digest of a record's row."""
    if set(clear) != set(CLEAR[table]):
        raise MalformedError
    keys = {"row": key_commitment(key).hex()}
    return row_digest({"table": table, "id": id_, "version": version, "clear": clear, "keys": keys}, {"body": sealed})


# §11 findings


def one_to_6(value: object) -> None:
    """Take a credibility."""
    if number(value) not in range(1, 7):
        raise MalformedError


def read_acts(path: Path) -> dict[str, bool]:
    """Read the vocabulary of acts: whether each is a sexual one."""
    return {term["code"]: bool(term.get("sexual")) for term in json.loads(path.read_text("utf-8"))["terms"]}


DECISIONS: Final = {"level": "confirmed", "unverifiable": "unverifiable", "refuted": "refuted"}
_LEVELS: Final = {"level": ("L1", "L2", "L3", "L4"), "unverifiable": ("LU",), "refuted": ("LR",)}
_PARTS: Final = {
    "proposer": {"lead", "caseworker"},
    "reviewer": {"lead", "caseworker"},
    "protection": {"protection"},
    "lead": {"lead"},
}
_PROPOSAL: Final = b"paivand/v1 finding proposal\n"
_REVIEW: Final = b"paivand/v1 finding review\n"

_ANSWERED = ("first_hand", "detailed", "consistent", "documentary", "authentic", "accused", "admission")
_STATEMENT: Final[dict[str, Check]] = {
    "who": text,
    "how": text,
    "publication": maybe(uuid),
    "report": maybe(uuid),
    "interest": maybe(code),
    "access": maybe(code),
    "grading": has(
        reliability=maybe(one_of(*"ABCDEF")),
        credibility=maybe(one_to_6),
        **dict.fromkeys(_ANSWERED, truth),
        origin=text,
        household=maybe(text),
    ),
}
_JUDGED: Final[dict[str, Check]] = {
    "confirm": text,
    "refute": text,
    "answers": has(plausible=maybe(truth), fits_pattern=maybe(truth), agency=maybe(truth)),
    "contradictions": many(
        has(
            about=maybe(one_of("who", "what", "when", "where", "other")),
            material=maybe(truth),
            treatment=maybe(one_of("unresolved", "resolved", "kept_open")),
            **dict.fromkeys(("reading_a", "source_a", "reading_b", "source_b", "why"), text),
        )
    ),
    "speaks_for": text,
    "speaks_against": text,
    "reasoning": text,
    "standard": maybe(code),
    "decision": one_of(*DECISIONS),
}
_FACTS: Final = has(
    id=uuid,
    ref=text,
    type=code,
    when=date,
    when_basis=text,
    places=many(text),
    incident=text,
    incident_minor=maybe(code),
    sensitive=maybe(one_of("sexual_violence")),
    victims=many(has(code=text, name=text, relation=maybe(code), sex=maybe(code), minor=maybe(code), group=truth)),
    perpetrators=many(text),
    by=maybe(code),
    words=text,
    consequence=truth,
    details=words,
    open=many(text),
)


def cites(value: object) -> None:
    """Take null, a report's short code, or what is known of a publication."""
    if isinstance(value, dict) and "report" in value:
        has(report=text)(value)
    elif value is not None:
        has(key=text, title=text, publisher=text, date=text)(value)


a_snapshot = has(
    case=like(_NUMBER),
    act=_FACTS,
    statements=many(has(**_STATEMENT, cites=cites)),
    **_JUDGED,
    level=text,
    rule=maybe(text),
    protection=truth,
)
a_round = has(
    snapshot=lambda value: read_snapshot(b64(value)),
    salt=lambda value: b64(value, 32),
    signatures=many(has(bytes=b64, signature=lambda value: b64(value, 64), by=uuid)),
    comments=many(has(by=uuid, day=day, text=text, reason=empty_or(code))),
)
_FINDING: Final[dict[str, Check]] = {
    "assessor": uuid,
    "statements": many(has(**_STATEMENT)),
    **_JUDGED,
    "reviewer": empty_or(uuid),
    "rounds": many(a_round),
    "trail": many(
        has(
            what=one_of("taken", "disputed", "settled_confirmed", "settled_in_assessment", "reopened"),
            by=uuid,
            day=day,
            text=text,
            reason=empty_or(code),
        )
    ),
}


@dataclass(frozen=True)
class SignedStatement:
    """A proposal or a review, as read; nothing says yet that its signature verifies."""

    is_proposal: bool
    raw: bytes
    signature: bytes
    said: dict[str, Any]


def read_statement(value: object) -> SignedStatement:
    """Read a signed statement."""

    def read() -> SignedStatement:
        raw, signature, by = fields(value, "bytes", "signature", "by")
        raw, signature = b64(raw), b64(signature, 64)
        line = _PROPOSAL if raw.startswith(_PROPOSAL) else _REVIEW
        if not raw.startswith(line):
            raise MalformedError
        said = read_jcs(raw[len(line) :])
        {_PROPOSAL: _read_proposal, _REVIEW: _read_review}[line](said)
        if said["member"] != by:
            raise MalformedError
        return SignedStatement(line == _PROPOSAL, raw, signature, said)

    return sealed_whole(read)


def a_digest(value: object) -> bytes:
    """Read 32 bytes of hex."""
    return unhex(value, 32)


def from_1(value: object) -> None:
    """Take a number from 1 on."""
    if number(value) < 1:
        raise MalformedError


def filled(value: object) -> None:
    """Take a text that is not empty."""
    if not text(value):
        raise MalformedError


_EITHER: Final[dict[str, Check]] = {
    "v": version_1,
    "root": a_digest,
    "finding": uuid,
    "snapshot": a_digest,
    "manifest": a_digest,
    "member": uuid,
    "role": filled,
}


def _read_proposal(said: dict[str, Any]) -> None:
    has(
        **_EITHER,
        act=uuid,
        round=from_1,
        act_version=from_1,
        decision=one_of(*DECISIONS),
        level=text,
        rule=maybe(filled),
        standard=filled,
        statements=many(has(origin=filled, grade=like(_GRADE))),
    )(said)
    if said["level"] not in _LEVELS[said["decision"]] or (said["rule"] is None) != (said["decision"] != "level"):
        raise MalformedError


def _read_review(said: dict[str, Any]) -> None:
    has(
        **_EITHER,
        proposal=a_digest,
        as_=one_of("reviewer", "protection", "lead"),
        decision=one_of("confirm", "return"),
        level=one_of(*(level for levels in _LEVELS.values() for level in levels)),
        comment=a_digest,
    )(said)


def read_snapshot(raw: bytes) -> dict[str, Any]:
    """Read what the signers saw."""
    value = read_jcs(raw)
    a_snapshot(value)
    return value


def snapshot_digest(salt: bytes, raw: bytes) -> bytes:
    """Commit to what the signers saw."""
    return mac(salt, b"paivand/v1 snapshot\n" + raw)


def reasoning_digest(salt: bytes, *, speaks_for: str, speaks_against: str, reasoning: str) -> bytes:
    """Commit to the reasoning."""
    return mac(salt, b"paivand/v1 reasoning\n" + jcs({"for": speaks_for, "against": speaks_against, "reasoning": reasoning}))


def comment_digest(salt: bytes, comment: str) -> bytes:
    """Commit to a comment."""
    return mac(salt, comment.encode("utf-8"))


def named_manifests(root: bytes, state: bytes) -> dict[str, ManifestRead]:
    """Return the manifests of a chain by their digests."""
    bodies = [b64(body) for body in read_jcs(state)["manifests"]]
    return {digest(body).hex(): manifest for body, manifest in zip(bodies, read_state(root, state), strict=True)}


@dataclass(frozen=True)
class Borne:
    """What a round bears: part → member, whether somebody gave it back, and the state that follows from it."""

    signers: dict[str, str]
    returned: bool
    state: str | None


def read_round(
    value: object, chain: dict[str, ManifestRead], acts: dict[str, bool], *, root: bytes, finding: str, act: str, at: int
) -> Borne:
    """Judge a round, but for its level: how that follows is said on another page."""

    def read() -> Borne:
        a_round(value)
        raw, salt, signatures, comments = fields(value, "snapshot", "salt", "signatures", "comments")
        raw, salt = b64(raw), b64(salt)
        seen, statements = read_snapshot(raw), [read_statement(item) for item in signatures]
        if not statements or not statements[0].is_proposal or any(other.is_proposal for other in statements[1:]):
            raise ClosedError
        proposal, reviews = statements[0], statements[1:]
        said = [proposal.said[name] for name in ("act", "round", "decision", "level", "rule", "standard")]
        if said != [act, at, seen["decision"], seen["level"], seen["rule"], seen["standard"]] or seen["act"]["id"] != act:
            raise ClosedError
        signers: dict[str, str] = {}
        for statement in statements:
            part = "proposer" if statement is proposal else statement.said["as"]
            _signed_in_part(statement, part, chain)
            expected = [root.hex(), finding, snapshot_digest(salt, raw).hex()]
            if [statement.said[name] for name in ("root", "finding", "snapshot")] != expected:
                raise ClosedError
            if part in signers or statement.said["member"] in signers.values():
                raise ClosedError
            signers[part] = statement.said["member"]
        for review in reviews:
            comment = next((item["text"] for item in comments if item["by"] == review.said["member"]), "")
            judged = [digest(proposal.signature).hex(), proposal.said["level"], comment_digest(salt, comment).hex()]
            if [review.said[name] for name in ("proposal", "level", "comment")] != judged:
                raise ClosedError
        returned = any(review.said["decision"] == "return" for review in reviews)
        is_complete = parts_needed(seen, acts) <= signers.keys() and not returned
        return Borne(signers, returned, DECISIONS[seen["decision"]] if is_complete else None)

    return sealed_whole(read)


def parts_needed(seen: dict[str, Any], acts: dict[str, bool]) -> set[str]:
    """Return who signs beside the proposer."""
    facts, parts = seen["act"], {"reviewer"}
    minors = [victim["minor"] for victim in facts["victims"]]
    if set(minors) != {"no"}:
        minors.append(facts["incident_minor"])
    is_sexual = acts.get(facts["type"], True) or facts["sensitive"] is not None
    if seen["protection"] or is_sexual or "yes" in minors or "probable" in minors:
        parts.add("protection")
    if seen["decision"] == "refuted":
        parts.add("lead")
    return parts


def _signed_in_part(statement: SignedStatement, part: str, chain: dict[str, ManifestRead]) -> None:
    manifest = chain.get(statement.said["manifest"])
    person = manifest.people.get(statement.said["member"]) if manifest else None
    if person is None or not _PARTS[part] & set(person.roles) or statement.said["role"] != ",".join(person.roles):
        raise ClosedError
    verified(statement.raw, statement.signature, person.sign)


def bears(state: str, newest: Borne | None) -> bool:
    """Whether a finding may say in clear that this is its state."""
    if newest is None:
        return state == "in_assessment"
    is_waiting = newest.state is None and "reviewer" not in newest.signers
    is_returned = newest.returned and "reviewer" in newest.signers
    may = {
        "disputed": newest.state == "confirmed",
        "reopened": newest.state is not None,
        "returned": is_returned,
        "proposed": is_waiting,
        "in_review": is_waiting,
        "in_assessment": is_returned or newest.state is not None,
    }
    return newest.state == state or may.get(state, False)


def open_approval(sealed: bytes, team: Kem, *, root: bytes, approval: str, finding: str, epoch: int) -> tuple[SignedStatement, str]:
    """Open a protection officer's statement and its comment."""
    plaintext = open_hpke(sealed, team, Where(root, "approval", approval, "body", 1, epoch))

    def read() -> tuple[SignedStatement, str]:
        version, about, statement, comment = fields(read_jcs(unpad(plaintext, LETTER)), "v", "finding", "statement", "comment")
        version_1(version)
        if uuid(about) != finding:
            raise ClosedError
        return read_statement(statement), text(comment)

    return sealed_whole(read)


# §12 backup

CHUNK: Final = 65536
Value = int | str | bytes | None


@dataclass(frozen=True)
class BackupFile:
    """The three parts of a backup."""

    id: str
    sealed_key: bytes
    chunks: bytes


def backup_file(raw: bytes) -> BackupFile:
    """Take a backup apart."""
    if len(raw) < 5 + 16 + 1666 or raw[:5] != b"PVB\x01\x01":
        raise ClosedError
    digits = raw[5:21].hex()
    parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
    return BackupFile("-".join(parts), raw[21:1687], raw[1687:])


def open_backup_key(sealed: bytes, recovery: Kem, *, root: bytes, backup: str) -> bytes:
    """Open the key of a backup; the manifest's epoch stands in the header of the seal."""
    epoch = struct.unpack(">I", sealed[14:18])[0] if len(sealed) == 1666 else -1
    if epoch < 0:
        raise ClosedError
    plaintext = open_hpke(sealed, recovery, Where(root, "backup", backup, "key", 1, epoch))

    def read() -> bytes:
        version, key, of = fields(read_jcs(unpad(plaintext, SMALL)), "v", "key", "root")
        version_1(version)
        if unhex(of, 32) != root:
            raise ClosedError
        return b64(key, 32)

    return sealed_whole(read)


def backup_words(key: bytes, words: Sequence[str]) -> list[str]:
    """Write a key as 24 words."""
    bits = "".join(f"{byte:08b}" for byte in [*key, digest(b"paivand/v1 backup check" + key)[0]])
    return [words[int(bits[at : at + 11], 2)] for at in range(0, 264, 11)]


def read_backup_words(typed: str, words: Sequence[str]) -> bytes:
    """Read 24 words."""
    heads = [_fold(word)[:4] for word in words]
    tokens = [token[:4] for token in _fold(typed).split()]
    if len(tokens) != 24 or not set(tokens) <= set(heads):
        raise MalformedError
    raw = int("".join(f"{heads.index(token):011b}" for token in tokens), 2).to_bytes(33, "big")
    if raw[32] != digest(b"paivand/v1 backup check" + raw[:32])[0]:
        raise MistypedError
    return raw[:32]


def padme(number_: int) -> int:
    """Round a number up as Padmé does, by its digits."""
    digits = f"{number_:b}"
    low = len(digits) - 1 - len(f"{len(digits) - 1:b}") if len(digits) > 1 else 0
    step = 1 << low
    return -(-number_ // step) * step


def _chunk_key(key: bytes, root: bytes, backup: str) -> AESGCM:
    if len(key) != 32:
        raise ClosedError
    return AESGCM(hkdf(key, b"", lp("paivand/v1 backup", root, backup), 32))


def seal_chunks(plaintext: bytes, key: bytes, *, root: bytes, backup: str) -> bytes:
    """Seal whole chunks as the page says, whatever is in them."""
    aes, parts = _chunk_key(key, root, backup), [plaintext[at : at + CHUNK] for at in range(0, len(plaintext), CHUNK)]
    marks = [b"\0"] * (len(parts) - 1) + [b"\1"]
    return b"".join(
        aes.encrypt(struct.pack(">3xQ", at) + mark, part, b"") for at, (part, mark) in enumerate(zip(parts, marks, strict=True))
    )


def open_chunks(sealed: bytes, key: bytes, *, root: bytes, backup: str) -> list[bytes]:
    """Open all chunks and return the records in them."""
    aes, size = _chunk_key(key, root, backup), CHUNK + 16
    if not sealed or len(sealed) % size:
        raise ClosedError
    count, plaintext = len(sealed) // size, b""
    try:
        for at in range(count):
            mark = b"\1" if at == count - 1 else b"\0"
            plaintext += aes.decrypt(struct.pack(">3xQ", at) + mark, sealed[at * size : (at + 1) * size], b"")
    except InvalidTag:
        raise ClosedError from None
    records, at = [], 0
    while length := int.from_bytes(plaintext[at : at + 4], "big"):
        if length > 2**24 or at + 4 + length > len(plaintext):
            raise ClosedError
        records.append(plaintext[at + 4 : at + 4 + length])
        at += 4 + length
    at += 4
    if at > len(plaintext) or plaintext[at:].strip(b"\0") or count != max(16, padme(-(-at // CHUNK))):
        raise ClosedError
    return records


def read_backup_first(raw: bytes) -> dict[str, Any]:
    """Read the first record."""

    def read() -> dict[str, Any]:
        value = read_jcs(raw)
        has(
            v=version_1,
            root=a_digest,
            revision=filled,
            manifest=number,
            head=has(origin=filled, size=number, root=lambda item: b64(item, 32)),
            tables=_tables,
            server_secret=maybe(lambda item: b64(item, 32)),
            day=day,
        )(value)
        return value

    return sealed_whole(read)


def _tables(value: object) -> None:
    if not isinstance(value, dict) or not 0 < len(value) <= 256 or "" in value:
        raise MalformedError
    for table in value.values():
        columns, rows = fields(table, "columns", "rows")
        number(rows)
        many(filled)(columns)
        if not columns or len(set(columns)) != len(columns):
            raise MalformedError


def read_backup_row(record: bytes) -> tuple[int, list[tuple[int, Value]]]:
    """Read a row: the place of its table, and its columns with their types."""
    columns: list[tuple[int, Value]] = []
    place, rest = record[0], record[1:]
    while rest:
        kind, rest = rest[0], rest[1:]
        if kind == 0:
            columns.append((0, None))
            continue
        if len(rest) < 4 or len(rest) - 4 < struct.unpack(">I", rest[:4])[0]:
            raise ClosedError
        end = 4 + struct.unpack(">I", rest[:4])[0]
        columns.append((kind, _column(kind, rest[4:end])))
        rest = rest[end:]
    return place, columns


def _column(kind: int, raw: bytes) -> Value:
    if kind == 1 and re.fullmatch(rb"0|[1-9][0-9]{0,15}", raw) and int(raw) < 2**53:
        return int(raw)
    if kind == 3 or (kind == 4 and len(raw) == 16):
        return raw
    try:
        if kind == 2:
            return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise ClosedError
