# shellcheck shell=bash
# Resets that a person asks for, under load.

# sg_reset_case LINK ADDRESS
sg_reset_case() {
	local sd
	link_up "$1"
	serve 256M '' '' -v
	login "$2"
	sd=$(disk 0)
	mark
	fio_load --filename="$sd" --rw=randwrite --bs=4k --iodepth=32 --size=16M
	for _ in $(seq 8); do
		sleep 0.3
		load_runs
		sg_reset -d "$sd" || fail "sg_reset -d: status $?"
		sleep 0.3
		sg_reset -H "$sd" || fail "sg_reset -H: status $?"
		wait_for "the port to run" port_running
	done
	said 'SRP reset_device called' || fail "the initiator sent no LUN reset"
	said 'SRP reset_host called' || fail "the initiator did not reset the host"
	enough
	direct_io "$sd" 5
	logout
	unserve
}
