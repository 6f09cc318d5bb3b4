"""Who signed a finding, recomputed from the stored bytes: columns and states are never believed."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from app.errors import MalformedError, SealError
from app.findings.records import FindingItem, Round, given_of, is_protected, outcome_of
from app.findings.states import DECISIONS, LEVEL, NO_LEVEL
from app.store.cases import FindingState
from app.vault.encoding import from_b64
from app.vault.manifest import Chain, ManifestMember
from app.vault.statement import PROPOSAL, REVIEW, Signed, digest_of

PROPOSER: Final = "proposer"
REVIEWER: Final = "reviewer"
PROTECTION: Final = "protection"
LEAD: Final = "lead"
CONFIRM: Final = "confirm"
RETURN: Final = "return"
_STAFF: Final = frozenset({"lead", "caseworker"})
_MAY: Final = {PROPOSER: _STAFF, REVIEWER: _STAFF, PROTECTION: frozenset({"protection"}), LEAD: frozenset({"lead"})}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the signatures of a round bear.

    `signers` maps a part (`proposer`, `reviewer`, `protection`, `lead`) to a member id; `missing` names the parts still open;
    `state` is the state that follows, or None while the round is not complete; `returned` says that somebody gave it back.
    """

    signers: dict[str, str]
    missing: tuple[str, ...]
    state: FindingState | None
    returned: bool
    level: str | None

    @property
    def people(self) -> int:
        """How many different people signed."""
        return len(set(self.signers.values()))


def judge_round(chain: Chain, item: FindingItem, one: Round) -> Verdict:
    """Check every signature of a round of this finding.

    Raises:
        SealError: a statement is not what it must be: another finding's, of somebody without the role or the key, twice by one person,
            over another snapshot or comment, or with a level that does not follow from what was seen.
    """
    number = next((at for at, known in enumerate(item.body.rounds, start=1) if known is one), None)
    if number is None:
        raise SealError
    return judge(chain, item, one, number)


def judge(chain: Chain, item: FindingItem, one: Round, number: int) -> Verdict:
    """Check every signature of what is, or would be, the round of this number.

    Raises:
        SealError: as `judge_round`.
    """
    try:
        seen, statements = one.seen, [Signed.read(value) for value in one.signatures]
        if not statements or not _is_proposal(chain, item, one, statements[0], number) or not _follows(seen):
            raise SealError
        signers = {PROPOSER: statements[0].member}
        for review in statements[1:]:
            part = str(review.value.get("as"))
            if part in signers or review.member in signers.values() or not _is_review(chain, item, one, review, statements[0]):
                raise SealError
            signers[part] = review.member
        needed = tuple(parts_needed(seen))
    except (MalformedError, KeyError, TypeError, AttributeError):
        raise SealError from None
    returned = any(review.value["decision"] == RETURN for review in statements[1:])
    missing = tuple(part for part in needed if part not in signers)
    state = None if missing or returned else DECISIONS[seen["decision"]]
    return Verdict(signers, missing, state, returned, seen["level"])


def parts_needed(seen: dict[str, Any]) -> Iterable[str]:
    """Return who has to sign beside the proposer, from the facts and not from what the snapshot says of them."""
    if seen["protection"] or is_protected(seen["act"]):
        yield PROTECTION
    if seen["decision"] == "refuted":
        yield LEAD
    yield REVIEWER


def is_borne(chain: Chain, item: FindingItem) -> bool:
    """Whether the stored state is one that the signatures bear: nothing counts as confirmed, disputed or reopened without them."""
    state, newest = item.row.state, item.round
    if newest is None:
        return state is FindingState.IN_ASSESSMENT
    try:
        verdict = judge_round(chain, item, newest)
    except SealError:
        return False
    match state:
        case FindingState.CONFIRMED | FindingState.UNVERIFIABLE | FindingState.REFUTED:
            return verdict.state is state
        case FindingState.DISPUTED:
            return verdict.state is FindingState.CONFIRMED
        case FindingState.REOPENED:
            return verdict.state is not None
        case FindingState.RETURNED:
            return verdict.returned and REVIEWER in verdict.signers
        case FindingState.PROPOSED | FindingState.IN_REVIEW:
            return verdict.state is None and REVIEWER not in verdict.signers
        case FindingState.IN_ASSESSMENT:
            return verdict.state is not None or (verdict.returned and REVIEWER in verdict.signers)
        case _:
            return False


def signer_of(chain: Chain, signed: Signed) -> ManifestMember | None:
    """Return the signer as the manifest names them that the statement names; None where it names nobody."""
    in_force = next((manifest for manifest in chain.manifests if manifest.digest.hex() == signed.value["manifest"]), None)
    return in_force.members.get(signed.member) if in_force else None


def comment_digest(one: Round, comment: str) -> str:
    """Return what a review signs of its comment, which itself stays with the team."""
    return hmac.digest(from_b64(one.salt), comment.encode(), "sha256").hex()


def _is_proposal(chain: Chain, item: FindingItem, one: Round, proposal: Signed, number: int) -> bool:
    said, seen = proposal.value, one.seen
    return (
        proposal.kind == PROPOSAL
        and _is_signed(chain, item, one, proposal, PROPOSER)
        and (said["act"], said["round"]) == (str(item.row.act_id), number)
        and seen["act"]["id"] == said["act"]
        and all(said[name] == seen[name] for name in ("decision", "level", "rule", "standard"))
    )


def _is_review(chain: Chain, item: FindingItem, one: Round, review: Signed, proposal: Signed) -> bool:
    said = review.value
    comment = next((item["text"] for item in one.comments if item["by"] == review.member), "")
    return (
        review.kind == REVIEW
        and _is_signed(chain, item, one, review, said["as"])
        and (said["proposal"], said["level"]) == (digest_of(proposal), proposal.value["level"])
        and said["comment"] == comment_digest(one, comment)
    )


def _is_signed(chain: Chain, item: FindingItem, one: Round, signed: Signed, part: str) -> bool:
    said, member = signed.value, signer_of(chain, signed)
    return (
        member is not None
        and bool(member.roles & _MAY[part])
        and said["role"] == ",".join(sorted(member.roles))
        and (said["root"], said["finding"], said["snapshot"]) == (chain.root.hex(), str(item.id), one.digest)
        and signed.is_signed_by(member.sign)
    )


def _follows(seen: dict[str, Any]) -> bool:
    """Whether level and rule follow from what the signers saw."""
    if seen["decision"] != LEVEL:
        return (seen["level"], seen["rule"]) == (NO_LEVEL.get(seen["decision"]), None)
    outcome = outcome_of(given_of(seen))
    return outcome is not None and (outcome.level, outcome.rule) == (seen["level"], seen["rule"])
