# shellcheck shell=bash
# For the cases, in the guest: links, srptd, the initiator, disks. Every function ends the case with
# a reason when it does not get what it waits for; no result depends on how long something took.
OUT=/run/out
KT_GUEST=/run/tree/tests/kernel/guest
PORT=5555
ID_EXT=0200000000000a01
IOC_GUID=0200000000000b01
IP4=10.9.0.1
IP6=fd09::1
SRPTD='' # process id
TARGET=${KT_TARGET:-srptd}
# Two disks that the host keeps in sparse files; a case that boots more than once finds them again.
case ${KT_VM:-uml} in
uml) DISK1=/dev/ubda DISK2=/dev/ubdb ;;
*) DISK1=/dev/vda DISK2=/dev/vdb ;;
esac
BACK=/mnt/back
PATIENCE=60 # seconds: a bound, never a measure

# use NAME: what several cases share.
use() {
	# shellcheck disable=SC1090
	. "$KT_GUEST/$1.sh"
}

say() { echo "## $*"; }
fail() {
	say "FAIL: $*"
	echo "$*" >>"$OUT/why"
	trap - ERR
	exit 1
}
skip() {
	echo "$*" >>"$OUT/why"
	trap - ERR
	exit 77
}

# wait_for WHAT COMMAND...: until it succeeds.
wait_for() {
	local what=$1 n=$((PATIENCE * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ "$n" -gt 0 ] || fail "waited in vain for $what"
		sleep 0.1
	done
}
not() { ! "$@"; }
has_line() { grep -qaE -- "$2" "$1"; }

kernel_complaints() {
	dmesg | grep -E 'BUG|WARNING:|Oops|memory corruption|Poison overwritten|blocked for more than|Call Trace|UBSAN|refcount_t' |
		grep -vE 'virt-pci|um_pci'
}

# mark; since_mark: the kernel's messages from there on.
mark() { echo "kt-mark $((++marks))" >/dev/kmsg; }
marks=0
since_mark() { dmesg | sed "1,/kt-mark $marks\$/d"; }
# said [GREP-OPTION...] PATTERN: is it among them? (All of them are read: with pipefail, a grep that
# ends at its first find would make the whole pipe fail.)
said() { since_mark | grep "$@" >/dev/null; }

# ---- RDMA links --------------------------------------------------------------------------------

# link_up rxe|siw [NUMBER]: sets DEV, and IP4 and IP6 to its addresses. Initiator and target are both
# on this one link: two of them cannot reach each other.
link_up() {
	local n=${2:-0} net=dummy$((${2:-0} + 1))
	IP4=10.9.$n.1
	IP6=fd09::$n:1
	[ "$n" -gt 0 ] || IP6=fd09::1
	DEV=$1$n
	ip link add "$net" type dummy
	ip addr add "$IP4/24" dev "$net"
	ip addr add "$IP6/112" dev "$net" nodad
	ip link set "$net" mtu 4200 up
	rdma link add "$DEV" type "$1" netdev "$net"
	wait_for "$DEV" test -e "/sys/class/infiniband_srp/srp-$DEV-1/add_target"
	wait_for "port $DEV" grep -q ACTIVE "/sys/class/infiniband/$DEV/ports/1/state"
}

# count_of NAME: a counter of the link; 0 where the driver has none of that name.
count_of() { cat "/sys/class/infiniband/$DEV/ports/1/hw_counters/$1" 2>/dev/null || echo 0; }

# ---- backing files -----------------------------------------------------------------------------

# back_up: an ext4 at $BACK on a disk of the host; O_DIRECT works there, on tmpfs it does not.
back_up() {
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$DISK1"
	mkdir -p "$BACK"
	mount "$DISK1" "$BACK"
}

# ---- srptd -------------------------------------------------------------------------------------

CONF=/run/srptd.conf

# conf_file LUNS MAP [GLOBAL]: a target for anybody, with logical units LUNS and the LUN map MAP.
conf_file() {
	cat >"$CONF" <<-TXT
		rdma_cm_port = $PORT;
		${3-}
		luns = ( $1 );
		targets = ( {
		  name = "kt"; id_ext = "$ID_EXT"; ioc_guid = "$IOC_GUID";
		  groups = ( { name = "all"; initiators = [ "${ADMIT:-*}" ]; luns = ( $2 ); } );
		} );
	TXT
}

# conf_disk SIZE [KEYS] [GLOBAL]: one file of that size as LUN 0.
conf_disk() {
	mountpoint -q "$BACK" || back_up
	conf_file "{ name = \"disk0\"; path = \"$BACK/disk0\"; size = \"$1\"; usn = \"KT-0\";
		t10_vend_id = \"KERNELTB\"; prod_id = \"PRODUCT 7\"; ${2-} }" \
		'{ lun = 0; use = "disk0"; }' "${3-}"
}

# srptd_start [OPTION...]: returns when it listens.
srptd_start() {
	local from
	touch "$OUT/srptd.log"
	from=$(wc -l <"$OUT/srptd.log")
	/run/build/src/srptd/srptd -f -c "$CONF" "$@" 2>>"$OUT/srptd.log" &
	SRPTD=$!
	wait_for "srptd to listen" srptd_ready "$from"
}
srptd_ready() {
	kill -0 "$SRPTD" || fail "srptd ended at once: $(tail -n 1 "$OUT/srptd.log")"
	tail -n +$(($1 + 1)) "$OUT/srptd.log" | grep -q ': ready'
}
srptd_running() { [ -n "$SRPTD" ] && kill -0 "$SRPTD" 2>/dev/null; }

# srptd_stop: by SIGTERM; it must end well.
srptd_stop() {
	local rc=0
	srptd_running || fail "srptd ended on its own"
	kill -TERM "$SRPTD"
	wait "$SRPTD" || rc=$?
	SRPTD=
	[ "$rc" -eq 0 ] || fail "srptd ended with status $rc"
}
# srptd_kill: as a crash does.
srptd_kill() {
	kill -KILL "$SRPTD"
	wait "$SRPTD" || true
	SRPTD=
}
# srptd_complaints: warnings and errors in its log, but for those that the case expects:
# expect_warning PATTERN. Faults that the case has configured are no news.
EXPECTED='^$'
expect_warning() { EXPECTED=$1; }
srptd_complaints() {
	[ ! -e "$OUT/srptd.log" ] || grep -aE ' (warning|error): ' "$OUT/srptd.log" |
		grep -avE -- "$EXPECTED|: fault: |fault.s. configured"
}
srptd_show_log() {
	[ ! -s "$OUT/srptd.log" ] || tail -n 40 "$OUT/srptd.log" | sed 's/^/srptd: /'
}
log_has() { [ -e "$OUT/srptd.log" ] && has_line "$OUT/srptd.log" "$1"; }

# ---- the target of the case: srptd, or the kernel's own in a twin ------------------------------

lio() { [ "$TARGET" = lio ]; }

# serve SIZE [KEYS [GLOBAL [OPTION...]]]: one file $BACK/disk0 as LUN 0; KEYS and what follows are
# srptd's.
serve() {
	local size=$1 keys=${2-} global=${3-}
	shift $(($# < 3 ? $# : 3))
	if lio; then
		use lio
		mountpoint -q "$BACK" || back_up
		truncate -s "$size" "$BACK/disk0"
		lio_up "$BACK/disk0" "$(stat -c %s "$BACK/disk0")"
		PORT=$LIO_PORT ID_EXT=$LIO_GUID IOC_GUID=$LIO_GUID
	else
		conf_disk "$size" "$keys" "$global"
		srptd_start "$@"
	fi
}

# unserve: the target ends, and must end well.
unserve() { if lio; then lio_down; else srptd_stop; fi; }

# ---- the initiator -----------------------------------------------------------------------------

srp_hosts() { find /sys/class/srp_host -mindepth 1 -printf '%f\n' 2>/dev/null | sort; }

# add_target STRING: what is written to ib_srp; false if it refuses.
add_target() { echo "$1" >"/sys/class/infiniband_srp/srp-$DEV-1/add_target"; }

# login_once STRING: true if logged in, false if ib_srp still knows a session that is being removed.
login_once() {
	mark
	! add_target "$1" || return 0
	said 'Already connected' ||
		fail "ib_srp could not log in: $(since_mark | tail -n 1)"
	return 1
}

# login ADDRESS [OPTIONS]: sets HOST (number of the SCSI host); the scan for disks is over on return.
login() {
	local before
	before=$(srp_hosts)
	wait_for "an old session to go" login_once \
		"id_ext=$ID_EXT,ioc_guid=$IOC_GUID,dest=$1:$PORT${2:+,$2}"
	HOST=$(comm -13 <(echo "$before") <(srp_hosts) | sed 's/host//' | tail -n 1)
	[ -n "$HOST" ] || fail "no SCSI host after the login"
}

# disk LUN: prints /dev/sdX of HOST. scsi_disk LUN: its folder in sysfs.
scsi_of() { echo "/sys/class/scsi_device/$HOST:0:0:$1/device"; }
disk() {
	local dir
	dir=$(scsi_of "$1")
	wait_for "the disk of LUN $1" disk_there "$dir"
	echo "/dev/$(ls "$dir/block")"
}
# A disk is usable when the driver has read its capacity and udev's work (here devtmpfs) is done.
disk_there() { [ -b "/dev/$(ls "$1/block")" ]; }
sg_of() { echo "/dev/$(ls "$(scsi_of "$1")/scsi_generic")"; }

rport() { echo "/sys/class/srp_remote_ports/port-$HOST:1"; }

logout() {
	echo 1 >"$(rport)/delete"
	wait_for "the SCSI host to go" not test -e "/sys/class/srp_host/host$HOST"
}

# reconnect_fast: the initiator tries every second and keeps I/O for a minute until the target is
# back. With fast_io_fail_tmo and dev_loss_tmo both off it would fail I/O at the first attempt that
# fails.
reconnect_fast() {
	echo 1 >"$(rport)/reconnect_delay"
	echo 60 >"$(rport)/fast_io_fail_tmo"
	echo 120 >"$(rport)/dev_loss_tmo"
}
port_running() { grep -q running "$(rport)/state"; }

# ---- data --------------------------------------------------------------------------------------

# pattern FILE MIB SEED: reproducible bytes.
pattern() {
	perl -e 'my ($n, $x) = @ARGV; for (1 .. $n * 128) { $x = ($x * 69069 + 1) & 0xffffffff;
		print pack("N*", map { $x ^ $_ * 2654435761 & 0xffffffff } 1 .. 2048) }' "$2" "$3" >"$1"
}

# same FILE DEVICE MIB: compares, bypassing the page cache.
same() {
	cmp <(head -c "$(($3 << 20))" "$1") \
		<(dd if="$2" iflag=direct bs=1M count="$3" status=none) ||
		fail "$2 does not read back what was written"
}

# direct_io DEVICE SEED: writes and reads 8 MiB in pieces of several sizes.
direct_io() {
	local bs
	pattern /tmp/pattern 8 "$2"
	for bs in 4k 60k 1M 4M; do
		dd if=/dev/zero of="$1" oflag=direct bs=1M count=8 status=none
		dd if=/tmp/pattern of="$1" oflag=direct bs="$bs" status=none
		same /tmp/pattern "$1" 8
	done
}

# fio_run NAME OPTION...: fio with verification must find no error. Its data are others than those of
# the run before, whose blocks would pass for its own; FIO_SEED=N repeats a run.
fio_run() {
	local name=$1 seed=${FIO_SEED:-$RANDOM}
	shift
	say "fio $name, seed $seed: $*"
	fio --name="$name" --eta=never --randseed="$seed" --verify_state_save=0 --direct=1 \
		--ioengine=libaio --verify=crc32c --verify_fatal=1 --do_verify=1 --group_reporting \
		--output="$OUT/fio.$name" "$@" ||
		fail "fio $name: $(grep -aE 'err=|verify:|error' "$OUT/fio.$name" | head -n 1)"
}

# fio_load OPTION...: in the background: fio again and again until enough is called. Sets LOAD. (fio cannot
# verify loops of its own.)
fio_load() {
	rm -f /tmp/enough
	fio_until "$@" &
	LOAD=$!
}
fio_until() {
	until [ -e /tmp/enough ]; do
		fio_run load "$@"
	done
}
load_runs() { kill -0 "$LOAD" 2>/dev/null || fail "the load has ended"; }

# enough: lets the load finish; it must not have seen an error.
enough() {
	touch /tmp/enough
	wait "$LOAD" || fail "fio saw an error"
}
