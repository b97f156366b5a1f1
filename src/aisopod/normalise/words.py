"""Ids of calls and names of tools in the alphabet and length of a wire, the same in every turn."""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from aisopod.errors import InvalidRequestError
from aisopod.normalise.limits import Limits, Words
from aisopod.normalise.notes import Notes
from aisopod.normalise.placed import Placed
from aisopod.types import Message, Tool, ToolCall

__all__ = ["check_names", "fit_tool_ids", "fitted_names", "rename_tools"]

_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


def fit_tool_ids(turns: list[Placed], limits: Limits, _notes: Notes) -> list[Placed]:
    """Every id as the wire takes it, and none twice.

    Why: each wire has its own alphabet and length (Anthropic and Bedrock 64 of `[a-zA-Z0-9_-]`,
    Mistral exactly nine), and servers that number their calls anew in every turn repeat theirs,
    which Anthropic refuses. Results stand behind their calls by now, so the last call of an id
    is the one that they answer. A made id depends on the old one and on how often that was there
    before: later turns do not change it. Nothing is lost by it, so nothing is told.

    Sources: https://docs.anthropic.com/en/api/messages,
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html
    """
    ids = [call.id for placed in turns for call in placed.message.tool_calls]
    words = limits.tool_ids
    unique = len(ids) == len(set(ids))
    if unique and all(map(words.legal.fullmatch, ids)):
        return turns
    fitting = _Fitting(words, ids)
    fitted: list[Placed] = []
    for placed in turns:
        message = placed.message
        if message.tool_calls:
            fitting.begin()
            message = _with_calls(message, [fitting.call(call) for call in message.tool_calls])
        elif message.role == "tool":
            message = msgspec.structs.replace(message, tool_call_id=fitting.result(message))
        fitted.append(
            placed if message is placed.message else Placed(placed.index, message, placed.places)
        )
    return fitted


class _Fitting:
    """Ids in the order of the conversation, which makes what is made independent of what follows."""

    def __init__(self, words: Words, ids: list[str]) -> None:
        self._length = words.length
        # What is legal stays as it is, whatever was made before it.
        self._taken = {id_ for id_ in ids if words.legal.fullmatch(id_)}
        self._open: dict[str, list[str]] = {}
        self._counts: dict[str, int] = {}

    def begin(self) -> None:
        """What an earlier message's calls still wait for never comes."""
        self._open.clear()

    def call(self, call: ToolCall) -> ToolCall:
        count = self._counts[call.id] = self._counts.get(call.id, 0) + 1
        made = call.id
        if count > 1 or made not in self._taken:
            seed = call.id if count == 1 else f"{call.id}|{count}"
            made = _made(seed, self._length)
            while made in self._taken:
                made = _made(f"{seed}|{made}", self._length)
            self._taken.add(made)
        self._open.setdefault(call.id, []).append(made)
        return call if made == call.id else msgspec.structs.replace(call, id=made)

    def result(self, message: Message) -> str:
        waiting = self._open.get(message.tool_call_id or "")
        return waiting.pop(0) if waiting else message.tool_call_id or ""


# A conversation brings the same words in every turn.
@lru_cache(maxsize=4096)
def _made(word: str, length: int) -> str:
    # The digest keeps apart what differs only in characters that are replaced or cut.
    digest = hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()
    readable = _ILLEGAL.sub("_", word)[: length - 14]
    return f"{readable}_{digest[:12]}" if length >= 16 else digest[:length]


def _with_calls(message: Message, calls: list[ToolCall]) -> Message:
    changed = any(new is not old for new, old in zip(calls, message.tool_calls, strict=True))
    return msgspec.structs.replace(message, tool_calls=calls) if changed else message


def fitted_names(names: Iterable[str], words: Words) -> dict[str, str]:
    """Names of tools that a wire does not take, and what stands for them there.

    Why: a tool of another server, or of a history from another provider, may be named
    `files.read/all`; every wire has an alphabet for names and refuses the whole request.

    Sources: https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools,
    https://ai.google.dev/api/caching#FunctionDeclaration
    """
    found = list(dict.fromkeys(names))
    taken = {name for name in found if words.legal.fullmatch(name)}
    fitted: dict[str, str] = {}
    for name in found:
        if name in taken:
            continue
        made = _made(name, words.length)
        if not words.legal.fullmatch(made):  # some want a letter first
            made = _made(f"t_{name}", words.length)
        fitted[name] = made
    return fitted


def rename_tools(turns: list[Placed], names: dict[str, str]) -> list[Placed]:
    """The calls and results with the names that stand for theirs."""
    if not names:
        return turns
    renamed: list[Placed] = []
    for placed in turns:
        message = placed.message
        if any(call.name in names for call in message.tool_calls):
            message = _with_calls(
                message,
                [
                    msgspec.structs.replace(call, name=names[call.name])
                    if call.name in names
                    else call
                    for call in message.tool_calls
                ],
            )
        elif message.role == "tool" and message.name in names:
            message = msgspec.structs.replace(message, name=names[message.name])
        renamed.append(
            placed if message is placed.message else Placed(placed.index, message, placed.places)
        )
    return renamed


def check_names(tools: Iterable[Tool], names: dict[str, str]) -> None:
    """Refuse two tools that would have one name.

    Raises:
        InvalidRequestError: a made name is another tool's own.
    """
    taken = {tool.name for tool in tools}
    for own, made in names.items():
        if made in taken:
            raise InvalidRequestError(
                f"the wire does not take it, and {made} is a tool's name already",
                field="tools",
                value=own,
                remedy="Rename one of them",
            )
