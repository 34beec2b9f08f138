"""The command line of the KServe transformer: `python -m asl_pkg.serving.transformer --predictor_host HOST:PORT …`."""

import argparse
import logging
import signal
import sys
from pathlib import Path
from typing import NoReturn

from asl_pkg import contract
from asl_pkg.errors import AslError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit with one line."""
        sys.exit(f"transformer: {message}")


def main() -> None:
    """Serve until SIGTERM; an error is one line on stderr and exit code 1."""
    parser = _Parser("transformer", allow_abbrev=False, description="Images in, letters out; Triton runs the model.")
    parser.add_argument("--model_name", default=contract.MODEL_NAME, help="Name of the model in the v2 protocol")
    hosts = "HOST:PORT of Triton's gRPC; every address of HOST is used"
    parser.add_argument("--predictor_host", required=True, help=hosts)
    parser.add_argument("--host", default="0.0.0.0", help="Address to listen on")  # noqa: S104 - a pod's own
    parser.add_argument("--http_port", type=int, default=contract.POD_HTTP_PORT, help="Port of v2 and v1 over HTTP")
    parser.add_argument("--grpc_port", type=int, default=contract.POD_GRPC_PORT, help="Port of v2 over gRPC")
    parser.add_argument("--chart", type=Path, help="Folder of the page's alphabet chart")
    parser.add_argument("--cors_origins", default="", help="Origins of other pages that may ask over HTTP: ORIGIN,…")
    options, _ = parser.parse_known_args()  # KServe may add flags for its own SDK
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # uvicorn raises it again after its shutdown
    try:
        _serve(options)
    except AslError as error:
        sys.exit(f"transformer: {error}")
    except KeyboardInterrupt:
        print("stopped")


def _serve(options: argparse.Namespace) -> None:
    # imported here: the SDK reads the command line on import, and its errors have many lines
    from asl_pkg.serving.page.routes import page_routes
    from asl_pkg.serving.transformer.model import ImageModel
    from asl_pkg.serving.transformer.predictors import Predictors
    from asl_pkg.serving.v2_server.cors import read_origins
    from asl_pkg.serving.v2_server.server import KServeServer

    model = ImageModel(options.model_name, Predictors(options.predictor_host))
    server = KServeServer(
        model,
        options.host,
        options.http_port,
        options.grpc_port,
        routes=page_routes(options.chart),
        cors_origins=read_origins(options.cors_origins),
    )
    print(f"transformer: HTTP {server.http_url}, gRPC {server.grpc_url}, Triton {options.predictor_host}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
