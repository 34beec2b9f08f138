"""The verbs that run the whole pipeline."""

from pathlib import Path

from asl_pkg import contract
from asl_pkg.commands.arguments import split_paths_and_overrides
from asl_pkg.config.load import load
from asl_pkg.config.schema import TrainSettings
from asl_pkg.errors import SettingError


def run(*settings: str) -> None:
    """Run the compiled pipeline on this machine; results are in runs/pipeline/<step>.

    asl pipeline run data=archive data.path=FILE.zip trainer.max_epochs=10
    asl pipeline run runner=docker             run each step in its container image (`make images`)
    """
    from asl_pkg import pipeline

    for step, folder in pipeline.run(settings, Path(contract.RUNS_FOLDER, "pipeline")).items():
        print(f"{step:9} {folder}")


def submit(*settings: str) -> None:
    """Submit the compiled pipeline to Kubeflow Pipelines and watch the run; exit 1 if a step fails.

    asl pipeline submit store=s3://models data=s3://data/letters kfp.host=http://127.0.0.1:8080
    asl pipeline submit store=s3://models cache=false          run every step again
    """
    from asl_pkg import submit as step

    print(f"pipeline run succeeded: {step.submit(settings).url}")


def schedule(*settings: str) -> None:
    """Schedule recurring runs; steps with mutable sources are never cached.

    asl pipeline schedule store=s3://models data=s3://data/letters kfp.cron="0 0 3 * * *"
    """
    from asl_pkg import submit as step

    print(f"scheduled: {step.schedule(settings).url}")


def compile(*arguments: str) -> None:  # noqa: A001
    """Compile the pipeline to a YAML file for the Kubeflow Pipelines UI; settings become the defaults of its form.

    asl pipeline compile                       pipelines/asl.yaml, for the cluster of `make kind-up`
    asl pipeline compile FILE.yaml pod.registry=registry.example.com/team store=s3://BUCKET/PREFIX
    """
    from asl_pkg import pipeline

    files, settings = split_paths_and_overrides(arguments)
    if len(files) > 1 or (settings and not files):
        raise SettingError(f"{' '.join(arguments)}: expected FILE, or FILE and settings")
    path = Path(files[0] if files else "pipelines/asl.yaml")
    print(f"compiled to {pipeline.compile_pipeline(path, settings)}")


def demo(*settings: str) -> None:
    """Run everything: pull, train, export, validate, deploy, and ask a real Triton for letters."""
    from asl_pkg import demo as step
    from asl_pkg import pipeline
    from asl_pkg.lineage import tracking

    chosen = load(TrainSettings, settings)
    results = pipeline.run(settings, Path(contract.RUNS_FOLDER, "demo"))
    print(step.query_serving_release(Path(chosen.store), results["pull"], chosen.seed))
    print(step.next_steps(results, tracking.uri()))
