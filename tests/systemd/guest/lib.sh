# shellcheck shell=bash
# For the scripts of this directory; beside it the functions of the kernel test bed: links, logins, disks.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# shellcheck source=../../kernel/guest/lib.sh
. /run/tree/tests/kernel/guest/lib.sh
mount -t configfs cfg /sys/kernel/config 2>/dev/null || true

# At the end, however it comes: the exit status for the host, and what systemd and srptd have said.
finish() {
	local rc=$?
	journalctl --no-pager -b >"$OUT/journal" 2>&1 || true
	dmesg >"$OUT/dmesg"
	echo "$rc" >"$OUT/rc"
	sync
}
trap finish EXIT
trap 'echo "line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND: status $?" >>"$OUT/why"' ERR
set -eE

# unit PROPERTY: of srptd.service.
unit() { systemctl show srptd.service -p "$1" --value; }
# journal_has PATTERN: srptd or systemd said it of the unit.
journal_has() { journalctl --no-pager -b -u srptd.service | grep -E -- "$1" >/dev/null; }
