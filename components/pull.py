"""The step pull: import a data set."""

from kfp import dsl


@dsl.component(base_image="asl-data", install_kfp_package=False)
def pull(
    data_source: str,
    data_settings: str,
    seed: int,
    data_version: str,
    code_version: str,
    dataset: dsl.Output[dsl.Dataset],
    audit: dsl.Output[dsl.HTML],
) -> None:
    """Import a data set, split it without leaks and write it as Parquet.

    Args:
        data_source: Kind of source: synthetic, folder, archive, http, s3, dvc, parquet or mix, or a URL.
        data_settings: Further settings of the source, such as `data.path=…`.
        seed: Random seed.
        data_version: Digest or listing of the source, as part of the cache key.
        code_version: Digest of the code, as part of the cache key.
        dataset: The data set.
        audit: Audit page of the data set.
    """
    from pathlib import Path

    from asl_pkg import contract
    from asl_pkg import pull as step
    from asl_pkg.config.load import load
    from asl_pkg.config.schema import Settings
    from asl_pkg.config.text import settings_from_text
    from asl_pkg.orchestration import artifacts

    settings = load(Settings, [f"data={data_source}", f"seed={seed}", *settings_from_text(data_settings)])
    info = step.pull(settings, Path(dataset.path))
    print(info.summary)
    images = sum(sum(counts.values()) for counts in info.counts.values())
    artifacts.describe_artifact(dataset, digest=info.digest, images=images, summary=info.summary)
    artifacts.show_page(audit, Path(dataset.path) / contract.AUDIT_PAGE)
