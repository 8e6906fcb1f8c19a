# shellcheck shell=bash
# Links and devices that come and go.

# link_down_case LINK ADDRESS
link_down_case() {
	local sd
	expect_warning "port.*(down|error|inactive)|completion"
	# Addresses go with a link, but for IPv4's.
	echo 1 >/proc/sys/net/ipv6/conf/all/keep_addr_on_down
	link_up "$1"
	serve 128M '' '' -v
	login "$2"
	reconnect_fast
	sd=$(disk 0)
	mark
	fio_load --filename="$sd" --rw=randrw --bs=16k --iodepth=16 --size=32M
	for _ in 1 2 3; do
		sleep 1
		load_runs
		ip link set dummy1 down
		wait_for "the port to be down" not grep -q ACTIVE "/sys/class/infiniband/$DEV/ports/1/state"
		sleep 2
		ip link set dummy1 up
		wait_for "the port" grep -q ACTIVE "/sys/class/infiniband/$DEV/ports/1/state"
		wait_for "the initiator" port_running
	done
	enough
	logout
	login "$2"
	direct_io "$(disk 0)" 61
	logout
	unserve
}

# device_added_case LINK
device_added_case() {
	link_up "$1"
	conf_disk 64M
	srptd_start -v
	say "a second device"
	link_up "$1" 1
	login "[$IP6]"
	direct_io "$(disk 0)" 62
	say "the first one still works"
	HOST_NEW=$HOST
	DEV=${1}0
	login "[fd09::1]"
	direct_io "$(disk 0)" 63
	logout
	HOST=$HOST_NEW
	logout
	srptd_stop
}
