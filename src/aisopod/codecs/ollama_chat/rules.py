"""How this server says what went wrong. The first rule that matches wins.

A body is `{"error": "text"}` and no more, so texts decide wherever the status tells too little.
"""

from aisopod.codecs.rules import Rule

__all__ = ["RULES"]

_ROUTES = "https://github.com/ollama/ollama/blob/main/server/routes.go"
_SCHED = "https://github.com/ollama/ollama/blob/main/server/sched.go"

RULES: tuple[Rule, ...] = (
    Rule(
        id="ollama/context-length",
        error="context_length",
        text=(
            r"exceeds? (the )?(maximum |available )?context|context (length|size|window)"
            r"|prompt (is )?too long"
        ),
        source=_ROUTES,
    ),
    Rule(
        id="ollama/model-not-found",
        error="model_not_found",
        text=r"model .+ not found|file does not exist|not found, try pulling",
        source=_ROUTES,
    ),
    Rule(
        id="ollama/busy",
        error="overloaded",
        text=r"server busy|maximum pending requests",
        source=_SCHED,
    ),
    Rule(
        id="ollama/not-supported",
        error="bad_request",
        text=r"does not support|invalid model name|unmarshal|missing request body",
        source=_ROUTES,
    ),
    Rule(id="ollama/unauthorized", error="authentication", text=r"unauthorized", source=_ROUTES),
    Rule(
        id="ollama/memory",
        error="server",
        text=r"more system memory|runner process|unable to load model",
        source=_SCHED,
    ),
    # The cloud's limits are the account's, whatever the model.
    Rule(
        id="ollama/usage-limit",
        error="rate_limit",
        status=(429,),
        text=r"usage limit",
        scope="profile",
        source="https://github.com/continuedev/continue/issues/9233",
    ),
    Rule(id="ollama/400", error="bad_request", status=(400, 413, 422), source=_ROUTES),
    Rule(id="ollama/401", error="authentication", status=(401,), source=_ROUTES),
    Rule(id="ollama/402", error="billing", status=(402,), source=_ROUTES),
    Rule(
        id="ollama/403",
        error="permission",
        status=(403,),
        source="https://github.com/ollama/ollama/issues/15990",
    ),
    Rule(id="ollama/404", error="model_not_found", status=(404,), source=_ROUTES),
    Rule(id="ollama/429", error="rate_limit", status=(429,), source=_ROUTES),
    Rule(id="ollama/503", error="overloaded", status=(503,), source=_ROUTES),
    Rule(id="ollama/5xx", error="server", status=("5xx",), source=_ROUTES),
    Rule(id="ollama/other", error="other", source=_ROUTES),
)
