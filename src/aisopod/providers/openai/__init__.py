"""OpenAI itself: https://platform.openai.com/docs/api-reference/chat."""

from aisopod.codecs.openai_chat.quirks import Quirks
from aisopod.providers.host import Host
from aisopod.providers.openai.listing import listing
from aisopod.providers.openai.tokens import text_counter

__all__ = ["host"]

host = Host(
    id="openai",
    name="OpenAI",
    dialect="openai_chat",
    base_url="https://api.openai.com/v1",
    chat_path="/chat/completions",
    listing=listing(),
    text_counter=text_counter,
    key_variables=("OPENAI_API_KEY",),
    base_url_variables=("OPENAI_BASE_URL",),
    option_headers={"organization": "openai-organization", "project": "openai-project"},
    option_variables={"organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"},
    quirks=Quirks(
        openai_models=True,
        developer_role=True,
        # The o-series and gpt-5 and later refuse max_tokens; every model takes this one.
        max_tokens_field="max_completion_tokens",
        json_word=True,
        refusal_field=True,
        tool_id_length=40,
        documents=True,
        metadata=True,
        prompt_cache_key=True,
        cache_marks="breakpoint",
    ),
)
