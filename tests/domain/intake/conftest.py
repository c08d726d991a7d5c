"""The mappings that are shipped."""

import pytest

from domain.catalog.intake import IntakeSource
from starters.files.catalogs import read_catalog
from tests.starters.intakes import FOLDER


@pytest.fixture(scope="session")
def sources() -> dict[str, IntakeSource]:
    """By their ids."""
    return {one.id: one for one in read_catalog([FOLDER]).intake}
