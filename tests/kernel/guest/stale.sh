# shellcheck shell=bash
# A write that the initiator has given up, and that is still with the store: it must not overwrite what
# comes after it, however the initiator gave it up. The store holds it by a fault rule.

SGIO=(python3 "$KT_GUEST/sgio.py")
LBA=2048 BLOCKS=128 # the range whose first write is held
ELSEWHERE=8192

# conf_held MILLISECONDS [OP]: a disk whose first OP (write) to the range takes so long.
conf_held() {
	conf_disk 64M "fault = ( { op = \"${2-write}\"; from = \"1M\"; to = \"1088K\"; count = 1;
		delay_ms = $1; } );"
}

# held_write TIMEOUT-MS: the write that is given up, in the background. Sets OLD to its process id.
held_write() {
	pattern /tmp/old 1 41
	"${SGIO[@]}" "$(sg_of 0)" write "$LBA" "$BLOCKS" "$1" /tmp/old >/tmp/old.says 2>&1 &
	OLD=$!
}

# held_at_store: srptd, started with -d iu, has logged the command; its data are there a moment later.
held_at_store() {
	wait_for "the write to arrive" log_has 'SRP_CMD.* out='
	sleep 1
}

# given_up: the initiator has reported an error for the held write.
given_up() {
	! wait "$OLD" || fail "the held write was reported as done"
	cat /tmp/old.says
}

# new_write_wins SECONDS: new data go to the same range; the old ones, which reach the medium within
# SECONDS, must not come after them.
new_write_wins() {
	local sd new
	sd=$(disk 0)
	pattern /tmp/new 1 42
	dd if=/tmp/new of="$sd" bs=64k count=1 seek=16 oflag=direct status=none &
	new=$!
	if [ -n "${FENCED-}" ]; then
		say "elsewhere the disk works at once"
		dd if=/tmp/new of="$sd" bs=64k count=1 seek=64 oflag=direct status=none
		dd if="$sd" of=/tmp/elsewhere bs=64k count=1 skip=64 iflag=direct status=none
		cmp /tmp/elsewhere <(head -c 64k /tmp/new) || fail "elsewhere other data are read"
		kill -0 "$new" 2>/dev/null || fail "the range of the old write is not fenced"
	fi
	wait "$new" || fail "the new write failed"
	sleep "$1"
	dd if="$sd" of=/tmp/found bs=64k count=1 skip=16 iflag=direct status=none
	cmp /tmp/found <(head -c 64k /tmp/new) || fail "old data came after new ones"
	cmp <(dd if="$BACK/disk0" bs=64k skip=16 count=1 status=none) <(head -c 64k /tmp/new) ||
		fail "the file has old data"
}

# initiator_says PATTERN; initiator_never_says PATTERN: since the last mark.
initiator_says() {
	said -- "$1" || fail "the initiator does not say '$1'"
}
initiator_never_says() {
	! since_mark | grep -m 1 -- "$1" || fail "the initiator says '$1'"
}
