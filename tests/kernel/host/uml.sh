# shellcheck shell=bash
# The guest as a process of the host: User-Mode Linux. Sourced by run.

vm_packages=()

# vm_prepare: sets kernel.
vm_prepare() { kernel=${kernel:-$("$here/build-kernel")}; }

# vm_threads: processors that one guest keeps busy. A guest that moves between two pays for it with
# every system call.
vm_threads() { echo 1; }

# make_boot DIR: the guest's first program. The guest covers /tmp, where the tree may be; so it finds
# everything by mounts of its own.
make_boot() {
	{
		echo '#!/bin/bash'
		cat "$1/env"
		printf '. %q\n' "$here/guest/init"
	} >"$1/boot"
	chmod +x "$1/boot"
}

# vm_run DIR CASE CPU LIMIT: until the guest ends, is ended, or its time is over.
vm_run() {
	local dir=$1 extra
	read -ra extra <<<"$(tag "$2" boot)"
	make_boot "$dir"
	TMPDIR=$memory taskset -c "$3" timeout -k 5 "$4" "$kernel" umid="kt$BASHPID" \
		uml_dir="$memory/" mem=2G ubd0="$dir/disk" ubd1="$dir/disk2" root=/dev/root \
		rootfstype=hostfs rootflags=/ ro init="$dir/boot" panic=-1 oops=panic con=null \
		con0=null,fd:1 scsi_debug.add_host=0 ${extra[@]+"${extra[@]}"} </dev/null
}
