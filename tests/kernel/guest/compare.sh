# shellcheck shell=bash
# Figures of srptd and of the kernel's own target in one boot: same link, same kind of store, in turns.
# Only their ratio means something: on one processor initiator, fabric and target take turns.
use lio

ROUNDS=3
SECONDS_EACH=2

# measure NAME DEVICE JOB RW BS DEPTH: appends one line "JOB NAME iops KiB/s µs".
measure() {
	fio --name=perf --eta=never --filename="$2" --direct=1 --ioengine=libaio --rw="$4" --bs="$5" \
		--iodepth="$6" --norandommap --time_based --ramp_time=1 --runtime="$SECONDS_EACH" \
		--output-format=terse --terse-version=3 --output=/tmp/terse || fail "fio on the disk of $1 failed"
	awk -F';' -v name="$1" -v job="$3" \
		'{ printf "%s %s %d %d\n", job, name, $8 + $49, $7 + $48 }' /tmp/terse >>/tmp/raw
}

# medians: one line for each job: JOB srptd-IOPS LIO-IOPS srptd-MB/s LIO-MB/s RATIO.
medians() {
	sort -k1,1 -k2,2 -k3,3n /tmp/raw | awk '
		{ key = $1 " " $2; n[key]++; iops[key, n[key]] = $3; kb[key, n[key]] = $4; jobs[$1] = 1 }
		function mid(a, key) { return a[key, int((n[key] + 1) / 2)] }
		END { for (job in jobs) { s = job " srptd"; l = job " lio"
			printf "%s %d %d %d %d %.2f\n", job, mid(iops, s), mid(iops, l),
				mid(kb, s) / 1000, mid(kb, l) / 1000,
				mid(iops, l) ? mid(iops, s) / mid(iops, l) : 0 } }' | sort
}

# store_file, store_block, store_memory, store_null: of 128 MiB. Set CONFIG for srptd, and LIO_STORE.
# All is in memory: this compares targets, not disks.
store_file() {
	local file
	back_up
	for file in disk0 lio; do
		dd if=/dev/zero of="$BACK/$file" bs=1M count=128 status=none
	done
	CONFIG="path = \"$BACK/disk0\";"
	lio_file "$BACK/lio" $((128 << 20))
}
store_block() {
	CONFIG='path = "/dev/ram0"; o_direct = true;'
	lio_block /dev/ram1
}
store_memory() {
	CONFIG='type = "memory"; size = "128M";'
	lio_ram ''
}
store_null() {
	CONFIG='type = "null"; size = "128M";'
	lio_ram ,rd_nullio=1
}

# compare_case LINK ADDRESS STORE
compare_case() {
	local ours theirs round job rw bs depth
	link_up "$1"
	"store_$3"
	conf_file "{ name = \"disk0\"; $CONFIG }" '{ lun = 0; use = "disk0"; }'
	srptd_start
	login "$2" queue_size=128
	ours=$(disk 0)
	lio_serve
	lio_login "$2" queue_size=128
	theirs=$(disk 0)
	for round in $(seq "$ROUNDS"); do
		say "round $round"
		while read -r job rw bs depth; do
			measure srptd "$ours" "$job" "$rw" "$bs" "$depth"
			measure lio "$theirs" "$job" "$rw" "$bs" "$depth"
		done <<-TXT
			randread-4k-1 randread 4k 1
			randread-4k-32 randread 4k 32
			randwrite-4k-1 randwrite 4k 1
			randwrite-4k-32 randwrite 4k 32
			read-128k-8 read 128k 8
			write-128k-8 write 128k 8
		TXT
	done
	{
		echo "job, IOPS srptd and LIO, MB/s srptd and LIO, srptd : LIO"
		medians
	} | tee "$OUT/figures"
	cp /tmp/raw "$OUT/raw"
}
