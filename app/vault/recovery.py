"""The recovery key: born at founding, split into five word shares of which three are needed, never kept (SLIP-39)."""

from collections.abc import Sequence
from typing import Final

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share

from app.errors import MalformedError, SealError
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


def check_share(text: str) -> None:
    """Look whether a share was copied without a slip; that it is of this instance only opening something tells.

    Raises:
        MalformedError: a word that no share has, or a check that does not fit.
    """
    try:
        share = Share.from_mnemonic(text)
    except MnemonicError:
        raise MalformedError from None
    if share.member_threshold != NEEDED:
        raise MalformedError


def keys_from(shares: Sequence[str]) -> tuple[KemKeys, SigningKeys]:
    """Return the recovery key pairs that three shares give; never on a server.

    Raises:
        SealError: the shares do not belong together, or one was given twice.
    """
    try:
        return keys_of(combine_mnemonics(shares))
    except MnemonicError:
        raise SealError from None


def keys_of(seed: bytes) -> tuple[KemKeys, SigningKeys]:
    """Expand the recovery seed."""

    def key(label: str) -> bytes:
        return hkdf(seed, b"", length_prefixed("paivand/v1 recovery", label), 32)

    return KemKeys.from_seed(key("kem")), SigningKeys.from_seed(key("sign"))
