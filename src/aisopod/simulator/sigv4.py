"""Whether a request is signed as AWS wants it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple

from aisopod.simulator.wire import Call, Refusal

__all__ = ["Signed", "check_signature", "signed"]

_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<id>[^/ ]+)/(?P<date>\d{8})/(?P<region>[^/ ]+)/"
    r"(?P<service>[^/ ]+)/aws4_request, ?SignedHeaders=(?P<headers>[^, ]+), ?"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


class Signed(NamedTuple):
    """What an `Authorization` header says of a signature."""

    key_id: str
    date: str
    region: str
    service: str
    headers: list[str]
    signature: str


def signed(authorization: str) -> Signed | None:
    """The parts of the header; None when it is no signature."""
    found = _FORM.fullmatch(authorization)
    if found is None:
        return None
    names = found["headers"].split(";")
    return Signed(
        found["id"], found["date"], found["region"], found["service"], names, found["signature"]
    )


def check_signature(call: Call, claim: Signed, secrets: Mapping[str, str]) -> None:
    """Sign the request again, and compare.

    Raises:
        Refusal: the key is not known, or it did not sign this request.
    """
    if claim.key_id not in secrets:
        raise _refused("The security token included in the request is invalid.", _UNKNOWN)
    if claim.service != "bedrock":
        said = "Credential should be scoped to correct service: 'bedrock'."
        raise _refused(said, _MISMATCH)
    stamp = call.headers.get("x-amz-date", "")
    if stamp[:8] != claim.date or not {"host", "x-amz-date"}.issubset(claim.headers):
        raise _refused("Date in Credential scope does not match YYYYMMDD from ISO-8601", _MISMATCH)
    expected = _signature(call, claim, secrets[claim.key_id], stamp)
    if not hmac.compare_digest(expected, claim.signature):
        raise _refused(
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details.",
            _MISMATCH,
        )


_MISMATCH = "InvalidSignatureException"
_UNKNOWN = "UnrecognizedClientException"


def _refused(message: str, code: str) -> Refusal:
    return Refusal(403, message, code=code)


def _signature(call: Call, claim: Signed, secret: str, stamp: str) -> str:
    # AWS's own implementation is the judge, and it is loaded only where signatures are looked at.
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(
        method=call.method,
        url=f"http://{call.headers.get('host', '')}{call.address}",
        data=call.raw,
        headers={name: call.headers.get(name, "") for name in claim.headers},
    )
    request.context["timestamp"] = stamp
    auth = SigV4Auth(Credentials(claim.key_id, secret), claim.service, claim.region)
    canonical = auth.canonical_request(request)
    return str(auth.signature(auth.string_to_sign(request, canonical), request))
