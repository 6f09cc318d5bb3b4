"""The walk is long, so it is walked once per run and copied for each test."""

import shutil
from dataclasses import replace

import pytest

from tests.audit.walk import Walk, walk
from tests.conftest import Clock, Instance, Member, Template


@pytest.fixture(scope="session")
def walked_once(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Walk."""
    made = Instance(tmp_path_factory.mktemp("walk"), template)
    shutil.copy(template.path, made.path)
    done = walk(made)
    for database in made.databases:
        database.close()
    return done


@pytest.fixture
def walked(walked_once: Walk, instance: Instance) -> Walk:
    """A test's own copy, with its own clock."""
    shutil.copy(walked_once.instance.path, instance.path)
    instance.clock = Clock(walked_once.now)
    instance.database()
    return replace(walked_once, instance=instance, actors=dict(walked_once.actors), sessions=dict(walked_once.sessions))


@pytest.fixture
def edda(walked: Walk) -> Member:
    """The auditor, signed in."""
    member = Member(walked.instance.app(), walked.instance, "Edda", "/audit/")
    member.sign_in()
    return member
