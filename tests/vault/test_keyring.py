"""Private keys: each opens with the right key, in its own row, and only as the manifest commits to it (docs/formats.md §2, §4, §6)."""

import unicodedata
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import MalformedError
from app.vault import envelope, keyring
from app.vault.encoding import Context, from_jcs, from_url_text, to_b64, to_jcs, to_url_text
from app.vault.hpke import KemKeys
from app.vault.keyring import EpochSecret, MemberBlob, ServerSecret, SessionKeys, Unlocked
from tests import second_reader as second
from tests.vault import world
from tests.vault.world import AUDIT, BATCH, DAVID, NIGORA, OTHER_ROOT, REPORT, ROOT, RUTH, TEAM, few, flipped, refused, seed, some, unlocked

KEY: Final = seed("key")
SERVER: Final = ServerSecret(seed("server"))
HOST: Final = seed("host")
RECORD: Final = f"report:{REPORT}/row"
MEMBER: Final = f"member:{NIGORA.id}"


# epoch secrets


@given(st.binary(min_size=32, max_size=32), st.sampled_from(["team", "audit"]), st.integers(1, 2**32 - 1))
@few
def test_epoch_keys_are_what_the_page_says(raw: bytes, name: str, epoch: int) -> None:
    """Both readers derive the same keys, and what the manifest says of them."""
    secret = EpochSecret(name, epoch, raw)
    for label in ("commit", "kem", "wrap", "prev", "tag", "index"):
        assert secret.key(label) == second.epoch_key(raw, name, epoch, label)
    assert (secret.wrap_key, secret.tag_key) == (secret.key("wrap"), secret.key("tag"))
    assert secret.kem.public == second.kem(secret.key("kem")).public
    assert (secret.public.epoch, secret.public.kem, secret.public.commit) == (epoch, secret.kem.public, secret.key("commit"))


def test_every_epoch_key_is_its_own() -> None:
    """Team and audit, two epochs and two labels share no key."""
    secrets = [EpochSecret(name, epoch, KEY) for name in ("team", "audit") for epoch in (1, 2)]
    assert len({secret.key(label) for secret in secrets for label in ("commit", "kem", "wrap", "prev", "tag", "index")}) == 24
    assert EpochSecret.new("team", 1).secret != EpochSecret.new("team", 1).secret


def unwrap(sealed: bytes, keys: KemKeys = NIGORA.kem, **changes: Any) -> EpochSecret:
    """Open the wrap of the team secret as its member."""
    return keyring.unwrap_epoch(sealed, keys, **{"root": ROOT, "name": "team", "recipient": MEMBER, "expected": TEAM.public, **changes})


WRAPPED: Final = keyring.wrap_epoch(TEAM, NIGORA.kem.public, root=ROOT, recipient=MEMBER)


def test_an_epoch_secret_opens_for_its_member() -> None:
    """The very secret, for both readers."""
    assert unwrap(WRAPPED) == TEAM
    public = {"commit": TEAM.public.commit, "public": TEAM.public.kem}
    keys = second.kem(seed("kem 3"))
    assert second.open_epoch(WRAPPED, keys, root=ROOT, name="team", recipient=MEMBER, epoch=1, **public) == TEAM.secret


@pytest.mark.parametrize(
    "change",
    [
        {"root": OTHER_ROOT},
        {"name": "audit"},
        {"recipient": f"member:{DAVID.id}"},
        {"recipient": "recovery"},
        {"keys": DAVID.kem},
        {"expected": AUDIT.public},
        {"expected": replace(TEAM.public, epoch=2)},
        {"expected": replace(TEAM.public, commit=bytes(32))},
        {"expected": replace(TEAM.public, kem=NIGORA.kem.public)},
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_an_epoch_secret_is_that_of_the_manifest(change: dict[str, Any]) -> None:
    """Another instance, name, recipient, key, epoch, commitment or public key: refused."""
    refused(unwrap, WRAPPED, **change)


@pytest.mark.parametrize(
    "planted", [EpochSecret("team", 1, seed("planted")), EpochSecret("team", 1, b""), EpochSecret("team", 1, TEAM.secret + b"\0")]
)
def test_a_planted_secret_is_refused(planted: EpochSecret) -> None:
    """Anybody can seal to a member's public key; only what the manifest commits to is taken."""
    sealed = keyring.wrap_epoch(planted, NIGORA.kem.public, root=ROOT, recipient=MEMBER)
    refused(unwrap, sealed)
    assert unwrap(keyring.wrap_epoch(TEAM, NIGORA.kem.public, root=ROOT, recipient=MEMBER)) == TEAM


def test_a_wrap_is_signed_by_its_wrapper() -> None:
    """The signature holds for this very wrap: another record, recipient, epoch, instance, bytes or signer, and it does not."""
    message = keyring.wrap_signature_bytes(ROOT, "epoch:team", MEMBER, 1, WRAPPED)
    assert message == second.wrap_message(ROOT, "epoch:team", MEMBER, 1, WRAPPED)
    signature = RUTH.sign.sign(message)
    good: list[Any] = [ROOT, "epoch:team", MEMBER, 1, WRAPPED, RUTH.sign.public, signature]
    assert keyring.is_wrap_signed(*good)
    others: list[Any] = [OTHER_ROOT, "epoch:audit", "recovery", 2, flipped(WRAPPED, 9), NIGORA.sign.public, bytes(64)]
    for at, other in enumerate(others):
        assert not keyring.is_wrap_signed(*[*good[:at], other, *good[at + 1 :]])


# record keys


def test_a_wrap_has_one_place() -> None:
    """Another record, part, recipient, version, epoch, instance or key: refused."""
    named: dict[str, Any] = {"root": ROOT, "record": RECORD, "recipient": "team", "version": 2, "epoch": 1}
    sealed = keyring.wrap_key(KEY, TEAM.wrap_key, **named)
    assert keyring.unwrap_key(sealed, TEAM.wrap_key, **named) == KEY
    others = {"root": OTHER_ROOT, "record": f"report:{REPORT}/body", "recipient": "audit", "version": 1, "epoch": 2}
    for name, other in others.items():
        refused(keyring.unwrap_key, sealed, TEAM.wrap_key, **{**named, name: other})
    refused(keyring.unwrap_key, sealed, AUDIT.wrap_key, **named)


def test_a_batch_key_opens_for_its_auditors() -> None:
    """The audit secret of its epoch opens it, for its batch alone."""
    sealed = keyring.seal_batch_key(KEY, AUDIT.public, root=ROOT, batch_id=BATCH)
    assert keyring.open_batch_key(sealed, AUDIT, root=ROOT, batch_id=BATCH) == KEY
    refused(keyring.open_batch_key, sealed, TEAM, root=ROOT, batch_id=BATCH)
    refused(keyring.open_batch_key, sealed, EpochSecret("audit", 2, AUDIT.secret), root=ROOT, batch_id=BATCH)
    refused(keyring.open_batch_key, sealed, AUDIT, root=OTHER_ROOT, batch_id=BATCH)
    refused(keyring.open_batch_key, sealed, AUDIT, root=ROOT, batch_id=REPORT)


# the server secret


def test_server_keys_are_what_the_page_says() -> None:
    """Both readers derive the same keys and the same id, and the id does not show the secret."""
    for label in ("argon2", "name", "lookup"):
        assert SERVER.key(label) == second.server_key(SERVER.secret, label)
    assert SERVER.id == second.server_id(SERVER.secret)
    assert len({SERVER.key("argon2"), SERVER.key("name"), SERVER.key("lookup"), SERVER.secret}) == 4
    assert ServerSecret(KEY).id != SERVER.id


@given(st.text(min_size=1, max_size=20).filter(lambda name: name == name.strip()))
@some
def test_lookup_is_what_the_page_says(name: str) -> None:
    """Folded names meet, for both readers."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    if folded == folded.strip():
        assert SERVER.lookup(name) == second.lookup(name, SERVER.secret)


def test_a_name_is_found_however_it_is_typed() -> None:
    """Capitals and wide letters find the member; another name or another server secret does not."""
    assert SERVER.lookup("Nigora") == SERVER.lookup("NIGORA") == SERVER.lookup("ｎｉｇｏｒａ")
    assert SERVER.lookup("Nigora") != SERVER.lookup("Nigara")
    assert SERVER.lookup("Nigora") != ServerSecret(KEY).lookup("Nigora")


@given(st.text(max_size=60))
@few
def test_a_name_comes_back_in_its_own_row(name: str) -> None:
    """A display name opens for its member, in one size, for both readers."""
    sealed = SERVER.seal_name(ROOT, NIGORA.id, name)
    assert SERVER.open_name(ROOT, NIGORA.id, sealed) == name == second.open_name(sealed, SERVER.secret, root=ROOT, member=NIGORA.id)
    assert len(sealed) == 512 + envelope.OVERHEAD
    refused(SERVER.open_name, ROOT, RUTH.id, sealed)
    refused(SERVER.open_name, OTHER_ROOT, NIGORA.id, sealed)
    refused(ServerSecret(KEY).open_name, ROOT, NIGORA.id, sealed)


def test_a_passphrase_gives_its_key_with_this_server_alone() -> None:
    """64 MiB, salt and server secret all count; the same letters typed on another keyboard give the same key."""
    made = SERVER.passphrase_key("Ёжик в тумане", bytes(16))
    assert made == second.kek("Ёжик в тумане", bytes(16), SERVER.secret)
    assert made == SERVER.passphrase_key(unicodedata.normalize("NFD", "Ёжик в тумане"), bytes(16))
    others = [SERVER.passphrase_key("ёжик в тумане", bytes(16)), SERVER.passphrase_key("Ёжик в тумане", b"\1" + bytes(15))]
    others.append(ServerSecret(KEY).passphrase_key("Ёжик в тумане", bytes(16)))
    assert len({made, *others}) == 4


# member blobs


BLOB: Final = MemberBlob(seed("kem 3"), seed("sign 3"), bytes(range(20)), 59_000_000, ROOT, 2)


def test_a_blob_opens_in_its_row_and_version() -> None:
    """An older blob put back, another member's, or one of another instance is refused; so is another passphrase."""
    sealed = BLOB.seal(KEY, NIGORA.id, 5)
    assert MemberBlob.unseal(sealed, KEY, ROOT, NIGORA.id, 5) == BLOB
    assert second.open_blob(sealed, KEY, root=ROOT, member=NIGORA.id, version=5)["kem"] == to_b64(seed("kem 3"))
    for row in ((KEY, ROOT, NIGORA.id, 6), (KEY, ROOT, NIGORA.id, 4), (KEY, ROOT, RUTH.id, 5), (KEY, OTHER_ROOT, NIGORA.id, 5)):
        refused(MemberBlob.unseal, sealed, *row)
    refused(MemberBlob.unseal, sealed, seed("other"), ROOT, NIGORA.id, 5)
    refused(MemberBlob.unseal, BLOB.seal(KEY, NIGORA.id, 4), KEY, ROOT, NIGORA.id, 5)


@given(st.integers(0, 8 * len(BLOB.seal(KEY, NIGORA.id, 1)) - 1))
@some
def test_no_flipped_bit_of_a_blob_opens(bit: int) -> None:
    """Each bit counts."""
    refused(MemberBlob.unseal, flipped(BLOB.seal(KEY, NIGORA.id, 1), bit), KEY, ROOT, NIGORA.id, 1)


def resealed(**changes: Any) -> bytes:
    """Seal a blob of another form."""
    where = Context(ROOT, "member.blob", NIGORA.id, "blob", 1, 0)
    value = from_jcs(envelope.unseal(BLOB.seal(KEY, NIGORA.id, 1), KEY, where))
    value = {name: item for name, item in {**value, **changes}.items() if item != "missing"}
    return envelope.seal(to_jcs(value), KEY, where)


@pytest.mark.parametrize(
    "change",
    [
        {"kem": to_b64(bytes(31))},
        {"sign": None},
        {"totp": "missing"},
        {"totp": to_b64(bytes(19))},
        {"pins": None},
        {"pins": {}},
        {"pins": {"root": "00"}},
    ],
    ids=str,
)
def test_other_blobs_are_refused(change: dict[str, Any]) -> None:
    """A blob of another form is the same refusal as a wrong passphrase."""
    assert MemberBlob.unseal(resealed(), KEY, ROOT, NIGORA.id, 1) == BLOB
    refused(MemberBlob.unseal, resealed(**change), KEY, ROOT, NIGORA.id, 1)


@pytest.mark.parametrize("change", [{"v": 2}, {"mldsa": 1}, {"totp_last": "1"}, {"totp_last": None}, {"more": 1}], ids=str)
def test_blobs_have_the_fields_of_the_page(change: dict[str, Any]) -> None:
    """A version or a field that this page does not have is refused."""
    refused(MemberBlob.unseal, resealed(**change), KEY, ROOT, NIGORA.id, 1)


def test_new_members_have_new_keys() -> None:
    """Nothing is drawn twice."""
    made = [MemberBlob.new(ROOT, 1) for _ in range(5)]
    values = [value for blob in made for value in (blob.kem_seed, blob.sign_seed, blob.totp_secret)]
    assert len(set(values)) == 15
    assert [(blob.totp_last, blob.root, blob.manifest_epoch) for blob in made] == [(0, ROOT, 1)] * 5


# sessions


COOKIE: Final = to_url_text(seed("cookie"))
ROW: Final[dict[str, Any]] = {"root": ROOT, "member_id": NIGORA.id, "expires": 29_926_000, "epoch": 2}


def test_session_keys_are_what_the_page_says() -> None:
    """Both readers derive id, key and form secret from cookie and host secret; another of either gives others."""
    keys = SessionKeys.of(COOKIE, HOST)
    name, key, form = second.session_keys(COOKIE, HOST)
    assert (keys.id, keys.key, from_url_text(keys.form)) == (name, key, form)
    others = [SessionKeys.of(COOKIE, KEY), SessionKeys.of(to_url_text(KEY), HOST), keys]
    assert len({each.id for each in others}) == len({each.key for each in others}) == len({each.form for each in others}) == 3


def test_a_session_row_opens_as_it_was_written() -> None:
    """The same keys come back, for both readers."""
    sealed = SessionKeys.of(COOKIE, HOST).seal(unlocked(), **ROW)
    found = SessionKeys.of(COOKIE, HOST).unseal(sealed, **ROW)
    assert found == unlocked()
    assert found.signing.public == NIGORA.sign.public
    value = second.open_session(sealed, COOKIE, HOST, root=ROOT, member=NIGORA.id, expiry=29_926_000, epoch=2)
    assert second.jcs(value) == found.to_jcs()


@pytest.mark.parametrize(
    "change",
    [{"member_id": RUTH.id}, {"expires": 29_926_001}, {"expires": 0}, {"epoch": 1}, {"epoch": 3}, {"root": OTHER_ROOT}],
    ids=str,
)
def test_a_changed_session_row_is_refused(change: dict[str, Any]) -> None:
    """Member, expiry and epoch stand in columns, but a change of any of them closes the row."""
    keys = SessionKeys.of(COOKIE, HOST)
    refused(keys.unseal, keys.seal(unlocked(), **ROW), **{**ROW, **change})


def test_a_session_row_is_of_one_cookie_and_one_host() -> None:
    """A stolen row without the cookie, or a cookie after the host forgot its secret, opens nothing."""
    sealed = SessionKeys.of(COOKIE, HOST).seal(unlocked(), **ROW)
    refused(SessionKeys.of(to_url_text(KEY), HOST).unseal, sealed, **ROW)
    refused(SessionKeys.of(COOKIE, KEY).unseal, sealed, **ROW)
    refused(SessionKeys.of(COOKIE, HOST).unseal, flipped(sealed, 8 * len(sealed) - 1), **ROW)


@pytest.mark.parametrize("cookie", ["", "A", to_url_text(bytes(31)), to_url_text(bytes(33)), f"{COOKIE}=", "é" * 43, COOKIE[:-1] + "/"])
def test_what_is_no_cookie_of_ours_is_refused(cookie: str) -> None:
    """Another length, alphabet or spelling."""
    with pytest.raises(MalformedError):
        SessionKeys.of(cookie, HOST)


def test_new_cookies_are_new() -> None:
    """32 random bytes each."""
    made = {keyring.new_cookie() for _ in range(50)}
    assert len(made) == 50
    assert {len(from_url_text(cookie)) for cookie in made} == {32}


@pytest.mark.parametrize(
    "change",
    [{"kem": None}, {"team": None}, {"team": [{}]}, {"audit": [1]}, {"batch": []}, {"batch": {"id": BATCH}}, {"sign": to_b64(bytes(33))}],
)
def test_other_session_contents_are_refused(change: dict[str, Any]) -> None:
    """What `to_jcs` did not write does not become keys."""
    assert Unlocked.from_jcs(world.changed(unlocked().to_jcs())) == unlocked()
    refused(Unlocked.from_jcs, world.changed(unlocked().to_jcs(), **change))


def test_a_member_holds_only_the_epochs_they_were_given() -> None:
    """An epoch that the session does not hold is refused."""
    assert unlocked().team_epoch(1) == TEAM
    refused(unlocked().team_epoch, 2)


# what a traceback shows


@pytest.mark.parametrize(
    "value",
    [
        TEAM,
        SERVER,
        BLOB,
        unlocked(),
        SessionKeys.of(COOKIE, HOST),
        NIGORA.kem,
        NIGORA.sign,
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_traceback_shows_a_key(value: object) -> None:
    """Neither the bytes nor a spelling of any secret is in what Python prints of its holder."""
    secrets = [seed(name) for name in ("team 1", "audit 1", "server", "kem 3", "sign 3", "batch", "cookie")]
    keys = SessionKeys.of(COOKIE, HOST)
    secrets += [bytes(range(20)), keys.key, from_url_text(keys.form)]
    shown = f"{value!r} {value}"
    for secret in secrets:
        for spelling in (repr(secret)[2:-1], secret.hex(), to_b64(secret), to_url_text(secret)):
            assert spelling not in shown
