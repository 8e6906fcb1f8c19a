# shellcheck shell=bash
# The guest as a process of the host: User-Mode Linux. Sourced by run.

vm_packages=()

# vm_prepare: sets kernel.
vm_prepare() { kernel=${kernel:-$("$here/build-kernel")}; }

# vm_threads: processors that one guest keeps busy. A guest that moves between two pays for it with
# every system call.
vm_threads() { echo 1; }

# make_boot DIR [PEER]: the guest's first program. The guest covers /tmp, where the tree may be; so it finds
# everything by mounts of its own. With PEER that of the second guest of a pair, in DIR/peer.
make_boot() {
	local boot=$1${2:+/peer}/boot
	{
		echo '#!/bin/bash'
		cat "$1/env"
		[ -z "${2-}" ] || printf 'export KT_SIDE=peer KT_OUT=%q\n' "$1/peer"
		printf '. %q\n' "$here/guest/init"
	} >"$boot"
	chmod +x "$boot"
}

# guest NAME CPU LIMIT BOOT [ARGUMENT...]: into the array guest, the command of one guest.
guest() {
	guest=(taskset -c "$2" timeout -k 5 "$3" "$kernel" umid="$1" uml_dir="$memory/" mem=2G
		root=/dev/root rootfstype=hostfs rootflags=/ ro init="$4" panic=-1 oops=panic con=null
		"con0=null,fd:1" scsi_debug.add_host=0 "${@:5}")
}

# vm_run DIR CASE CPU LIMIT: until the guest ends, is ended, or its time is over. A case with "# peer:" has
# two, whose vec0 are joined; what stands there is for the kernel of the second one.
vm_run() {
	local dir=$1 extra peer guest
	read -ra extra <<<"$(tag "$2" boot)"
	read -ra peer <<<"$(tag "$2" peer)"
	make_boot "$dir"
	if [ ${#peer[@]} -gt 0 ]; then
		mkdir -p "$dir/peer"
		make_boot "$dir" peer
		guest "kp$BASHPID" "$3" "$4" "$dir/peer/boot" "$(wire 2)" "${peer[@]}"
		peer=("${guest[@]}")
		extra+=("$(wire 1)")
	fi
	guest "kt$BASHPID" "$3" "$4" "$dir/boot" ubd0="$dir/disk" ubd1="$dir/disk2" \
		${extra[@]+"${extra[@]}"}
	[ ${#peer[@]} -eq 0 ] || guest=("$here/host/pair" "$dir/peer/console" "${guest[@]}" -- "${peer[@]}")
	TMPDIR=$memory "${guest[@]}" </dev/null
}

# wire N: the network device of one of a pair.
wire() { echo "vec0:transport=fd,fd=3,depth=64,mtu=4300,mac=02:00:00:00:00:0$1"; }
