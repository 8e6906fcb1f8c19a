#!/bin/sh
# simfab-fault reaches running processes, the right ones, and says what became of it.
. "$(dirname "$0")/lib.sh"
need rping
tool=$(dirname "$SIMFAB_RUN")/simfab-fault
export SIMFAB_CM_TIMEOUT_MS=1000
! "$tool" list 2>"$base/err"
grep -q 'no process for it' "$base/err"
sim rping -s -P -a 127.0.0.1 >"$base/server" 2>&1 &
server=$!
until "$tool" list 2>/dev/null; do sleep 0.1; done
! "$tool" 'rpong: stall' 2>/dev/null
! "$tool" 'rping: stal' 2>"$base/err"
grep -q 'no action "stal"' "$base/err"
"$tool" 'rping: mute kind=disconnected'
"$tool" list | grep -q 'rping\[[0-9]*\] 1: mute kind=disconnected: acting, seen 0, hit 0'
sim rping -c -C 1 -a 127.0.0.1 >/dev/null 2>&1
until "$tool" list | grep -q 'mute kind=disconnected: acting, seen 1, hit 1'; do sleep 0.1; done
"$tool" 'rping: clear'
[ -z "$("$tool" list)" ]
# the same from the start, and in one process only
! SIMFAB_FAULTS='rping: drop kind=req' sim rping -c -C 1 -a 127.0.0.1 >/dev/null 2>&1
SIMFAB_FAULTS='rpong: drop kind=req' sim rping -c -C 1 -a 127.0.0.1 >/dev/null 2>&1
! SIMFAB_FAULTS='drop kind=erq' sim rping -c -C 1 -a 127.0.0.1 >"$base/out" 2>&1
grep -q 'SIMFAB_FAULTS: fault "drop kind=erq": no kind "erq", expected send' "$base/out"
