"""Every warning of a request that was fitted to a wire, as data: what docs/normalisation.md shows."""

import msgspec

__all__ = ["TABLE", "Described"]

_ANTHROPIC = "https://docs.anthropic.com/en/api/messages"
_OPENAI = "https://platform.openai.com/docs/api-reference/chat/create"
_BEDROCK = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html"
_CACHING = "https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching"
_GEMINI_FILES = "https://ai.google.dev/api/caching#Blob"
_CLAUDE_IMAGES = "https://platform.claude.com/docs/en/build-with-claude/vision"
_SYSTEM = "https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages#limitations"
_OLLAMA = "https://github.com/ollama/ollama/blob/main/docs/api.md"
_GEMINI = "https://ai.google.dev/gemini-api/docs/thought-signatures"


class Described(msgspec.Struct, frozen=True):
    """One rule.

    Attributes:
        id: the `rule` of its warnings; empty where nothing is lost, so nothing is told.
        where: the wires on which it applies.
        when: what it finds.
        does: what it does.
        source: where the wire's rule is written.
    """

    id: str
    where: str
    when: str
    does: str
    source: str


TABLE: tuple[Described, ...] = (
    Described("", "all", "a result that does not stand right behind its call",
              "put there, in the calls' order", _ANTHROPIC),
    Described("missing_result", "all but Ollama", "a call without a result",
              "a failed result `(no result)` is added", _ANTHROPIC),
    Described("orphan_result", "all", "a result without a call in its turn: unknown, late, or a second one",
              'sent as text of the user; refused with `on_orphan_result = "error"`', _OPENAI),
    Described("", "all", "an id that the wire does not take, or that came before",
              "another one, made of the old one alone", _ANTHROPIC),
    Described("", "Anthropic, Bedrock, Gemini, OpenAI", "a tool's name that the wire does not take",
              "another one; the answer's calls have the tool's own", _OPENAI),
    Described("foreign_thinking", "all", "thinking of another provider or model family",
              'left out; marked text with `foreign_thinking = "text"`', _GEMINI),
    Described("unsigned_thinking", "Anthropic, Bedrock", "thinking whose signature never came",
              "left out", _ANTHROPIC),
    Described("misplaced_thinking", "all", "thinking outside an assistant's message", "left out", _ANTHROPIC),
    Described("foreign_part", "all", "another provider's own block", "left out", _ANTHROPIC),
    Described("foreign_citations", "all", "citations in another provider's form",
              "left out; the text stays", _ANTHROPIC),
    Described("foreign_signature", "all", "a signature of another provider or model family on a text, an image, a call",
              "left out; what it signed stays", _GEMINI),
    Described("foreign_fields", "all", "what another provider attached to a call", "left out", _GEMINI),
    Described("repaired_arguments", "all", "arguments that are no JSON, and `repair_json = true`",
              "closed where they were cut, what stands around the first object left out, line ends in texts escaped",
              _OPENAI),
    Described("unrepaired_arguments", "all", "the same, where that would be a guess or lose members",
              "they stay the text that they are", _OPENAI),
    Described("", "OpenAI, Ollama, Writer on Bedrock", "a result that says that the call failed",
              "its text begins with `Error: `", _OPENAI),
    Described("refusal_as_text", "all but OpenAI", "a refusal beside other content",
              "its words are added as text", _OPENAI),
    Described("name", "all but OpenAI and some compatible hosts", "a participant's name", "left out", _OPENAI),
    Described("cache_marks", "Bedrock's models that keep no prompts, and all where there are more than it "
              "takes; the time to live on OpenAI's older models, Gemini, Ollama", "cache marks",
              "left out, told once; where prompts are kept without marks, a mark is met in silence", _CACHING),
    Described("cache_key", "all but OpenAI; OpenAI for keys of single messages", "a cache key",
              "left out, told once", _CACHING),
    Described("image_detail", "all but OpenAI and Gemini", "an image's `detail`", "left out, told once", _OPENAI),
    Described("document_name", "Gemini", "a document's name", "left out", _GEMINI_FILES),
    Described("strict_tools", "Ollama; Anthropic, Bedrock, OpenAI where the schema cannot be held to",
              "`strict` on a tool", "left out", _OLLAMA),
    Described("reasoning_display", "Ollama, Bedrock but Claude", "`reasoning.display`", "left out", _OLLAMA),
    Described("", "Anthropic, Gemini, Ollama", "the description of a schema for the answer",
              "put into the schema", _ANTHROPIC),
    Described("tool_media", "OpenAI, Anthropic (sound and film)", "an image or a document in a result",
              "moved into a message of the user behind the turn's results", _OPENAI),
    Described("assistant_media", "OpenAI, Anthropic, Bedrock", "an image in the assistant's message",
              "moved into a message of the user behind the turn's results", _ANTHROPIC),
    Described("fetched", "Bedrock, Ollama, LM Studio; Gemini where the address tells no type; OpenAI's documents and sound",
              "a file by its address, and the wire takes it as bytes only", "fetched and sent as bytes", _BEDROCK),
    Described("", "all", "a `data:` URL; bytes without a type; an image or a PDF under another type's name",
              "sent as the bytes that it is, with the type that they tell",
              "https://github.com/BerriAI/litellm/issues/24900"),
    Described("image_converted", "all", "an image of a type that the wire does not take, such as BMP, TIFF or HEIC",
              "sent as PNG or JPEG, with the extra `images`; else refused", _OLLAMA),
    Described("image_scaled", "Anthropic, Bedrock", "an image with too many bytes, or whose sides are too long",
              "scaled down, with the extra `images`; else too many bytes are refused", _CLAUDE_IMAGES),
    Described("document_as_text", 'OpenAI and Ollama for plain text; wherever there is no place for it with `documents = "text"`',
              "a document", "sent as its text; of a PDF with the extra `documents`", _OLLAMA),
    Described("system_moved", "Claude from Opus 4.8 on, but Sonnet 5; not by Converse",
              "a system message in mid-conversation that the user's words do not stand before, but behind",
              "put behind them", _SYSTEM),
    Described("system_hoisted", "Anthropic's older models, Bedrock, Gemini", "a system message in mid-conversation",
              "moved to the top", _ANTHROPIC),
    Described("system_part", "Anthropic, Bedrock, Gemini", "a provider's own block in such a message",
              "left out", _ANTHROPIC),
    Described("system_as_user", 'Gemma, Titan, o1-mini; the former with `late_system = "user"`, and by Converse '
              "where a model binds its thinking to what stands before it",
              "a system message where there is no place for it", "sent as the user's words", _ANTHROPIC),
    Described("empty_message", "Anthropic, Bedrock, Gemini", "a message that shows nothing", "left out", _ANTHROPIC),
    Described("", "Anthropic, Bedrock, Gemini", "a last message of the user's that shows nothing, behind the assistant's",
              "refused: there is nothing to answer", _ANTHROPIC),
    Described("user_first", "Bedrock, Gemini", "a conversation that the assistant begins",
              "a message of the user is put before it",
              "https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html"),
    Described("trailing_space", "Anthropic, Bedrock", "a prefill that ends in white space", "trimmed", _ANTHROPIC),
    Described("", "Claude from 4.6 on", "a last message of the assistant's, to be continued",
              "refused, with the remedy",
              "https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6#prefill-removal"),
    Described("schema", "Anthropic and Bedrock where an answer or a strict tool's call is held to it; `strict` on "
              "OpenAI; Gemini", "what the wire refuses of a schema",
              "objects are closed in silence; the rest goes into the description (Anthropic, Bedrock), optional "
              "properties become required (OpenAI), or it is left out (Gemini). OpenAI gets open objects, `not`, "
              "several schemas in `allOf` without `strict`",
              "https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations"),
    Described("schema", "all", "a choice at the root of a tool's parameters",
              "one object with the properties of every branch, and required what all require; which belong "
              "together stands in the description", "https://github.com/anthropics/claude-code/issues/5319"),
    Described("", "all", "a reference or `allOf` at that root, or a root that says no type",
              "one object", "https://github.com/langchain-ai/langchainjs/issues/9804"),
    Described("", "Anthropic, Claude on Bedrock", "a property's name at that root that is not `[a-zA-Z0-9_.-]{1,64}`",
              "refused, with the name", "https://github.com/beautyfree/appstore-connect-mcp/issues/2"),
    Described("schema", "Ollama", "references in a tool's parameters, and keywords that the server drops",
              "what is referred to stands in its place; the keywords are left out",
              "https://github.com/ollama/ollama/blob/main/api/types.go"),
    Described("schema_by_tool",
              "Claude before 4.5 (Opus 4.1), Nova, Llama and others on Bedrock, Gemini before 3 beside tools, "
              "GPT before 4o, DeepSeek; every Claude where the schema cannot be held to: objects with any "
              "keys, recursion, `allOf` of references or several objects",
              "a schema for the answer", "sent as a tool that must be called; its arguments are the answer's text",
              "https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use#json-mode"),
    Described("schema_unforced", "Claude that thinks by a budget, Llama and others on Bedrock",
              "a schema by tool, where no tool can be forced", "asked for in a system message",
              "https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking"),
    Described("", "all", "a schema for the answer whose root is no object",
              "sent as the one property of an object, and taken out of it again",
              "https://platform.openai.com/docs/guides/structured-outputs"),
    Described("", "OpenAI, Bedrock", "a schema's name that the wire does not take, such as `Page[Item]`",
              "each letter that is not taken becomes `_`", _OPENAI),
)  # fmt: skip
