# shellcheck shell=bash
# Power cuts: what was acknowledged as durable is on the disk afterwards. The twins with nv_cache, where
# FUA and SYNCHRONIZE CACHE do nothing, show that the checks would find a loss.

DURABLE=$KT_GUEST/durable

# dirty_stays: nothing reaches the disk by the mere passing of time.
dirty_stays() {
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
	echo 90 >/proc/sys/vm/dirty_ratio
	echo 80 >/proc/sys/vm/dirty_background_ratio
}

# device_for HOW: the disk, or its /dev/sg if commands are sent by themselves.
device_for() {
	local sd
	sd=$(disk 0)
	if [ "$1" = fsync ]; then echo "$sd"; else sg_of 0; fi
}

# judge keeps|loses COMMAND...: of the checker.
judge() {
	local wanted=$1 rc=0
	shift
	"$@" >/tmp/durable || rc=$?
	cat /tmp/durable
	case $wanted$rc in
	keeps0 | loses2) ;;
	keeps2) fail "acknowledged data are lost: $(head -n 1 /tmp/durable)" ;;
	loses0) fail "nothing is lost, although nothing was flushed: the check checks nothing" ;;
	*) fail "the check says: $(tail -n 1 /tmp/durable)" ;;
	esac
	tail -n 1 /tmp/durable >>"$OUT/figures"
}

# file_cut_case HOW KEYS keeps|loses: the guest is killed in the middle of writes; its page cache and the
# journal of its file system, which nobody commits, are gone with it. What was written to the guest's
# disk is not: the host's page cache has it. So a file that is written with O_DIRECT loses blocks only
# because it is sparse, and the journal has to say where they are.
file_cut_case() {
	link_up rxe
	dirty_stays
	if [ "$KT_BOOT" -eq 1 ]; then
		back_up
	else
		mkdir -p "$BACK"
		mount "$DISK1" "$BACK"
	fi
	mount -o remount,commit=10000 "$BACK"
	serve 64M "$2"
	# The file itself is not what this is about.
	sync
	login "$IP4"
	say "boot $KT_BOOT of $KT_BOOTS"
	if [ "$KT_BOOT" -gt 1 ]; then
		judge "$3" "$DURABLE" check "$(disk 0)" "$DISK2"
	fi
	if [ "$KT_BOOT" -lt "$KT_BOOTS" ]; then
		DURABLE_CUT=$OUT/cut DURABLE_CUT_AFTER=$((60 + RANDOM % 60)) \
			"$DURABLE" write "$(device_for "$1")" "$1" "$DISK2"
		fail "the writer ended before the cut"
	fi
	logout
	unserve
}

# block_cut_case HOW KEYS keeps|loses: everything that reaches the disk is logged, and the disk is rebuilt
# as of every acknowledgement from what had been flushed by then.
block_cut_case() {
	local size=$((64 << 20))
	link_up rxe
	dirty_stays
	dmsetup create --noudevsync logged --table "0 $((size >> 9)) log-writes $DISK1 $DISK2"
	dmsetup mknodes logged
	if lio; then
		use lio
		lio_block /dev/mapper/logged
		lio_serve
		PORT=$LIO_PORT ID_EXT=$LIO_GUID IOC_GUID=$LIO_GUID
	else
		conf_file "{ name = \"disk0\"; path = \"/dev/mapper/logged\"; $2 }" \
			'{ lun = 0; use = "disk0"; }'
		srptd_start
	fi
	login "$IP4"
	touch /tmp/acks
	DURABLE_MARK=logged "$DURABLE" write "$(device_for "$1")" "$1" /tmp/acks 150 ||
		fail "the writer failed"
	logout
	if lio; then
		lio_down
		lio_forget
	else
		srptd_stop
	fi
	dmsetup remove --noudevsync logged
	judge "$3" "$DURABLE" replay "$DISK2" /tmp/acks "$size"
}
