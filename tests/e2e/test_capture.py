# SPDX-License-Identifier: BSD-2-Clause
"""Captures of information units: what is in the file, by a reader of our own and by tshark."""
import os
import shutil
import struct
import subprocess
import unittest

import harness
import iu
from harness import Probe, group, target, wait_for

DISSECTOR = os.path.join(os.path.dirname(__file__), "../../packaging/wireshark/srp.lua")
SECTION, INTERFACE, STATISTICS, PACKET = 0x0A0D0D0A, 1, 5, 6
HEAD = 44


def blocks(path):
    """(type, body) of each block; every length is checked."""
    with open(path, "rb") as f:
        data = f.read()
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        assert length % 4 == 0 and length >= 12 and at + length <= len(data), (at, length)
        assert struct.unpack_from("=I", data, at + length - 4)[0] == length
        yield kind, data[at + 8:at + length - 4]
        at += length


class Packet:
    def __init__(self, body):
        _, high, low, length, self.orig = struct.unpack_from("=IIIII", body)
        self.ns = high << 32 | low
        raw = body[20:20 + length]
        options = body[20 + (length + 3) // 4 * 4:]
        code, size, flags = struct.unpack_from("=HHI", options)
        assert (code, size) == (2, 4)
        self.outbound = flags == 2
        self.kind, self.session, self.qpn = raw[1], *struct.unpack_from(">II", raw, 4)
        self.initiator, self.target, self.iu = raw[12:28], raw[28:44], raw[HEAD:]


class CaptureTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.daemon = self.serve(
            [{"name": "disk", "type": "memory", "size": "16M"}], [target(group({0: "disk"}))],
            workers=2, control_socket=self.socket)
        self.file = self.path("srp.pcapng")

    def start(self, *more, code=0):
        return self.srptctl("capture", "start", self.file, *more, code=code)

    def stop(self):
        """Packets, after the whole file was read."""
        said = self.srptctl("capture", "stop")
        self.assertEqual((said["running"], said["error"]), (False, None))
        self.assertEqual(said["bytes"], os.path.getsize(self.file))
        got = list(blocks(self.file))
        self.assertEqual([k for k, _ in got[:2]], [SECTION, INTERFACE])
        self.assertEqual(got[-1][0], STATISTICS)
        packets = [Packet(body) for kind, body in got if kind == PACKET]
        self.assertEqual(said["packets"] - said["dropped"], len(packets))
        received, dropped = struct.unpack_from("=Q4xQ", got[-1][1], 16)
        self.assertEqual((received, dropped), (said["packets"], said["dropped"]))
        return packets

    def login(self, **fields):
        probe = Probe(self)
        channel = probe.login(**fields)
        probe.clear_ua(channel)
        return probe, channel

    def test_every_unit_of_a_session(self):
        self.start()
        self.assertEqual(stat_mode(self.file), 0o600)
        probe, channel = self.login()
        read = iu.command(iu.read10(0, 1), fmt=iu.DIRECT, tag=0x1234, data=iu.desc(
            probe.mem(512)["va"], 7, 512))
        write = iu.command(iu.write10(9, 1), tag=0x77)
        probe.send(channel, write)
        probe.recv(1)
        self.srptctl("logout", self.srptctl("sessions")[0]["id"])
        probe.wait_end(channel)
        self.assertIn("capturing into", self.srptctl("capture", "status", text=True))
        packets = self.stop()
        self.assertNotIn(read, [p.iu for p in packets])  # was never sent
        self.assertEqual((packets[0].kind, packets[0].session, packets[0].outbound), (1, 0, False))
        self.assertEqual(packets[0].iu[11], 0)  # SRP_LOGIN_REQ, RDMA/CM form
        self.assertEqual(packets[0].iu[16:32], iu.INITIATOR)
        self.assertTrue(all(p.initiator == iu.INITIATOR and p.target == harness.TARGET_ID
                            for p in packets if p.session))
        sent = [p for p in packets if not p.outbound and p.iu[:1] == b"\x02"]
        self.assertEqual(sent[-1].iu, write)
        opcodes = [p.iu[0] for p in packets[1:]]
        self.assertEqual(opcodes[0], 0xC0)
        self.assertEqual(opcodes[-1], 0x80)
        self.assertEqual(opcodes.count(0x02), opcodes.count(0xC1))
        answer = [p for p in packets if p.iu[:1] == b"\xc1"][-1]
        self.assertEqual(int.from_bytes(answer.iu[8:16], "big"), 0x77)
        self.assertEqual([p.ns for p in sent], sorted(p.ns for p in sent))
        self.assertEqual(len({(p.session, p.qpn) for p in packets if p.session}), 1)

    def test_filter(self):
        first, one = self.login(initiator=bytes(15) + b"\x01")
        second, two = self.login(initiator=bytes(15) + b"\x02")
        ids = {s["port_id"][-2:]: s["id"] for s in self.srptctl("sessions")}
        for words, want in ((f"session={ids['01']}", {ids["01"]}),
                            ("session=0x" + "0" * 31 + "2", {ids["02"]}),
                            ("session=203.0.113.1", set())):
            self.start(words)
            for probe, channel in ((first, one), (second, two)):
                probe.command(channel, iu.command(iu.TUR))
            self.assertEqual({p.session for p in self.stop()}, want)
            os.remove(self.file)

    def test_snap_and_size(self):
        probe, channel = self.login()
        self.start("snap=64", "size=4096")
        for tag in range(100):
            probe.command(channel, iu.command(iu.TUR, tag=tag, add_cdb=bytes(100)))
        wait_for(lambda: self.srptctl("capture", "status")["full"], "the file is full")
        packets = self.stop()
        self.assertLess(os.path.getsize(self.file), 4096 + 64)
        self.assertLess(len(packets), 100)
        self.assertEqual({(len(p.iu), p.orig) for p in packets if not p.outbound},
                         {(64, HEAD + 148)})
        self.assert_serves()

    def test_refused(self):
        self.assertIn("no capture", self.srptctl("capture", "stop", code=1))
        self.make_file("srp.pcapng", 1)
        self.assertIn("File exists", self.start(code=1))
        os.remove(self.file)
        os.symlink(self.path("elsewhere"), self.file)
        self.start(code=1)
        self.assertFalse(os.path.exists(self.path("elsewhere")))
        os.remove(self.file)
        self.assertIn("absolute", self.srptctl("capture", "start", "x", code=1))
        self.assertIn("snap", self.start("snap=1", code=1))
        self.assertIn("size", self.start("size=much", code=1))
        self.assertIn("expected", self.start("session=192.0.2.1/99", code=1))
        self.start("colour=red", code=2)
        self.start("snap=x", code=2)
        self.assertFalse(os.path.exists(self.file))
        self.start()
        self.assertIn("one is running", self.start(code=1))
        self.assertEqual(self.stop(), [])

    def test_start_and_stop_under_load_and_at_the_end(self):
        bench = self.spawn("bench", "--rw", "randread", "--duration", 600, "--depth", 32)
        wait_for(lambda: self.srptctl("stats")["workers"][0]["commands"] +
                 self.srptctl("stats")["workers"][1]["commands"] > 100, "I/O runs")
        for _ in range(20):
            self.start()
            wait_for(lambda: self.srptctl("capture", "status")["packets"] > 50, "packets")
            self.assertGreater(len(self.stop()), 0)
            os.remove(self.file)
        self.start()
        bench.kill()
        self.daemon.stop()
        self.assertEqual(list(blocks(self.file))[-1][0], STATISTICS)

    @unittest.skipUnless(shutil.which("tshark"), "tshark is not installed")
    def test_tshark_shows_it(self):
        self.start()
        probe, channel = self.login()
        mem = probe.mem(8192)
        probe.command(channel, iu.command(
            iu.read10(3, 16), fmt=iu.INDIRECT, counts=(0, 2), tag=0xABC,
            data=iu.table([iu.desc(mem["va"], mem["rkey"], 4096),
                           iu.desc(mem["va"] + 4096, mem["rkey"], 4096)], 8192)))
        probe.command(channel, iu.command(b"\x28" + bytes(4) + b"\xff" * 2 + bytes(1) + b"\xff" * 2))
        probe.command(channel, iu.task_mgmt(8))
        self.stop()
        argv = ["tshark", "-2", "-X", f"lua_script:{DISSECTOR}", "-r", self.file]
        env = dict(os.environ, HOME=self.dir)

        def shark(*more):
            return subprocess.run([*argv, *more], check=True, env=env, timeout=harness.LIMIT, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        text = shark()
        for words in ("SRP_LOGIN_REQ (RDMA/CM form)", "SRP_LOGIN_RSP tag", "request limit",
                      "SRP_CMD tag 0x0000000000000abc: READ(10) LUN 0", "GOOD",
                      "CHECK CONDITION 6/29/", "SRP_TSK_MGMT", "LUN RESET LUN 0", "COMPLETE"):
            self.assertIn(words, text)
        self.assertNotIn("unknown", text)
        rows = shark("-Y", "scsi_srp.tag == 0xabc", "-T", "fields", "-e", "scsi_srp.opcode", "-e", "scsi_srp.len",
                     "-e", "scsi_srp.response_in", "-e", "scsi_srp.request_in", "-e", "scsi_srp.time").splitlines()
        request, response = (row.split("\t") for row in rows)
        self.assertEqual((request[0], request[1]), ("0x02", "32,8192,4096,4096"))
        self.assertEqual(response[0], "0xc1")
        self.assertEqual(int(request[2]), int(response[3]) + 1)
        self.assertGreater(float(response[4]), 0)
        self.assertEqual(shark("-Y", "scsi_srp.malformed"), "")


def stat_mode(path):
    return os.stat(path).st_mode & 0o777
