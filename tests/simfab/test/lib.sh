# Shared by the shell tests: a net of one's own, two programs that talk.
# Wants SIMFAB_RUN, the path of simfab-run.
set -eu
: "${SIMFAB_RUN:?}"
SIMFAB_NET=$(mktemp -d "${TMPDIR:-/tmp}/simfab-test.XXXXXX")
export SIMFAB_NET
limit=${SIMFAB_TEST_LIMIT:-60}
server=

cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || :
	rm -rf "$SIMFAB_NET"
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

sim() {
	"$SIMFAB_RUN" timeout "$limit" "$@"
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
	# shellcheck disable=SC2086
	sim $srv >"$SIMFAB_NET/server.out" 2>&1 &
	server=$!
	tries=0
	# shellcheck disable=SC2086
	until sim $cli >"$SIMFAB_NET/client.out" 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 50 ] || ! kill -0 $server 2>/dev/null; then
			echo "client failed:"; cat "$SIMFAB_NET/client.out"
			echo "server said:"; cat "$SIMFAB_NET/server.out"
			exit 1
		fi
		sleep 0.1
	done
	if ! wait $server; then
		echo "server failed:"; cat "$SIMFAB_NET/server.out"
		exit 1
	fi
	server=
}
