"""The verb verify: is a bundle, or a release in the store, still what was exported?"""

from pathlib import Path

from asl_pkg.serving.bundle import Bundle, open_bundle


def verify(bundle_dir: Path) -> Bundle:
    """Check every file of a bundle against its digest.

    Args:
        bundle_dir: a bundle, or a release in the model store.

    Returns:
        The bundle.

    Raises:
        BundleError: there is none, or files are extra, missing or changed; all of them are named.
    """
    return open_bundle(bundle_dir)
