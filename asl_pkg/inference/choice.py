"""Choose the bundle if the settings name none."""

from pathlib import Path

from asl_pkg.bundle.bundle import Bundle, open_bundle, stated_faults
from asl_pkg.bundle.store import serving_bundle
from asl_pkg.config.schema import InferenceSettings, Settings
from asl_pkg.errors import BundleError


def choose_bundle(settings: InferenceSettings) -> Bundle:
    """Open the bundle in the settings, else the one that `asl export` wrote here, else the serving release.

    Args:
        settings: Bundle and store.

    Returns:
        The verified bundle, for the images and classes that this program knows.

    Raises:
        BundleError: There is none, it is damaged, or it has another contract.
    """
    bundle = open_bundle(_folder(settings))
    if faults := stated_faults(bundle):
        raise BundleError(f"{bundle.folder}: {'; '.join(faults)}: run `asl export` again")
    return bundle


def _folder(settings: InferenceSettings) -> Path:
    if settings.bundle:
        return Path(settings.bundle)
    exported = Path(Settings.bundle_dir)
    if exported.is_dir():
        return exported
    released = serving_bundle(Path(settings.store))
    if released is None:
        raise BundleError(f"no bundle in {exported} and no release in {settings.store}: `asl export` makes a bundle")
    return released
