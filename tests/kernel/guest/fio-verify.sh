# shellcheck shell=bash
# fio with verification over what the initiator can be told to do with a request.

IMM=/sys/module/ib_srp/parameters/use_imm_data

# counters: what the link has seen of errors. An RNR NAK means that a receive was not there although its
# credit had been given.
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

# verify_with IMM LOGIN-OPTIONS DEPTH...: log in so, run, log out.
verify_with() {
	local imm=$1 options=$2 sd depth
	shift 2
	say "imm=$imm $options, depths $*"
	echo "$imm" >"$IMM"
	login "$ADDRESS" "queue_size=128,$options"
	sd=$(disk 0)
	for depth in "$@"; do
		fio_run random --filename="$sd" --rw=randrw --iodepth="$depth" --size=48M \
			--bssplit=4k/40:8k/20:64k/20:256k/15:1m/5
		fio_run sequential --filename="$sd" --rw=write --iodepth="$depth" --bs=1m --size=48M
	done
	fio_run small --filename="$sd" --rw=randwrite --iodepth="$1" --bs=4k --size=8M
	logout
	no_rnr
}

# fio_case LINK ADDRESS
fio_case() {
	local imm
	ADDRESS=$2
	link_up "$1"
	conf_disk 256M
	srptd_start
	for imm in Y N; do
		verify_with "$imm" cmd_sg_entries=1 32
		verify_with "$imm" cmd_sg_entries=12 1 128
		verify_with "$imm" cmd_sg_entries=255 32
		verify_with "$imm" cmd_sg_entries=4,allow_ext_sg=1,sg_tablesize=512 32
		verify_with "$imm" cmd_sg_entries=12,ch_count=1 128
		verify_with "$imm" cmd_sg_entries=12,ch_count=4 32
	done
	srptd_stop
	counters
}
