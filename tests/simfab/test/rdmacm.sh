#!/bin/sh
# The examples of librdmacm: rping, ucmatose, the synchronous pair.
. "$(dirname "$0")/lib.sh"
need rping
two rping -s -v -C 10 -V -a 127.0.0.1 -- rping -c -v -C 10 -V -a 127.0.0.1
[ "$(grep -c 'ping data' "$SIMFAB_NET/client.out")" = 10 ]
two rping -s -C 10 -V -a ::1 -- rping -c -C 10 -V -a ::1
two rping -s -C 20 -V -S 60000 -- rping -c -C 20 -V -S 60000 -a 127.0.0.1
two ucmatose -- ucmatose -s 127.0.0.1
two ucmatose -c 20 -C 10 -S 4096 -- ucmatose -c 20 -C 10 -S 4096 -s 127.0.0.1
two rdma_server -- rdma_client -s 127.0.0.1
