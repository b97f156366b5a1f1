"""The models that the simulated Bedrock lists.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
"""

import msgspec
from aiohttp import web

from aisopod.simulator.wire import Call, Fields, json_response

__all__ = ["models", "profiles"]

_ARN = "arn:aws:bedrock:us-east-1:"
# Id, maker, what comes out, how it can be called.
_MODELS = (
    ("anthropic.claude-simulated-v1:0", "Anthropic", "TEXT", "INFERENCE_PROFILE"),
    ("amazon.simulated-v1:0", "Amazon", "TEXT", "ON_DEMAND"),
    ("amazon.simulated-embedding-v1:0", "Amazon", "EMBEDDING", "ON_DEMAND"),
)
_PROFILES = (
    ("us.anthropic.claude-simulated-v1:0", "SYSTEM_DEFINED"),
    ("eu.anthropic.claude-simulated-v1:0", "SYSTEM_DEFINED"),
    ("sim0000000ab", "APPLICATION"),
)
_STAMP = "2026-01-01T00:00:00Z"


def models(call: Call) -> web.Response:
    """All of them: this listing has no pages."""
    wanted = {
        1: call.query.get("byProvider", "").lower(),
        2: call.query.get("byOutputModality", "").lower(),
        3: call.query.get("byInferenceType", "").lower(),
    }
    found = [
        _model(*model)
        for model in _MODELS
        if all(wish in {"", model[place].lower()} for place, wish in wanted.items())
    ]
    return json_response(msgspec.json.encode({"modelSummaries": found}))


def profiles(call: Call) -> web.Response:
    """A page of the profiles; a token is where the next begins."""
    kind = call.query.get("type", "")
    names = [profile for profile in _PROFILES if kind in {"", profile[1]}]
    start = int(call.query.get("nextToken", "0"))
    size = int(call.query.get("maxResults", "100"))
    page: Fields = {
        "inferenceProfileSummaries": [_profile(*one) for one in names[start : start + size]]
    }
    if start + size < len(names):
        page["nextToken"] = str(start + size)
    return json_response(msgspec.json.encode(page))


def _model(identity: str, maker: str, output: str, way: str) -> Fields:
    return {
        "modelArn": f"{_ARN}:foundation-model/{identity}",
        "modelId": identity,
        "modelName": identity.partition(".")[2].title(),
        "providerName": maker,
        "inputModalities": ["TEXT", "IMAGE"],
        "outputModalities": [output],
        "responseStreamingSupported": output == "TEXT",
        "customizationsSupported": [],
        "inferenceTypesSupported": [way],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _profile(identity: str, kind: str) -> Fields:
    place = "inference-profile" if kind == "SYSTEM_DEFINED" else "application-inference-profile"
    return {
        "inferenceProfileId": identity,
        "inferenceProfileArn": f"{_ARN}000000000000:{place}/{identity}",
        "inferenceProfileName": identity.title(),
        "description": "A simulated profile.",
        "createdAt": _STAMP,
        "updatedAt": _STAMP,
        "models": [{"modelArn": f"{_ARN}:foundation-model/{_MODELS[0][0]}"}],
        "status": "ACTIVE",
        "type": kind,
    }
