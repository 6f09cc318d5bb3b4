"""Recovery: three of five shares, and no two (docs/formats.md §2)."""

import itertools
from typing import Final

import pytest
from shamir_mnemonic import MnemonicError, combine_mnemonics

from app.errors import MalformedError
from app.vault import recovery
from app.vault.hpke import KemKeys
from app.vault.signing import SigningKeys
from tests import second_reader as second
from tests.vault.world import refused, seed

DRAWN: Final = recovery.new_recovery()


def test_any_three_shares_give_the_keys_back() -> None:
    """Whoever brings three of the five shares holds the very keys that the manifest names."""
    kem, sign, shares = DRAWN
    assert len(set(shares)) == recovery.SHARES == 5
    for some in list(itertools.combinations(shares, recovery.NEEDED))[::3]:
        found_kem, found_sign = recovery.keys_of(combine_mnemonics(list(some)))
        assert (found_kem.public, found_sign.public) == (kem.public, sign.public)


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5])
def test_no_other_number_is_taken(number: int) -> None:
    """Two shares are refused; so is a heap with more than are needed."""
    with pytest.raises(MnemonicError):
        combine_mnemonics(DRAWN[2][:number])


def test_the_same_share_three_times_is_one_share() -> None:
    """One person cannot stand for three."""
    with pytest.raises(MnemonicError):
        combine_mnemonics([DRAWN[2][0]] * 3)


def test_shares_of_two_foundings_do_not_mix() -> None:
    """A share belongs to its own founding."""
    other = recovery.new_recovery()
    assert other[0].public != DRAWN[0].public
    with pytest.raises(MnemonicError):
        combine_mnemonics([*DRAWN[2][:2], other[2][2]])


def test_shares_become_keys_or_one_error() -> None:
    """Three that belong together, in any order; whatever else is brought gives one error without a cause."""
    kem, sign, shares = DRAWN
    assert [keys.public for keys in recovery.keys_from([shares[4], shares[0], shares[2]])] == [kem.public, sign.public]
    other = recovery.new_recovery()[2]
    for wrong in (shares[:2], shares[:4], [shares[0]] * 3, [*shares[:2], other[2]], []):
        refused(recovery.keys_from, wrong)


def test_a_slip_in_a_share_is_seen_before_all_three_are_there() -> None:
    """Two words swapped, one left out, one of no list."""
    words = DRAWN[2][0].split()
    recovery.check_share(f"  {' '.join(words).upper()} ")
    for wrong in ([words[1], words[0], *words[2:]], words[1:], [*words[:-1], "paivand"], [*words, *words], []):
        with pytest.raises(MalformedError):
            recovery.check_share(" ".join(wrong))


def test_a_share_has_the_shape_that_people_were_told() -> None:
    """33 words of the standard's list for 256 bits, no passphrase needed."""
    assert {len(share.split()) for share in DRAWN[2]} == {33}
    assert len(combine_mnemonics(DRAWN[2][1:4])) == 32


def test_keys_are_what_the_page_says() -> None:
    """Both readers expand a seed alike."""
    kem, sign = recovery.keys_of(seed("recovery"))
    assert kem.public == second.kem(second.recovery_key(seed("recovery"), "kem")).public
    assert sign.public == second.signing_public(second.recovery_key(seed("recovery"), "sign"))
    assert isinstance(kem, KemKeys)
    assert isinstance(sign, SigningKeys)


def test_no_traceback_shows_a_key() -> None:
    """What a log prints of the keys is no part of them."""
    assert repr(DRAWN[:2]) == "(KemKeys(…), SigningKeys(…))"
