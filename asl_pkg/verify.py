"""The verb verify: check that a bundle, or a release in the store, is unchanged since export."""

from pathlib import Path

from asl_pkg.bundle.bundle import Bundle, open_bundle


def verify(bundle_dir: Path) -> Bundle:
    """Check every file of a bundle against its digest, and its signature if a public key is configured.

    Args:
        bundle_dir: A bundle, or a release in the model store.

    Returns:
        The bundle.

    Raises:
        BundleError: There is none; files are extra, missing or changed, all of them named; or it is not signed with
            the required key.
    """
    return open_bundle(bundle_dir)
