#!/bin/sh
# Two nets at once, the same port in both: neither sees the other.
. "$(dirname "$0")/lib.sh"
need rping
one() {
	SIMFAB_NET=$SIMFAB_NET/$1
	mkdir "$SIMFAB_NET"
	server=
	two rping -s -C 50 -V -- rping -c -C 50 -V -a 127.0.0.1
}
(trap - EXIT; one a) &
first=$!
(trap - EXIT; one b)
wait $first
# in a third, empty net nobody listens
mkdir "$SIMFAB_NET/c"
! SIMFAB_NET=$SIMFAB_NET/c sim rping -c -C 1 -a 127.0.0.1 >/dev/null 2>&1
