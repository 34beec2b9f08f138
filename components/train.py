"""The step train: a network that learnt from the data set."""

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
        train_model: kind of network: baseline or resnet.
        train_max_epochs: passes over the training images at most.
        train_settings: further settings, such as `trainer.learning_rate=…`.
        seed: of every random choice.
        code_version: hash of the code, so that a cached result of other code is not taken.
        dataset: what pull wrote.
        training: checkpoints, history and plots.
        metrics: of the best epoch on the validation split.
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
    training.metadata.update(dataset_digest=dataset.metadata["digest"], model=train_model, seed=seed)
    artifacts.show_metrics(metrics, measured)
