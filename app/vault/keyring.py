"""Private keys: epoch secrets, members' blobs, wraps and sessions (docs/formats.md §2, §4, §6). The intake never reaches this file."""

import hmac
import secrets
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from app.errors import MalformedError, SealError
from app.vault import hpke, padding
from app.vault.encoding import (
    Context,
    folded,
    from_b64,
    from_hex,
    from_jcs,
    from_url_text,
    is_one,
    length_prefixed,
    sha256,
    to_b64,
    to_jcs,
    to_url_text,
)
from app.vault.envelope import hkdf, new_key, seal, unseal
from app.vault.hpke import KemKeys
from app.vault.manifest import AUDIT, TEAM, EpochKeys
from app.vault.signing import SigningKeys, is_signed

_KEK_KIB = 64 * 1024  # RFC 9106 §4, second recommendation: 64 MiB, t 3
_KEK_PASSES = 3
_COOKIE_BYTES = 32
_BLOB_FIELDS: Final = frozenset(("v", "kem", "sign", "mldsa", "totp", "totp_last", "pins"))


@dataclass(frozen=True)
class EpochSecret:
    """The secret of one team or audit epoch; everything of that epoch derives from it."""

    name: str
    epoch: int
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, name: str, epoch: int) -> "EpochSecret":
        """Draw a secret."""
        return cls(name, epoch, new_key())

    def key(self, label: str) -> bytes:
        """Derive one key; labels are in docs/formats.md §2."""
        return hkdf(self.secret, b"", length_prefixed("paivand/v1 epoch", self.name, self.epoch, label), 32)

    @cached_property
    def kem(self) -> KemKeys:
        """The key pair that the border seals to."""
        return KemKeys.from_seed(self.key("kem"))

    @cached_property
    def wrap_key(self) -> bytes:
        """The key that wraps record keys."""
        return self.key("wrap")

    @cached_property
    def tag_key(self) -> bytes:
        """The key of ledger tags."""
        return self.key("tag")

    @property
    def public(self) -> EpochKeys:
        """What the manifest says of this epoch."""
        return EpochKeys(self.epoch, self.kem.public, self.key("commit"))


@dataclass(frozen=True, slots=True)
class ServerSecret:
    """The secret beside the database: without it, neither a passphrase nor a member's name can be tried."""

    secret: bytes = field(repr=False)

    def key(self, label: str) -> bytes:
        """Derive one key."""
        return hkdf(self.secret, b"", length_prefixed("paivand/v1 server", label), 32)

    @property
    def id(self) -> bytes:
        """Eight bytes that tell which secret a member row was sealed with."""
        return sha256(length_prefixed("paivand/v1 server secret id", self.secret))[:8]

    def lookup(self, name: str) -> bytes:
        """Return the search key of a member's name."""
        return hmac.digest(self.key("lookup"), folded(name).encode(), "sha256")

    def seal_name(self, root: bytes, member_id: str, name: str) -> bytes:
        """Seal a display name."""
        return seal(padding.pad(name.encode(), padding.SMALL), self.key("name"), _name_context(root, member_id))

    def open_name(self, root: bytes, member_id: str, sealed: bytes) -> str:
        """Open a display name.

        Raises:
            SealError: it is not this member's.
        """
        return padding.unpad(unseal(sealed, self.key("name"), _name_context(root, member_id)), padding.SMALL).decode()

    def passphrase_key(self, passphrase: str, salt: bytes) -> bytes:
        """Derive a member's key-encryption key; costs 64 MiB and about 160 ms, so never inside a transaction."""
        normal = unicodedata.normalize("NFKC", passphrase).strip().encode()
        argon = Argon2id(salt=salt, length=32, iterations=_KEK_PASSES, lanes=1, memory_cost=_KEK_KIB, secret=self.key("argon2"))
        return argon.derive(normal)


@dataclass(frozen=True, slots=True)
class MemberBlob:
    """What a passphrase opens."""

    kem_seed: bytes = field(repr=False)
    sign_seed: bytes = field(repr=False)
    totp_secret: bytes = field(repr=False)
    totp_last: int
    root: bytes
    manifest_epoch: int

    @classmethod
    def new(cls, root: bytes, manifest_epoch: int) -> "MemberBlob":
        """Draw the keys of a new member."""
        return cls(new_key(), new_key(), secrets.token_bytes(20), 0, root, manifest_epoch)

    def seal(self, kek: bytes, member_id: str, version: int) -> bytes:
        """Seal under the key-encryption key, bound to the row version."""
        pins = {"root": self.root.hex(), "manifest": self.manifest_epoch, "checkpoint": None}
        value = {
            "v": 1,
            "kem": to_b64(self.kem_seed),
            "sign": to_b64(self.sign_seed),
            "mldsa": None,
            "totp": to_b64(self.totp_secret),
            "totp_last": self.totp_last,
            "pins": pins,
        }
        return seal(to_jcs(value), kek, Context(self.root, "member.blob", member_id, "blob", version, 0))

    @classmethod
    def unseal(cls, sealed: bytes, kek: bytes, root: bytes, member_id: str, version: int) -> "MemberBlob":
        """Open a blob.

        Raises:
            SealError: wrong passphrase, member, version or root.
        """
        raw = unseal(sealed, kek, Context(root, "member.blob", member_id, "blob", version, 0))
        try:
            value = from_jcs(raw)
            if set(value) != _BLOB_FIELDS or not is_one(value["v"]) or value["mldsa"] is not None:
                raise SealError
            if set(value["pins"]) != {"root", "manifest", "checkpoint"} or value["pins"]["checkpoint"] is not None:
                raise SealError
            if any(not isinstance(number, int) or isinstance(number, bool) for number in (value["totp_last"], value["pins"]["manifest"])):
                raise SealError
            return cls(
                kem_seed=from_b64(value["kem"], 32),
                sign_seed=from_b64(value["sign"], 32),
                totp_secret=from_b64(value["totp"], 20),
                totp_last=value["totp_last"],
                root=from_hex(value["pins"]["root"], 32),
                manifest_epoch=value["pins"]["manifest"],
            )
        except (MalformedError, KeyError, TypeError):
            raise SealError from None


@dataclass(frozen=True)
class Unlocked:
    """The keys of a signed-in member, as long as the session lives."""

    kem_seed: bytes = field(repr=False)
    sign_seed: bytes = field(repr=False)
    team: tuple[EpochSecret, ...]
    audit: tuple[EpochSecret, ...]
    batch_id: str
    batch_key: bytes = field(repr=False)

    @cached_property
    def signing(self) -> SigningKeys:
        """The member's signing keys."""
        return SigningKeys.from_seed(self.sign_seed)

    def team_epoch(self, epoch: int) -> EpochSecret:
        """Return the team secret of an epoch.

        Raises:
            SealError: this member does not hold it.
        """
        for secret in self.team:
            if secret.epoch == epoch:
                return secret
        raise SealError

    def to_jcs(self) -> bytes:
        """Encode for the session row."""
        return to_jcs(
            {
                "kem": to_b64(self.kem_seed),
                "sign": to_b64(self.sign_seed),
                "team": [{"epoch": item.epoch, "secret": to_b64(item.secret)} for item in self.team],
                "audit": [{"epoch": item.epoch, "secret": to_b64(item.secret)} for item in self.audit],
                "batch": {"id": self.batch_id, "key": to_b64(self.batch_key)},
            }
        )

    @classmethod
    def from_jcs(cls, raw: bytes) -> "Unlocked":
        """Decode from the session row.

        Raises:
            SealError: not what `to_jcs` wrote.
        """

        def epochs(name: str, rows: list[dict[str, Any]]) -> tuple[EpochSecret, ...]:
            return tuple(EpochSecret(name, row["epoch"], from_b64(row["secret"], 32)) for row in rows)

        try:
            value = from_jcs(raw)
            return cls(
                kem_seed=from_b64(value["kem"], 32),
                sign_seed=from_b64(value["sign"], 32),
                team=epochs(TEAM, value["team"]),
                audit=epochs(AUDIT, value["audit"]),
                batch_id=value["batch"]["id"],
                batch_key=from_b64(value["batch"]["key"], 32),
            )
        except (MalformedError, KeyError, TypeError):
            raise SealError from None


def wrap_key(payload: bytes, key: bytes, *, root: bytes, record: str, recipient: str, version: int, epoch: int) -> bytes:
    """Wrap a record key (or the bundle of a report); `record` is record/part."""
    return seal(payload, key, Context(root, "key.wrap", record, recipient, version, epoch))


def unwrap_key(sealed: bytes, key: bytes, *, root: bytes, record: str, recipient: str, version: int, epoch: int) -> bytes:
    """Open a wrap.

    Raises:
        SealError: it is another record's, recipient's, version's or epoch's.
    """
    return unseal(sealed, key, Context(root, "key.wrap", record, recipient, version, epoch))


def wrap_epoch(secret: EpochSecret, public: bytes, *, root: bytes, recipient: str) -> bytes:
    """Wrap an epoch secret to a member's (or the recovery) public key."""
    return hpke.seal_to(secret.secret, public, _epoch_context(root, secret.name, secret.epoch, recipient))


def unwrap_epoch(sealed: bytes, keys: KemKeys, *, root: bytes, name: str, recipient: str, expected: EpochKeys) -> EpochSecret:
    """Open the wrap of an epoch secret and hold it against the manifest.

    HPKE base mode authenticates nobody, so a foreign secret could be planted; the manifest's commitment refuses it.

    Raises:
        SealError: it does not open, or is not the secret the manifest commits to.
    """
    raw = hpke.open_with(sealed, keys, _epoch_context(root, name, expected.epoch, recipient))
    secret = EpochSecret(name, expected.epoch, raw)
    if secret.public != expected:
        raise SealError
    return secret


def wrap_signature_bytes(root: bytes, record: str, recipient: str, epoch: int, sealed: bytes) -> bytes:
    """Return the bytes a member signs when wrapping an epoch secret."""
    return length_prefixed("paivand/v1 wrap", root, record, recipient, epoch, sha256(sealed))


def is_wrap_signed(root: bytes, record: str, recipient: str, epoch: int, sealed: bytes, by: bytes, signature: bytes) -> bool:
    """Whether the wrap carries the signature of the key `by`."""
    return is_signed(wrap_signature_bytes(root, record, recipient, epoch, sealed), signature, by)


def wrap_record(key: bytes, public: bytes, *, root: bytes, record: str, recipient: str, version: int, epoch: int) -> bytes:
    """Wrap one record's row key to one member's public key; `epoch` is the manifest's."""
    return hpke.seal_to(key, public, Context(root, "record.wrap", record, recipient, version, epoch))


def unwrap_record(sealed: bytes, keys: KemKeys, *, root: bytes, record: str, recipient: str, version: int, epoch: int) -> bytes:
    """Open the wrap of one record's row key.

    Raises:
        SealError: it is another record's, member's, version's or epoch's.
    """
    return hpke.open_with(sealed, keys, Context(root, "record.wrap", record, recipient, version, epoch))


def seal_approval(payload: bytes, team: EpochKeys, *, root: bytes, approval_id: str) -> bytes:
    """Seal a protection officer's signed statement to the team, whose secret they do not hold."""
    padded = padding.pad(payload, padding.LETTER)
    return hpke.seal_to(padded, team.kem, Context(root, "approval", approval_id, "body", 1, team.epoch))


def open_approval(sealed: bytes, team: EpochSecret, *, root: bytes, approval_id: str) -> bytes:
    """Open an approval.

    Raises:
        SealError: sealed to another epoch, or changed.
    """
    raw = hpke.open_with(sealed, team.kem, Context(root, "approval", approval_id, "body", 1, team.epoch))
    return padding.unpad(raw, padding.LETTER)


def open_bundle(sealed: bytes, team: EpochSecret, *, root: bytes, report_id: str) -> bytes:
    """Open the key bundle of a waiting report; returns it padded, as it is wrapped again.

    Raises:
        SealError: it was not sealed to this epoch for this report.
    """
    return hpke.open_with(sealed, team.kem, Context(root, "report.bundle", report_id, "bundle", 1, team.epoch))


def read_bundle(padded: bytes) -> tuple[bytes, bytes]:
    """Return (body key, SHA-256 of the sealed body) from a padded bundle.

    Raises:
        SealError: not a bundle.
    """
    try:
        value = from_jcs(padding.unpad(padded, padding.SMALL))
        if set(value) != {"v", "body_key", "body_digest", "files"} or not is_one(value["v"]) or value["files"] != []:
            raise SealError
        return from_b64(value["body_key"], 32), from_hex(value["body_digest"], 32)
    except (MalformedError, KeyError):
        raise SealError from None


def seal_batch_key(key: bytes, audit: EpochKeys, *, root: bytes, batch_id: str) -> bytes:
    """Seal a session's batch key to the auditors."""
    return hpke.seal_to(key, audit.kem, Context(root, "ledger.batch", f"batch:{batch_id}", "audit", 1, audit.epoch))


def open_batch_key(sealed: bytes, audit: EpochSecret, *, root: bytes, batch_id: str) -> bytes:
    """Open a session's batch key as an auditor.

    Raises:
        SealError: sealed to another epoch or of another batch.
    """
    return hpke.open_with(sealed, audit.kem, Context(root, "ledger.batch", f"batch:{batch_id}", "audit", 1, audit.epoch))


def new_cookie() -> str:
    """Draw the cookie of a new session."""
    return to_url_text(secrets.token_bytes(_COOKIE_BYTES))


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """What follows from a cookie and the host's in-memory secret: a stolen database has no cookie, a stolen cookie no row."""

    id: bytes
    key: bytes = field(repr=False)
    form: str = field(repr=False)

    @classmethod
    def of(cls, cookie: str, host_secret: bytes) -> "SessionKeys":
        """Derive.

        Raises:
            MalformedError: not one of our cookies.
        """
        raw = from_url_text(cookie)
        if len(raw) != _COOKIE_BYTES:
            raise MalformedError
        return cls(
            id=hkdf(raw, host_secret, b"paivand/v1 session id", 16),
            key=hkdf(raw, host_secret, b"paivand/v1 session key", 32),
            form=to_url_text(hkdf(raw, host_secret, b"paivand/v1 session form", 32)),
        )

    def seal(self, unlocked: Unlocked, *, root: bytes, member_id: str, expires: int, epoch: int) -> bytes:
        """Seal the unlocked keys for the session row."""
        return seal(unlocked.to_jcs(), self.key, self._context(root, member_id, expires, epoch))

    def unseal(self, sealed: bytes, *, root: bytes, member_id: str, expires: int, epoch: int) -> Unlocked:
        """Open the session row.

        Raises:
            SealError: the row was changed in any part.
        """
        return Unlocked.from_jcs(unseal(sealed, self.key, self._context(root, member_id, expires, epoch)))

    def _context(self, root: bytes, member_id: str, expires: int, epoch: int) -> Context:
        return Context(root, "session", self.id.hex(), member_id, expires, epoch)


def _name_context(root: bytes, member_id: str) -> Context:
    return Context(root, "member.name", member_id, "name", 1, 0)


def _epoch_context(root: bytes, name: str, epoch: int, recipient: str) -> Context:
    return Context(root, "epoch.secret", f"epoch:{name}", recipient, 1, epoch)
