"""What can be refused, and why: one class per different reaction of a caller.

Each class carries a `code`; the faces turn it into a sentence in the reader's language and a status.
"""


class PaivandError(Exception):
    """The root of everything this program raises on purpose."""

    code = "failed"


class SealError(PaivandError):
    """Sealed bytes did not open: changed, cut, swapped, under another key, or not of this kind. Never says which."""

    code = "damaged"


class MalformedError(PaivandError):
    """A value from outside does not have the form it must have."""

    code = "malformed"


class MistypedError(PaivandError):
    """A receipt code has the right form, but its check bits do not fit: a slip of the pen."""

    code = "mistyped"


class ManifestError(PaivandError):
    """The keyring manifest does not chain to the pinned root."""

    code = "manifest"


class RefusedError(PaivandError):
    """An action that the rules do not allow; nothing was changed."""

    code = "refused"


class UnknownError(RefusedError):
    """There is no such record, or not for this member."""

    code = "unknown"


class ForbiddenError(RefusedError):
    """The member's role, or a rule about two people, does not allow it."""

    code = "forbidden"


class ForeignFormError(ForbiddenError):
    """A form that did not come from a page of ours."""

    code = "foreign-form"


class NotWantedError(ForbiddenError):
    """The source did not allow a message, or not such a one."""

    code = "not-wanted"


class NoLeaseError(ForbiddenError):
    """A record may be shown only within an hour of its opening, which is an entry in the log."""

    code = "no-lease"


class SamePersonError(ForbiddenError):
    """Two different people are needed."""

    code = "same-person"


class ConflictError(RefusedError):
    """Somebody else was faster; what the member saw is no longer so."""

    code = "conflict"


class TakenError(ConflictError):
    """Another member owns the report."""

    code = "taken"


class DamagedError(RefusedError):
    """A stored record does not match its seal or its entry in the log."""

    code = "damaged"


class SignInError(RefusedError):
    """Name, passphrase or code did not fit; never says which."""

    code = "sign-in"


class BusyError(PaivandError):
    """The store could not write now; nothing was changed and the same request may work later."""

    code = "busy"


class BarredError(ForbiddenError):
    """This member may not review this finding: not asked, or too near to its report."""

    code = "barred"


class NotYetError(RefusedError):
    """Another signature has to come first."""

    code = "not-yet"


class NamedError(MalformedError):
    """A note for the auditor holds a name."""

    code = "named"


class IncompleteError(MalformedError):
    """A proposal lacks something; `missing` names it by code."""

    code = "incomplete"

    def __init__(self, missing: list[str]) -> None:
        super().__init__()
        self.missing = missing


class BackupError(PaivandError):
    """A backup could not be taken or restored; the text says why, and nothing was written."""

    code = "backup"


class RollbackError(BackupError):
    """What was put in place, or is about to be, is older than what was seen before."""

    code = "rollback"
