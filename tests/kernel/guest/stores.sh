# shellcheck shell=bash
# Every kind of store by every engine: verified data, flushes, and what the disk says of itself.

# io LUN-CONFIGURATION ENGINE: logs in to such a disk and uses it.
io() {
	local sd
	say "$2: $1"
	conf_file "{ name = \"disk0\"; $1 }" '{ lun = 0; use = "disk0"; }' "engine = \"$2\";"
	srptd_start -v
	login "$IP4"
	sd=$(disk 0)
	[ "$(blockdev --getsize64 "$sd")" -eq $((64 << 20)) ] || fail "wrong size: $(blockdev --getsize64 "$sd")"
	"${USE:-verified}" "$sd"
	logout
	srptd_stop
	log_has "engine.*$2|$2.*engine" || say "srptd does not say that it uses $2"
}

# verified DEVICE: data, with flushes between.
verified() {
	fio_run mixed --filename="$1" --rw=randrw --iodepth=16 --size=32M --fsync=16 \
		--bssplit=512/10:4k/40:60k/20:256k/20:1m/10
	direct_io "$1" 71
}

# accepted DEVICE: a store that keeps nothing.
accepted() {
	dd if=/dev/urandom of="$1" bs=1M count=16 oflag=direct status=none
	cmp <(dd if="$1" bs=1M count=16 iflag=direct status=none) <(head -c 16M /dev/zero) ||
		fail "a null disk gives something else than zeroes"
}

# stores_case CONFIGURATION...: of a disk of 64 MiB; %E in it is the name of the engine.
stores_case() {
	local engine conf
	link_up rxe
	mountpoint -q "$BACK" || back_up
	for engine in io_uring libaio; do
		for conf in "$@"; do
			io "${conf//%E/$engine}" "$engine"
		done
	done
}
