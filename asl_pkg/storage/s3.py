"""The S3 client, and what its errors mean for the user."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
from botocore import UNSIGNED, exceptions
from botocore.config import Config
from botocore.parsers import ResponseParserError

from asl_pkg.errors import DataError
from asl_pkg.network import reach_directly, runs_in_pod
from asl_pkg.outages import OUTAGE_S, PAUSE_S, announce_outage
from asl_pkg.storage.download import BrokenConnectionError

CONNECTIONS = 16  # objects fetched at once: small ones wait for the network, not for the CPU
CONNECT_S, READ_S = 10, 60
RETRIES = {
    "retry_mode": "AWS_RETRY_MODE",
    "max_attempts": "AWS_MAX_ATTEMPTS",
}  # name in ~/.aws/config, and as a variable
AMAZON = "amazonaws.com"
NO_ANSWER = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ConnectionClosedError)
AWAY = (502, 503, 504)  # what a proxy answers for a server that is away
FIRST_TRY = "asl_first_try"  # in botocore's context of a request
BROKEN_OFF = (
    exceptions.ConnectionClosedError,
    exceptions.IncompleteReadError,
    exceptions.ReadTimeoutError,
    exceptions.ResponseStreamingError,
)
# By S3's code where only that is specific, else by HTTP status: codes differ between servers.
MEANINGS: dict[str | int, str] = {
    "NoSuchKey": "was removed after it was listed; run the pull again",
    301: "its bucket is in another region: set AWS_REGION",
    400: "the server refuses the request: check AWS_REGION and the name of the bucket",
    403: "access denied: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; they need permission for "
    "this; without them only public buckets can be read",
    404: "there is no such bucket or object (or, on some servers, no such access key): check the URL, "
    "AWS_ENDPOINT_URL and AWS_ACCESS_KEY_ID",
    412: "changed while it was read; run the pull again",
}

PAGE = (
    "the answer is a web page: set AWS_ENDPOINT_URL to the address of the S3 API, without a login page in front of it"
)


def split_url(url: str) -> tuple[str, str]:
    """Split s3://BUCKET/KEY.

    Args:
        url: As the user gives it.

    Returns:
        (bucket, key); the key may be empty.

    Raises:
        DataError: It is not an S3 URL.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise DataError(f"{url!r} is not an S3 URL, expected s3://BUCKET/PREFIX or s3://BUCKET/ARCHIVE")
    return bucket, key


def s3_client() -> Any:
    """Make a client from the usual AWS_* variables and files; our defaults fill only what they leave open.

    Returns:
        A boto3 S3 client; it retries temporary errors.

    Raises:
        DataError: The settings contradict one another.
    """
    with s3_errors_translated("S3"):
        core = botocore.session.Session()
        session = boto3.Session(botocore_session=core)  # boto3.client caches the first session of the process
        theirs = core.get_scoped_config()
        options: dict[str, Any] = {}
        if not any(name in theirs or variable in os.environ for name, variable in RETRIES.items()):
            options["retries"] = {"mode": "standard"}
        if core.get_credentials() is None:
            options["signature_version"] = UNSIGNED  # public buckets need none
        config = Config(max_pool_connections=CONNECTIONS, connect_timeout=CONNECT_S, read_timeout=READ_S, **options)
        client = session.client("s3", config=config)
        reach_directly(client.meta.endpoint_url)
        if AMAZON not in client.meta.endpoint_url and "addressing_style" not in (theirs.get("s3") or {}):
            # A self-hosted server seldom has a DNS name for every bucket.
            client = session.client("s3", config=config.merge(Config(s3={"addressing_style": "path"})))
        if runs_in_pod():
            client.meta.events.register_first("needs-retry.s3", _pause_before_next_try)
        return client


def _pause_before_next_try(request_dict: Any, response: Any, caught_exception: Any, **_: Any) -> float | None:
    """Seconds until the next try where no server answers, else None: botocore decides. botocore's event needs-retry."""
    status = response[0].status_code if response else 0
    if not (isinstance(caught_exception, NO_ANSWER) or status in AWAY):
        return None
    context = request_dict["context"]
    if FIRST_TRY not in context:
        context[FIRST_TRY] = time.monotonic()
        announce_outage("S3")
    return PAUSE_S if time.monotonic() - context[FIRST_TRY] < OUTAGE_S else None


@contextmanager
def s3_errors_translated(name: str) -> Iterator[None]:
    """Turn errors of boto3 into one line that says what to do.

    Args:
        name: URL of what was requested.

    Raises:
        BrokenConnectionError: The connection broke.
        DataError: Any other error.
    """
    try:
        yield
    except exceptions.ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        meaning = MEANINGS.get(code) or MEANINGS.get(status, "the server refuses")
        if "html" in error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("content-type", ""):
            meaning = PAGE
        raise DataError(f"{name}: {meaning} ({code or status})") from error
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise DataError(
            f"{name}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        ) from error
    except (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError) as error:
        raise DataError(
            f"{name}: no S3 server answers at {error.kwargs['endpoint_url']}: check AWS_ENDPOINT_URL"
        ) from error
    except BROKEN_OFF as error:
        raise BrokenConnectionError(f"{name}: the connection broke off ({type(error).__name__})") from error
    except ResponseParserError as error:
        raise DataError(f"{name}: {PAGE}") from error
    except (exceptions.BotoCoreError, ValueError) as error:
        raise DataError(f"{name}: {error}: check the AWS_* variables") from error


def code_of(error: DataError) -> str:
    """S3's code of an error that `s3_errors_translated` raised, such as AccessDenied; empty if it has none."""
    cause = error.__cause__
    return cause.response.get("Error", {}).get("Code", "") if isinstance(cause, exceptions.ClientError) else ""


def has_bucket(client: Any, bucket: str) -> bool:
    """Whether a bucket exists.

    Args:
        client: From `s3_client`.
        bucket: Name of the bucket.

    Raises:
        DataError: S3 does not answer, or refuses to say.
    """
    with s3_errors_translated(f"s3://{bucket}"):
        try:
            client.head_bucket(Bucket=bucket)
        except exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return False
            raise
    return True
