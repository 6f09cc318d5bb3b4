"""What waits for the holder of a code. A code that nobody was given finds an empty mailbox, in the same time."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import SealError
from app.store.reports import Reply as ReplyRow
from app.vault.mailbox import MAX_REPLIES, Reply, open_reply, reply_address
from app.vault.manifest import Chain
from app.vault.receipt import Receipt


def read_mailbox(session: Session, receipt: Receipt, chain: Chain) -> list[Reply]:
    """Return the verified replies, newest first; whatever does not open or verify is not shown."""
    index_of = {reply_address(receipt.address, index): index for index in range(MAX_REPLIES)}
    replies = []
    for row in session.scalars(select(ReplyRow).where(ReplyRow.address.in_(index_of))):
        try:
            replies.append(open_reply(receipt, row.address, row.sealed, index=index_of[row.address], chain=chain))
        except SealError:
            continue
    return sorted(replies, key=lambda reply: reply.index, reverse=True)
