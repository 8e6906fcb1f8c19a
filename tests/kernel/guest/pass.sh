# shellcheck shell=bash
# Devices that are passed through: those of scsi_debug, and LUNs made of them.

# pass_find TYPE N: N SCSI devices of a type, those of scsi_debug; sets PASS_SG[] and, for disks, PASS_SD[].
declare -a PASS_SG PASS_SD
pass_find() {
	local dir
	PASS_SG=() PASS_SD=()
	for dir in /sys/class/scsi_generic/*/device; do
		[ "$(cat "$dir/type")" -eq "$1" ] || continue
		PASS_SG+=("/dev/$(basename "$(dirname "$dir")")")
		[ ! -d "$dir/block" ] || PASS_SD+=("/dev/$(ls "$dir/block")")
	done
	[ ${#PASS_SG[@]} -ge "$2" ] || fail "${#PASS_SG[@]} devices of type $1, expected $2: ${PASS_SG[*]}"
}

# pass_conf NODE...: LUN 0 and so on.
pass_conf() {
	local luns='' map='' n=0 node
	for node in "$@"; do
		luns+="${luns:+, }{ name = \"pass$n\"; type = \"passthrough\"; path = \"$node\"; usn = \"PT-$n\"; }"
		map+="${map:+, }{ lun = $n; use = \"pass$n\"; }"
		n=$((n + 1))
	done
	conf_file "$luns" "$map"
}

# pass_same TOOL...: it says the same of the device and of LUN 0 of it.
pass_same() {
	local own=/tmp/pass.own ours=/tmp/pass.ours rc=0
	"$@" "${PASS_SG[0]}" >"$own" 2>&1 || fail "$*: $(cat "$own")"
	"$@" "$sg" >"$ours" 2>&1 || fail "$* of the LUN: $(cat "$ours")"
	# Names of nodes, and bits of INQUIRY that are about ports, differ rightly.
	diff <(sed 's,/dev/sg[0-9]*,,; /NormACA\|SCCS\|MultiP\|EncServ/d' "$own") \
		<(sed 's,/dev/sg[0-9]*,,; /NormACA\|SCCS\|MultiP\|EncServ/d' "$ours") || rc=$?
	[ "$rc" -eq 0 ] || fail "$*: the LUN says something else than the device"
}
