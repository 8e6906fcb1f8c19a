# shellcheck shell=bash
# The kernel's own SRP target, to compare with.
LIO_PORT=5556
LIO_CORE=/sys/kernel/config/target/core
LIO_SRPT=/sys/kernel/config/target/srpt

# lio_file FILE SIZE-IN-BYTES: sets LIO_STORE. Buffered, as srptd does it unless o_direct is set.
lio_file() {
	LIO_STORE=$LIO_CORE/fileio_0/d0
	mkdir -p "$LIO_STORE"
	echo "fd_dev_name=$1,fd_dev_size=$2,fd_buffered_io=1" >"$LIO_STORE/control"
	echo 1 >"$LIO_STORE/enable"
}

# lio_block DEVICE: sets LIO_STORE.
lio_block() {
	LIO_STORE=$LIO_CORE/iblock_0/d0
	mkdir -p "$LIO_STORE"
	echo "udev_path=$1" >"$LIO_STORE/control"
	echo 1 >"$LIO_STORE/enable"
}

# lio_ram OPTION: the kernel's RAM disk of 128 MiB; sets LIO_STORE.
lio_ram() {
	LIO_STORE=$LIO_CORE/rd_mcp_0/d0
	mkdir -p "$LIO_STORE"
	echo "rd_pages=$((128 << 8))$1" >"$LIO_STORE/control"
	echo 1 >"$LIO_STORE/enable"
}

# long_form IPV6: as LIO names an initiator: eight groups of four digits.
long_form() {
	perl -MSocket=inet_pton,AF_INET6 -e 'print join ":", unpack "(H4)8", inet_pton(AF_INET6, $ARGV[0])' "$1"
}

# lio_up FILE SIZE-IN-BYTES: serves FILE as LUN 0 on port $LIO_PORT. Sets LIO_GUID.
lio_up() {
	lio_file "$1" "$2"
	lio_serve
}

# lio_serve: $LIO_STORE to the two addresses of the link.
lio_serve() {
	local tpg acl gid
	gid=$(cut -d: -f5-8 "/sys/class/infiniband/$DEV/ports/1/gids/0")
	LIO_GUID=$(tr -d : <"/sys/class/infiniband/$DEV/node_guid")
	mkdir -p "$LIO_SRPT/$gid/$gid"
	tpg=$LIO_SRPT/$gid/$gid
	mkdir "$tpg/lun/lun_0"
	# configfs looks a link's target up from the working directory
	ln -s "$LIO_STORE" "$tpg/lun/lun_0/store"
	# over RDMA/CM an initiator is named by its address
	for acl in "$tpg/acls/$IP4" "$tpg/acls/$(long_form "$IP6")"; do
		mkdir "$acl" "$acl/lun_0"
		ln -s "$tpg/lun/lun_0" "$acl/lun_0/lun"
	done
	echo 1 >"$tpg/enable"
	echo "$LIO_PORT" >"$LIO_SRPT/discovery_auth/rdma_cm_port"
}

# lio_down: no logins, no sessions.
lio_down() {
	local tpg
	for tpg in "$LIO_SRPT"/*/*/enable; do
		echo 0 >"$tpg"
	done
}

# lio_login ADDRESS [OPTIONS]: sets HOST, as login does.
lio_login() {
	PORT=$LIO_PORT ID_EXT=$LIO_GUID IOC_GUID=$LIO_GUID login "$1" "${2-}"
}

# lio_forget: the store lets go of what is below it.
lio_forget() {
	local dir
	for dir in "$LIO_SRPT"/*/*; do
		[ -d "$dir/lun" ] || continue
		find "$dir/acls" "$dir/lun" -depth -type l -delete
		find "$dir/acls" -depth -mindepth 1 -maxdepth 2 -type d -exec rmdir {} + 2>/dev/null || true
		rmdir "$dir"/lun/lun_*
	done
	rmdir "$LIO_STORE"
}
