#!/bin/sh
# Run one program in a net of its own: run.sh [-o OPTION...] -- PROGRAM [ARG...]
. "$(dirname "$0")/lib.sh"
opts=
while [ "$1" != -- ]; do
	opts="$opts $1"
	shift
done
shift
# shellcheck disable=SC2086
timeout "$limit" "$SIMFAB_RUN" $opts "$@"
