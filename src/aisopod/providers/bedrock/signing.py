"""Signs a request: a bearer token as it is, AWS keys by botocore's own Signature Version 4."""

from collections.abc import Mapping

from aisopod.providers.bedrock.credentials import AwsCredential
from aisopod.providers.bedrock.failures import botocore_missing
from aisopod.providers.bedrock.quiet import quiet
from aisopod.providers.host import Credential, bearer
from aisopod.types import HttpRequest

__all__ = ["authorize"]

# Of both endpoints: `signingName` in their service models.
_SERVICE = "bedrock"


def authorize(request: HttpRequest, credential: Credential) -> Mapping[str, str]:
    """The headers that carry the credential, names in lower case.

    An API key or a token becomes `Authorization: Bearer …`; AWS keys sign the request, with its
    path, headers and body as they are: none of them may change afterwards.

    Raises:
        MissingDependencyError: botocore is needed and not installed.
    """
    if isinstance(credential, AwsCredential):
        return _signed(request, credential)
    return bearer(request, credential)


def _signed(request: HttpRequest, credential: AwsCredential) -> dict[str, str]:
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import ReadOnlyCredentials
    except ImportError:
        raise botocore_missing() from None
    token = credential.session_token
    keys = ReadOnlyCredentials(
        credential.access_key_id,
        credential.secret.reveal(),
        token.reveal() if token else None,
    )
    to_sign = AWSRequest(
        method=request.method,
        url=request.url,
        # Proxies change this one on the way, and boto3 adds it after signing.
        headers={name: text for name, text in request.headers.items() if name != "accept-encoding"},
        data=request.body or b"",
    )
    with quiet():
        SigV4Auth(keys, _SERVICE, credential.region).add_auth(to_sign)
    # The signer adds its own and renews a `date`; what it left alone is on the request already.
    return {
        name.lower(): value
        for name, value in to_sign.headers.items()
        if request.headers.get(name) != value
    }
