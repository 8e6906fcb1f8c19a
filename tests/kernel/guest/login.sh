# shellcheck shell=bash
# The login cases.

# check_disk DEVICE: size and names are those of the configuration.
check_disk() {
	local dir
	dir=$(scsi_of 0)
	[ "$(blockdev --getsize64 "$1")" -eq $((64 << 20)) ] || fail "wrong size of $1"
	[ "$(cat "$dir/vendor")" = "KERNELTB" ] || fail "vendor $(cat "$dir/vendor")"
	[ "$(cat "$dir/model")" = "PRODUCT 7       " ] || fail "product $(cat "$dir/model")"
}

# login_case LINK ADDRESS
login_case() {
	local sd
	link_up "$1"
	conf_disk 64M
	srptd_start -v
	login "$2"
	sd=$(disk 0)
	check_disk "$sd"
	direct_io "$sd" 1
	logout
	wait_for "srptd to notice" log_has disconnected

	say "again"
	login "$2"
	sd=$(disk 0)
	check_disk "$sd"
	same /tmp/pattern "$sd" 32
	direct_io "$sd" 2
	cmp -n $((32 << 20)) /tmp/pattern "$BACK/disk0" || fail "the backing file differs"
	logout
	srptd_stop
}
