#!/usr/bin/env bash
# Resolve pyproject.toml with all extras again; versions that still fit stay.
#
# What is specific to a machine is left out: markers, other platforms, local tags
# such as +cpu, and the libraries that a CUDA build of torch brings along itself.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/package_sources.sh

resolved=$(mktemp)
trap 'rm -f "$resolved"' EXIT
cp constraints.txt "$resolved"
.venv/bin/uv pip compile pyproject.toml --quiet --all-extras --universal --no-annotate --no-header \
    --override tools/overrides-cpu.txt "${sources[@]}" "$@" --output-file "$resolved"
{
    sed -n '/^#/p' constraints.txt
    sed -E "/== '(win32|emscripten|never)'/d; s/ *;.*//; s/\+[a-z0-9.]+\$//
        /^nvidia-ml-py/!{/^(nvidia|cuda)-/d}; /^\$/d" "$resolved" | LC_ALL=C sort -u
} >constraints.txt.new
mv constraints.txt.new constraints.txt

# Digests of every file of these versions, for whatever machine. Builds of torch, and what
# they bring, come from an index of their own for each kind of machine.
.venv/bin/uv pip compile pyproject.toml --quiet --all-extras --universal --no-annotate --no-header \
    --generate-hashes --constraint constraints.txt --override tools/overrides-cpu.txt "${sources[@]}" |
    awk '/^[a-z]/ { keep = !/^(torch|triton|xformers|nvidia-|cuda-)/ || /^nvidia-ml-py/ } keep' >"$resolved"
cat "$resolved" >tools/hashes.txt
sed -n 's/^uv_version=\(.*\)/uv==\1/p' tools/setup.sh |
    .venv/bin/uv pip compile - --quiet --no-deps --no-annotate --no-header --generate-hashes "${sources[@]}" >"$resolved"
cat "$resolved" >tools/uv.txt
