# shellcheck shell=bash
# srptd ends and comes back under load; the initiator keeps I/O as long as its reconnect window is open.

# restart_case LINK ADDRESS
restart_case() {
	local sd how
	link_up "$1"
	conf_disk 256M
	srptd_start
	login "$2"
	reconnect_fast
	sd=$(disk 0)
	fio_load --filename="$sd" --rw=randrw --bs=16k --iodepth=16 --size=32M
	for how in stop kill stop kill; do
		sleep 1
		load_runs
		say "srptd_$how"
		"srptd_$how"
		sleep 2
		srptd_start
		wait_for "the initiator to reconnect" port_running
	done
	enough
	direct_io "$sd" 6
	logout
	srptd_stop
}
