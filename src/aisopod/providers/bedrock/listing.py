"""What can be called in a region: foundation models and inference profiles, joined.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html
"""

from typing import Any

import msgspec

from aisopod.errors import ProtocolError
from aisopod.providers.host import UNREADABLE, Page
from aisopod.types import ModelInfo

__all__ = ["join", "parse_count", "parse_models", "parse_profiles"]


class _Lifecycle(msgspec.Struct):
    status: str | None = None


class _Model(msgspec.Struct):
    modelArn: str  # noqa: N815
    modelId: str  # noqa: N815
    modelName: str | None = None  # noqa: N815
    inputModalities: list[str] | None = None  # noqa: N815
    outputModalities: list[str] | None = None  # noqa: N815
    responseStreamingSupported: bool | None = None  # noqa: N815
    inferenceTypesSupported: list[str] | None = None  # noqa: N815
    modelLifecycle: _Lifecycle | None = None  # noqa: N815


class _Models(msgspec.Struct):
    modelSummaries: list[dict[str, Any]] = []  # noqa: N815


class _ProfileModel(msgspec.Struct):
    modelArn: str | None = None  # noqa: N815


class _Profile(msgspec.Struct):
    inferenceProfileId: str  # noqa: N815
    inferenceProfileName: str | None = None  # noqa: N815
    inferenceProfileArn: str | None = None  # noqa: N815
    type: str | None = None
    status: str | None = None
    models: list[_ProfileModel] = []


class _Profiles(msgspec.Struct):
    inferenceProfileSummaries: list[dict[str, Any]] = []  # noqa: N815
    nextToken: str | None = None  # noqa: N815


class _Count(msgspec.Struct):
    inputTokens: int  # noqa: N815


_LIFECYCLES = {"ACTIVE": "active", "LEGACY": "deprecated"}
_MODALITIES = {"IMAGE": "vision", "VIDEO": "video", "SPEECH": "audio", "AUDIO": "audio"}


def parse_models(body: bytes, provider: str) -> Page:
    """The foundation models of a region; there is one page.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        entries = msgspec.json.decode(body, type=_Models).modelSummaries
        return Page(models=[_model(entry, provider) for entry in entries])
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="bedrock_models", frame=body) from error


def _model(entry: dict[str, Any], provider: str) -> ModelInfo:
    model = msgspec.convert(entry, _Model)
    return ModelInfo(
        id=model.modelId,
        provider=provider,
        display_name=model.modelName,
        capabilities=_capabilities(model),
        lacks=_lacks(model),
        lifecycle=_LIFECYCLES.get(model.modelLifecycle.status or "")
        if model.modelLifecycle
        else None,
        raw=entry,
    )


def _capabilities(model: _Model) -> frozenset[str] | None:
    if model.inputModalities is None or model.outputModalities is None:
        return None
    found = {_MODALITIES[name] for name in model.inputModalities if name in _MODALITIES}
    outputs = {"TEXT": "completion", "EMBEDDING": "embedding", "IMAGE": "image_generation"}
    found |= {outputs[name] for name in model.outputModalities if name in outputs}
    return frozenset(found | ({"streaming"} if model.responseStreamingSupported else set()))


def _lacks(model: _Model) -> frozenset[str]:
    """The kinds of input that are told of others and not of this one."""
    if model.inputModalities is None:
        return frozenset()
    return frozenset(_MODALITIES.values()) - (_capabilities(model) or frozenset())


def parse_profiles(body: bytes, provider: str) -> Page:
    """A page of inference profiles.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        page = msgspec.json.decode(body, type=_Profiles)
        models = [_profile(entry, provider) for entry in page.inferenceProfileSummaries]
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="bedrock_profiles", frame=body) from error
    return Page(models=models, cursor=page.nextToken or None)


def _profile(entry: dict[str, Any], provider: str) -> ModelInfo:
    profile = msgspec.convert(entry, _Profile)
    # What somebody made for an application has no readable id: it is called by its ARN.
    own = profile.type == "APPLICATION" and profile.inferenceProfileArn
    return ModelInfo(
        id=own or profile.inferenceProfileId,
        provider=provider,
        display_name=profile.inferenceProfileName,
        lifecycle=_LIFECYCLES.get(profile.status or ""),
        raw=entry,
    )


def join(models: list[ModelInfo], profiles: list[ModelInfo]) -> list[ModelInfo]:
    """What can be asked for by name: models on demand, and profiles with their models' facts.

    A model that only a profile calls is left to that profile.
    """
    by_arn = {_name(model.raw["modelArn"]): model for model in models}
    joined = [_with_facts(profile, by_arn) for profile in profiles]
    covered = {_name(arn) for profile in profiles for arn in _arns(profile)}
    direct = [
        model
        for model in models
        if "ON_DEMAND" in (model.raw.get("inferenceTypesSupported") or ["ON_DEMAND"])
        or _name(model.raw["modelArn"]) not in covered
    ]
    return [*direct, *joined]


def _with_facts(profile: ModelInfo, by_arn: dict[str, ModelInfo]) -> ModelInfo:
    model = next((by_arn[name] for arn in _arns(profile) if (name := _name(arn)) in by_arn), None)
    if model is None:
        return profile
    return msgspec.structs.replace(
        profile,
        capabilities=model.capabilities,
        lacks=model.lacks,
        like=_behind(profile, model),
        lifecycle=profile.lifecycle if model.lifecycle == "active" else model.lifecycle,
    )


def _behind(profile: ModelInfo, model: ModelInfo) -> str | None:
    """What a profile with an id of somebody's own calls; where it goes is part of the price.

    A profile that may go anywhere has a model without a region among its own:
    https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html
    """
    if profile.raw.get("type") != "APPLICATION":
        return None
    anywhere = any(arn.startswith("arn:aws:bedrock:::") for arn in _arns(profile))
    return f"global.{model.id}" if anywhere else model.id


def _arns(profile: ModelInfo) -> list[str]:
    return [entry["modelArn"] for entry in profile.raw.get("models", ()) if entry.get("modelArn")]


def _name(arn: str) -> str:
    """A model's name without its region: a profile's models are those of several regions."""
    return arn.rpartition("/")[2]


def parse_count(body: bytes) -> int:
    """The answer of https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html.

    Raises:
        ProtocolError: it cannot be read.
    """
    try:
        return msgspec.json.decode(body, type=_Count).inputTokens
    except UNREADABLE as error:
        raise ProtocolError(str(error), dialect="bedrock_count", frame=body) from error
