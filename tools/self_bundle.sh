#!/usr/bin/env bash
# Pack the history of this repository up to HEAD into data/self.bundle.
#
# Bundles of before and the shipped model are left out of it, or each would hold all that
# came before it once more, and megabytes of weights that no row shows. So commits from the
# first bundle on have other ids there than in this repository.
# It ends before the first commit that `git diffscribe` proposed, so that the default is
# neither taught nor measured on a model's words; END names a later end, once enough
# commits of people follow.
set -euo pipefail
cd "$(dirname "$0")/.."

first=$(git log --format=%H --extended-regexp --grep='^Diffscribe: (taken|edited)$' | tail -n 1)
end=${END:-${first:+$first^}}
end=$(git rev-parse --verify "${end:-HEAD}^{commit}")
echo "self-bundle: ends at $(git log -1 --format='%h %s' "$end")"

folder=$(mktemp -d)
ref=refs/diffscribe/bundle # fast-export wants a name
trap 'rm -rf "$folder"; git update-ref -d "$ref"' EXIT
git update-ref "$ref" "$end"
git init --quiet --bare --initial-branch=main "$folder"
git fast-export --reencode=no "$ref" -- . ':!data/self.bundle' ':!models/diffscribe-135m' |
    git -C "$folder" fast-import --quiet --export-marks="$folder/marks"
git -C "$folder" update-ref HEAD "$(tail -n 1 "$folder/marks" | cut -d' ' -f2)"
git -C "$folder" repack --quiet -adf --window=100 --depth=100
git -C "$folder" bundle create --quiet "$PWD/data/self.bundle" HEAD
