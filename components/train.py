"""The step train: train a network on the data set."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def train(
    train_model: str,
    train_max_epochs: int,
    train_settings: str,
    seed: int,
    code_version: str,
    dataset: dsl.Input[dsl.Dataset],
    training: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Train the network and keep its best checkpoint.

    Args:
        train_model: Kind of network: hand, baseline or resnet.
        train_max_epochs: Maximum number of epochs.
        train_settings: Further settings, such as `trainer.learning_rate=…`.
        seed: Random seed.
        code_version: Digest of the code, as part of the cache key.
        dataset: Data set written by pull.
        training: Checkpoints, history and plots.
        metrics: Metrics of the best epoch on the validation split.
    """
    from pathlib import Path

    from asl_pkg import train as step
    from asl_pkg.config.load import load
    from asl_pkg.config.schema import TrainSettings
    from asl_pkg.config.text import settings_from_text
    from asl_pkg.orchestration import artifacts

    chosen = [f"model={train_model}", f"trainer.max_epochs={train_max_epochs}", f"seed={seed}"]
    chosen += settings_from_text(train_settings)
    measured = step.train(load(TrainSettings, chosen), Path(dataset.path), Path(training.path))
    artifacts.describe_artifact(training, dataset_digest=dataset.metadata["digest"], model=train_model, seed=seed)
    artifacts.show_metrics(metrics, measured)
