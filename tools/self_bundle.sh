#!/usr/bin/env bash
# Pack the history of this repository up to HEAD into data/self.bundle.
#
# Bundles of before and the shipped model are left out of it, or each would hold all that
# came before it once more, and megabytes of weights that no row shows. So commits from the
# first bundle on have other ids there than in this repository.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git init --quiet --bare --initial-branch=main "$folder"
git fast-export --reencode=no HEAD -- . ':!data/self.bundle' ':!models/diffscribe-135m' |
    git -C "$folder" fast-import --quiet --export-marks="$folder/marks"
git -C "$folder" update-ref HEAD "$(tail -n 1 "$folder/marks" | cut -d' ' -f2)"
git -C "$folder" repack --quiet -adf --window=100 --depth=100
git -C "$folder" bundle create --quiet "$PWD/data/self.bundle" HEAD
