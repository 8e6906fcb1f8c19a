#!/bin/sh
# perftest, addresses exchanged over TCP and by RDMA/CM. ibv_wr_* does not exist here,
# so --use_old_post_send where a program would want it.
. "$(dirname "$0")/lib.sh"
need ib_send_lat
run() {
	p=$(free_port)
	two "$@" -p "$p" -- "$@" -p "$p" 127.0.0.1
}
# With -R the two sides connect twice, and the client does not wait for the second
# listener: too slow under ThreadSanitizer.
cm() {
	nm -D "$(dirname "$SIMFAB_RUN")/libsimfab.so" | grep -q __tsan_init || run "$@" -R
}
run ib_send_lat -n 1000
run ib_send_lat -e -n 500
cm ib_send_lat -n 1000
run ib_send_bw -n 1000
run ib_send_bw --use-srq -r 64 -n 1000
run ib_write_bw --use_old_post_send -n 1000
cm ib_write_bw --use_old_post_send -n 1000
run ib_write_bw --use_old_post_send -q 4 -n 500
run ib_send_bw -e -n 500
run ib_read_bw --use_old_post_send -n 1000
cm ib_read_bw --use_old_post_send -n 1000
run ib_read_bw --use_old_post_send -s 1048576 -n 100
run ib_read_lat --use_old_post_send -n 200
