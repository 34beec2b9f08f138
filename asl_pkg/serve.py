"""The verb serve: run a model server on a bundle, and the page beside it, until it is interrupted."""

import contextlib
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.inference.choice import choose_bundle
from asl_pkg.inference.onnx_session import read_model
from asl_pkg.progress import say
from asl_pkg.serving.ports import free_ports
from asl_pkg.serving.transformer.local import LocalTransformer
from asl_pkg.serving.triton.local import LocalTriton
from asl_pkg.serving.v2_server.cors import read_origins

CHART_CACHE = Path(".cache/chart")
CHECK_S = 0.2  # between two looks at the servers


def serve(settings: InferenceSettings) -> None:
    """Serve a bundle over v2 until Ctrl-C or SIGTERM, which stop the server gracefully.

    Args:
        settings: Bundle, store, engine, host, ports and the page.

    Raises:
        BundleError: The bundle is missing or damaged.
        ServingError: A server does not start, or exits by itself.
        SettingError: An origin has another form.
    """
    bundle = choose_bundle(settings)
    read_model(bundle.model_path)  # Triton opens every file that a graph names: refuse graphs that name any
    try:
        if settings.engine == "kserve":
            _serve_kserve(bundle, settings)
        else:
            _serve_triton(bundle, settings)
    except KeyboardInterrupt:
        print("stopped")


def _serve_triton(bundle: Bundle, settings: InferenceSettings) -> None:
    wanted = [settings.http_port, settings.grpc_port, settings.metrics_port]
    read_origins(settings.serve.cors_origins)  # refuse a wrong one before anything starts
    with contextlib.ExitStack() as running:
        server = running.enter_context(LocalTriton(bundle, settings.host, *wanted))
        servers: list[LocalTriton | LocalTransformer] = [server]
        taken = server.ports
        if settings.serve.page:
            page = running.enter_context(_page(server, settings))
            print(f"open     {page.url}   sign to the camera, or drop images")
            servers.append(page)
            wanted, taken = [*wanted, settings.serve.page_port], [*taken, page.port]
        _announce(bundle, f"Triton, ready in {server.ready_s:.1f} s", server.http_url, server.grpc_url)
        _name_moved_ports(wanted, taken)
        print(f"metrics  {server.metrics_url}\nlog      {server.log}", flush=True)
        _watch(servers)


def _page(server: LocalTriton, settings: InferenceSettings) -> LocalTransformer:
    flags = ["--cors_origins", settings.serve.cors_origins, *_chart_flags()]
    address = server.grpc_url.removeprefix("grpc://")
    return LocalTransformer(address, settings.host, settings.serve.page_port, flags)


def _chart_flags() -> list[str]:
    """Flags of the transformer for the alphabet chart; the first start here draws it."""
    try:
        from asl_pkg.serving.page.chart import cached_chart  # the renderer is not in every environment

        return ["--chart", str(cached_chart(CHART_CACHE).resolve())]
    except (ImportError, OSError) as error:
        say(f"the page has no alphabet chart: {error}")
        return []


def _watch(servers: Sequence[LocalTriton | LocalTransformer]) -> NoReturn:
    """Wait until one of the servers exits by itself, which is an error."""
    while True:
        for server in servers:
            server.check()
        time.sleep(CHECK_S)


def _serve_kserve(bundle: Bundle, settings: InferenceSettings) -> None:
    from asl_pkg.serving.v2_server.onnx_model import OnnxModel
    from asl_pkg.serving.v2_server.server import KServeServer

    if settings.serve.page:
        print("no page: it needs engine=triton")
    wanted, origins = [settings.http_port, settings.grpc_port], read_origins(settings.serve.cors_origins)
    ports = free_ports(settings.host, wanted)
    server = KServeServer(OnnxModel(bundle), settings.host, *ports, cors_origins=origins)
    # it has no model configuration, where our Triton reports the threshold
    threshold = f" confidence_threshold={bundle.confidence_threshold}"
    _announce(bundle, "KServe's own server on ONNX Runtime", server.http_url, server.grpc_url, threshold)
    _name_moved_ports(wanted, server.ports)
    server.run()


def _announce(bundle: Bundle, engine: str, http_url: str, grpc_url: str, hint: str = "") -> None:
    ask = f"{http_url}/v2/models/{contract.MODEL_NAME}"
    print(f"release {bundle.release} of {bundle.folder}: {engine}")
    print(f"HTTP     {http_url}   e.g. curl {shlex.quote(ask)}")
    print(f"gRPC     {grpc_url}   e.g. asl infer IMAGE.jpg runtime=triton url={grpc_url}{hint}", flush=True)


def _name_moved_ports(wanted: list[int], taken: list[int]) -> None:
    moved = [f"{port} instead of {asked}" for asked, port in zip(wanted, taken, strict=True) if port != asked]
    if moved:
        print(f"ports taken by others: {', '.join(moved)}", flush=True)
