# shellcheck shell=bash
# What the simulated fabric is checked with, on a device of the kernel.

# conform_case LINK ADDRESS GID-INDEX
conform_case() {
	local program=/run/build/tests/simfab/conform rc=0
	[ -x "$program" ] || skip "no conform in the build directory"
	link_up "$1"
	"$program" -d "$DEV" -g "$3" -a "$2" >"$OUT/conform" 2>&1 || rc=$?
	cat "$OUT/conform"
	[ "$rc" -eq 0 ] || fail "$(grep -c ^FAIL "$OUT/conform" || true) differ: $(sed -n \
		's/^FAIL \([^:]*\).*/\1/p' "$OUT/conform" | tr '\n' ' '); status $rc"
}
