"""Form tokens: two hours, one page, and keys that no disk holds (docs/formats.md §7)."""

import os
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.vault import formtoken
from app.vault.encoding import from_url_text, to_url_text
from app.vault.formtoken import NO_SECRET, HourlyKeys, issue, read
from tests import second_reader as second
from tests.vault.world import OTHER_ROOT, ROOT, SECRET, few, flipped, seed

HOUR: Final = 498_777


@given(st.binary(min_size=10, max_size=10), st.sampled_from(["write", "box", "code"]), st.integers(3, 2**32 - 10))
@few
def test_a_token_gives_its_secret_back(secret: bytes, purpose: str, hour: int) -> None:
    """On its own page, in its own hour, for both readers."""
    keys = HourlyKeys()
    token = issue(keys, root=ROOT, purpose=purpose, hour=hour, secret=secret)
    assert read(keys, token, root=ROOT, purpose=purpose, hour=hour) == secret
    assert second.read_token(token, keys.current(hour), root=ROOT, purpose=purpose, hour=hour) == secret


@pytest.mark.parametrize(("later", "lives"), [(-1, False), (0, True), (1, True), (2, True), (3, False), (4, False), (30, False)])
def test_a_token_ends_after_two_hours(*, later: int, lives: bool) -> None:
    """It is read in its hour and in the two after it; before and afterwards it is nothing."""
    keys = HourlyKeys()
    token = issue(keys, root=ROOT, purpose="write", hour=HOUR, secret=SECRET)
    assert read(keys, token, root=ROOT, purpose="write", hour=HOUR + later) == (SECRET if lives else None)


def test_a_token_is_of_one_page_and_one_instance() -> None:
    """A token of another purpose, instance or process is nothing."""
    keys = HourlyKeys()
    token = issue(keys, root=ROOT, purpose="write", hour=HOUR, secret=SECRET)
    assert read(keys, token, root=ROOT, purpose="write", hour=HOUR) == SECRET
    assert read(keys, token, root=ROOT, purpose="box", hour=HOUR) is None
    assert read(keys, token, root=OTHER_ROOT, purpose="write", hour=HOUR) is None
    elsewhere = HourlyKeys()
    elsewhere.current(HOUR)
    assert read(elsewhere, token, root=ROOT, purpose="write", hour=HOUR) is None
    assert read(HourlyKeys(), token, root=ROOT, purpose="write", hour=HOUR) is None


def test_no_flipped_bit_is_read() -> None:
    """Any change of the token makes it nothing, never an error page of another kind."""
    keys = HourlyKeys()
    raw = from_url_text(issue(keys, root=ROOT, purpose="write", hour=HOUR, secret=SECRET))
    for bit in range(8 * len(raw)):
        assert read(keys, to_url_text(flipped(raw, bit)), root=ROOT, purpose="write", hour=HOUR) is None


@pytest.mark.parametrize("token", ["", "A", "AA==", "é", "\0", "A" * 123, "a b", "A" * 100_000])
def test_what_is_no_token_is_nothing(token: str) -> None:
    """Whatever a form sends, the answer is the same."""
    keys = HourlyKeys()
    keys.current(HOUR)
    assert read(keys, token, root=ROOT, purpose="write", hour=HOUR) is None


@given(st.text(max_size=40))
@few
def test_no_text_is_a_token_by_chance(token: str) -> None:
    """Any text is nothing."""
    keys = HourlyKeys()
    keys.current(HOUR)
    assert read(keys, token, root=ROOT, purpose="write", hour=HOUR) is None


def test_every_token_looks_alike() -> None:
    """With a secret or without, on any page, a token has one length and never comes twice."""
    keys = HourlyKeys()
    made = [
        issue(keys, root=ROOT, purpose=purpose, hour=HOUR, secret=secret)
        for purpose in ("write", "box", "code", "anything longer")
        for secret in (NO_SECRET, SECRET, NO_SECRET)
    ]
    assert {len(token) for token in made} == {123}
    assert len(set(made)) == len(made)
    assert read(keys, issue(keys, root=ROOT, purpose="code", hour=HOUR), root=ROOT, purpose="code", hour=HOUR) == bytes(10)


def test_one_key_an_hour() -> None:
    """A key lasts for its hour; those of other hours are others."""
    keys = HourlyKeys()
    made = [keys.current(HOUR + later) for later in range(5)]
    assert keys.current(HOUR + 4) == made[4]
    assert len(set(made)) == 5
    assert {len(key) for key in made} == {32}


def test_old_keys_are_dropped_from_memory() -> None:
    """After two hours a key gives no answer, and at the next use its bytes are gone from the shared memory."""
    keys = HourlyKeys()
    key = keys.current(HOUR)
    assert keys.of(HOUR, HOUR + formtoken.HOURS_KEPT) == key
    assert key in keys._memory[:]
    keys.current(HOUR + 3)
    assert key not in keys._memory[:]
    assert keys.of(HOUR, HOUR + 3) is None
    assert keys.of(HOUR, HOUR) is None


def test_forked_workers_share_the_keys() -> None:
    """A form opened through one worker is read by another: what a child draws, the parent has, and the other way round."""
    keys = HourlyKeys()
    before = issue(keys, root=ROOT, purpose="write", hour=HOUR, secret=SECRET)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        try:
            found = read(keys, before, root=ROOT, purpose="write", hour=HOUR + 1)
            made = issue(keys, root=ROOT, purpose="box", hour=HOUR + 1, secret=seed("child")[:10])
            os.write(write_end, (found or b"").hex().encode() + b" " + made.encode())
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        seen, drawn = pipe.read().decode().split(" ")
    assert os.waitpid(child, 0)[1] == 0
    assert bytes.fromhex(seen) == SECRET
    assert read(keys, drawn, root=ROOT, purpose="box", hour=HOUR + 1) == seed("child")[:10]
