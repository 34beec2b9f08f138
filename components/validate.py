"""The step validate: does the model deserve to be served?"""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def validate(
    validate_settings: list,
    model_store: str,
    champion: str,
    code_version: str,
    bundle: dsl.Input[dsl.Model],
    dataset: dsl.Input[dsl.Dataset],
    training: dsl.Input[dsl.Model],
    report: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> bool:
    """Measure the bundle on pictures that training never saw, and let the gates decide.

    Args:
        validate_settings: thresholds such as `validate.accuracy_min=…`.
        model_store: where releases lie, the one that serves among them.
        champion: the release that the new one is compared with, so that a verdict against another one is not taken
            from the cache.
        code_version: hash of the code, so that a cached result of other code is not taken.
        bundle: what export wrote.
        dataset: what pull wrote.
        training: what train wrote, for the comparison with torch.
        report: report.json, report.html and the golden set.
        metrics: accuracy and macro F1 on the test split.

    Returns:
        Whether every gate passed.
    """
    import json
    from pathlib import Path

    from asl_pkg import contract
    from asl_pkg import validate as step
    from asl_pkg.config import Settings
    from asl_pkg.settings import load

    checkpoint = Path(training.path) / contract.BEST_CHECKPOINT
    settings = load(Settings, [*validate_settings, f"store={model_store}"])
    made = step.validate(settings, Path(bundle.path), Path(dataset.path), checkpoint, Path(report.path), champion)
    print(made.summary)
    metrics.log_metric("accuracy", made.accuracy)
    metrics.log_metric("macro_f1", made.macro_f1)
    Path(metrics.path).write_text(json.dumps(metrics.metadata))  # kfp's local cache wants a file of every artefact
    return made.passed
