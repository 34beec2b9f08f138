"""The alphabet chart, drawn once for all tests of the page: it takes ten seconds."""

from pathlib import Path

import pytest

from asl_pkg.serving.page.chart import cached_chart


@pytest.fixture(scope="session")
def chart_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that holds it."""
    cache = tmp_path_factory.mktemp("chart")
    cached_chart(cache)
    return cache
