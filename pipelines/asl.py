"""The pipeline: 1 pull, 2 train, 3 export, 4 validate, 5 deploy where every gate passed, else refuse."""

from typing import NamedTuple

from kfp import compiler, dsl

from asl_pkg.config import Settings, TrainerSettings
from components.champion import champion
from components.deploy import deploy
from components.export import export
from components.pull import pull
from components.refuse import refuse
from components.train import train
from components.validate import validate


class Outputs(NamedTuple):
    """What a run leaves behind."""

    dataset: dsl.Dataset
    training: dsl.Model
    bundle: dsl.Model
    report: dsl.Artifact


@dsl.pipeline(name="asl", description="From pictures of signing hands to a served, validated model")
def asl(
    data: str = "synthetic",
    data_settings: list = [],  # noqa: B006  kfp reads the defaults and never calls this with them
    data_version: str = "",
    model: str = "baseline",
    max_epochs: int = TrainerSettings().max_epochs,
    train_settings: list = [],  # noqa: B006
    export_settings: list = [],  # noqa: B006
    validate_settings: list = [],  # noqa: B006
    seed: int = Settings().seed,
    model_store: str = Settings().store,
    deploy_settings: list = [],  # noqa: B006
    code_version: str = "",
) -> Outputs:
    """Pull, train, export, validate, and deploy what deserves it.

    Args:
        data: kind of source: synthetic, folder, archive, http, s3, dvc, parquet or mix, or a URL.
        data_settings: further settings of the source, such as `data.path=…`.
        data_version: digest or listing of the source; a cached data set of another state is not taken.
        model: kind of network: baseline or resnet.
        max_epochs: passes over the training pictures at most.
        train_settings: further settings of the training, such as `trainer.learning_rate=…`.
        export_settings: settings of the export, such as `export.threads=…`.
        validate_settings: thresholds of the gates, such as `validate.accuracy_min=…`.
        seed: of every random choice.
        model_store: where releases lie and so where they serve: a folder, or s3://BUCKET/PREFIX for Kubernetes.
        deploy_settings: settings of the deploy, such as `deploy.namespace=…`.
        code_version: hash of the code; a cached result of other code is not taken.
    """
    pulled = pull(
        data=data, seed=seed, data_settings=data_settings, data_version=data_version, code_version=code_version
    )
    trained = train(
        model=model,
        max_epochs=max_epochs,
        seed=seed,
        train_settings=train_settings,
        code_version=code_version,
        dataset=pulled.outputs["dataset"],
    )
    exported = export(export_settings=export_settings, code_version=code_version, training=trained.outputs["training"])
    serving = champion(model_store=model_store, bundle=exported.outputs["bundle"]).set_caching_options(False)
    validated = validate(
        validate_settings=validate_settings,
        model_store=model_store,
        champion=serving.output,
        code_version=code_version,
        bundle=exported.outputs["bundle"],
        dataset=pulled.outputs["dataset"],
        training=trained.outputs["training"],
    )
    with dsl.If(validated.outputs["Output"] == True, name="passed"):  # noqa: E712  kfp builds a condition of it
        deploy(
            model_store=model_store,
            deploy_settings=deploy_settings,
            bundle=exported.outputs["bundle"],
            report=validated.outputs["report"],
        ).set_caching_options(False)
    with dsl.Else(name="failed"):
        refuse(report=validated.outputs["report"]).set_caching_options(False)
    return Outputs(
        dataset=pulled.outputs["dataset"],
        training=trained.outputs["training"],
        bundle=exported.outputs["bundle"],
        report=validated.outputs["report"],
    )


def compile_to(path: str) -> None:
    """Write the compiled pipeline.

    Args:
        path: of the YAML file.
    """
    compiler.Compiler().compile(asl, path)
