"""Every overlay renders with every choice of components, and the objects are consistent."""

import re
from collections import Counter
from itertools import chain, combinations
from pathlib import Path

import pytest

from asl_pkg import contract
from tests.manifests.rendering import COMPONENTS, MANIFESTS, OVERLAYS, combine, needs_kubectl, render, render_text

pytestmark = needs_kubectl

EACH_AND_ALL = [[], *([component] for component in COMPONENTS), COMPONENTS]
CHOICES = list(chain.from_iterable(combinations(COMPONENTS, count) for count in range(len(COMPONENTS) + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_choice_of_components_renders(tmp_path: Path, overlay: str) -> None:
    for choice in CHOICES:
        render_text.__wrapped__(combine(tmp_path, overlay, list(choice)))


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("components", EACH_AND_ALL, ids=["plain", *COMPONENTS, "all"])
def test_no_object_is_there_twice_and_no_image_is_without_a_tag(
    tmp_path: Path, overlay: str, components: list[str]
) -> None:
    objects = render(combine(tmp_path, overlay, components))
    counts = Counter((item["kind"], item["metadata"]["name"]) for item in objects)
    assert not [item for item, count in counts.items() if count > 1]
    images = re.findall(r"^[ -]*image: (\S+)$", render_text(tmp_path), re.MULTILINE)
    logical = {contract.TRITON_IMAGE}
    assert images
    assert not [
        image for image in images if image in logical or ":" not in image.rpartition("/")[2] or image.endswith("latest")
    ]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_holds_its_differences_only(overlay: str) -> None:
    """Nothing but patches and images: an object of its own would be missing elsewhere."""
    names = {(item["kind"], item["metadata"]["name"]) for item in render(MANIFESTS / "overlays" / overlay)}
    base = {(item["kind"], item["metadata"]["name"]) for item in render(MANIFESTS / "base")}
    assert base - names == {item for item in base if item[0] == "HorizontalPodAutoscaler" and overlay == "kind"}
    assert not names - base
