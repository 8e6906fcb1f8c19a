#!/bin/sh
# The examples of libibverbs: ping-pong over RC, with and without SRQ and events.
. "$(dirname "$0")/lib.sh"
need ibv_rc_pingpong
for opts in "" "-e" "-c -s 65536" "-e -c -s 1048576 -n 100" "-r 8 -n 5000 -s 64"; do
	p=$(free_port)
	two ibv_rc_pingpong -g 0 -p "$p" $opts -- ibv_rc_pingpong -g 0 -p "$p" $opts 127.0.0.1
done
p=$(free_port)
two ibv_srq_pingpong -g 0 -p "$p" -- ibv_srq_pingpong -g 0 -p "$p" 127.0.0.1
two ibv_srq_pingpong -g 0 -p "$p" -e -- ibv_srq_pingpong -g 0 -p "$p" -e 127.0.0.1
