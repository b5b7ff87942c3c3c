#!/usr/bin/env bash
# Put llama.cpp into .tools/llama.cpp: its source (for the converter) and four
# programs, unless LLAMA_CPP_DIR or PATH already has them. Safe to run again.
#
# The source is the one inside the llama-cpp-python sdist: one download from the
# package index, pinned and checked by sha256, is all that this needs.
set -euo pipefail
cd "$(dirname "$0")/.."

programs="llama-server llama-quantize llama-imatrix llama-perplexity"
home=.tools/llama.cpp
python=.venv/bin/python
[ -x "$python" ] || python=python3 # to have a llama-server needs no `make setup`
known_version=0.5. # of the pinned source; doors/llama_cpp.py has the same

fail() { echo "llama.cpp: $*" >&2; exit 69; }

version() { "$1" --version 2>&1 | sed -n 's/^version: //p' | head -n 1; }

holds_all() { # FOLDER
    local program
    for program in $programs; do [ -x "$1/$program" ] || return 1; done
}

major() { "$1" -dumpversion 2>/dev/null | cut -d. -f1; }

find_clang() { # of version 14 or newer, with its compiler of C++
    local clang
    for clang in clang clang-{30..14}; do
        if command -v "${clang/clang/clang++}" >/dev/null && [ "$(major "$clang")" -ge 14 ]; then
            echo "$clang"
            return
        fi
    done
    return 1
}

say() { echo "llama.cpp: $1 (version $(version "$2/llama-server"))" >&2; }

if [ -n "${LLAMA_CPP_DIR:-}" ]; then
    for folder in "$LLAMA_CPP_DIR/bin" "$LLAMA_CPP_DIR/build/bin" "$LLAMA_CPP_DIR"; do
        if holds_all "$folder"; then found=$folder; break; fi
    done
    [ -n "${found:-}" ] || fail "LLAMA_CPP_DIR=$LLAMA_CPP_DIR lacks one of: $programs; build them there or unset it"
    [ -f "$LLAMA_CPP_DIR/convert_hf_to_gguf.py" ] || fail "LLAMA_CPP_DIR=$LLAMA_CPP_DIR has no convert_hf_to_gguf.py; point it at a llama.cpp source tree"
    say "using LLAMA_CPP_DIR, $found" "$found"
    exit 0
fi

mkdir -p "$home"
exec 9<"$home"
.venv/bin/python tools/lock.py llama.cpp

if [ ! -f "$home/src/convert_hf_to_gguf.py" ]; then
    echo "llama.cpp: fetching the source" >&2
    rm -rf "$home/sdist" "$home/src"
    "$python" -m pip download --quiet --no-deps --no-binary=:all: \
        --require-hashes --requirement tools/llama-cpp.txt --dest "$home/sdist" ||
        fail "the pinned sdist could not be fetched; run the same command again"
    mkdir "$home/sdist/tree"
    tar -xzf "$home"/sdist/*.tar.gz -C "$home/sdist/tree" --strip-components=1
    mv "$home/sdist/tree/vendor/llama.cpp" "$home/src"
    rm -rf "$home/sdist"
fi

path_folder=$(dirname "$(command -v llama-server || echo none/none)")
if holds_all "$path_folder"; then
    found=$(version "$path_folder/llama-server")
    if [[ $found == "$known_version"* ]]; then
        say "using PATH, $path_folder; converter in $home/src" "$path_folder"
        exit 0
    fi
    echo "llama.cpp: version '$found' in $path_folder was never tried, ${known_version}x was, so that is built (LLAMA_CPP_DIR names another all the same)" >&2
fi

if [ ! -f "$home/.built" ]; then
    flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF
        -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF)
    # GCC before 13 miscompiles the AMX kernels: every quantized model crashes
    # (ggml-org/llama.cpp#20824). Clang does not, and AMX halves the time of a prompt.
    compiler="the default compiler"
    if grep -qsw amx_int8 /proc/cpuinfo && gcc=$(major gcc) && [ "$gcc" -lt 13 ]; then
        if compiler=$(find_clang); then
            flags+=("-DCMAKE_C_COMPILER=$compiler" "-DCMAKE_CXX_COMPILER=${compiler/clang/clang++}" -DGGML_OPENMP=OFF)
        else
            compiler="GCC $gcc without AMX, for which it takes GCC 13 or clang 14"
            amx="-mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
            flags+=("-DCMAKE_C_FLAGS=$amx" "-DCMAKE_CXX_FLAGS=$amx")
        fi
    fi
    ! command -v nvcc >/dev/null || ! nvidia-smi -L >/dev/null 2>&1 || flags+=(-DGGML_CUDA=ON)
    echo "llama.cpp: building $programs with $compiler (several minutes, once)" >&2
    mkdir -p .tools
    log=$home/build.log
    # shellcheck disable=SC2086
    { cmake -S "$home/src" -B "$home/build" "${flags[@]}" &&
        cmake --build "$home/build" -j "$("$python" -c 'import os; print(os.cpu_count() or 1)')" --target $programs; } >"$log" 2>&1 ||
        { tail -n 20 "$log" >&2; fail "the build failed; the whole log is $log"; }
    mkdir -p "$home/bin"
    for program in $programs; do install -m 755 "$home/build/bin/$program" "$home/bin/"; done
    touch "$home/.built"
fi
say "using $home/bin, built here" "$home/bin"
