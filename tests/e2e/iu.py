# SPDX-License-Identifier: BSD-2-Clause
"""SRP information units as bytes (SRP r16a 6; include/srptd/srp.h has the layouts in C)."""
import collections
import struct

SRP_TSK_MGMT, SRP_CMD, SRP_I_LOGOUT = 0x01, 0x02, 0x03
SRP_T_LOGOUT, SRP_RSP, SRP_LOGIN_RSP, SRP_LOGIN_REJ = 0x80, 0xC1, 0xC0, 0xC2
SRP_CRED_REQ, SRP_CRED_RSP, SRP_AER_REQ, SRP_AER_RSP = 0x81, 0x41, 0x82, 0x42

DIRECT, INDIRECT, IMMEDIATE = 1, 2, 3
SINGLE, MULTI = 0, 1
IMMED = 0x80
LOSOLNT, CRSOLNT, AESOLNT = 0x10, 0x20, 0x40
FMT_DIRECT, FMT_INDIRECT = 0x0002, 0x0004

RSPVALID, SNSVALID, DOOVER, DOUNDER, DIOVER, DIUNDER = (1 << bit for bit in range(6))

TM_ABORT_TASK, TM_ABORT_SET, TM_CLEAR_SET, TM_LUN_RESET, TM_CLEAR_ACA = 1, 2, 4, 8, 0x40

INITIATOR = bytes.fromhex("00000000000000000002c90300a34271")

Rsp = collections.namedtuple(
    "Rsp", "delta tag flags status out_resid in_resid code sense sol_not")
LoginRsp = collections.namedtuple("LoginRsp", "req_lim tag max_it max_ti buf_fmt flags")
LoginRej = collections.namedtuple("LoginRej", "reason tag buf_fmt")


def login_req(initiator=INITIATOR, target=bytes(16), it_iu_len=8260, flags=SINGLE,
              buf_fmt=FMT_DIRECT | FMT_INDIRECT, imm_offset=0, tag=0, opcode=0):
    """The form that RDMA/CM carries: 56 bytes."""
    return struct.pack(">QHBBI16s16sH6x", tag, buf_fmt, flags, opcode, it_iu_len, initiator,
                       target, imm_offset)


def native_login_req(initiator=INITIATOR, target=bytes(16), it_iu_len=8260, flags=SINGLE,
                     buf_fmt=FMT_DIRECT | FMT_INDIRECT, imm_offset=0, tag=0, opcode=0,
                     reserved=bytes(7)):
    """The form that InfiniBand's own connection manager carries: 64 bytes of 92."""
    return struct.pack(">B7sQI4xHBxH2x16s16s", opcode, reserved, tag, it_iu_len, buf_fmt, flags,
                       imm_offset, initiator, target)


def parse_login(data):
    """SRP_LOGIN_RSP or SRP_LOGIN_REJ."""
    if data[:1] == bytes([SRP_LOGIN_RSP]):
        return LoginRsp(*struct.unpack(">4xiQIIHB", data[:27]))
    if data[:1] == bytes([SRP_LOGIN_REJ]):
        return LoginRej(*struct.unpack(">4xIQ8xH", data[:26]))
    raise ValueError("neither SRP_LOGIN_RSP nor SRP_LOGIN_REJ: " + data.hex())


def lun_bytes(lun):
    """Peripheral device addressing below 256, flat space above."""
    return struct.pack(">H6x", lun if lun < 256 else 0x4000 | lun)


def command(cdb, lun=0, tag=1, fmt=0, counts=(0, 0), data=b"", add_cdb=b"", add_len=None,
            sol_not=0, attr=0):
    """SRP_CMD. fmt: data-out format in the high nibble, data-in in the low one."""
    words = len(add_cdb) if add_len is None else add_len
    fixed = struct.pack(">BB3xBBBQ4x8sxBxB16s", SRP_CMD, sol_not, fmt, *counts, tag,
                        lun_bytes(lun), attr, words, cdb)
    return fixed + add_cdb + data


def desc(va, rkey, length):
    """A direct descriptor."""
    return struct.pack(">QII", va, rkey, length)


def table(descs, length, va=0, rkey=0, table_len=None):
    """An indirect descriptor with these in line; table_len other than theirs makes it partial."""
    own = 16 * len(descs) if table_len is None else table_len
    return desc(va, rkey, own) + struct.pack(">I", length) + b"".join(descs)


def task_mgmt(function, lun=0, tag=1 << 63, task_tag=0):
    """SRP_TSK_MGMT."""
    return struct.pack(">B7xQ4x8s2xBxQ8x", SRP_TSK_MGMT, tag, lun_bytes(lun), function, task_tag)


def i_logout(tag=7):
    """SRP_I_LOGOUT."""
    return struct.pack(">B7xQ", SRP_I_LOGOUT, tag)


def parse_rsp(data):
    """SRP_RSP with its response code and sense data."""
    if data[0] != SRP_RSP:
        raise ValueError("no SRP_RSP: " + data.hex())
    sol, delta, tag, flags, status, out, inn, n_sense, n_rsp = struct.unpack(
        ">xB2xiQ2xBBIIII", data[:36])
    if len(data) != 36 + n_rsp + n_sense:
        raise ValueError("lengths do not add up: " + data.hex())
    code = data[39] if n_rsp >= 4 else None
    return Rsp(delta, tag, flags, status, out, inn, code, data[36 + n_rsp:], sol)


def sense_code(sense):
    """Sense data of either format as (key, ASC, ASCQ)."""
    if len(sense) < 4:
        return None
    if sense[0] & 0x7F in (0x72, 0x73):
        return sense[1] & 15, sense[2], sense[3]
    return sense[2] & 15, sense[12], sense[13]


def read10(lba, blocks, byte1=0):
    return struct.pack(">BBIxHx", 0x28, byte1, lba, blocks)


def write10(lba, blocks, byte1=0):
    return struct.pack(">BBIxHx", 0x2A, byte1, lba, blocks)


def read16(lba, blocks):
    return struct.pack(">BxQI2x", 0x88, lba, blocks)


def write16(lba, blocks, byte1=0):
    return struct.pack(">BBQI2x", 0x8A, byte1, lba, blocks)


TUR = bytes(6)
INQUIRY = bytes.fromhex("120000002400")
