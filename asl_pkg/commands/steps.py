"""The verbs of the five steps, and `data track`."""

import json
from pathlib import Path
from typing import Any

from asl_pkg import contract
from asl_pkg.commands.arguments import split_paths_and_overrides
from asl_pkg.config.load import load
from asl_pkg.config.schema import Settings, TrainSettings
from asl_pkg.errors import GateError, SettingError
from asl_pkg.storage import outputs


def pull(*settings: str) -> None:
    """Import a data set, check it and split it without leaks.

    asl pull                                   synthetic hands
    asl pull data=archive data.path=FILE.zip   real photographs: …/<CLASS>/<name><frame>.jpg
    asl pull data=… to=s3://BUCKET/PREFIX      also publish it, under the first digits of its digest
    """
    from asl_pkg import pull as step

    chosen = load(Settings, settings)
    if not chosen.to:
        _pull(step, chosen)
        return
    from asl_pkg import publish

    publish.check_destination(chosen.to)
    _pull(step, chosen)
    print(f"published to {publish.publish(Path(chosen.dataset_dir), chosen.to)}")


def _pull(step: Any, chosen: Settings) -> None:
    info = step.pull(chosen, Path(chosen.dataset_dir))
    print(f"{chosen.dataset_dir}: {info.summary}")
    for line in info.people:
        print(f"signers: {line}")
    print(f"look at {chosen.dataset_dir}/{contract.AUDIT_PAGE} and {chosen.dataset_dir}/{contract.CONTACT_SHEET}")


def track(*arguments: str) -> None:
    """Track a data set with DVC and push it to the remote (`dvc add` and `dvc push`).

    asl data track                  the data set in dataset_dir
    asl data track FILE.zip         an archive, or a folder of images
    """
    from asl_pkg import data_track as step

    paths, settings = split_paths_and_overrides(arguments)
    chosen = load(Settings, settings)
    for path in paths or [chosen.dataset_dir]:
        tracked = step.track_with_dvc(Path(path))
        print(f"{path}: tracked by {tracked.name}, pushed to the remote {tracked.remote}")
        print(f"next: git add {' '.join(tracked.to_commit)} && git commit && git push")
        print(f"then, in a clone: asl pull data=dvc data.path={tracked.name}   elsewhere: data.repository=GIT_URL too")


def train(*settings: str) -> None:
    """Train a network on the data set; pull first if there is none.

    asl train model=resnet data.batch_size=64 trainer.max_epochs=50
    """
    chosen = load(TrainSettings, settings)
    plots = Path(contract.PLOTS_FOLDER)
    outputs.claim_training(Path(chosen.training_dir), plots)  # fail before a pull that may take hours
    if not (Path(chosen.dataset_dir) / contract.DATASET_FILE).is_file():
        from asl_pkg import pull as first

        print(f"no data set in {chosen.dataset_dir} yet: pulling data={chosen.data.name}")
        _pull(first, chosen)
    from asl_pkg import train as step

    metrics = step.train(chosen, Path(chosen.dataset_dir), Path(chosen.training_dir), plots)
    if metrics:  # one of several workers reports them
        print(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
        print(f"{chosen.training_dir}/{contract.BEST_CHECKPOINT}, plots in {plots}; next: asl export")


def export(*settings: str) -> None:
    """Export the best checkpoint to ONNX and write the bundle that is served.

    asl export checkpoint_path=models/checkpoints/best.ckpt
    asl export export.precision=int8 bundle_dir=models/int8    a variant; validate it separately
    """
    from asl_pkg import export as step

    chosen = load(Settings, settings)
    bundle_dir = Path(chosen.bundle_dir)
    outputs.claim(bundle_dir, outputs.BUNDLE)  # before the name of the ONNX file is derived from it
    onnx_path = bundle_dir.with_name(
        "model.onnx" if chosen.export.precision == contract.FP32 else f"{bundle_dir.name}.onnx"
    )
    bundle = step.export(chosen, Path(chosen.checkpoint_path), bundle_dir, onnx_path)
    print(f"{onnx_path}, {bundle.folder}: release {bundle.release}; next: asl validate")


def validate(*settings: str) -> None:
    """Measure the bundle on images that training never saw; exit 1 if a gate fails.

    asl validate data.external=DIR             also score other people's images: DIR/<CLASS>/<name>.jpg
    """
    from asl_pkg import validate as step

    chosen = load(Settings, settings)
    report = step.validate(
        chosen,
        Path(chosen.bundle_dir),
        Path(chosen.dataset_dir),
        Path(chosen.checkpoint_path),
        Path(chosen.report_dir),
    )
    print(report.summary)
    if report.external:
        print(f"other people's images, {report.external}")
    print(f"look at {chosen.report_dir}/{contract.REPORT_PAGE}")
    if not report.passed:
        raise GateError(f"model refused; failed gates: {', '.join(report.failed)}")


def deploy(*settings: str, rollback: str = "", list: str = "", dry_run: str = "", output: str = "yaml") -> None:  # noqa: A002
    """Store the bundle as a release, test it without user traffic, switch to it, and test it again.

    asl deploy                                 on this machine; `asl serve` serves it
    asl deploy store=s3://BUCKET/PREFIX        on the Kubernetes cluster in KUBECONFIG, with KServe
    asl deploy store=… --rollback              serve the previous release again, or --rollback=RELEASE or =DIGEST
    asl deploy store=… --list                  list the releases in the store, and which one serves
    asl deploy store=s3://… --dry-run -o yaml  print the InferenceService for kubectl or GitOps; change nothing
    """
    from asl_pkg import deploy as step

    # Fire takes the word after a flag as its value; it may be a setting.
    taken = [flag for flag in (rollback, list, dry_run) if "=" in flag]
    chosen = load(Settings, [*settings, *taken])
    folders = Path(chosen.bundle_dir), Path(chosen.report_dir)
    if list:
        for listed in step.releases(chosen):
            digests = f"bundle {listed.bundle_digest[:12]}  data {listed.dataset_digest[:12]}"
            print(f"{listed.release}  {digests}  {listed.role}".rstrip())
    elif dry_run:
        print(_dumped(step.manifest(chosen, *folders), output), end="")
    elif rollback:
        named = "" if rollback == "True" or rollback in taken else rollback
        print(_serves(step.rollback(chosen, named), chosen))
    else:
        print(_serves(step.deploy(chosen, *folders), chosen))


def _serves(release: Any, chosen: Settings) -> str:
    then = "asl serve" if "://" not in chosen.store else f"kubectl -n {chosen.deploy.namespace} get inferenceservice"
    return f"release {release.release} serves from {chosen.store}, {release.latency_ms:.0f} ms an image; next: {then}"


def _dumped(value: dict[str, Any], output: str) -> str:
    if output == "json":
        return json.dumps(value, indent=2) + "\n"
    if output != "yaml":
        raise SettingError(f"-o {output}: expected yaml or json")
    import yaml

    return yaml.safe_dump(value, sort_keys=False)
