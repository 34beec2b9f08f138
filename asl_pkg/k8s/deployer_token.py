"""Renew the token of the deploy step: `python -m asl_pkg.k8s.deployer_token NAMESPACE …`, which a CronJob runs.

The account that runs it may make tokens of the deployer and write them to the Secrets of that name, nothing else.
"""

import base64
import sys
from collections.abc import Sequence

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from asl_pkg import contract
from asl_pkg.k8s.client import NOT_FOUND

LIVES_S = 24 * 3600


def renew_deployer_token(core: client.CoreV1Api, namespaces: Sequence[str]) -> list[str]:
    """Write a new token to the deployer's Secret in each namespace.

    Args:
        core: Client of the API server.
        namespaces: Namespaces of the Secrets.

    Returns:
        The namespaces that have such a Secret, which are those with a new token.

    Raises:
        ApiException: The account may not do it, or the API server does not answer.
    """
    request = client.AuthenticationV1TokenRequest(
        spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=LIVES_S)
    )
    made = core.create_namespaced_service_account_token(contract.DEPLOYER_ACCOUNT, contract.NAMESPACE, request)
    data = {"token": base64.b64encode(made.status.token.encode()).decode()}
    renewed = []
    for namespace in namespaces:
        try:
            core.patch_namespaced_secret(contract.DEPLOYER_TOKEN, namespace, {"data": data})
            renewed.append(namespace)
        except ApiException as error:
            if error.status != NOT_FOUND:
                raise
    return renewed


if __name__ == "__main__":
    config.load_incluster_config()
    done = renew_deployer_token(client.CoreV1Api(), sys.argv[1:])
    print(f"new token in Secret {contract.DEPLOYER_TOKEN} of: {', '.join(done) or 'no namespace'}")
