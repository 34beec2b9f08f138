"""The step validate: check whether the model may be served."""

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
        validate_accuracy_min: Least test accuracy (lower bound of the interval).
        validate_settings: Further thresholds such as `validate.worst_group_min=…`.
        deploy_store: Model store with the champion.
        champion: Release that the new one is compared with, also part of the cache key.
        signer: Digest of the signer's public key, as part of the cache key.
        code_version: Digest of the code, as part of the cache key.
        bundle: Bundle written by export.
        dataset: Data set written by pull.
        training: Training written by train, for the comparison with torch.
        report: report.json, report.html and the golden set.
        metrics: Metrics on the test split.
        classification: ROC curve and confusion matrix on the test split.
        page: report.html.
        model_card: Model card: intended use and limits.

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
    artifacts.describe_artifact(report, **artifacts.show_report(made.body, metrics, classification))
    artifacts.show_page(page, made.folder / contract.REPORT_PAGE)
    artifacts.show_page(model_card, made.folder / contract.MODEL_CARD)
    return made.passed
