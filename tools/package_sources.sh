# Sourced: sets `sources`, uv's arguments for where packages come from.
#
# uv does not read pip's settings, so the two that decide it are handed on.

pip_setting() { # NAME: pip's value of it, from the environment or a pip.conf
    .venv/bin/python -m pip config list |
        sed -n "s/^:env:\.$1='\(.*\)'\$/\1/p; s/^\(global\|install\)\.$1='\(.*\)'\$/\2/p" | head -n 1
}

sources=()
for folder in $(pip_setting find-links); do sources+=(--find-links "$folder"); done
index=$(pip_setting index-url)
[ -z "$index" ] || sources+=(--default-index "$index")
