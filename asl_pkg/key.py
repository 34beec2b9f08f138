"""The verb key: a key pair for signing bundles and reports."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from asl_pkg import contract
from asl_pkg.errors import SettingError
from asl_pkg.storage import atomic


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Create a key pair, EC P-256; existing keys are never overwritten.

    Args:
        folder: Folder for signing.pem, readable by its owner only, and signing.pub.

    Returns:
        The private and the public key.

    Raises:
        SettingError: One of the files exists.
    """
    private, public = folder / contract.SIGNING_KEY, folder / contract.PUBLIC_KEY
    for path in (private, public):
        if path.exists():
            raise SettingError(
                f"{path} exists, and keys are never overwritten: choose another folder with `asl key FOLDER`"
            )
    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        atomic.write_text(public, key.public_key().public_bytes(pem, form).decode())
    except BaseException:
        private.unlink()  # half a pair would block the next attempt
        raise
    return private, public
