"""The pages that people read first: short, complete, and about this version."""

import re

import pytest

from asl_pkg import contract
from tests.conftest import PROJECT

PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASE.md", "CHANGELOG.md")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)")
LIMIT = 100_000  # bytes of a screenshot


def test_the_readme_is_one_page() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_of_the_project_leads_somewhere(page: str) -> None:
    """mkdocs checks those in docs/."""
    links = LINK.findall((PROJECT / page).read_text())
    assert [link for link in links if not (PROJECT / link).exists()] == []


def test_every_target_that_a_page_names_is_in_the_makefile() -> None:
    text = "".join((PROJECT / name).read_text() for name in ("Makefile", "manifests/platform.mk"))
    targets = {word for line in re.findall(r"^([a-z0-9 -]+):", text, re.MULTILINE) for word in line.split()}
    pages = [PROJECT / page for page in PAGES] + [*(PROJECT / "docs").rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"(?:`|^)make ([a-z][a-z0-9-]+)", page.read_text(), re.M)}
    assert named <= targets


def test_the_changelog_has_a_dated_section_for_this_version() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[{re.escape(contract.IMAGE_VERSION)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)


def test_screenshots_are_small() -> None:
    images = [path for path in (PROJECT / "docs" / "images").iterdir() if path.suffix != ".svg"]
    assert images
    assert [path.name for path in images if path.stat().st_size > LIMIT] == []
