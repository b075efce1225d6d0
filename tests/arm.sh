#!/bin/sh
# The native kernels' tests on an emulated ARM processor: `make arm`, or `tests/arm.sh` with arguments for pytest.
#
# Python comes from Debian and all else from the package index, into build/arm; the kernels are cross-compiled, and
# qemu runs the tests. QEMU_CPU=neoverse-n1 emulates that processor.
set -eu
cd "$(dirname "$0")/.."
for tool in qemu-aarch64 aarch64-linux-gnu-g++ cmake apt-get; do
  command -v $tool > /dev/null || {
    echo "$tool is missing: the emulated tests need Debian, with qemu-user, g++-aarch64-linux-gnu and cmake" >&2
    exit 1
  }
done
python=${PYTHON:-python3}
arm=$PWD/build/arm
root=$arm/root

if [ ! -x "$arm/python" ]; then
  mkdir -p "$arm/apt/lists/partial" "$arm/apt/archives/partial" "$root"
  : > "$arm/apt/status"
  echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main' > "$arm/apt/sources.list"
  cat > "$arm/apt/apt.conf" << END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
Dir::State "$arm/apt";
Dir::State::status "$arm/apt/status";
Dir::Cache "$arm/apt";
Dir::Etc::sourcelist "$arm/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
END
  export APT_CONFIG="$arm/apt/apt.conf"
  apt-get --quiet update
  (cd "$arm/apt/archives" && apt-get --quiet download python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libpython3.11-dev \
    libc6 libgcc-s1 libstdc++6 libgomp1 zlib1g libexpat1 libffi8 libssl3 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 libcrypt1)
  for package in "$arm"/apt/archives/*.deb; do dpkg-deb --extract "$package" "$root"; done
  printf '#!/bin/sh\nPYTHONHOME=%s exec qemu-aarch64 -L %s %s "$@"\n' "$root/usr" "$root" "$root/usr/bin/python3.11" > "$arm/python"
  chmod +x "$arm/python"
fi

export PYTHONPATH="$arm/site:src:tests"
if [ ! -e "$arm/.installed" ]; then  # torch's later wheels for ARM bring CUDA along
  "$python" -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' > "$arm/needed"
  "$arm/python" "$("$python" -c 'import pip; print(pip.__path__[0])')" install --quiet --no-compile --only-binary :all: --target "$arm/site" \
    --requirement "$arm/needed" 'torch<2.9' hypothesis nanobind pytest scipy
  touch "$arm/.installed"
fi

CPLUS_INCLUDE_PATH="$root/usr/include" cmake -S . -B "$arm/build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
  -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DPython_EXECUTABLE="$arm/python" -DPython_INCLUDE_DIR="$root/usr/include/python3.11"
CPLUS_INCLUDE_PATH="$root/usr/include" cmake --build "$arm/build"

[ $# -gt 0 ] || set -- tests/kernels/test_native_*.py tests/kernels/test_pointwise.py tests/sampling/test_native_*.py
PONDER_NATIVE_MODULES=$arm/build exec "$arm/python" -m pytest --capture=sys -p kernels.native_module \
  --hypothesis-profile=emulated "$@"
