# shellcheck shell=bash
# One disk by two links, joined by dm-multipath. There is no multipathd: what it would do, the case does.

# path_login N: over link N; sets HOST_OF[N] and SD_OF[N]. By themselves both siw devices would be the same
# initiator port, whose second login ends the first session.
declare -A HOST_OF SD_OF
path_login() {
	DEV=$LINK$1
	login "10.9.$1.1" "initiator_ext=000000000000000$1"
	HOST_OF[$1]=$HOST
	SD_OF[$1]=$(disk 0)
	# A path that is gone fails I/O at once: the other one takes it.
	echo 0 >"$(rport)/fast_io_fail_tmo"
}

path_logout() {
	HOST=${HOST_OF[$1]}
	logout
}

# table: both paths in one group, in turns; without any path I/O waits.
table() {
	echo "0 $SECTORS multipath 1 queue_if_no_path 0 1 1 round-robin 0 $# 1 $(printf '%s 4 ' "$@")"
}

# paths DEVICE...: what mp consists of from now on.
paths() {
	table "$@" | dmsetup load --noudevsync mp
	dmsetup suspend --noudevsync --noflush --nolockfs mp
	dmsetup resume --noudevsync mp
}

# same_wwid: by this a host knows that two disks are one.
same_wwid() {
	local a b
	a=$(cat "$(HOST=${HOST_OF[0]} && scsi_of 0)/wwid")
	b=$(cat "$(HOST=${HOST_OF[1]} && scsi_of 0)/wwid")
	[ "$a" = "$b" ] || fail "the paths have different names: $a, $b"
	[ -n "$a" ] || fail "the disks have no name"
}

# multipath_case LINK
multipath_case() {
	local load gone
	LINK=$1
	link_up "$LINK"
	link_up "$LINK" 1
	conf_disk 256M
	srptd_start
	path_login 0
	path_login 1
	same_wwid
	SECTORS=$(blockdev --getsz "${SD_OF[0]}")
	table "${SD_OF[@]}" | dmsetup create --noudevsync mp
	dmsetup mknodes mp
	fio_load --filename=/dev/mapper/mp --rw=randrw --bs=32k --iodepth=16 --size=32M
	for gone in 0 1 0 1; do
		sleep 1
		load_runs
		path_logout "$gone"
		sleep 1
		path_login "$gone"
		paths "${SD_OF[@]}"
	done
	enough

	say "no path at all: I/O waits for one"
	path_logout 0
	path_logout 1
	direct_io /dev/mapper/mp 31 &
	load=$!
	sleep 2
	kill -0 "$load" || fail "I/O without a path did not wait"
	path_login 1
	paths "${SD_OF[1]}"
	wait "$load" || fail "I/O after the path had come back failed"
	dmsetup status mp
	dmsetup remove --noudevsync mp
	path_logout 1
	srptd_stop
}
