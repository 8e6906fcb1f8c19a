# shellcheck shell=bash
# The guest under QEMU: the distribution's own kernel, with two processors, on any machine (no KVM; code
# runs ten to twenty times slower than on the host). Sourced by run.

vm_packages=(qemu-system-x86 busybox-static cpio kmod xz-utils)

# vm_threads: processors that one guest keeps busy.
vm_threads() { echo 2; }

# What the first program needs before it sees the host's root.
early_modules=(virtio_pci 9pnet_virtio 9p)

# image_package: the kernel package that the distribution's default depends on.
image_package() {
	apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9]\)/\1/p' | grep .
}

# unpack_vmlinux BZIMAGE: the ELF file in it, which boots without unpacking itself in slow motion.
unpack_vmlinux() {
	python3 - "$1" <<-'PY'
		import lzma, struct, sys
		image = open(sys.argv[1], 'rb').read()
		# setup_header: setup_sects, and payload_offset and payload_length behind the setup code
		start = (image[0x1f1] + 1) * 512
		offset, length = struct.unpack_from('<II', image, 0x248)
		payload = image[start + offset:start + offset + length]
		sys.stdout.buffer.write(lzma.LZMADecompressor().decompress(payload))
	PY
}

# make_initramfs DIR VERSION: a shell and the modules that reach the host's root.
make_initramfs() {
	local root=$1/initramfs n=10 file
	mkdir -p "$root"/{bin,modules,proc,sys,dev,host}
	cp /bin/busybox "$root/bin/busybox"
	for file in $(modprobe -d "$1" -S "$2" --show-depends -a "${early_modules[@]}" |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++'); do
		n=$((n + 1))
		case $file in
		*.xz) xz -dc "$file" >"$root/modules/$n.ko" ;;
		*) cp "$file" "$root/modules/$n.ko" ;;
		esac
	done
	cp "$here/guest/init-qemu" "$root/init"
	chmod +x "$root/init"
	(cd "$root" && find . | cpio --quiet -o -H newc) >"$1/initrd"
	rm -rf "$root"
}

# make_image PACKAGE DIR: DIR gets vmlinux, initrd and lib/modules. The package is unpacked, not
# installed: it is not the kernel of this machine.
make_image() {
	local version
	(
		cd "$2"
		apt-get download -q -o APT::Sandbox::User=root "$1" >/dev/null
		dpkg-deb -x ./*.deb .
		rm -f ./*.deb
	)
	version=$(ls "$2/lib/modules")
	depmod -b "$2" "$version"
	unpack_vmlinux "$2/boot/vmlinuz-$version" >"$2/vmlinux"
	make_initramfs "$2" "$version"
	rm -rf "${2:?}"/{boot,usr}
}

# vm_prepare: sets kernel to the folder of the unpacked package, in the cache.
vm_prepare() {
	local cache=${XDG_CACHE_HOME:-$HOME/.cache}/srptd package version work
	package=$(image_package) || {
		if [ "$(id -u)" -eq 0 ]; then apt-get update -q; else sudo apt-get update -q; fi >/dev/null
		package=$(image_package) || die "no package linux-image-amd64 on this system"
	}
	version=$(apt-cache policy "$package" | sed -n 's/^  Candidate: //p')
	kernel=$cache/qemu-$package-$version-$(sha256sum "$here/guest/init-qemu" "$here/host/qemu.sh" |
		sha256sum | cut -c 1-8)
	[ ! -s "$kernel/initrd" ] || return 0
	say "unpacking $package"
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/qemu.XXXXXX")
	make_image "$package" "$work"
	chmod 755 "$work"
	rm -rf "$kernel"
	mv "$work" "$kernel"
}

# share NAME FOLDER [OPTION]: what QEMU gets for a folder of the host.
share() {
	echo "-virtfs local,path=$2,mount_tag=$1,security_model=none,multidevs=remap${3+,$3}"
}

# vm_run DIR CASE CPU LIMIT: until the guest ends, is ended, or its time is over.
vm_run() {
	local dir=$1 shares
	{
		echo '#!/bin/bash'
		cat "$1/env"
		printf '. %q\n' "$here/guest/init"
	} >"$dir/boot"
	chmod +x "$dir/boot"
	read -ra shares <<<"$(printf '%s ' "$(share root / readonly=on)" "$(share out "$dir")" \
		"$(share tree "$top" readonly=on)" "$(share build "$build_dir" readonly=on)" \
		"$(share modules "$kernel" readonly=on)")"
	timeout -k 5 $(($4 * 5)) qemu-system-x86_64 -accel tcg,thread=multi,tb-size=1024 -M q35 \
		-cpu max,-la57 -smp 2 -m 4096 -nodefaults -no-user-config -display none -no-reboot \
		-kernel "$kernel/vmlinux" -initrd "$kernel/initrd" -append "console=ttyS0 quiet \
		loglevel=4 panic=-1 oops=panic mitigations=off nokaslr tsc=reliable \
		random.trust_cpu=on net.ifnames=0 kt_boot=$dir/boot $(tag "$2" boot)" \
		-serial stdio -device virtio-rng-pci \
		-drive "file=$dir/disk,if=virtio,format=raw" \
		-drive "file=$dir/disk2,if=virtio,format=raw" "${shares[@]}" </dev/null
}
