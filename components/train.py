"""The step train: a network that learnt from the data set."""

from kfp import dsl


@dsl.component(base_image="asl-train", install_kfp_package=False)
def train(
    model: str,
    max_epochs: int,
    workers: int,
    trainer: bool,
    seed: int,
    train_settings: list,
    checkpoint_uri: str,
    code_version: str,
    dataset: dsl.Input[dsl.Dataset],
    training: dsl.Output[dsl.Model],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Train the network and keep its best checkpoint.

    Args:
        model: kind of network: baseline or resnet.
        max_epochs: passes over the training pictures at most.
        workers: processes that learn together.
        trainer: whether each of them is a pod of a Kubeflow TrainJob.
        seed: of every random choice.
        train_settings: further settings, such as `trainer.learning_rate=…`.
        checkpoint_uri: keeps the state of an unfinished training, which a retry resumes; empty keeps none.
        code_version: hash of the code, so that a cached result of other code is not taken.
        dataset: what pull wrote.
        training: checkpoints, history and plots.
        metrics: of the best epoch on the validation split.
    """
    from pathlib import Path

    from asl_pkg import train as step
    from asl_pkg.config.load import load
    from asl_pkg.config.schema import TrainSettings
    from asl_pkg.orchestration import artifacts

    chosen = [f"model={model}", f"trainer.max_epochs={max_epochs}", f"trainer.workers={workers}", f"seed={seed}"]
    chosen += [f"trainer.trainjob={trainer}", *train_settings, f"checkpoint_uri={checkpoint_uri}"]
    measured = step.train(load(TrainSettings, chosen), Path(dataset.path), Path(training.path))
    training.metadata.update(dataset_digest=dataset.metadata["digest"], model=model, seed=seed)
    artifacts.show_metrics(metrics, measured)
