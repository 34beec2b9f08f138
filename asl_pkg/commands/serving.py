"""The verbs that use a model: serve, infer, verify, monitor and key."""

from dataclasses import asdict
from pathlib import Path

from asl_pkg import contract
from asl_pkg.commands.arguments import split_paths_and_overrides
from asl_pkg.config.load import at_home, load
from asl_pkg.config.schema import InferenceSettings, Settings
from asl_pkg.errors import DataError, DriftError


def serve(*arguments: str) -> None:
    """Start a real Triton on a bundle, and the page on which a person signs to the camera; Ctrl-C stops both.

    asl serve                 serve models/bundle, otherwise the deployed release
    asl serve runs/demo/export engine=kserve
    asl serve serve.page=false
    """
    from asl_pkg import serve as step

    bundles, settings = split_paths_and_overrides(arguments)
    step.serve(load(InferenceSettings, [*settings, *(f"bundle={bundle}" for bundle in bundles)]))


def infer(*arguments: str) -> None:
    """Recognise the letter in images: files, globs, folders, or `-` for standard input.

    asl infer image_path=image.jpg
    asl infer image.jpg folder/ "many/*.png" output=json
    asl infer image.jpg runtime=triton url=grpc://127.0.0.1:8001
    """
    from asl_pkg import infer as step

    images, settings = split_paths_and_overrides(arguments)
    chosen = load(InferenceSettings, settings)
    images += [chosen.image_path] if chosen.image_path else []
    as_line = step.as_json_line if chosen.output == "json" else step.as_table_line
    broken = 0
    for answer in step.infer(chosen, images):
        print(as_line(answer), flush=True)
        broken += answer.error is not None
    if broken:
        raise DataError(f"could not read {broken} of the images; each is named above")


def verify(*arguments: str) -> None:
    """Check every file of a bundle or release against its digests, and the signature.

    asl verify runs/demo/export
    ASL_PUBLIC_KEY=keys/signing.pub asl verify …     refuse what is not signed with that key, as every verb does
    """
    from asl_pkg import verify as step

    bundles, settings = split_paths_and_overrides(arguments)
    for folder in bundles or [load(Settings, settings).bundle_dir]:
        bundle = step.verify(Path(folder))
        files = len(bundle.manifest.files)
        print(f"{folder}: release {bundle.release}, {files} files match their digests; {bundle.signature}")


def monitor(*arguments: str) -> None:
    """Compare new images with those that the model was measured on; exit 1 if they drifted.

    asl monitor FOLDER                          images: files, globs or folders
    asl monitor answers.jsonl                   output of `asl infer … output=json`
    """
    from asl_pkg import infer as first
    from asl_pkg import monitor as step

    names, settings = split_paths_and_overrides(arguments)
    chosen = load(InferenceSettings, [*settings, "output=json"])
    if len(names) == 1 and names[0].endswith(".jsonl"):
        answers = step.read_answers(Path(names[0]))
    else:
        answers = (asdict(answer) for answer in first.infer(chosen, names))
    found = step.monitor(chosen, answers)
    print(found.summary)
    print(f"look at {Path(chosen.monitor_dir) / contract.MONITOR_PAGE}")
    if found.drifted:
        raise DriftError(f"images drifted from the model's reference: {', '.join(found.drifted)}")


def key(folder: str = contract.KEYS_FOLDER) -> None:
    """Create a key pair for signing bundles and reports: keys/signing.pem and signing.pub.

    Set ASL_SIGNING_KEY to the private key for export and validate. Where ASL_PUBLIC_KEY names the public key, every
    bundle and report that is not signed with it is refused.
    """
    from asl_pkg import key as step

    private, public = step.make_keys(Path(at_home(folder)))
    print(f"private key, keep it secret: export {contract.SIGNING_KEY_VARIABLE}={private.resolve()}")
    print(f"public key, for checking:    export {contract.PUBLIC_KEY_VARIABLE}={public.resolve()}")
