# shellcheck shell=bash
# For the cases, in the guest: ports with an InfiniBand link layer (rxe_ib) and their subnet manager.
# LID n is the port of $(ib_dev n); LIDs 1 and 2 are one subnet, 3 and 4 another.
IB_SERVICE=00000000013f1388 # srptd's default service id

# ib_up LID...: the devices ib1, ib2, …
ib_up() {
	local lid
	for lid in "$@"; do
		ip link add "ibn$lid" address "$(printf '02:00:00:00:00:%02x' "$lid")" type dummy
		ip link set "ibn$lid" mtu 4200 up
		rdma link add "ib$lid" type rxe_ib netdev "ibn$lid"
		wait_for "ib$lid" test -e "/sys/class/infiniband_srp/srp-ib$lid-1/add_target"
		wait_for "port ib$lid" grep -q ACTIVE "/sys/class/infiniband/ib$lid/ports/1/state"
	done
}

# The GID of a port, which may be the other guest's: all have the default prefix.
ib_gid() { printf 'fe80000000000000000000fffe%06x' "$1"; }
ib_guid() { tr -d : <"/sys/class/infiniband/ib$1/node_guid"; }
# The GID in the notation of IPv6.
ib_gid_colons() { cat "/sys/class/infiniband/ib$1/ports/1/gids/0"; }

# ib_cap LID MASK: capability mask of the port; 0x80000 is IsDeviceManagementSupported, 0x10000 CM.
IB_CAP_DM=0x90000
IB_CAP_NO_DM=0x10000
ib_cap() { echo "$2" >"/sys/class/infiniband/ib$1/ib_cap_mask"; }

# ib_pkeys LID PKEY...: the port's P_Key table.
ib_pkeys() {
	local lid=$1
	shift
	echo "$*" >"/sys/class/infiniband/ib$lid/ib_pkeys"
}
ib_has_pkey() { tr ' ' '\n' <"/sys/class/infiniband/ib$1/ib_pkeys" | grep -qx "$2"; }

# opensm_start LID [PARTITION...]: OpenSM on the port, with the lines of a partition configuration;
# returns when it answers path queries. Sets OPENSM to its process id.
opensm_start() {
	local lid=$1 dir=/tmp/opensm$1
	shift
	mkdir -p "$dir"
	printf '%s\n' 'Default=0x7fff:ALL=full;' "$@" >"$dir/partitions"
	OSM_TMP_DIR=$dir OSM_CACHE_DIR=$dir opensm -g "0x$(ib_guid "$lid")" -P "$dir/partitions" \
		-f "$dir/log" >"$dir/out" 2>&1 &
	OPENSM=$!
	wait_for "OpenSM on ib$lid" sa_answers "$lid"
}
# A path from either port of the subnet, as far as it is in this guest, to the other.
sa_answers() {
	local other=$(((($1 - 1) ^ 1) + 1))
	has_path "$1" "$other" && { [ ! -e "/sys/class/infiniband/ib$other" ] || has_path "$other" "$1"; }
}
has_path() { saquery -C "ib$1" -P 1 -p --src-to-dst "$1:$2" 2>/dev/null | grep -q dlid; }
# opensm_sweep PID LID: after a link has come back; there are no traps that would tell OpenSM.
opensm_sweep() {
	kill -HUP "$1"
	wait_for "OpenSM on ib$2" sa_answers "$2"
}
opensm_stop() {
	kill "$1"
	wait "$1" || true
}

# umad_of LID: the device file of the port's MADs.
umad_of() {
	basename "$(dirname "$(grep -lx "ib$1" /sys/class/infiniband_mad/umad*/ibdev)")"
}

# ib_string TARGET-LID [OPTIONS]: what ib_srp is told; pkey and service_id of the environment.
ib_string() {
	echo "id_ext=$ID_EXT,ioc_guid=$IOC_GUID,dgid=$(ib_gid "$1"),pkey=${PKEY:-ffff}$(
	)${IB_SERVICE:+,service_id=$IB_SERVICE}${2:+,$2}"
}

# ib_login INITIATOR-LID TARGET-LID [OPTIONS]: sets DEV and HOST, as login does.
ib_login() {
	local before
	DEV=ib$1
	before=$(srp_hosts)
	wait_for "an old session to go" login_once "$(ib_string "$2" "${3-}")"
	HOST=$(comm -13 <(echo "$before") <(srp_hosts) | sed 's/host//' | tail -n 1)
	[ -n "$HOST" ] || fail "no SCSI host after the login"
}

# ib_io DEVICE SEED: a little data, there and back.
ib_io() {
	pattern /tmp/pattern 4 "$2"
	dd if=/tmp/pattern of="$1" oflag=direct bs=60k status=none
	same /tmp/pattern "$1" 4
}

# ib_refused INITIATOR-LID TARGET-LID PATTERN [OPTIONS]: the login must fail, and the kernel's log must
# have PATTERN.
ib_refused() {
	DEV=ib$1
	mark
	! add_target "$(ib_string "$2" "${4-}")" || fail "a login was accepted, expected: $3"
	since_mark
	said -E -- "$3" || fail "the kernel does not say: $3"
}

# ib_srpio VERB TARGET-LID ARGUMENT...: srpio from the other port of the subnet.
ib_srpio() {
	local verb=$1 lid=$2
	shift 2
	"/run/build/src/srpio/srpio" "$verb" \
		"ib://[$(ib_gid_colons "$lid")]:$IB_SERVICE/$ID_EXT/$IOC_GUID/0" \
		--src "$(ib_gid_colons $(((lid - 1 ^ 1) + 1)))" "$@"
}

# objects TYPE: RDMA objects (qp, cm_id, mr, pd, cq) that srptd has at present.
objects() {
	rdma resource show "$1" 2>/dev/null | grep -c "pid $SRPTD " || true
}
