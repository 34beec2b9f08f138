"""The step validate: does the model deserve to be served?"""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def validate(
    validate_accuracy_min: float,
    validate_settings: str,
    deploy_store: str,
    champion: str,
    signer: str,
    code_version: str,
    bundle: dsl.Input[dsl.Model],
    dataset: dsl.Input[dsl.Dataset],
    training: dsl.Input[dsl.Model],
    report: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    classification: dsl.Output[dsl.ClassificationMetrics],
    page: dsl.Output[dsl.HTML],
    model_card: dsl.Output[dsl.Markdown],
) -> bool:
    """Measure the bundle on images that training never saw, and let the gates decide.

    Args:
        validate_accuracy_min: lower bound of test accuracy.
        validate_settings: further thresholds such as `validate.worst_group_min=…`.
        deploy_store: where releases lie, the one that serves among them.
        champion: the release that the new one is compared with, so that a verdict against another one is not taken
            from the cache.
        signer: digest of the public key of who signs, so that a cached report signed otherwise is not taken.
        code_version: hash of the code, so that a cached result of other code is not taken.
        bundle: what export wrote.
        dataset: what pull wrote.
        training: what train wrote, for the comparison with torch.
        report: report.json, report.html and the golden set.
        metrics: figures on the test split.
        classification: ROC curve and confusion matrix on the test split.
        page: report.html.
        model_card: what the model is for and what not.

    Returns:
        Whether every gate passed.
    """
    from pathlib import Path

    from asl_pkg import contract
    from asl_pkg import validate as step
    from asl_pkg.config.load import load
    from asl_pkg.config.schema import Settings
    from asl_pkg.config.text import settings_from_text
    from asl_pkg.orchestration import artifacts

    chosen = [f"validate.accuracy_min={validate_accuracy_min}", *settings_from_text(validate_settings)]
    made = step.validate(
        load(Settings, [*chosen, f"store={deploy_store}"]),
        Path(bundle.path),
        Path(dataset.path),
        Path(training.path) / contract.BEST_CHECKPOINT,
        Path(report.path),
        champion,
    )
    print(made.summary)
    report.metadata.update(artifacts.show_report(made.body, metrics, classification))
    artifacts.show_page(page, made.folder / contract.REPORT_PAGE)
    artifacts.show_page(model_card, made.folder / contract.MODEL_CARD)
    return made.passed
