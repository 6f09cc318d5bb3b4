"""Signatures: Ed25519 as RFC 8032 has it, over exact bytes (docs/formats.md §2)."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.vault import signing
from app.vault.signing import SigningKeys, is_signed
from tests import second_reader as second
from tests.vault.world import flipped, seed, some

KEYS: Final = SigningKeys.from_seed(seed("sign"))
MESSAGE: Final = b"paivand/v1 a message"
SIGNATURE: Final = KEYS.sign(MESSAGE)

# RFC 8032 §7.1, tests 1 to 3: seed, public key, message, signature
RFC_8032: Final = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032, ids=["empty", "one byte", "two bytes"])
def test_the_examples_of_the_standard(secret: str, public: str, message: str, signature: str) -> None:
    """The RFC's own keys and signatures."""
    keys = SigningKeys.from_seed(bytes.fromhex(secret))
    assert keys.public.hex() == public
    assert keys.sign(bytes.fromhex(message)).hex() == signature
    assert is_signed(bytes.fromhex(message), bytes.fromhex(signature), keys.public)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
@some
def test_a_signature_verifies_under_its_key_alone(raw: bytes, message: bytes) -> None:
    """The key's own signature verifies for both readers, and under no other key."""
    keys = SigningKeys.from_seed(raw)
    signature = keys.sign(message)
    assert keys.public == second.signing_public(raw)
    assert is_signed(message, signature, keys.public)
    second.verified(message, signature, keys.public)
    assert is_signed(message, signature, KEYS.public) is (raw == seed("sign"))


@pytest.mark.parametrize("byte", range(64))
def test_no_flipped_bit_of_a_signature_verifies(byte: int) -> None:
    """A signature has one form."""
    assert is_signed(MESSAGE, SIGNATURE, KEYS.public)
    assert not any(is_signed(MESSAGE, flipped(SIGNATURE, 8 * byte + bit), KEYS.public) for bit in range(8))


@given(st.integers(0, 8 * len(MESSAGE) - 1), st.integers(0, 255))
@some
def test_no_other_message_or_key_verifies(in_message: int, in_key: int) -> None:
    """One bit of the message, or of the public key, and it is not signed."""
    assert not is_signed(flipped(MESSAGE, in_message), SIGNATURE, KEYS.public)
    assert not is_signed(MESSAGE, SIGNATURE, flipped(KEYS.public, in_key))


def test_the_order_of_the_group_is_not_added() -> None:
    """S + L is the same number to careless arithmetic; RFC 8032 §5.1.7 refuses it."""
    order = 2**252 + 27742317777372353535851937790883648493
    second_form = SIGNATURE[:32] + (int.from_bytes(SIGNATURE[32:], "little") + order).to_bytes(32, "little")
    assert not is_signed(MESSAGE, second_form, KEYS.public)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_what_is_not_a_key_signs_nothing(size: int) -> None:
    """A public key of another length is no key, and no crash."""
    assert not is_signed(MESSAGE, SIGNATURE, KEYS.public.ljust(size, b"\0")[:size])


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_what_is_not_a_signature_signs_nothing(size: int) -> None:
    """A signature of another length is no signature, and no crash."""
    assert not is_signed(MESSAGE, SIGNATURE.ljust(size, b"\0")[:size], KEYS.public)


def test_the_same_message_has_the_same_signature() -> None:
    """Signing draws nothing."""
    assert KEYS.sign(MESSAGE) == SIGNATURE
    assert (len(KEYS.public), len(SIGNATURE)) == (signing.PUBLIC_BYTES, signing.SIGNATURE_BYTES)


def test_no_traceback_shows_the_key() -> None:
    """What a log or a traceback prints of a key pair is no part of it."""
    assert repr(KEYS) == str(KEYS) == f"{KEYS}" == "SigningKeys(…)"
