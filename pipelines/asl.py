"""The pipeline: 1 pull, 2 train, 3 export, 4 validate, 5 deploy if every gate passed, otherwise refuse."""

from collections.abc import Callable
from typing import Any

from kfp import compiler, dsl

from asl_pkg.orchestration import form
from asl_pkg.orchestration.form import PARAMETERS
from components.champion import champion
from components.deploy import deploy
from components.export import export
from components.finish import finish
from components.pull import pull
from components.refuse import refuse
from components.train import train
from components.validate import validate
from pipelines.pods import (
    KEPT_S,
    RUN_DEADLINE_S,
    in_pod,
    tried_again,
    with_accelerators,
    with_deployers_token,
    with_signing_key,
)

FILLED_IN = ""  # part of a step's cache key, set by `asl pipeline run`, `submit` and `schedule`


def with_descriptions(pipeline: Callable[..., Any]) -> Callable[..., Any]:
    """Add the descriptions of the parameters to the docstring, where kfp reads them."""
    pipeline.__doc__ = f"{pipeline.__doc__}\n\n{form.describe_arguments()}"
    return pipeline


@dsl.pipeline(
    name="asl",
    description=form.describe_pipeline(),
    pipeline_config=dsl.PipelineConfig(
        ttl_seconds_after_finished=KEPT_S,
        ttl_seconds_after_success=KEPT_S,  # each apart: KFP's own default of an hour fills what is left out
        ttl_seconds_after_failure=KEPT_S,
        active_deadline_seconds=RUN_DEADLINE_S,
    ),
)
@with_descriptions
def asl(
    data_settings: str = PARAMETERS["data_settings"].default,
    data_source: str = PARAMETERS["data_source"].default,
    deploy_settings: str = PARAMETERS["deploy_settings"].default,
    deploy_store: str = PARAMETERS["deploy_store"].default,
    export_settings: str = PARAMETERS["export_settings"].default,
    pod_cpu: str = PARAMETERS["pod_cpu"].default,
    pod_gpus: str = PARAMETERS["pod_gpus"].default,
    pod_memory: str = PARAMETERS["pod_memory"].default,
    seed: int = PARAMETERS["seed"].default,
    train_max_epochs: int = PARAMETERS["train_max_epochs"].default,
    train_model: str = PARAMETERS["train_model"].default,
    train_settings: str = PARAMETERS["train_settings"].default,
    validate_accuracy_min: float = PARAMETERS["validate_accuracy_min"].default,
    validate_settings: str = PARAMETERS["validate_settings"].default,
) -> None:
    """Pull, train, export, validate, and deploy if every gate passed."""
    end = in_pod(finish(run_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER)).set_caching_options(False)
    with dsl.ExitHandler(end, name="steps"):
        pulled = pull(
            data_source=data_source,
            data_settings=data_settings,
            seed=seed,
            data_version=FILLED_IN,
            code_version=FILLED_IN,
        )
        tried_again(in_pod(pulled, pod_cpu, pod_memory))
        dataset = pulled.outputs["dataset"]
        trained = train(
            train_model=train_model,
            train_max_epochs=train_max_epochs,
            train_settings=train_settings,
            seed=seed,
            code_version=FILLED_IN,
            dataset=dataset,
        )
        tried_again(with_accelerators(in_pod(trained, pod_cpu, pod_memory), pod_gpus))
        training = trained.outputs["training"]
        exported = export(
            export_settings=export_settings,
            signer=FILLED_IN,
            code_version=FILLED_IN,
            dataset=dataset,
            training=training,
        )
        with_signing_key(in_pod(exported, pod_cpu, pod_memory))
        bundle = exported.outputs["bundle"]
        serving = champion(deploy_store=deploy_store, bundle=bundle)
        in_pod(serving).set_caching_options(False)
        validated = validate(
            validate_accuracy_min=validate_accuracy_min,
            validate_settings=validate_settings,
            deploy_store=deploy_store,
            champion=serving.output,
            signer=FILLED_IN,
            code_version=FILLED_IN,
            bundle=bundle,
            dataset=dataset,
            training=training,
        )
        with_signing_key(in_pod(validated, pod_cpu, pod_memory))
        report, passed = validated.outputs["report"], validated.outputs["Output"]
        # Two conditions instead of dsl.Else, which puts both into a group without a name.
        with dsl.If(passed == True, name="passes the gates"):  # noqa: E712  kfp makes a condition of it
            deployed = deploy(deploy_store=deploy_store, deploy_settings=deploy_settings, bundle=bundle, report=report)
            with_deployers_token(tried_again(in_pod(deployed))).set_caching_options(False)
        with dsl.If(passed == False, name="fails the gates"):  # noqa: E712
            in_pod(refuse(report=report)).set_caching_options(False)


def compile_to(path: str) -> None:
    """Write the compiled pipeline.

    Args:
        path: The YAML file.
    """
    compiler.Compiler().compile(asl, path)
