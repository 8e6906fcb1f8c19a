# shellcheck shell=bash
# For the scripts of this project: where the tree is, and what must be installed.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)
export top jobs

# Debian and Fedora names of what building and testing needs.
packages_build=(gcc libc6-dev cmake ninja-build pkg-config libibverbs-dev librdmacm-dev
	libibumad-dev liburing-dev libaio-dev libconfig-dev libjansson-dev libsystemd-dev libmicrohttpd-dev
	libcmocka-dev python3)
packages_test=("${packages_build[@]}" e2fsprogs perftest ibverbs-utils rdmacm-utils scdoc dpkg-dev file rpm systemd
	python3-prometheus-client tshark)
packages_fedora="gcc cmake ninja-build pkgconf rdma-core-devel liburing-devel libaio-devel
libconfig-devel
jansson-devel systemd-devel libmicrohttpd-devel libcmocka-devel python3 e2fsprogs perftest libibverbs-utils
librdmacm-utils scdoc"

say() { printf '\n== %s\n' "$*"; }
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need_packages NAME...: install what is missing, as root or with sudo; else say what is missing.
need_packages() {
	local missing=() as_root=() p
	if ! command -v dpkg-query >/dev/null; then
		echo "not a Debian system; these packages are needed: $packages_fedora"
		return 0
	fi
	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' ||
			missing+=("$p")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || die "please install: ${missing[*]}"
		as_root=(sudo)
	fi
	say "installing ${missing[*]}"
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends "${missing[@]}" >/dev/null ||
		die "could not install: ${missing[*]}"
}

# build PRESET [CMAKE-OPTION...]: configure and build; the directory is build/PRESET.
build() {
	local preset=$1
	shift
	(cd "$top" && cmake --preset "$preset" "$@" >/dev/null && cmake --build --preset "$preset" \
		-j "$jobs") >"/tmp/srptd-build-$preset.$$" 2>&1 || {
		cat "/tmp/srptd-build-$preset.$$"
		rm -f "/tmp/srptd-build-$preset.$$"
		die "the $preset build failed"
	}
	rm -f "/tmp/srptd-build-$preset.$$"
}
