"""The command line: `asl VERB setting=value …`. The only place that parses, prints and exits."""

import contextlib
import functools
import io
import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from asl_pkg import contract, usage
from asl_pkg.config import InferenceSettings, Settings, TrainSettings
from asl_pkg.errors import AslError, DataError, DriftError, GateError, SettingError
from asl_pkg.settings import load, names
from asl_pkg.usage import Verb


def pull(*settings: str) -> None:
    """Bring in a data set, check it and split it without leaks.

    asl pull                                   synthetic hands
    asl pull data=archive data.path=FILE.zip   real photographs: …/<CLASS>/<name><frame>.jpg
    asl pull data=… to=s3://BUCKET/PREFIX      publish it too, under the first digits of its digest
    """
    from asl_pkg import pull as step

    chosen = load(Settings, settings)
    if not chosen.to:
        _pull(step, chosen)
        return
    from asl_pkg import publish

    publish.check(chosen.to)
    _pull(step, chosen)
    print(f"published to {publish.publish(Path(chosen.dataset_dir), chosen.to)}")


def _pull(step: Any, chosen: Settings) -> None:
    info = step.pull(chosen, Path(chosen.dataset_dir))
    print(f"{chosen.dataset_dir}: {info.summary}")
    print(f"look at {chosen.dataset_dir}/{contract.AUDIT_PAGE} and {chosen.dataset_dir}/{contract.CONTACT_SHEET}")


def track(*arguments: str) -> None:
    """Put a data set under DVC's care and push it to the team's remote (`dvc add` and `dvc push`).

    asl data track                  the data set in dataset_dir
    asl data track FILE.zip         an archive, or a folder of pictures
    """
    from asl_pkg import data_track as step

    paths, settings = _apart(arguments)
    chosen = load(Settings, settings)
    for path in paths or [chosen.dataset_dir]:
        tracked = step.track(Path(path))
        print(f"{path}: tracked by {tracked.name}, pushed to the remote {tracked.remote}")
        print(f"next: git add {' '.join(tracked.to_commit)} && git commit && git push")
        print(f"then, in a clone: asl pull data=dvc data.path={tracked.name}   elsewhere: data.repository=GIT_URL too")


def train(*settings: str) -> None:
    """Train a network on the data set; pulls first where there is none.

    asl train model=resnet data.batch_size=64 trainer.max_epochs=50
    """
    chosen = load(TrainSettings, settings)
    if not (Path(chosen.dataset_dir) / contract.DATASET_FILE).is_file():
        from asl_pkg import pull as first

        print(f"no data set in {chosen.dataset_dir} yet: pulling data={chosen.data.name}")
        _pull(first, chosen)
    from asl_pkg import train as step

    plots = Path(contract.PLOTS_FOLDER)
    metrics = step.train(chosen, Path(chosen.dataset_dir), Path(chosen.training_dir), plots)
    print(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
    print(f"{chosen.training_dir}/{contract.BEST_CHECKPOINT}, plots in {plots}; next: asl export")


def export(*settings: str) -> None:
    """Write the best checkpoint as ONNX and as the bundle that is served.

    asl export checkpoint_path=models/checkpoints/best.ckpt
    asl export export.precision=int8 bundle_dir=models/int8    a variant, to be validated by itself
    """
    from asl_pkg import export as step

    chosen = load(Settings, settings)
    bundle_dir = Path(chosen.bundle_dir)
    onnx_path = bundle_dir.with_name(
        "model.onnx" if chosen.export.precision == contract.FP32 else f"{bundle_dir.name}.onnx"
    )
    bundle = step.export(chosen, Path(chosen.checkpoint_path), bundle_dir, onnx_path)
    print(f"{onnx_path}, {bundle.folder}: release {bundle.release}; next: asl validate")


def validate(*settings: str) -> None:
    """Measure the bundle on pictures that training never saw; exit 1 where a gate fails.

    asl validate data.external=DIR             other people's pictures too: DIR/<CLASS>/<name>.jpg
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
        print(f"other people's pictures, {report.external}")
    print(f"look at {chosen.report_dir}/{contract.REPORT_PAGE}")
    if not report.passed:
        raise GateError(f"not fit to be served, gates failed: {', '.join(report.failed)}")


def deploy(*settings: str, rollback: str = "", list: str = "", dry_run: str = "", output: str = "yaml") -> None:  # noqa: A002
    """Store the bundle as a release, try it without users, let it serve, and try it again.

    asl deploy                                 on this machine: `asl serve` serves it
    asl deploy store=s3://BUCKET/PREFIX        on the Kubernetes that KUBECONFIG names, by KServe
    asl deploy store=… --rollback              what served before serves again; --rollback=RELEASE or =DIGEST names one
    asl deploy store=… --list                  the releases in the store, and which of them serves
    asl deploy store=s3://… --dry-run -o yaml  the InferenceService, for kubectl and GitOps; nothing changes
    """
    from asl_pkg import deploy as step

    # Fire hands a flag the word that follows it, which may be a setting.
    taken = [flag for flag in (rollback, list, dry_run) if "=" in flag]
    chosen = load(Settings, [*settings, *taken])
    folders = Path(chosen.bundle_dir), Path(chosen.report_dir)
    if list:
        for one in step.releases(chosen):
            print(
                f"{one.release}  bundle {one.bundle_digest[:12]}  data {one.dataset_digest[:12]}  {one.role}".rstrip()
            )
    elif dry_run:
        print(_dumped(step.manifest(chosen, *folders), output), end="")
    elif rollback:
        named = "" if rollback == "True" or rollback in taken else rollback
        print(_serves(step.rollback(chosen, named), chosen))
    else:
        print(_serves(step.deploy(chosen, *folders), chosen))


def _serves(release: Any, chosen: Settings) -> str:
    then = "asl serve" if "://" not in chosen.store else f"kubectl -n {chosen.deploy.namespace} get inferenceservice"
    return f"release {release.release} serves from {chosen.store}, {release.latency_ms:.0f} ms a picture; next: {then}"


def _dumped(value: dict[str, Any], output: str) -> str:
    if output == "json":
        return json.dumps(value, indent=2) + "\n"
    if output != "yaml":
        raise SettingError(f"-o {output}: expected yaml or json")
    import yaml

    return yaml.safe_dump(value, sort_keys=False)


def serve(*arguments: str) -> None:
    """Start a real Triton on a bundle; Ctrl-C stops it.

    asl serve                 models/bundle, else the release that deploy made serve
    asl serve runs/demo/export engine=kserve
    """
    from asl_pkg import serve as step

    bundles, settings = _apart(arguments)
    step.serve(load(InferenceSettings, [*settings, *(f"bundle={bundle}" for bundle in bundles)]))


def infer(*arguments: str) -> None:
    """Name the letter in pictures: files, globs, folders, or `-` for standard input.

    asl infer image_path=picture.jpg
    asl infer picture.jpg folder/ "many/*.png" output=json
    asl infer picture.jpg runtime=triton url=grpc://127.0.0.1:8001
    """
    from asl_pkg import infer as step

    pictures, settings = _apart(arguments)
    chosen = load(InferenceSettings, settings)
    pictures += [chosen.image_path] if chosen.image_path else []
    as_line = step.as_json_line if chosen.output == "json" else step.as_table_line
    broken = 0
    for answer in step.infer(chosen, pictures):
        print(as_line(answer), flush=True)
        broken += answer.error is not None
    if broken:
        raise DataError(f"{broken} of the pictures could not be read, each is named above")


def verify(*arguments: str) -> None:
    """Check every file of a bundle or a release against its digests, and its signature.

    asl verify runs/demo/export
    ASL_PUBLIC_KEY=keys/signing.pub asl verify …     refuses what is not signed with that key, as every other verb does
    """
    from asl_pkg import verify as step

    bundles, settings = _apart(arguments)
    for folder in bundles or [load(Settings, settings).bundle_dir]:
        bundle = step.verify(Path(folder))
        files = len(bundle.manifest["files"])
        print(f"{folder}: release {bundle.release}, {files} files as exported; {bundle.signature}")


def monitor(*arguments: str) -> None:
    """Compare what the model is shown now with what it was measured on; exit 1 where it drifted.

    asl monitor FOLDER                          pictures: files, globs or folders
    asl monitor answers.jsonl                   lines of `asl infer … output=json`: numbers only, no pictures
    """
    from asl_pkg import infer as first
    from asl_pkg import monitor as step

    names, settings = _apart(arguments)
    chosen = load(InferenceSettings, [*settings, "output=json"])
    if len(names) == 1 and names[0].endswith(".jsonl"):
        answers = step.read_answers(Path(names[0]))
    else:
        answers = (asdict(answer) for answer in first.infer(chosen, names))
    found = step.monitor(chosen, answers)
    print(found.summary)
    print(f"look at {Path(chosen.monitor_dir) / contract.MONITOR_PAGE}")
    if found.drifted:
        raise DriftError(f"not like what the model was measured on: {', '.join(one.name for one in found.drifted)}")


def key(folder: str = contract.KEYS_FOLDER) -> None:
    """Make a key pair for signing bundles and reports: keys/signing.pem and signing.pub.

    Who exports and validates sets ASL_SIGNING_KEY to the private key. Where ASL_PUBLIC_KEY names the public one,
    whatever is not signed with it is refused.
    """
    from asl_pkg import key as step

    private, public = step.make_keys(Path(folder))
    print(f"private key, to be kept secret: export {contract.SIGNING_KEY_VARIABLE}={private.resolve()}")
    print(f"public key, for who checks:     export {contract.PUBLIC_KEY_VARIABLE}={public.resolve()}")


def run(*settings: str) -> None:
    """Run the compiled pipeline on this machine; its results lie in runs/pipeline/<step>.

    asl pipeline run data=archive data.path=FILE.zip trainer.max_epochs=10
    """
    from asl_pkg import pipeline

    for step, folder in pipeline.run(settings, Path(contract.RUNS_FOLDER, "pipeline")).items():
        print(f"{step:9} {folder}")


def compile(path: str = "pipelines/asl.yaml") -> None:  # noqa: A001
    """Compile the pipeline to one YAML file, for the Kubeflow Pipelines UI."""
    from asl_pkg import pipeline

    print(f"compiled to {pipeline.compile_pipeline(Path(path))}")


def mlflow() -> None:
    """Open MLflow's UI on 127.0.0.1:8080, over what training logged; Ctrl-C stops it."""
    from asl_pkg import tracking

    command = tracking.ui_command()
    print(f"open {tracking.UI_PAGE}", flush=True)
    os.execve(command[0], command, {**os.environ, **tracking.QUIET})  # noqa: S606


def doctor() -> None:
    """Check this machine, and say for each thing what is fine, what is missing and what mends it."""
    from asl_pkg import doctor as step

    missing = 0
    for finding in step.examine():
        print(finding)
        missing += finding.needed and not finding.fine
    if missing:
        raise AslError(f"{missing} needed things are missing, each is named above with the command that mends it")


def demo(*settings: str) -> None:
    """Run the whole job: pull, train, export, validate, deploy, then ask a real Triton for letters."""
    from asl_pkg import demo as step
    from asl_pkg import pipeline, tracking

    chosen = load(TrainSettings, settings)
    results = pipeline.run(settings, Path(contract.RUNS_FOLDER, "demo"))
    print(step.ask(Path(chosen.store), results["pull"], chosen.seed))
    print(step.next_steps(results, tracking.uri()))


VERBS: dict[str, Verb] = {
    "pull": Verb(pull, Settings, ("seed", "data", "dataset_dir", "to")),
    "data track": Verb(track, Settings, ("dataset_dir",), "[PATH …]"),
    "train": Verb(train, TrainSettings, ("seed", "data", "dataset_dir", "training_dir", "model", "trainer")),
    "export": Verb(export, Settings, ("checkpoint_path", "bundle_dir", "dataset_dir", "export")),
    "validate": Verb(
        validate, Settings, ("seed", "data", "dataset_dir", "bundle_dir", "checkpoint_path", "report_dir", "validate")
    ),
    "deploy": Verb(
        deploy, Settings, ("bundle_dir", "report_dir", "store", "deploy"), "[--rollback | --list | --dry-run -o yaml]"
    ),
    "serve": Verb(
        serve,
        InferenceSettings,
        ("bundle", "store", "engine", "host", "http_port", "grpc_port", "metrics_port"),
        "[BUNDLE]",
    ),
    "infer": Verb(
        infer,
        InferenceSettings,
        (
            "image_path", "runtime", "bundle", "store", "onnx_path", "checkpoint_path",
            "url", "confidence_threshold", "img_size", "output",
        ),
        "[PICTURE …]",
    ),
    "monitor": Verb(
        monitor, InferenceSettings, ("bundle", "store", "monitor_dir", "monitor"), "[PICTURE … | FILE.jsonl]"
    ),
    "verify": Verb(verify, Settings, ("bundle_dir",), "[BUNDLE …]"),
    "key": Verb(key, takes="[FOLDER]"),
    "pipeline run": Verb(
        run, TrainSettings, ("seed", "data", "model", "trainer", "export", "validate", "store", "deploy")
    ),
    "pipeline compile": Verb(compile, takes="[FILE]"),
    "mlflow": Verb(mlflow),
    "doctor": Verb(doctor),
    "demo": Verb(demo, TrainSettings, ("seed", "data", "model", "trainer", "export", "validate", "store")),
}  # fmt: skip


def main() -> NoReturn:
    """Run one verb and exit: 0, 1 for an error, 2 for an unknown verb or flag, 130 when interrupted."""
    signal.signal(signal.SIGTERM, _raise_interrupt)
    warnings.showwarning = lambda message, *_: print(f"asl: warning: {message}", file=sys.stderr)
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    try:
        sys.exit(_dispatch([one for one in arguments if one != "--debug"]))
    except AslError as error:
        if debug:
            raise
        print(f"asl: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        _end_children()
        print("asl: interrupted", file=sys.stderr)
        sys.exit(130)


def _raise_interrupt(*_: object) -> NoReturn:
    """Unwind as after Ctrl-C, so that nothing half-written is left."""
    raise KeyboardInterrupt


def _end_children() -> None:
    """End the processes of running steps. Ctrl-C has reached them already, a signal to this process alone has not."""
    import psutil

    children = psutil.Process().children(recursive=True)
    for grace_s, then in ((2, signal.SIGINT), (10, signal.SIGKILL)):
        _, children = psutil.wait_procs(children, timeout=grace_s)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(then)


def _dispatch(arguments: Sequence[str]) -> int:
    """Answer a call for help, or let Fire call the verb; the exit code."""
    asks = bool({"--help", "-h"} & set(arguments)) or not arguments
    words = [one for one in arguments if one not in ("--help", "-h")]
    name = next((name for name in (" ".join(words[:2]), *words[:1]) if name in VERBS), "")
    if name and asks:
        print(usage.describe(name, VERBS[name]))
        return 0
    if not name and asks and not words:
        print(usage.overview(VERBS))
        return 0
    if not name:
        likely = usage.nearest(" ".join(words[:2]), list(VERBS))
        print(f"asl: unknown verb {words[0]!r}: did you mean {likely!r}? `asl --help` lists them", file=sys.stderr)
        return 2
    return _fire(name, words[len(name.split()) :])


def _fire(name: str, arguments: Sequence[str]) -> int:
    """Call a verb through Fire, which knows the flags of its function; the exit code."""
    from fire import Fire
    from fire.core import FireExit
    from fire.decorators import SetParseFn

    bound: list[Callable[[], None]] = []

    # Fire would read `1` as a number and `-` as its separator; here both can be the name of a picture.
    @SetParseFn(str)
    @functools.wraps(VERBS[name].function)
    def bind(*words: str, **flags: str) -> None:
        bound.append(functools.partial(VERBS[name].function, *words, **flags))

    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            Fire(bind, [*arguments, "--", "--separator", "\0"], f"asl {name}")
    except FireExit as stop:
        text = complaint.getvalue().partition("ERROR: ")[2].splitlines()[0]
        print(f"asl {name}: {text}; `asl {name} --help` lists what it takes", file=sys.stderr)
        return int(stop.code)
    bound[0]()
    return 0


def _apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of files apart from settings: a word with `=` is a setting unless a file has that very name."""
    known = names(InferenceSettings)
    settings = [one for one in arguments if one.partition("=")[0] in known or ("=" in one and not Path(one).exists())]
    return [one for one in arguments if one not in settings], settings


if __name__ == "__main__":
    main()
