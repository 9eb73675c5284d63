#!/usr/bin/env bash
# Kernels and the seed script's numbers on an emulated ARM processor. Debian only: its packages are unpacked
# into .arm and nothing is installed. Given arguments, runs Python with them instead.
set -euo pipefail
cd "$(dirname "$0")/.."

home=$PWD/.arm
packages="python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 libstdc++6
libgomp1 zlib1g libexpat1 libffi8 libssl3 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 libcrypt1"

if [ ! -e "$home/ready" ]; then
    rm -rf "$home"
    mkdir -p "$home"/{packages,state/lists/partial,cache/archives/partial,root,host,wheels,site}
    options=(-q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$home/state"
        -o Dir::Cache="$home/cache" -o Dir::State::status=/dev/null -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    (cd "$home/packages" && apt-get "${options[@]}" download $packages)
    for file in "$home"/packages/*.deb; do dpkg-deb -x "$file" "$home/root"; done
    (cd "$home/host" && apt-get -q download qemu-user-static && dpkg-deb -x qemu-user-static*.deb .)
    python3 -m pip download --quiet --only-binary=:all: --python-version 3.11 --dest "$home/wheels" \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
        --platform manylinux2014_aarch64 numpy numba tqdm safetensors pytest hypothesis
    for file in "$home"/wheels/*.whl; do python3 -m zipfile -e "$file" "$home/site"; done
    touch "$home/ready"
fi

emulated() {
    PYTHONPATH="$PWD:$home/site" NUMBA_CACHE_DIR="$home/kernels" PYTHONDONTWRITEBYTECODE=1 \
        "$home/host/usr/bin/qemu-aarch64-static" -L "$home/root" \
        "$home/root/usr/bin/python3.11" "$@"
}

if [ $# -gt 0 ]; then
    emulated "$@"
else
    emulated -m nlstm info
    emulated -m pytest -q -p no:cacheprovider tests/kernels/test_tile.py tests/kernels/test_assembly.py \
        tests/kernels/test_simd.py tests/kernels/test_dense.py tests/models/test_seed_numbers.py
fi
