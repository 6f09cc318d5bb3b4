"""The recovery key: born at founding, split into five word shares of which three are needed, never kept (SLIP-39)."""

from typing import Final

from shamir_mnemonic import generate_mnemonics

from app.vault.encoding import length_prefixed
from app.vault.envelope import hkdf, new_key
from app.vault.hpke import KemKeys
from app.vault.signing import SigningKeys

SHARES: Final = 5
NEEDED: Final = 3


def new_recovery() -> tuple[KemKeys, SigningKeys, list[str]]:
    """Draw a recovery key and return its key pairs and its five shares; the seed is forgotten here."""
    seed = new_key()
    shares = generate_mnemonics(1, [(NEEDED, SHARES)], seed)[0]
    kem, sign = keys_of(seed)
    return kem, sign, list(shares)


def keys_of(seed: bytes) -> tuple[KemKeys, SigningKeys]:
    """Expand the recovery seed."""

    def key(label: str) -> bytes:
        return hkdf(seed, b"", length_prefixed("paivand/v1 recovery", label), 32)

    return KemKeys.from_seed(key("kem")), SigningKeys.from_seed(key("sign"))
