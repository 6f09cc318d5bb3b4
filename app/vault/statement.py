"""The bytes that people sign for a finding: proposal and review, read back strictly (docs/formats.md §11)."""

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.errors import MalformedError, SealError
from app.vault.encoding import from_b64, from_jcs, is_one, sha256, to_b64, to_jcs
from app.vault.signing import SIGNATURE_BYTES, SigningKeys, is_signed

PROPOSAL: Final = "proposal"
REVIEW: Final = "review"
_LINES: Final = {PROPOSAL: b"paivand/v1 finding proposal\n", REVIEW: b"paivand/v1 finding review\n"}
_COMPUTED: Final = "level"
_OUTCOMES: Final = (
    (_COMPUTED, "L1"),
    (_COMPUTED, "L2"),
    (_COMPUTED, "L3"),
    (_COMPUTED, "L4"),
    ("unverifiable", "LU"),
    ("refuted", "LR"),
)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GRADE: Final = re.compile(r"[A-F][1-6]")


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_level(value: object) -> bool:
    return value in [level for _, level in _OUTCOMES]


def _are_graded(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict)
        and set(item) == {"origin", "grade"}
        and _is_text(item["origin"])
        and isinstance(item["grade"], str)
        and _GRADE.fullmatch(item["grade"]) is not None
        for item in value
    )


_EITHER: Final[dict[str, Callable[[object], bool]]] = {
    "v": is_one,
    "root": _is_digest,
    "finding": _is_uuid,
    "snapshot": _is_digest,
    "level": _is_level,
    "manifest": _is_digest,
    "member": _is_uuid,
    "role": _is_text,
}
_FIELDS: Final[dict[str, dict[str, Callable[[object], bool]]]] = {
    PROPOSAL: {
        **_EITHER,
        "act": _is_uuid,
        "round": _is_count,
        "act_version": _is_count,
        "decision": _is_text,
        "rule": lambda value: value is None or _is_text(value),
        "standard": _is_text,
        "statements": _are_graded,
    },
    REVIEW: {
        **_EITHER,
        "proposal": _is_digest,
        "as": lambda value: value in ("reviewer", "protection", "lead"),
        "decision": lambda value: value in ("confirm", "return"),
        "comment": _is_digest,
    },
}


@dataclass(frozen=True, slots=True)
class Signed:
    """One signed statement: the exact bytes, the signature over them, and what they say."""

    kind: str
    raw: bytes
    signature: bytes
    value: dict[str, Any]

    @property
    def member(self) -> str:
        """Who says they signed."""
        return str(self.value["member"])

    def is_signed_by(self, public: bytes) -> bool:
        """Whether this key signed exactly these bytes."""
        return is_signed(self.raw, self.signature, public)

    def to_value(self) -> dict[str, str]:
        """Return what is stored."""
        return {"bytes": to_b64(self.raw), "signature": to_b64(self.signature), "by": self.member}

    @classmethod
    def read(cls, value: object) -> "Signed":
        """Read what `to_value` wrote; whether the signature verifies is asked apart.

        Raises:
            SealError: not a statement of this version.
        """
        try:
            if not isinstance(value, dict) or set(value) != {"bytes", "signature", "by"}:
                raise SealError
            raw, signature = from_b64(value["bytes"]), from_b64(value["signature"], SIGNATURE_BYTES)
            kind = next((kind for kind, line in _LINES.items() if raw.startswith(line)), None)
            if kind is None:
                raise SealError
            said = from_jcs(raw[len(_LINES[kind]) :])
            _check(kind, said)
            if said["member"] != value["by"]:
                raise SealError
            return cls(kind, raw, signature, said)
        except MalformedError:
            raise SealError from None


def sign(kind: str, value: Mapping[str, Any], keys: SigningKeys) -> Signed:
    """Sign a statement; the format version is added here.

    Raises:
        MalformedError: it is no statement of this kind, by one field or one type.
    """
    said = {**value, "v": 1}
    _check(kind, said)
    raw = _LINES[kind] + to_jcs(said)
    return Signed(kind, raw, keys.sign(raw), said)


def _check(kind: str, said: Mapping[str, Any]) -> None:
    """Refuse what `read` would refuse, before anybody signs it: what is signed can be read for ever."""
    checks = _FIELDS[kind]
    if said.keys() != checks.keys() or not all(check(said[name]) for name, check in checks.items()):
        raise MalformedError
    if kind == PROPOSAL:
        has_rule, is_computed = said["rule"] is not None, said["decision"] == _COMPUTED
        if (said["decision"], said["level"]) not in _OUTCOMES or has_rule is not is_computed:
            raise MalformedError


def digest_of(signed: Signed) -> str:
    """Return the digest by which a review names the proposal it judges."""
    return sha256(signed.signature).hex()


def snapshot_digest(salt: bytes, snapshot: bytes) -> str:
    """Commit to what the signers saw; the salt stays with the team, so that a guess proves nothing."""
    return hmac.digest(salt, b"paivand/v1 snapshot\n" + snapshot, "sha256").hex()


def reasoning_digest(salt: bytes, reasoning: dict[str, Any]) -> str:
    """Commit to free reasoning, for the auditor's record."""
    return hmac.digest(salt, b"paivand/v1 reasoning\n" + to_jcs(reasoning), "sha256").hex()
