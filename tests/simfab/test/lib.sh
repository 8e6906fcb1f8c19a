# Shared by the shell tests: a net of one's own, two programs that talk.
# Wants SIMFAB_RUN, the path of simfab-run.
set -eu
: "${SIMFAB_RUN:?}"
base=$(mktemp -d "${TMPDIR:-/tmp}/simfab-test.XXXXXX")
SIMFAB_NET=$base/net
export SIMFAB_NET
mkdir "$SIMFAB_NET"
limit=${SIMFAB_TEST_LIMIT:-60}
server=

cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || :
	rm -rf "$base"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

need() {
	command -v "$1" >/dev/null || { echo "skip: no $1 here"; exit 77; }
}

# A TCP port that nobody uses, for programs that exchange their addresses over TCP.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

# Other people's programs may leak; what is looked for under a sanitizer is our part.
sim() {
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 \
	TSAN_OPTIONS=${TSAN_OPTIONS:+$TSAN_OPTIONS:}report_bugs=0 \
	timeout "$limit" "$SIMFAB_RUN" "$@"
}

# rping closes its channel while its other thread may still read it, and exits with
# 255 if that thread is late. That is after all pings: not a failure.
lost_race() {
	grep -q 'rdma_get_cm_event: Bad file descriptor' "$SIMFAB_NET/$1.out"
}

# A client of RDMA/CM makes several connections: let it not begin before the server
# listens. Its port then stands in the (fresh) net directory.
await_listener() {
	case $1 in
	*rping* | *ucmatose* | *rdma_server*) ;;
	*) return 0 ;;
	esac
	until [ -s "$SIMFAB_NET/ports" ] || [ $tries -gt 50 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	tries=0
	sleep 0.1
}

# two SERVER... -- CLIENT...: the server first; the client is repeated while it cannot
# connect yet. Both must succeed.
two() {
	set -- "$@" --END--
	srv=
	while [ "$1" != -- ]; do
		srv="$srv $1"
		shift
	done
	shift
	cli=
	while [ "$1" != --END-- ]; do
		cli="$cli $1"
		shift
	done
	echo "# $srv"
	rm -rf "$SIMFAB_NET"
	mkdir "$SIMFAB_NET"
	# shellcheck disable=SC2086
	sim $srv >"$SIMFAB_NET/server.out" 2>&1 &
	server=$!
	tries=0
	await_listener "$srv"
	# shellcheck disable=SC2086
	until sim $cli >"$SIMFAB_NET/client.out" 2>&1 || lost_race client; do
		tries=$((tries + 1))
		if [ $tries -gt 50 ] || ! kill -0 $server 2>/dev/null; then
			echo "client failed:"; cat "$SIMFAB_NET/client.out"
			echo "server said:"; cat "$SIMFAB_NET/server.out"
			exit 1
		fi
		sleep 0.1
	done
	if ! wait $server && ! lost_race server; then
		echo "server failed:"; cat "$SIMFAB_NET/server.out"
		exit 1
	fi
	server=
}
