"""The KServe transformer, as KServe calls it: `python -m asl_pkg.serving.transformer --predictor_host HOST:PORT …`."""

import argparse
import logging
import signal
import sys
from typing import NoReturn

from asl_pkg import contract
from asl_pkg.errors import AslError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line."""
        sys.exit(f"transformer: {message}")


def main() -> None:
    """Answer until SIGTERM; an error is one line on stderr and exit code 1."""
    parser = _Parser("transformer", allow_abbrev=False, description="Images in, letters out; Triton computes.")
    parser.add_argument("--model_name", default=contract.MODEL_NAME, help="in the v2 protocol")
    hosts = "HOST:PORT of Triton's gRPC, whose every address takes part"
    parser.add_argument("--predictor_host", required=True, help=hosts)
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on")  # noqa: S104 - a pod's own
    parser.add_argument("--http_port", type=int, default=contract.POD_HTTP_PORT, help="for v2 and v1 over HTTP")
    parser.add_argument("--grpc_port", type=int, default=contract.POD_GRPC_PORT, help="for v2 over gRPC")
    options, _ = parser.parse_known_args()  # KServe may add flags that are for its own SDK
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # uvicorn raises it again when it has ended in order
    try:
        _serve(options)
    except AslError as error:
        sys.exit(f"transformer: {error}")
    except KeyboardInterrupt:
        print("stopped")


def _serve(options: argparse.Namespace) -> None:
    # the SDK reads the command line while it is imported, and says what it dislikes in many lines
    from asl_pkg.serving.transformer.model import ImageModel
    from asl_pkg.serving.transformer.predictors import Predictors
    from asl_pkg.serving.v2_server.server import KServeServer

    model = ImageModel(options.model_name, Predictors(options.predictor_host))
    server = KServeServer(model, options.host, options.http_port, options.grpc_port)
    print(f"transformer: HTTP {server.http_url}, gRPC {server.grpc_url}, Triton {options.predictor_host}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
