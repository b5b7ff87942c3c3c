#!/usr/bin/env bash
# Create .venv with every version of constraints.txt; safe to run again at any time.
#
#   tools/setup.sh [PYTHON]     PYTHON is 3.11 to 3.13; default python3
#
# uv installs, pip only brings uv. Every file has to have a digest of tools/hashes.txt, but
# those of torch: each kind of machine has builds of its own, from an index of their own.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:-python3}
venv=.venv
uv_version=0.13.8

fail() { echo "setup: $*" >&2; exit 69; }

command -v "$python" >/dev/null || fail "no '$python' found; install Python 3.11, or name one: make setup PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    fail "$("$python" --version) is not 3.11 to 3.13; name another: make setup PYTHON=python3.11"

exec 9<tools
"$python" tools/lock.py setup
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv --clear "$venv" || fail "'$python -m venv' failed; on Debian: apt install python3-venv"
fi
"$venv/bin/uv" --version 2>/dev/null | grep -qF "uv $uv_version" ||
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement tools/uv.txt ||
    fail "uv $uv_version could not be installed; pip's words are above"

. tools/package_sources.sh

if nvidia-smi -L >/dev/null 2>&1; then
    kind=GPU extras=train,unsloth,dev overrides=tools/overrides.txt
    sources+=(--torch-backend auto)
else
    kind=CPU extras=train,dev overrides=tools/overrides-cpu.txt
    # A folder of wheels that holds a CPU torch wins; else uv's own CPU index.
    offered=no
    for folder in $(pip_setting find-links); do
        compgen -G "${folder#file://}/torch-*+cpu*.whl" >/dev/null && offered=yes
    done
    [ $offered = yes ] || sources+=(--torch-backend cpu)
fi

echo "setup: installing for a $kind machine into $venv" >&2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
grep '^setuptools==' constraints.txt >"$scratch/build.txt"
{
    grep '^certifi==' constraints.txt
    printf "%s ; sys_platform == 'never'\n" torch torchvision triton xformers diffusers
} >"$scratch/overrides.txt"
install=("$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --constraint tools/hashes.txt)
{
    "${install[@]}" --require-hashes --requirement pyproject.toml --requirement "$scratch/build.txt" \
        --extra train --extra dev --override "$scratch/overrides.txt" "${sources[@]}" &&
        "${install[@]}" --editable ".[$extras]" --no-build-isolation \
            --constraint constraints.txt --override "$overrides" "${sources[@]}"
} ||
    fail "packages could not be installed; uv's words are above. Running the same command again resumes."
touch "$venv/.installed"
echo "setup: $venv is ready ($("$venv/bin/python" --version), torch $("$venv/bin/uv" pip show --python "$venv/bin/python" torch 2>/dev/null | sed -n 's/^Version: //p'))" >&2
