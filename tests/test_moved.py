"""Module paths of version 0.1 still lead to the new modules, with a warning that names them."""

import importlib
import importlib.util
import warnings

import pytest

from asl_pkg.moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_names_a_module_that_is_there(old: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert importlib.util.find_spec(f"asl_pkg.{old}")
    assert any(f"asl_pkg.{MOVED[old]}" in str(warning.message) for warning in told)
    assert importlib.util.find_spec(f"asl_pkg.{MOVED[old]}")


def test_what_is_imported_by_an_old_path_is_the_same() -> None:
    from asl_pkg.config.schema import TrainSettings
    from asl_pkg.lineage import tracking

    with pytest.warns(FutureWarning):
        assert importlib.import_module("asl_pkg.tracking").tracked is tracking.tracked
    assert importlib.import_module("asl_pkg.config").TrainSettings is TrainSettings


def test_a_name_of_before_with_picture_in_it_gives_the_one_with_image() -> None:
    with pytest.warns(FutureWarning, match="inference.image_paths"):
        module = importlib.import_module("asl_pkg.serving.pictures")
    assert module.find_pictures is importlib.import_module("asl_pkg.inference.image_paths").find_images
    with pytest.raises(AttributeError):
        _ = module.read_nothing
