"""The states of a finding: every step of the table is taken for real, every other one is refused and leaves nothing."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from app.errors import BarredError, ConflictError
from app.findings.states import DECISIONS, NO_LEVEL, SIGNED, STEPS, Step, step_of
from app.store.cases import FindingState as S
from tests.findings.world import ACT, World

Reach = Callable[[World], None]


def _nothing(world: World) -> None:
    """Leave the act as it is."""


def _returned(world: World) -> None:
    world.review()
    world.do("Timur", "give_back")


def _disputed(world: World) -> None:
    world.confirm()
    world.do("Nigora", "dispute", reason="facts_wrong", text="It was another day.")


def _refuted(world: World) -> None:
    world.review(decision="refuted")
    world.do("Ruth", "approve")
    world.do("Timur", "confirm")


def _reopened(world: World) -> None:
    world.confirm()
    world.do("Ruth", "reopen", text="A witness wrote.")


REACH: Final[dict[S, Reach]] = {
    S.UNASSESSED: _nothing,
    S.IN_ASSESSMENT: lambda world: world.do("Nigora", "take"),
    S.PROPOSED: lambda world: world.propose(decision="refuted"),
    S.IN_REVIEW: lambda world: world.review(decision="refuted"),
    S.RETURNED: _returned,
    S.CONFIRMED: lambda world: world.confirm(),
    S.DISPUTED: _disputed,
    S.UNVERIFIABLE: lambda world: world.confirm(decision="unverifiable"),
    S.REFUTED: _refuted,
    S.REOPENED: _reopened,
}
# Each kind of entry with the one who would take the step, and with what; so it is the state that refuses, not the person.
TRIES: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "finding.taken": ("Ruth", "take", {}),
    "finding.assessed": ("Nigora", "assess", {}),
    "finding.proposed": ("Nigora", "propose", {}),
    "finding.assigned": ("Ruth", "assign", {"reviewer": "Timur"}),
    "finding.approved": ("Ruth", "approve", {}),
    "finding.returned": ("Timur", "give_back", {}),
    "finding.confirmed": ("Timur", "confirm", {}),
    "finding.disputed": ("Nigora", "dispute", {"reason": "other", "text": "Why."}),
    "finding.settled": ("Ruth", "settle", {"to": S.CONFIRMED, "text": "Why."}),
    "finding.reopened": ("Ruth", "reopen", {"text": "Why."}),
}


def take_step(world: World, kind: str, to: S | None = None) -> None:
    """Try what leaves an entry of this kind."""
    name, what, values = TRIES[kind]
    values = {**values, **({"reviewer": world.id_of("Timur")} if "reviewer" in values else {})}
    values |= {"to": to} if to and what == "settle" else {}
    world.do(name, what, **values)


def stored(world: World) -> tuple[int, int]:
    """Return the version of the finding and the size of the log."""
    return world.version(ACT), world.size()


def test_table_covers_every_state_and_every_entry() -> None:
    """Each state is reached and left, but for those that only come before or after; no step stands twice."""
    assert set(REACH) == set(S)
    assert {step.before for step in STEPS} == set(S)
    assert {step.after for step in STEPS} == set(S) - {S.UNASSESSED}
    assert {step.kind for step in STEPS} == set(TRIES)
    assert len({(step.before, step.kind, step.after) for step in STEPS}) == len(STEPS)
    assert set(DECISIONS.values()) == set(SIGNED)
    assert set(DECISIONS) - set(NO_LEVEL) == {"level"}


@pytest.mark.parametrize("before", list(S), ids=str)
def test_each_step_of_the_table_is_taken(world: World, before: S, tmp_path: Path) -> None:
    """The finding stands where the table says, the signatures bear it, and one entry of that kind is in the log."""
    REACH[before](world)
    assert world.state() is before
    steps = [step for step in STEPS if step.before is before and _fits(step)]
    assert steps

    for step, number in zip(steps, count()):
        (tmp_path / f"{number}").mkdir()
        trial = world.fork(tmp_path / f"{number}")
        if step.kind == "finding.confirmed":
            trial.do("Ruth", "approve")
        size = trial.size()
        take_step(trial, step.kind, step.after)
        assert trial.state() is step.after, step
        own = [entry for entry in trial.entries(since=size) if entry["kind"] != "case.opened"]
        assert [(entry["kind"], entry["version"]) for entry in own] == [(step.kind, trial.version(ACT))]


def _fits(step: Step) -> bool:
    """Leave out what another decision would lead to: under review here is a refutation."""
    return step.kind != "finding.confirmed" or step.after is S.REFUTED


@pytest.mark.parametrize(("decision", "after"), [("level", S.CONFIRMED), ("unverifiable", S.UNVERIFIABLE)])
def test_a_confirmation_leads_where_its_decision_does(world: World, decision: str, after: S) -> None:
    """The two decisions that the walk above leaves out."""
    world.review(decision=decision)

    world.do("Timur", "confirm")

    assert world.state() is after
    assert step_of(S.IN_REVIEW, "finding.confirmed", after) is not None


@pytest.mark.parametrize("before", list(S), ids=str)
def test_each_other_step_is_refused(world: World, before: S) -> None:
    """Not even the right person takes a step that the table does not have; nothing is written."""
    REACH[before](world)
    for name in ("Nigora", "Timur", "Ruth"):
        world.open(name)
    kept = stored(world)

    for kind in TRIES:
        if step_of(before, kind) is not None:
            continue
        is_early = before is S.PROPOSED and kind in ("finding.confirmed", "finding.returned")  # nobody was asked yet
        with pytest.raises(BarredError if is_early else ConflictError):
            take_step(world, kind)
        assert stored(world) == kept, kind
    assert world.state() is before


def test_a_dispute_is_settled_in_two_ways_only(world: World) -> None:
    """It stands, or it is assessed again."""
    _disputed(world)

    for to in sorted(set(S) - {S.CONFIRMED, S.IN_ASSESSMENT}):
        with pytest.raises(ConflictError):
            take_step(world, "finding.settled", to)
        assert world.state() is S.DISPUTED, to


def test_no_lead_signs_a_level(world: World) -> None:
    """A lead's signature belongs to a refutation; on a level there is nothing for it."""
    world.review()

    with pytest.raises(ConflictError):
        world.do("Ruth", "approve")
