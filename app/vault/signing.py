"""Ed25519 over exact bytes (RFC 8032); every message begins with its own domain line."""

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """A key pair, from its 32-byte seed."""

    private: Ed25519PrivateKey
    public: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKeys":
        """Expand a seed."""
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return cls(private, private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Sign; the same message gives the same 64 bytes."""
        return self.private.sign(message)

    def __repr__(self) -> str:
        """Keep the private half out of every traceback."""
        return "SigningKeys(…)"


def is_signed(message: bytes, signature: bytes, public: bytes) -> bool:
    """Whether the signature is this key's over this message."""
    if len(public) != PUBLIC_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
