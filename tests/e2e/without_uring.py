# SPDX-License-Identifier: BSD-2-Clause
"""without_uring.py COMMAND…: run it where a seccomp filter refuses io_uring, as in many containers."""
import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
IO_URING_SETUP = 425  # the same number on every architecture
LOAD_NUMBER = (0x20, 0, 0, 0)            # BPF_LD | BPF_W | BPF_ABS: seccomp_data.nr
ALLOW = (0x06, 0, 0, 0x7FFF0000)         # BPF_RET
REFUSE = (0x06, 0, 0, 0x00050000 | errno.EPERM)


def install():
    program = [LOAD_NUMBER, (0x15, 0, 1, IO_URING_SETUP), REFUSE, ALLOW]  # BPF_JMP | BPF_JEQ
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in program))

    class Fprog(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]

    prog = Fprog(len(program), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(prog), 0, 0):
        sys.exit("no seccomp filter: " + os.strerror(ctypes.get_errno()))


install()
os.execv(sys.argv[1], sys.argv[1:])
