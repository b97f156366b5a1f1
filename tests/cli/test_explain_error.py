"""`aisopod explain-error`: answers explained without asking anyone."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from aisopod.errors import RateLimitError
from aisopod.policy.failover import verdict_on

Run = Callable[..., subprocess.CompletedProcess[bytes]]

SLOW = '{"error":{"message":"Slow down","type":"requests","code":"rate_limit_exceeded"}}'


def test_an_answer_is_explained(run: Run) -> None:
    done = run("explain-error", "openai", "--status", "429", "--header", "Retry-After: 20", SLOW)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == [
        "RateLimitError",
        "  rule:         openai/rate-limit",
        "  scope:        model",
        "  retryable:    yes, after 20 s",
        "  then:         next profile: " + verdict_on(RateLimitError("")).why,
        "  message:      Slow down",
        "  remedy:       try again in 20 s",
        "  source:       https://platform.openai.com/docs/guides/error-codes",
        "  also matched: openai/429, openai/other",
    ]


@pytest.mark.parametrize("way", ["argument", "stdin", "dash", "file"])
def test_the_body_comes_from_anywhere(run: Run, home: Path, way: str) -> None:
    (home / "body.json").write_text(SLOW)
    body = {"argument": [SLOW], "stdin": [], "dash": ["-"], "file": ["@body.json"]}[way]
    stdin = SLOW.encode() if way in ("stdin", "dash") else b""
    done = run("explain-error", "groq", *body, "--json", stdin=stdin)
    told = msgspec.json.decode(done.stdout)
    assert (told["error"], told["status"]) == ("RateLimitError", None)


@pytest.mark.parametrize(
    ("provider", "arguments", "body", "error", "rule"),
    [
        ("anthropic", [], '{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
         "OverloadedError", "anthropic/overloaded-error"),
        ("gemini", ["--status", "200"], '{"promptFeedback":{"blockReason":"SAFETY"}}',
         "ContentFilterError", "gemini/prompt-blocked"),
        ("bedrock", ["--status", "400", "--header", "x-amzn-ErrorType: ThrottlingException"], "{}",
         "RateLimitError", "bedrock/throttling"),
        ("bedrock-anthropic", [], '{"throttlingException":{"message":"m"}}',
         "RateLimitError", "bedrock/throttling"),
        ("ollama", ["--status", "503"], '{"error":"server busy"}', "OverloadedError", "ollama/busy"),
        ("azure", ["--status", "418"], "", "ProviderError", "openai/other"),
    ],
)  # fmt: skip
def test_every_dialect(
    run: Run, provider: str, arguments: list[str], body: str, error: str, rule: str
) -> None:
    done = run("explain-error", provider, "--json", *arguments, body)
    assert done.returncode == 0, done.stderr
    told = msgspec.json.decode(done.stdout)
    assert (told["error"], told["rule"]) == (error, rule)
    assert told["source"].startswith("https://")
    assert rule not in told["also_matched"]


def test_the_configurations_rules_count(run: Run, home: Path) -> None:
    (home / "aisopod.toml").write_text(
        '[providers.mine]\nbase_url = "http://localhost:1"\n'
        '[[providers.mine.rules]]\nid = "mine/slow"\nerror = "overloaded"\nstatus = [429]\n'
        'remedy = "go home"\nscope = "provider"\ndelay = 5\n'
        '[[rules]]\nid = "all/slow"\nerror = "server"\ntext = "slow"\n'
    )
    done = run("explain-error", "mine", "--status", "429", "--json", SLOW)
    told = msgspec.json.decode(done.stdout)
    assert told == {
        "error": "OverloadedError", "rule": "mine/slow", "scope": "provider", "retryable": True,
        "retry_after": 5.0, "message": "Slow down: go home", "status": 429,
        "code": "rate_limit_exceeded", "remedy": "go home", "source": "",
        "then": "next candidate", "why": "no key gets capacity that is not there",
        "also_matched": ["all/slow", "openai/rate-limit", "openai/429", "openai/other"],
    }  # fmt: skip
    done = run("explain-error", "openai", SLOW)
    assert done.stdout.decode().startswith("ServerError\n  rule:         all/slow")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["openia", "x"], 3, "did you mean openai"),
        (["openai", "--status", "9", "x"], 2, "--status"),
        (["openai", "--header", "no colon", "x"], 2, "is not of the form 'name: value'"),
        (["openai", "@missing.json"], 2, "missing.json: No such file"),
        ([], 2, "PROVIDER"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], code: int, said: str) -> None:
    done = run("explain-error", *arguments)
    assert done.returncode == code
    assert said in done.stderr.decode()


def test_what_a_peer_says_cannot_move_the_terminal(run: Run) -> None:
    done = run("explain-error", "openai", '{"error":"a\\u001b[2Jb"}')
    assert b"\x1b" not in done.stdout
