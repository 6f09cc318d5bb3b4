"""The published cases are imported once; each test gets a copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Template
from tests.findings.world import World, make_published, open_world


@pytest.fixture(scope="session")
def published_url(template: Template, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the published cases, never changed."""
    return make_published(template, tmp_path_factory.mktemp("published"))


@pytest.fixture
def world(template: Template, published_url: str, tmp_path: Path) -> Iterator[World]:
    """One test's own copy."""
    made = open_world(template, published_url, tmp_path)
    yield made
    made.instance.close()
