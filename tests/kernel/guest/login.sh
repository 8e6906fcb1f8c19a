# shellcheck shell=bash
# The login cases.

# check_disk DEVICE: size and names are those of the configuration.
check_disk() {
	local dir
	dir=$(scsi_of 0)
	[ "$(blockdev --getsize64 "$1")" -eq $((64 << 20)) ] || fail "wrong size of $1"
	! lio || return 0
	[ "$(cat "$dir/vendor")" = "KERNELTB" ] || fail "vendor $(cat "$dir/vendor")"
	[ "$(cat "$dir/model")" = "PRODUCT 7       " ] || fail "product $(cat "$dir/model")"
}

# login_case LINK ADDRESS
login_case() {
	local sd
	link_up "$1"
	serve 64M '' '' -v
	login "$2"
	sd=$(disk 0)
	check_disk "$sd"
	direct_io "$sd" 1
	logout
	lio || wait_for "srptd to notice" log_has disconnected

	say "again"
	login "$2"
	sd=$(disk 0)
	check_disk "$sd"
	same /tmp/pattern "$sd" 8
	direct_io "$sd" 2
	cmp -n $((8 << 20)) /tmp/pattern "$BACK/disk0" || fail "the backing file differs"
	logout
	unserve
}
