# The toolchain of a box that trains: CUDA, a compiler for llama.cpp, git and Python.
#
#   docker build --tag diffscribe .
#   docker run --gpus all --interactive --tty --volume "$PWD:/work" diffscribe make train
#
# The checkout is mounted, so .venv, data, models and metrics stay on the host and a new
# container goes on where the last one stopped.
FROM nvidia/cuda:12.8.1-devel-ubuntu24.04

# Versions of packages are the distribution's: a pinned one is gone with its next update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates cmake g++ git make python3 python3-dev python3-venv tmux \
    && rm -rf /var/lib/apt/lists/*

# git refuses a checkout that belongs to another user, as a mounted one does.
RUN git config --system --add safe.directory /work

WORKDIR /work
CMD ["bash"]
