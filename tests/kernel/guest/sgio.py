"""SCSI commands through /dev/sg, one at a time: no retries, and a time-out of their own.

As a program, for cases: sgio.py DEVICE read|write LBA BLOCKS MILLISECONDS [FILE]; status 0 for GOOD, 1 for
anything else, which it prints.
"""
import ctypes
import fcntl
import os
import struct
import sys

class SgHeader(ctypes.Structure):
    """struct sg_io_hdr of <scsi/sg.h>."""
    _fields_ = [('interface_id', ctypes.c_int), ('dxfer_direction', ctypes.c_int),
                ('cmd_len', ctypes.c_ubyte), ('mx_sb_len', ctypes.c_ubyte),
                ('iovec_count', ctypes.c_ushort), ('dxfer_len', ctypes.c_uint),
                ('dxferp', ctypes.c_void_p), ('cmdp', ctypes.c_void_p), ('sbp', ctypes.c_void_p),
                ('timeout', ctypes.c_uint), ('flags', ctypes.c_uint), ('pack_id', ctypes.c_int),
                ('usr_ptr', ctypes.c_void_p), ('status', ctypes.c_ubyte),
                ('masked_status', ctypes.c_ubyte), ('msg_status', ctypes.c_ubyte),
                ('sb_len_wr', ctypes.c_ubyte), ('host_status', ctypes.c_ushort),
                ('driver_status', ctypes.c_ushort), ('resid', ctypes.c_int),
                ('duration', ctypes.c_uint), ('info', ctypes.c_uint)]


SG_IO, TO_DEVICE, FROM_DEVICE, NO_DATA = 0x2285, -2, -3, -1
BLOCK = 512


def run(fd, cdb, data=b'', length=0, timeout=60000):
    """Returns (None or what went wrong, data read)."""
    cmd = ctypes.create_string_buffer(cdb, len(cdb))
    buf = ctypes.create_string_buffer(data, max(len(data), length, 1))
    sense = ctypes.create_string_buffer(32)
    way = TO_DEVICE if data else FROM_DEVICE if length else NO_DATA
    hdr = SgHeader(interface_id=ord('S'), dxfer_direction=way, cmd_len=len(cdb), mx_sb_len=32,
                   dxfer_len=max(len(data), length), dxferp=ctypes.addressof(buf),
                   cmdp=ctypes.addressof(cmd), sbp=ctypes.addressof(sense), timeout=timeout)
    fcntl.ioctl(fd, SG_IO, hdr)
    wrong = None
    if hdr.status or hdr.host_status or hdr.driver_status & 0xf:
        wrong = 'command %s: status %#x, host %#x, driver %#x, sense %s' % (
            cdb.hex(), hdr.status, hdr.host_status, hdr.driver_status, sense.raw[:hdr.sb_len_wr].hex())
    return wrong, buf.raw[:length]


def good(fd, cdb, data=b''):
    """Runs a command; anything but GOOD ends the program."""
    wrong, _ = run(fd, cdb, data)
    if wrong:
        sys.exit(wrong)


def write(lba, data, fua=False):
    return struct.pack('>BBIBHB', 0x2a, 8 if fua else 0, lba, 0, len(data) // BLOCK, 0)


def read(lba, blocks):
    return struct.pack('>BBIBHB', 0x28, 0, lba, 0, blocks, 0)


def synchronize_cache():
    return struct.pack('>BBIBHB', 0x35, 0, 0, 0, 0, 0)


def main(device, what, lba, blocks, timeout, path=None):
    fd = os.open(device, os.O_RDWR)
    lba, length = int(lba), int(blocks) * BLOCK
    if what == 'write':
        with open(path, 'rb') as source:
            data = source.read(length)
        wrong, _ = run(fd, write(lba, data), data, timeout=int(timeout))
    else:
        wrong, data = run(fd, read(lba, int(blocks)), length=length, timeout=int(timeout))
        if path:
            with open(path, 'wb') as sink:
                sink.write(data)
    if wrong:
        print(wrong)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
