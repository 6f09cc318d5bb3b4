"""The worked examples of docs/formats.md, read by the program and by a reader that shares no line with it."""

import ast
import base64
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import pytest

from app.cases.records import BODIES, read_body
from app.errors import MalformedError, ManifestError, MistypedError, SealError
from app.findings.records import FindingBody, FindingItem, Round
from app.findings.signatures import judge_round
from app.ledger import rows, tree
from app.ledger.append import Actor, RowVersion
from app.ledger.remember import head_in
from app.ledger.verify import read_head_file, write_head
from app.store.cases import Finding, FindingState, SealedRow
from app.vault import backup, entries, envelope, formtoken, hpke, keyring, mailbox, padding, receipt
from app.vault.encoding import Context, from_b64, from_jcs, sha256, to_b64, to_jcs
from app.vault.formtoken import HourlyKeys
from app.vault.manifest import Chain, EpochKeys, SignedManifest, verify_chain
from app.vault.statement import Signed, reasoning_digest, snapshot_digest
from tests import second_reader as second
from tests.vault import vectors, world
from tests.vault.vectors import Vector, spell

LEAF: Final = 163
NAMES: Final = vectors.names()
WORDS: Final = [second.word_list(vectors.FOLDER.parent.parent / "app" / "vault" / "words" / f"{name}.txt") for name in ("en", "ru")]
ACTS: Final = second.read_acts(vectors.FOLDER.parent.parent / "app" / "cases" / "vocabularies" / "act.json")


def _leaves(vector: Vector) -> list[bytes]:
    return [vector.raw[at : at + LEAF] for at in range(0, len(vector.raw), LEAF)]


class KnownHour(HourlyKeys):
    """Hourly keys whose one key is known."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self.key = key

    def of(self, issued: int, hour: int) -> bytes | None:
        return self.key if issued == hour else None


class Program:
    """The vectors, opened by `app`."""

    @staticmethod
    def padding(vector: Vector) -> bytes:
        return padding.unpad(vector.raw, getattr(padding, vector.text("sizes").upper()))

    @staticmethod
    def jcs(vector: Vector) -> bytes:
        return to_jcs(from_jcs(vector.raw))

    @staticmethod
    def _context(vector: Vector) -> Context:
        numbers = vector.number("version"), vector.number("epoch")
        return Context(vector.hex("root"), vector.text("context"), vector.text("id"), vector.text("field"), *numbers)

    def envelope(self, vector: Vector) -> bytes:
        return envelope.unseal(vector.raw, vector.hex("key"), self._context(vector))

    def hpke(self, vector: Vector) -> bytes:
        return hpke.open_with(vector.raw, hpke.KemKeys.from_seed(vector.hex("seed")), self._context(vector))

    @staticmethod
    def wrap(vector: Vector) -> bytes:
        epoch = vector.number("epoch")
        return keyring.unwrap_key(
            vector.raw,
            keyring.EpochSecret("team", epoch, vector.hex("secret")).wrap_key,
            root=vector.hex("root"),
            record=f"{vector.text('record')}/{vector.text('part')}",
            recipient=vector.text("recipient"),
            version=vector.number("version"),
            epoch=epoch,
        )

    @staticmethod
    def epoch_secret(vector: Vector) -> bytes:
        return keyring.unwrap_epoch(
            vector.raw,
            hpke.KemKeys.from_seed(vector.hex("seed")),
            root=vector.hex("root"),
            name=vector.text("name"),
            recipient=vector.text("recipient"),
            expected=EpochKeys(vector.number("epoch"), vector.hex("public"), vector.hex("commit")),
        ).secret

    @staticmethod
    def _chain(root: bytes, raw: bytes) -> Chain:
        value = from_jcs(raw)
        pairs = zip(value["manifests"], value["signatures"], strict=True)
        return verify_chain(root, [SignedManifest(from_b64(body), from_b64(names)) for body, names in pairs])

    def manifest(self, vector: Vector) -> bytes:
        try:
            return self._chain(vector.hex("root"), vector.raw).newest.digest
        except MalformedError:
            raise ManifestError from None

    @staticmethod
    def code(vector: Vector) -> bytes:
        return receipt.read_code(vector.raw.decode())

    @staticmethod
    def receipt(vector: Vector) -> bytes:
        keys = receipt.derive(vector.raw, vector.hex("root"))
        return keys.address + keys.dedupe + keys.signing.public + keys.kem.public

    @staticmethod
    def report(vector: Vector) -> bytes:
        root, report, epoch = vector.hex("root"), vector.text("report"), vector.number("epoch")
        team = keyring.EpochSecret("team", epoch, vector.hex("team"))
        key, digest = keyring.read_bundle(keyring.open_bundle(vector.hex("bundle"), team, root=root, report_id=report))
        if sha256(vector.raw) != digest:
            raise SealError
        plaintext = envelope.unseal(vector.raw, key, mailbox.body_context(root, report, epoch))
        return to_jcs(mailbox.read_body(root, plaintext).answers)

    @staticmethod
    def body(vector: Vector) -> bytes:
        return to_jcs(mailbox.read_body(vector.hex("root"), vector.raw).answers)

    @staticmethod
    def summary(vector: Vector) -> bytes:
        body, epoch = sha256(vector.hex("body")).hex(), vector.number("epoch")
        where = Context(vector.hex("root"), "report.summary", vector.text("report"), body, 1, epoch)
        return to_jcs(from_jcs(padding.unpad(envelope.unseal(vector.raw, vector.hex("key"), where), padding.SMALL)))

    def reply(self, vector: Vector) -> bytes:
        keys, index = receipt.derive(vector.hex("secret"), vector.hex("root")), vector.number("index")
        chain = self._chain(vector.hex("root"), vector.hex("state"))
        address = mailbox.reply_address(keys.address, index)
        return mailbox.open_reply(keys, address, vector.raw, index=index, chain=chain).text.encode()

    @staticmethod
    def blob(vector: Vector) -> bytes:
        root, member, version = vector.hex("root"), vector.text("member"), vector.number("version")
        blob = keyring.MemberBlob.unseal(vector.raw, vector.hex("key"), root, member, version)
        again = blob.seal(vector.hex("key"), member, version)
        return envelope.unseal(again, vector.hex("key"), Context(root, "member.blob", member, "blob", version, 0))

    @staticmethod
    def name(vector: Vector) -> bytes:
        secret = keyring.ServerSecret(vector.hex("secret"))
        return secret.open_name(vector.hex("root"), vector.text("member"), vector.raw).encode()

    @staticmethod
    def session(vector: Vector) -> bytes:
        return (
            keyring.SessionKeys.of(vector.text("cookie"), vector.hex("host"))
            .unseal(
                vector.raw,
                root=vector.hex("root"),
                member_id=vector.text("member"),
                expires=vector.number("expiry"),
                epoch=vector.number("epoch"),
            )
            .to_jcs()
        )

    @staticmethod
    def token(vector: Vector) -> bytes:
        keys, hour = KnownHour(vector.hex("key")), vector.number("hour")
        secret = formtoken.read(keys, vector.raw.decode(), root=vector.hex("root"), purpose=vector.text("purpose"), hour=hour)
        if secret is None:
            raise SealError
        return secret

    @staticmethod
    def leaf(vector: Vector) -> bytes:
        return b"".join(entries.read_leaf(vector.raw))

    @staticmethod
    def entry(vector: Vector) -> bytes:
        root, index, epoch = vector.hex("root"), vector.number("index"), vector.number("epoch")
        opened = entries.open_entry(vector.raw, vector.hex("leaf"), vector.hex("key"), root=root, index=index, epoch=epoch)
        if not opened.is_signed_by(vector.hex("actor"), root=root, origin=vector.text("origin")):
            raise SealError
        return to_jcs(opened.record)

    @staticmethod
    def tag(vector: Vector) -> bytes:
        secret = keyring.EpochSecret("team", vector.number("epoch"), vector.hex("secret"))
        tag = entries.tag_of(secret.tag_key, vector.text("record"), vector.number("version"))
        if entries.read_leaf(vector.raw)[1] != tag:
            raise SealError
        return tag

    @staticmethod
    def tree(vector: Vector) -> bytes:
        frontier = tree.Frontier()
        for leaf in _leaves(vector):
            frontier = frontier.append(leaf)
        return frontier.root

    @staticmethod
    def head(vector: Vector) -> bytes:
        return write_head(read_head_file(vector.raw.decode())).encode()

    @staticmethod
    def row(vector: Vector) -> bytes:
        value, columns = from_jcs(vector.raw), {name: vector.hex(name) for name in ("body", "summary", "work")}
        return bytes.fromhex(
            entries.row_digest(
                table=value["table"],
                record_id=value["id"],
                version=value["version"],
                clear=value["clear"],
                sealed=columns,
                keys=value["keys"],
            )
        )

    @staticmethod
    def record(vector: Vector) -> bytes:
        bodies: dict[type[SealedRow], Any] = {**BODIES, Finding: FindingBody}
        table = next(table for table in bodies if table.__tablename__ == vector.text("table"))
        clear = {name: None if value is None else _typed(name, value) for name, value in json.loads(vector.text("clear")).items()}
        row = table(id=UUID(vector.text("id")), body=vector.raw, version=vector.number("version"), **clear)
        actor = Actor("", Chain(vector.hex("root"), (), ()), world.unlocked())
        opened = rows.open_with(actor, row, vector.hex("key"))
        try:
            read_body(bodies[table], opened.value)
        except MalformedError:
            raise SealError from None
        return to_jcs({**opened.value, "v": 1}) + bytes.fromhex(opened.version.digest)

    @staticmethod
    def record_wrap(vector: Vector) -> bytes:
        root, record, recipient, epoch = vector.hex("root"), vector.text("record"), vector.text("recipient"), vector.number("epoch")
        if not keyring.is_wrap_signed(root, record, recipient, epoch, vector.raw, vector.hex("by"), vector.hex("signature")):
            raise SealError
        keys, version = hpke.KemKeys.from_seed(vector.hex("seed")), vector.number("version")
        return keyring.unwrap_record(vector.raw, keys, root=root, record=record, recipient=recipient, version=version, epoch=epoch)

    @staticmethod
    def statement(vector: Vector) -> bytes:
        signed = Signed.read(from_jcs(vector.raw))
        if not signed.is_signed_by(vector.hex("public")):
            raise SealError
        return signed.raw

    @staticmethod
    def snapshot(vector: Vector) -> bytes:
        return bytes.fromhex(snapshot_digest(vector.hex("salt"), vector.raw))

    @staticmethod
    def reasoning(vector: Vector) -> bytes:
        return bytes.fromhex(reasoning_digest(vector.hex("salt"), from_jcs(vector.raw)))

    def round(self, vector: Vector) -> bytes:
        one, root = Round(**from_jcs(vector.raw)), vector.hex("root")
        body = FindingBody("", rounds=[replace(one, salt="")] * (vector.number("number") - 1) + [one])
        row = Finding(id=UUID(vector.text("finding")), act_id=UUID(vector.text("act")), state=FindingState.CONFIRMED)
        item = FindingItem(row, body, RowVersion(row.record, 1, ""))
        verdict = judge_round(self._chain(root, vector.hex("state")), item, one)
        return to_jcs({"signers": verdict.signers, "returned": verdict.returned, "state": verdict.state})

    @staticmethod
    def approval(vector: Vector) -> bytes:
        team = keyring.EpochSecret("team", vector.number("epoch"), vector.hex("team"))
        raw = keyring.open_approval(vector.raw, team, root=vector.hex("root"), approval_id=vector.text("id"))
        return Signed.read(from_jcs(raw)["statement"]).raw

    @staticmethod
    def state_head(vector: Vector) -> bytes:
        try:
            head = head_in(from_jcs(vector.raw))
        except MalformedError:
            raise SealError from None
        assert head is not None
        return to_jcs({"origin": head.origin, "size": head.size, "root": to_b64(head.root)})

    @staticmethod
    def backup_key(vector: Vector) -> bytes:
        header = backup.Header.read(io.BytesIO(vector.raw))
        return backup.open_key(header, hpke.KemKeys.from_seed(vector.hex("seed")), root=vector.hex("root"))

    @staticmethod
    def backup_words(vector: Vector) -> bytes:
        return backup.read_words(vector.raw.decode())

    @staticmethod
    def backup(vector: Vector) -> bytes:
        key, root, backup_id, file = vector.hex("key"), vector.hex("root"), UUID(vector.text("id")), _sealed(vector)
        records = list(backup.read_records(io.BytesIO(file), key, backup_id, root=root))
        written = io.BytesIO()
        writer = backup.Writer(written, key, backup_id, root=root)
        for record in records:
            writer.add(record)
        writer.finish()
        assert written.getvalue() == file
        return _framed(records)

    @staticmethod
    def backup_first(vector: Vector) -> bytes:
        return backup.Contents.decode(vector.raw).encode()

    @staticmethod
    def backup_row(vector: Vector) -> bytes:
        place, values = backup.decode_row(vector.raw)
        assert backup.encode_row(place, values) == vector.raw
        return to_jcs({"place": place, "values": [spell(value) for value in values]})


def _sealed(vector: Vector) -> bytes:
    """Return the chunks of a backup, whose zeros do not stand in the vector."""
    plain = vector.raw.ljust(vector.number("chunks") * second.CHUNK, b"\0")
    sealed = second.seal_chunks(plain, vector.hex("key"), root=vector.hex("root"), backup=vector.text("id"))
    assert hashlib.sha256(sealed).digest() == vector.hex("file")
    return sealed


def _framed(records: list[bytes]) -> bytes:
    return b"".join(len(record).to_bytes(4, "big") + record for record in records)


def _typed(name: str, value: str) -> object:
    return UUID(value) if name.endswith("_id") else value


class Second:
    """The vectors, opened by the second reader."""

    @staticmethod
    def padding(vector: Vector) -> bytes:
        return second.unpad(vector.raw, second.SIZES[vector.text("sizes")])

    @staticmethod
    def jcs(vector: Vector) -> bytes:
        return second.jcs(second.read_jcs(vector.raw))

    @staticmethod
    def _where(vector: Vector) -> second.Where:
        numbers = vector.number("version"), vector.number("epoch")
        return second.Where(vector.hex("root"), vector.text("context"), vector.text("id"), vector.text("field"), *numbers)

    def envelope(self, vector: Vector) -> bytes:
        return second.open_envelope(vector.raw, vector.hex("key"), self._where(vector))

    def hpke(self, vector: Vector) -> bytes:
        return second.open_hpke(vector.raw, second.kem(vector.hex("seed")), self._where(vector))

    @staticmethod
    def wrap(vector: Vector) -> bytes:
        epoch = vector.number("epoch")
        return second.open_wrap(
            vector.raw,
            second.epoch_key(vector.hex("secret"), "team", epoch, "wrap"),
            root=vector.hex("root"),
            record=vector.text("record"),
            part=vector.text("part"),
            recipient=vector.text("recipient"),
            version=vector.number("version"),
            epoch=epoch,
        )

    @staticmethod
    def epoch_secret(vector: Vector) -> bytes:
        return second.open_epoch(
            vector.raw,
            second.kem(vector.hex("seed")),
            root=vector.hex("root"),
            name=vector.text("name"),
            recipient=vector.text("recipient"),
            epoch=vector.number("epoch"),
            commit=vector.hex("commit"),
            public=vector.hex("public"),
        )

    @staticmethod
    def manifest(vector: Vector) -> bytes:
        second.read_state(vector.hex("root"), vector.raw)
        return second.digest(second.b64(second.read_jcs(vector.raw)["manifests"][-1]))

    @staticmethod
    def code(vector: Vector) -> bytes:
        return second.read_code(vector.raw.decode(), *WORDS)

    @staticmethod
    def receipt(vector: Vector) -> bytes:
        address, dedupe, sign, kem = (
            second.receipt_key(vector.raw, vector.hex("root"), label) for label in ("address", "dedupe", "sign", "kem")
        )
        return address + dedupe + second.signing_public(sign) + second.kem(kem).public

    @staticmethod
    def report(vector: Vector) -> bytes:
        epoch = vector.number("epoch")
        team = second.kem(second.epoch_key(vector.hex("team"), "team", epoch, "kem"))
        root, report = vector.hex("root"), vector.text("report")
        return second.jcs(second.read_report(vector.raw, vector.hex("bundle"), team, root=root, report=report, epoch=epoch)["answers"])

    @staticmethod
    def body(vector: Vector) -> bytes:
        return second.jcs(second.read_body(vector.hex("root"), vector.raw)["answers"])

    @staticmethod
    def summary(vector: Vector) -> bytes:
        root, report, epoch = vector.hex("root"), vector.text("report"), vector.number("epoch")
        return second.jcs(second.read_summary(vector.raw, vector.hex("key"), vector.hex("body"), root=root, report=report, epoch=epoch))

    @staticmethod
    def reply(vector: Vector) -> bytes:
        root, index = vector.hex("root"), vector.number("index")
        newest = second.read_state(root, vector.hex("state"))[-1]
        return str(second.read_reply(vector.raw, vector.hex("secret"), root=root, index=index, newest=newest)["text"]).encode()

    @staticmethod
    def blob(vector: Vector) -> bytes:
        root, member, version = vector.hex("root"), vector.text("member"), vector.number("version")
        return second.jcs(second.open_blob(vector.raw, vector.hex("key"), root=root, member=member, version=version))

    @staticmethod
    def name(vector: Vector) -> bytes:
        return second.open_name(vector.raw, vector.hex("secret"), root=vector.hex("root"), member=vector.text("member")).encode()

    @staticmethod
    def session(vector: Vector) -> bytes:
        value = second.open_session(
            vector.raw,
            vector.text("cookie"),
            vector.hex("host"),
            root=vector.hex("root"),
            member=vector.text("member"),
            expiry=vector.number("expiry"),
            epoch=vector.number("epoch"),
        )
        return second.jcs(value)

    @staticmethod
    def token(vector: Vector) -> bytes:
        purpose, hour = vector.text("purpose"), vector.number("hour")
        return second.read_token(vector.raw.decode(), vector.hex("key"), root=vector.hex("root"), purpose=purpose, hour=hour)

    @staticmethod
    def leaf(vector: Vector) -> bytes:
        commitment, _, tag = second.read_leaf(vector.raw)
        return commitment + tag

    @staticmethod
    def entry(vector: Vector) -> bytes:
        record = second.open_entry(
            vector.raw,
            vector.hex("leaf"),
            vector.hex("key"),
            root=vector.hex("root"),
            index=vector.number("index"),
            epoch=vector.number("epoch"),
            origin=vector.text("origin"),
            actor=vector.hex("actor"),
        )
        return second.jcs(record)

    @staticmethod
    def tag(vector: Vector) -> bytes:
        key = second.epoch_key(vector.hex("secret"), "team", vector.number("epoch"), "tag")
        tag = second.tag_of(key, vector.text("record"), vector.number("version"))
        if second.read_leaf(vector.raw)[2] != tag:
            raise second.ClosedError
        return tag

    @staticmethod
    def tree(vector: Vector) -> bytes:
        return second.tree_root(_leaves(vector))

    @staticmethod
    def head(vector: Vector) -> bytes:
        second.read_head(vector.raw)
        return vector.raw

    @staticmethod
    def row(vector: Vector) -> bytes:
        columns = {name: vector.hex(name) for name in ("body", "summary", "work")}
        return second.row_digest(second.read_jcs(vector.raw), columns)

    @staticmethod
    def record(vector: Vector) -> bytes:
        key, clear = vector.hex("key"), json.loads(vector.text("clear"))
        table, version = vector.text("table"), vector.number("version")
        value = second.open_record(vector.raw, key, root=vector.hex("root"), table=table, id_=vector.text("id"), version=version)
        digest = second.record_digest(vector.raw, key, table=table, id_=vector.text("id"), version=version, clear=clear)
        return second.jcs(value) + digest

    @staticmethod
    def record_wrap(vector: Vector) -> bytes:
        root, record, recipient, epoch = vector.hex("root"), vector.text("record"), vector.text("recipient"), vector.number("epoch")
        second.verified(second.wrap_message(root, record, recipient, epoch, vector.raw), vector.hex("signature"), vector.hex("by"))
        keys, version = second.kem(vector.hex("seed")), vector.number("version")
        return second.open_record_wrap(vector.raw, keys, root=root, record=record, recipient=recipient, version=version, epoch=epoch)

    @staticmethod
    def statement(vector: Vector) -> bytes:
        signed = second.read_statement(second.read_jcs(vector.raw))
        second.verified(signed.raw, signed.signature, vector.hex("public"))
        return signed.raw

    @staticmethod
    def snapshot(vector: Vector) -> bytes:
        second.read_snapshot(vector.raw)
        return second.snapshot_digest(vector.hex("salt"), vector.raw)

    @staticmethod
    def reasoning(vector: Vector) -> bytes:
        said = second.read_jcs(vector.raw)
        speaks_for, against, reasoning = second.fields(said, "for", "against", "reasoning")
        return second.reasoning_digest(vector.hex("salt"), speaks_for=speaks_for, speaks_against=against, reasoning=reasoning)

    @staticmethod
    def round(vector: Vector) -> bytes:
        root, finding, act, at = vector.hex("root"), vector.text("finding"), vector.text("act"), vector.number("number")
        chain = second.named_manifests(root, vector.hex("state"))
        borne = second.read_round(second.read_jcs(vector.raw), chain, ACTS, root=root, finding=finding, act=act, at=at)
        return second.jcs({"signers": borne.signers, "returned": borne.returned, "state": borne.state})

    @staticmethod
    def approval(vector: Vector) -> bytes:
        root, finding, epoch = vector.hex("root"), vector.text("finding"), vector.number("epoch")
        team = second.kem(second.epoch_key(vector.hex("team"), "team", epoch, "kem"))
        signed, _ = second.open_approval(vector.raw, team, root=root, approval=vector.text("id"), finding=finding, epoch=epoch)
        return signed.raw

    @staticmethod
    def state_head(vector: Vector) -> bytes:
        origin, size, root = second.read_state_head(vector.raw)
        return second.jcs({"origin": origin, "size": size, "root": base64.b64encode(root).decode()})

    @staticmethod
    def backup_key(vector: Vector) -> bytes:
        file = second.backup_file(vector.raw)
        return second.open_backup_key(file.sealed_key, second.kem(vector.hex("seed")), root=vector.hex("root"), backup=file.id)

    @staticmethod
    def backup_words(vector: Vector) -> bytes:
        return second.read_backup_words(vector.raw.decode(), WORDS[0])

    @staticmethod
    def backup(vector: Vector) -> bytes:
        return _framed(second.open_chunks(_sealed(vector), vector.hex("key"), root=vector.hex("root"), backup=vector.text("id")))

    @staticmethod
    def backup_first(vector: Vector) -> bytes:
        return second.jcs(second.read_backup_first(vector.raw))

    @staticmethod
    def backup_row(vector: Vector) -> bytes:
        place, columns = second.read_backup_row(vector.raw)
        return second.jcs({"place": place, "values": [_spelt(kind, value) for kind, value in columns]})


def _spelt(kind: int, value: second.Value) -> object:
    if isinstance(value, bytes):
        return f"{'bytes' if kind == 3 else 'uuid'} {value.hex()}"
    return f"text {value}" if isinstance(value, str) else value


Outcome = tuple[str, bytes]


def _program(vector: Vector) -> Outcome:
    read: Callable[[Vector], bytes] = getattr(Program(), vector.text("kind").replace("-", "_"))
    try:
        return "opened", read(vector)
    except MalformedError:
        return "malformed", b""
    except MistypedError:
        return "mistyped", b""
    except (SealError, ManifestError):
        return "cannot-open", b""


def _second(vector: Vector) -> Outcome:
    read: Callable[[Vector], bytes] = getattr(Second(), vector.text("kind").replace("-", "_"))
    try:
        return "opened", read(vector)
    except second.MalformedError:
        return "malformed", b""
    except second.MistypedError:
        return "mistyped", b""
    except second.ClosedError:
        return "cannot-open", b""


@pytest.mark.parametrize("name", NAMES)
def test_both_readers_agree_with_the_file(name: str) -> None:
    """Both readers do what the file expects, and give the same bytes where it opens."""
    vector = vectors.read(name)
    program, other = _program(vector), _second(vector)
    assert program[0] == vector.text("expect")
    assert program == other
    if program[0] == "opened":
        assert hashlib.sha256(program[1]).digest() == vector.hex("gives")


def test_every_format_has_a_case_that_opens() -> None:
    """The folder covers every reader, and most of it is refusals."""
    cases = [vectors.read(name) for name in NAMES]
    opening = {vector.text("kind").replace("-", "_") for vector in cases if vector.text("expect") == "opened"}
    assert opening == {name for name in vars(Program) if not name.startswith("_")}
    assert opening == {name for name in vars(Second) if not name.startswith("_")}
    expected = Counter(vector.text("expect") for vector in cases)
    assert set(expected) == set(vectors.EXPECTED)
    assert expected["cannot-open"] > expected["opened"]


def test_files_are_written_in_one_way() -> None:
    """A file read and written again is the same file: no second spelling hides a change."""
    for name in NAMES:
        assert vectors.read(name).write() == (vectors.FOLDER / f"{name}.txt").read_text("utf-8")


def test_second_reader_shares_no_line_with_the_program() -> None:
    """The second reader imports nothing of ours, and not the HPKE of the library that the program uses."""
    allowed = {"base64", "collections", "cryptography", "dataclasses", "hashlib", "hmac", "json", "pathlib", "re", "struct"}
    allowed |= {"typing", "unicodedata"}
    source = ast.parse((vectors.FOLDER.parent / "second_reader.py").read_text("utf-8"))
    modules = [node.module or "" for node in ast.walk(source) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(source) if isinstance(node, ast.Import) for alias in node.names]
    names = [alias.name for node in ast.walk(source) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert {module.split(".")[0] for module in modules} <= allowed
    assert not any("hpke" in module or "hkdf" in module for module in modules)
    assert "hpke" not in names
    assert not any(isinstance(node, ast.Name) and node.id == "__import__" for node in ast.walk(source))
