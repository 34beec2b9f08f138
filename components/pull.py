"""The step pull: a data set from its source."""

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
    """Bring in a data set, split it without leaks and write it as Parquet.

    Args:
        data_source: kind of source: synthetic, folder, archive, http, s3, dvc, parquet or mix, or a URL.
        data_settings: further settings of the source, such as `data.path=…`.
        seed: of every random choice.
        data_version: digest or listing of the source, so that a cached data set of another state is not taken.
        code_version: hash of the code, so that a cached result of other code is not taken.
        dataset: the data set.
        audit: what arrived and what it is worth.
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
    dataset.metadata.update(digest=info.digest, summary=info.summary)
    artifacts.show_page(audit, Path(dataset.path) / contract.AUDIT_PAGE)
