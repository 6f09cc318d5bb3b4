"""Check the whole ledger without any key: leaves, tree, head, and a head written down earlier."""

from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import MalformedError
from app.ledger.read import Head
from app.ledger.tree import Frontier
from app.store.ledger import LedgerEntry, LedgerHead
from app.vault.encoding import from_b64, to_b64
from app.vault.entries import read_leaf

_LINES = 3
_MAX_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; `faults` names the first place of each kind, in words for the operator."""

    size: int
    root: bytes
    faults: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


def write_head(head: Head) -> str:
    """Write a head as three lines, to be kept somewhere else."""
    return f"{head.origin}\n{head.size}\n{to_b64(head.root)}\n"


def read_head_file(text: str) -> Head:
    """Read what `write_head` wrote.

    Raises:
        MalformedError: any other text.
    """
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[-1] or not lines[0]:
        raise MalformedError
    size = lines[1]
    if not (size.isascii() and size.isdecimal() and len(size) <= _MAX_DIGITS) or str(int(size)) != size:
        raise MalformedError
    return Head(lines[0], int(size), from_b64(lines[2], 32))


def verify(session: Session, origin: str, earlier: Head | None = None) -> Verdict:
    """Recompute the tree from the entries.

    Args:
        session: an open transaction.
        origin: the ledger's name, from the manifest.
        earlier: a head written down before; the present tree must contain it.
    """
    faults: list[str] = []
    frontier, expected = Frontier(), 0
    earlier_root = Frontier().root if earlier and earlier.size == 0 else None
    query = select(LedgerEntry.index, LedgerEntry.tag, LedgerEntry.leaf).order_by(LedgerEntry.index)
    with closing(session.execute(query.execution_options(yield_per=1000))) as entries:  # a fault ends it early; the server must not wait
        for index, stored_tag, leaf in entries:
            if index != expected:
                faults.append(f"entry {expected} is missing; the next one found is {index}")
                break
            try:
                _, tag = read_leaf(leaf)
            except MalformedError:
                faults.append(f"entry {index} is not a leaf of this format")
                break
            if tag != stored_tag:
                faults.append(f"entry {index}: the search tag is not the one in the leaf")
                break
            frontier, expected = frontier.append(leaf), expected + 1
            if earlier and frontier.size == earlier.size:
                earlier_root = frontier.root
    head = session.get(LedgerHead, 1)
    if head is None:
        faults.append("the head is missing")
    elif not faults and (head.size, head.root, head.frontier) != (frontier.size, frontier.root, frontier.encode()):
        faults.append(f"the stored head says {head.size} entries; the tree of the {frontier.size} entries found differs")
    if earlier is not None:
        faults += _check_earlier(earlier, origin, frontier.size, earlier_root)
    return Verdict(frontier.size, frontier.root, tuple(faults))


def _check_earlier(earlier: Head, origin: str, size: int, root: bytes | None) -> list[str]:
    if earlier.origin != origin:
        return [f"the earlier head is of another ledger: {earlier.origin}"]
    if earlier.size > size:
        return [f"ROLLBACK: the earlier head has {earlier.size} entries, this ledger only {size}"]
    if root != earlier.root:
        return [f"FORK: the first {earlier.size} entries are not those of the earlier head"]
    return []
