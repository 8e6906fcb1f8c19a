# shellcheck shell=bash
# The kernel's own SRP target, to compare with.
LIO_PORT=5556
LIO_CORE=/sys/kernel/config/target/core
LIO_SRPT=/sys/kernel/config/target/srpt

# lio_up FILE SIZE-IN-BYTES: serves FILE as LUN 0 to $IP4 on port $LIO_PORT. Sets LIO_GUID.
lio_up() {
	local store=$LIO_CORE/fileio_0/d0 tpg acl gid
	mkdir -p "$store"
	# Buffered, as srptd does it too unless o_direct is set.
	echo "fd_dev_name=$1,fd_dev_size=$2,fd_buffered_io=1" >"$store/control"
	echo 1 >"$store/enable"
	gid=$(cut -d: -f5-8 "/sys/class/infiniband/$DEV/ports/1/gids/0")
	LIO_GUID=$(tr -d : <"/sys/class/infiniband/$DEV/node_guid")
	mkdir -p "$LIO_SRPT/$gid/$gid"
	tpg=$LIO_SRPT/$gid/$gid
	acl=$tpg/acls/$IP4 # over RDMA/CM an initiator is named by its address
	mkdir "$tpg/lun/lun_0" "$acl" "$acl/lun_0"
	# configfs looks a link's target up from the working directory
	ln -s "$store" "$tpg/lun/lun_0/store"
	ln -s "$tpg/lun/lun_0" "$acl/lun_0/lun"
	echo 1 >"$tpg/enable"
	echo "$LIO_PORT" >"$LIO_SRPT/discovery_auth/rdma_cm_port"
}

# lio_login: sets HOST, as login does.
lio_login() {
	PORT=$LIO_PORT ID_EXT=$LIO_GUID IOC_GUID=$LIO_GUID login "$IP4" "${1-}"
}
