"""The models that the simulated Google lists: https://ai.google.dev/api/models."""

import msgspec
from aiohttp import web

from aisopod.simulator.wire import Call, Fields, Refusal, is_unknown, json_response

__all__ = ["model", "models", "not_found", "not_found_named"]

_CHAT = ("generateContent", "countTokens")
_MODELS = {
    "simulated": _CHAT,
    "simulated-mini": _CHAT,
    "simulated-embedding": ("embedContent", "countTokens"),
}
_LIMIT = 1000


def models(call: Call) -> web.Response:
    """A page of the listing; a token is where the next begins."""
    published = _is_published(call)
    size = int(call.query.get("pageSize", "50") or 50)
    if not 0 <= size <= _LIMIT:
        raise Refusal(400, f"* ListModelsRequest.page_size: must be between 0 and {_LIMIT}\n")
    start = call.query.get("pageToken", "")
    names = list(_MODELS)
    if start and start not in names:
        raise Refusal(400, "Page token is not valid.")
    names = names[names.index(start) if start else 0 :]
    entries = [_entry(name, published=published) for name in names[: size or 50]]
    page: Fields = {"publisherModels" if published else "models": entries}
    if len(names) > (size or 50):
        page["nextPageToken"] = names[size or 50]
    return json_response(msgspec.json.encode(page))


def model(call: Call) -> web.Response:
    """One model; of another name than those listed too."""
    name = call.path["model"]
    if is_unknown(name):
        raise not_found(call, "generateContent")
    return json_response(msgspec.json.encode(_entry(name, published=_is_published(call))))


def not_found(call: Call, verb: str) -> Refusal:
    """A model that there is not, in the words of the address it was asked for at."""
    path = call.address.partition("?")[0].removesuffix(f":{call.path.get('verb', verb)}")
    _, version, name = path.split("/", 2)
    name = name.removesuffix(f":{verb}")
    if "/publishers/" in path:
        return Refusal(
            404,
            f"Publisher Model `{name}` was not found or your project does not have access to it. "
            "Please ensure you are using a valid model version.",
        )
    return not_found_named(name, version, verb)


def not_found_named(name: str, version: str, verb: str) -> Refusal:
    """A model that there is not."""
    return Refusal(
        404,
        f"{name} is not found for API version {version}, or is not supported for {verb}. Call "
        "ListModels to see the list of available models and their supported methods.",
    )


def _is_published(call: Call) -> bool:
    return "/publishers/" in call.address


def _entry(name: str, *, published: bool) -> Fields:
    if published:
        return {
            "name": f"publishers/google/models/{name}",
            "versionId": "001",
            "openSourceCategory": "PROPRIETARY",
            "launchStage": "GA",
            "publisherModelTemplate": f"projects/{{project}}/publishers/google/models/{name}",
        }
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.title(),
        "description": "A simulated model.",
        "inputTokenLimit": 1048576,
        "outputTokenLimit": 65536,
        "supportedGenerationMethods": list(_MODELS.get(name, _CHAT)),
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": True,
    }
