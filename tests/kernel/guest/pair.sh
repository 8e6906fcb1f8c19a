# shellcheck shell=bash
# For cases with "# peer:": two guests, whose vec0 are the ends of one cable. Both run the case; the first one is
# port 1 and the target, the other is port 2 and the initiator. What they tell each other are files in SHARED.
use ib

peer() { [ "${KT_SIDE-}" = peer ]; }
if peer; then SHARED=$OUT MY_LID=2; else SHARED=$OUT/peer MY_LID=1; fi

tell() { touch "$SHARED/$1"; }
await() { wait_for "$1 of the other guest" test -e "$SHARED/$1"; }

# pair_up: this guest's port; LIDs 1 and 2 are one subnet. The driver finds LID n at the address 10.9.0.n.
pair_up() {
	ip addr add "10.9.0.$MY_LID/24" dev vec0
	ip link set vec0 up
	rdma link add "ib$MY_LID" type rxe_ib netdev vec0
	wait_for "port ib$MY_LID" grep -q ACTIVE "/sys/class/infiniband/ib$MY_LID/ports/1/state"
	tell "port$MY_LID"
	await "port$((3 - MY_LID))"
}

# peer_well: waits until the other guest is done; its failure is this one's.
peer_well() {
	while [ ! -s "$SHARED/rc" ]; do
		sleep 0.5
	done
	[ "$(cat "$SHARED/rc")" -eq 0 ] || fail "the initiator's guest: $(head -n 1 "$SHARED/why")"
}

pair_guid() { printf '000000fffe%06x' "$1"; }
