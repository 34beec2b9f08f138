"""The pipeline: 1 pull, 2 train, 3 export, 4 validate, 5 deploy where every gate passed, else refuse."""

from kfp import compiler, dsl

from asl_pkg import contract
from asl_pkg.config.schema import DeploySettings, PipelineSettings, PodSettings, TrainerSettings, ValidateSettings
from components.champion import champion
from components.deploy import deploy
from components.export import export
from components.finish import finish
from components.pull import pull
from components.refuse import refuse
from components.train import train
from components.validate import validate
from pipelines.pods import in_pod, tried_again, with_accelerators, with_deployers_token, with_signing_key


@dsl.pipeline(name="asl", description="From pictures of signing hands to a served, validated model")
def asl(
    data: str = "synthetic",
    data_settings: list = [],  # noqa: B006  kfp reads the defaults and never calls this with them
    data_version: str = "",
    model: str = "baseline",
    max_epochs: int = TrainerSettings().max_epochs,
    workers: int = TrainerSettings().workers,
    trainer: bool = TrainerSettings().trainjob,
    seed: int = PipelineSettings().seed,
    train_settings: list = [],  # noqa: B006
    checkpoint_uri: str = "",
    export_settings: list = [],  # noqa: B006
    accuracy_min: float = ValidateSettings().accuracy_min,
    macro_f1_min: float = ValidateSettings().macro_f1_min,
    recall_min: float = ValidateSettings().recall_min,
    validate_settings: list = [],  # noqa: B006
    model_store: str = "s3://models",
    service_name: str = DeploySettings().name,
    namespace: str = DeploySettings().namespace,
    deploy_settings: list = [],  # noqa: B006
    cpu: str = PodSettings().cpu,
    memory: str = PodSettings().memory,
    accelerator_type: str = PodSettings().accelerator_type,
    accelerator_count: str = str(PodSettings().accelerator_count),
    data_image: str = f"{contract.DATA_IMAGE}:{contract.IMAGE_VERSION}",
    train_image: str = f"{contract.TRAIN_IMAGE}:{contract.IMAGE_VERSION}",
    pull_code: str = "",
    train_code: str = "",
    export_code: str = "",
    validate_code: str = "",
    signer: str = "",
) -> None:
    """Pull, train, export, validate, and deploy what deserves it.

    Args:
        data: kind of source: synthetic, folder, archive, http, s3, dvc, parquet or mix, or a URL.
        data_settings: further settings of the source, such as `data.path=…`.
        data_version: digest or listing of the source; a cached data set of another state is not taken.
        model: kind of network: baseline or resnet.
        max_epochs: passes over the training pictures at most.
        workers: processes that learn together in train's pod; give it as many processors or accelerators.
        trainer: each of the workers a pod of a Kubeflow TrainJob instead; needs checkpoint_uri=s3://BUCKET/PREFIX.
        seed: of every random choice.
        train_settings: further settings of the training, such as `trainer.learning_rate=…`.
        checkpoint_uri: folder or s3://BUCKET/PREFIX that keeps an unfinished training for a retry; empty keeps none.
        export_settings: settings of the export, such as `export.precision=int8`.
        accuracy_min: lower bound of test accuracy, below which the model is refused.
        macro_f1_min: lower bound of macro F1, below which the model is refused.
        recall_min: recall of the worst class, below which the model is refused.
        validate_settings: further thresholds of the gates, such as `validate.worst_group_min=…`.
        model_store: where releases lie and so where they serve: s3://BUCKET/PREFIX, or a folder on one machine.
        service_name: of the InferenceService.
        namespace: of the InferenceService.
        deploy_settings: further settings of the deploy, such as `deploy.canary_requests=…`.
        cpu: processors that pull, train, export and validate may use each, such as 2 or 500m.
        memory: that pull, train, export and validate get each, such as 4Gi.
        accelerator_type: resource of the accelerators that train gets, such as nvidia.com/gpu.
        accelerator_count: how many accelerators train gets; 0 for none.
        data_image: in which pull runs; all of its name.
        train_image: in which all other steps run; all of its name.
        pull_code: hash of the code that pull runs; a cached result of other code is not taken.
        train_code: the same for train.
        export_code: the same for export.
        validate_code: the same for validate.
        signer: digest of the public key of who signs; a cached bundle signed otherwise is not taken.
    """
    end = in_pod(finish(), train_image).set_caching_options(False)
    with dsl.ExitHandler(end, name="steps"):
        pulled = pull(
            data=data, seed=seed, data_settings=data_settings, data_version=data_version, code_version=pull_code
        )
        tried_again(in_pod(pulled, data_image, cpu, memory))
        dataset = pulled.outputs["dataset"]
        trained = train(
            model=model,
            max_epochs=max_epochs,
            workers=workers,
            trainer=trainer,
            seed=seed,
            train_settings=train_settings,
            checkpoint_uri=checkpoint_uri,
            code_version=train_code,
            dataset=dataset,
        )
        tried_again(with_accelerators(in_pod(trained, train_image, cpu, memory), accelerator_type, accelerator_count))
        training = trained.outputs["training"]
        exported = export(
            export_settings=export_settings,
            signer=signer,
            code_version=export_code,
            dataset=dataset,
            training=training,
        )
        with_signing_key(in_pod(exported, train_image, cpu, memory))
        bundle = exported.outputs["bundle"]
        serving = champion(model_store=model_store, bundle=bundle)
        in_pod(serving, train_image).set_caching_options(False)
        validated = validate(
            accuracy_min=accuracy_min,
            macro_f1_min=macro_f1_min,
            recall_min=recall_min,
            validate_settings=validate_settings,
            model_store=model_store,
            champion=serving.output,
            signer=signer,
            code_version=validate_code,
            bundle=bundle,
            dataset=dataset,
            training=training,
        )
        with_signing_key(in_pod(validated, train_image, cpu, memory))
        report = validated.outputs["report"]
        with dsl.If(validated.outputs["Output"] == True, name="passed"):  # noqa: E712  kfp builds a condition of it
            deployed = deploy(
                model_store=model_store,
                service_name=service_name,
                namespace=namespace,
                deploy_settings=deploy_settings,
                bundle=bundle,
                report=report,
            )
            with_deployers_token(tried_again(in_pod(deployed, train_image))).set_caching_options(False)
        with dsl.Else(name="failed"):
            in_pod(refuse(report=report), train_image).set_caching_options(False)


def compile_to(path: str) -> None:
    """Write the compiled pipeline.

    Args:
        path: of the YAML file.
    """
    compiler.Compiler().compile(asl, path)
