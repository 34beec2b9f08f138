"""The verb serve: run a model server on a bundle until it is interrupted."""

import shlex

from asl_pkg import contract
from asl_pkg.bundle.bundle import Bundle
from asl_pkg.config.schema import InferenceSettings
from asl_pkg.inference.choice import choose_bundle
from asl_pkg.inference.onnx_session import read_model
from asl_pkg.serving.ports import free_ports
from asl_pkg.serving.triton.local import LocalTriton


def serve(settings: InferenceSettings) -> None:
    """Serve a bundle over v2 until Ctrl-C or SIGTERM, which stop the server gracefully.

    Args:
        settings: Bundle, store, engine, host and ports.

    Raises:
        BundleError: The bundle is missing or damaged.
        ServingError: The server does not start, or exits by itself.
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
    with LocalTriton(bundle, settings.host, *wanted) as server:
        _announce(bundle, f"Triton, ready in {server.ready_s:.1f} s", server.http_url, server.grpc_url)
        _name_moved_ports(wanted, server.ports)
        print(f"metrics  {server.metrics_url}\nlog      {server.log}", flush=True)
        server.wait()


def _serve_kserve(bundle: Bundle, settings: InferenceSettings) -> None:
    from asl_pkg.serving.v2_server.onnx_model import OnnxModel
    from asl_pkg.serving.v2_server.server import KServeServer

    wanted = [settings.http_port, settings.grpc_port]
    server = KServeServer(OnnxModel(bundle), settings.host, *free_ports(settings.host, wanted))
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
