# shellcheck shell=bash
# fio with verification over what the initiator can be told to do with a request.

IMM=/sys/module/ib_srp/parameters/use_imm_data

# counters: what the link has seen of errors. An RNR NAK means that a receive was not there although
# its credit had been given.
counters() {
	local c
	for c in rcvd_rnr_err send_rnr_err retry_rnr_exceeded_err rcvd_seq_err out_of_seq_request \
		retry_exceeded_err completer_retry_err; do
		[ ! -e "/sys/class/infiniband/$DEV/ports/1/hw_counters/$c" ] ||
			echo "$c $(count_of "$c")"
	done
}
no_rnr() {
	counters | grep rnr | grep -v ' 0$' >/tmp/rnr || return 0
	fail "receiver not ready: $(tr '\n' ' ' </tmp/rnr)"
}

# connection_held: a connection that breaks is made again, and fio sees nothing of it.
connection_held() {
	local line
	line=$(since_mark |
		grep -m 1 -E 'econnect|target logout|FAILED Result|reset_(device|host)|abort') || return 0
	fail "the connection did not hold: $line"
}

# logged_in_as OPTIONS: the initiator has taken every option that it shows in sysfs.
logged_in_as() {
	local option shown
	for option in ${1//,/ }; do
		shown=/sys/class/scsi_host/host$HOST/${option%=*}
		[ ! -e "$shown" ] || [ "$(cat "$shown")" = "${option#*=}" ] ||
			fail "$option: the initiator has $(cat "$shown")"
	done
}

# large_requests DEVICE: as large as the initiator lets them be; the block layer's own limit is lower.
large_requests() {
	local queue=/sys/block/${1#/dev/}/queue
	cat "$queue/max_hw_sectors_kb" >"$queue/max_sectors_kb"
}

# verify_with IMM LOGIN-OPTIONS DEPTH...: log in so, run, log out. The initiator's queue is longer than
# the request limit that srptd grants: what limits it is credit.
verify_with() {
	local imm=$1 options=$2 sd depth
	shift 2
	say "imm=$imm $options, depths $*"
	echo "$imm" >"$IMM"
	login "$ADDRESS" "queue_size=512,$options"
	logged_in_as "$options"
	sd=$(disk 0)
	large_requests "$sd"
	for depth in "$@"; do
		fio_run random --filename="$sd" --rw=randrw --iodepth="$depth" --size=24M \
			--bssplit=512/10:4k/30:8k/20:64k/20:256k/10:1m/5:4m/5
		fio_run sequential --filename="$sd" --rw=write --iodepth="$depth" --bs=4m --size=24M
	done
	fio_run small --filename="$sd" --rw=randwrite --iodepth="$1" --bs=512 --size=1M
	connection_held
	logout
	no_rnr
}

# buffers_come_as PATTERN LOGIN-OPTIONS: a write of 1 MiB must reach srptd with such a descriptor; else
# the runs that follow would not test what they are for.
buffers_come_as() {
	local sd
	login "$ADDRESS" "$2"
	sd=$(disk 0)
	dd if=/dev/urandom of="$sd" bs=1M count=1 oflag=direct status=none
	logout
	log_has "SRP_CMD.* out=$1" || fail "no write came as $1"
}

# check_buffers KIND
check_buffers() {
	srptd_start -d iu
	case $1 in
	direct) buffers_come_as 'direct' cmd_sg_entries=12 ;;
	indirect)
		buffers_come_as 'indirect.*descriptors' cmd_sg_entries=255
		buffers_come_as 'indirect.*table=' cmd_sg_entries=4,allow_ext_sg=1,sg_tablesize=512
		;;
	esac
	srptd_stop
}

# fio_case LINK ADDRESS direct|indirect: what most descriptors are.
fio_case() {
	local imm one=cmd_sg_entries=1
	ADDRESS=$2
	# If it registers nothing, ib_srp must be told not to take requests of more pieces than one.
	[ "$3" = direct ] || one+=,sg_tablesize=1
	link_up "$1"
	lio || {
		conf_disk 256M
		check_buffers "$3"
	}
	serve 256M
	for imm in Y N; do
		verify_with "$imm" "$one" 32
		verify_with "$imm" cmd_sg_entries=12 1 128 256
		verify_with "$imm" cmd_sg_entries=255,max_sect=8192 32
		verify_with "$imm" cmd_sg_entries=4,allow_ext_sg=1,sg_tablesize=1024,max_sect=8192 32
		verify_with "$imm" cmd_sg_entries=12,ch_count=1 128
		verify_with "$imm" cmd_sg_entries=12,ch_count=2 8
		verify_with "$imm" cmd_sg_entries=12,ch_count=3 16
		verify_with "$imm" cmd_sg_entries=12,ch_count=4 32
	done
	unserve
	counters
}
