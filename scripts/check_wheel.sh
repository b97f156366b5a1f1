#!/usr/bin/env bash
# Builds the wheel, installs it into an environment of its own, and uses it.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=${UV:-uv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$uv" build --quiet --wheel --out-dir "$work/dist"
"$uv" venv --quiet "$work/venv"
"$uv" pip install --quiet --python "$work/venv/bin/python" "$(echo "$work"/dist/*.whl)[cli]"

cd "$work"
"$work/venv/bin/aisopod" --version
# No key and no server may turn this into a real chat.
answer=$(env -i PATH="$PATH" HOME="$work" "$work/venv/bin/aisopod" demo --simulated)
echo "$answer"
grep -q "simulated" <<<"$answer"
"$work/venv/bin/python" -c '
from aisopod.catalogue import facts_for
assert facts_for("openai", "gpt-4o").price, "the wheel has no list of models"
'
