# shellcheck shell=bash
# A file system on an SRP disk.

# The tree that is copied: real files, many small ones and some large.
TREE=/usr/share/perl

# files_case LINK ADDRESS
files_case() {
	local sd
	link_up "$1"
	serve 512M
	login "$2"
	sd=$(disk 0)
	mkfs.ext4 -q -F "$sd"
	mkdir -p /mnt/srp
	mount "$sd" /mnt/srp
	cp -a "$TREE" /mnt/srp/tree
	pattern /mnt/srp/large 64 3
	sync
	rm -rf /mnt/srp/tree/5*/unicore
	cp -a "$TREE" /mnt/srp/again
	umount /mnt/srp
	e2fsck -f -n "$sd" || fail "e2fsck is not content"

	say "as another session sees it"
	logout
	login "$2"
	sd=$(disk 0)
	mount -o ro "$sd" /mnt/srp
	diff -r --no-dereference "$TREE" /mnt/srp/again || fail "the copy differs"
	pattern /tmp/large 64 3
	cmp /tmp/large /mnt/srp/large || fail "the large file differs"
	umount /mnt/srp
	logout
	unserve
	e2fsck -f -n "$BACK/disk0" || fail "e2fsck of the backing file is not content"
}
