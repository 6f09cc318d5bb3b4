"""The walk is long, so it is walked once per run and copied for each test."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.audit.walk import Walk, walk
from tests.conftest import Clock, Instance, Member, Template, copy_of


@pytest.fixture(scope="session")
def walked_once(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Walk."""
    with copy_of(template, tmp_path_factory.mktemp("walk")) as made:
        done = walk(made)
        made.let_go()
        yield done


@pytest.fixture
def instance(walked_once: Walk, tmp_path: Path) -> Iterator[Instance]:
    """A test's own copy, with its own clock."""
    with copy_of(walked_once.instance.template, tmp_path, walked_once.instance.url, Clock(walked_once.now)) as made:
        yield made


@pytest.fixture
def walked(walked_once: Walk, instance: Instance) -> Walk:
    """The walk, in that copy."""
    instance.database()
    return replace(walked_once, instance=instance, actors=dict(walked_once.actors), sessions=dict(walked_once.sessions))


@pytest.fixture
def edda(walked: Walk) -> Member:
    """The auditor, signed in."""
    member = Member(walked.instance.app(), walked.instance, "Edda", "/audit/")
    member.sign_in()
    return member
