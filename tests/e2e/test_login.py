# SPDX-License-Identifier: BSD-2-Clause
"""Logins: what is accepted, what is refused and why, and what a login does to older channels."""
import os
import re
import signal

import harness
import iu
from harness import PORT, Probe, TARGET_ID, group, target

OTHER_EXT, OTHER_GUID = "0200000000000011", "0200000000000022"
OTHER_ID = bytes.fromhex(OTHER_EXT + OTHER_GUID)

INSUFFICIENT, IU_TOO_LARGE, UNABLE_ASSOCIATE = 0x00010001, 0x00010002, 0x00010003
BAD_FORMAT, NO_MULTICHANNEL, CHANNEL_LIMIT = 0x00010004, 0x00010005, 0x00010006
UNABLE_ESTABLISH = 0x00010000
NO_CHANNEL, TERMINATED, MAINTAINED = 0, 1, 2
MAX_REQ = 16384


class LoginCase(harness.Case):
    def accept(self, probe, **fields):
        """(channel, LoginRsp)"""
        fields.setdefault("target", TARGET_ID)
        channel, outcome, data = probe.login_raw(iu.login_req(**fields))
        self.assertEqual(outcome, "accepted", data.hex())
        return channel, iu.parse_login(data)

    def reject(self, probe, reason, **fields):
        fields.setdefault("target", TARGET_ID)
        _, outcome, data = probe.login_raw(iu.login_req(**fields))
        self.assertEqual(outcome, "rejected", data.hex())
        rej = iu.parse_login(data)
        self.assertEqual(hex(rej.reason), hex(reason))
        return rej


class LoginTest(LoginCase):
    """One LUN, one target, anybody."""

    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(srp_max_req_size=MAX_REQ, max_channels=4, req_lim=32)
        self.probe = Probe(self)

    def test_accepted_with_limits_of_the_configuration(self):
        _, rsp = self.accept(self.probe, tag=0x1122334455667788)
        self.assertEqual(rsp.req_lim, harness.grant(32))
        self.assertEqual(rsp.tag, 0x1122334455667788)
        self.assertEqual(rsp.max_it, MAX_REQ)
        self.assertEqual(rsp.max_ti, 512)
        self.assertEqual(rsp.buf_fmt, iu.FMT_DIRECT | iu.FMT_INDIRECT)
        self.assertEqual(rsp.flags & 3, NO_CHANNEL)

    def test_srpio_shows_the_login(self):
        out = self.srpio("login", "--channels", 2, url=self.url(
            ids=(harness.ID_EXT, harness.IOC_GUID))).json
        first, second = out["channels"]
        self.assertEqual(out["target_port_id"], TARGET_ID.hex())
        self.assertEqual((first["request_limit"], second["request_limit"]),
                         (harness.grant(32), harness.grant(32)))
        self.assertEqual(first["multichannel"], "no other channel")
        self.assertEqual(second["multichannel"], "other channels maintained")

    def test_srpio_logs_in_and_out_several_times(self):
        out = self.srpio("login", "--channels", 2, "--passes", 5).json
        self.assertEqual([c["login"] for c in out["channels"]], ["accepted"] * 2)
        self.daemon.wait_log("login accepted", 10)
        self.daemon.wait_all_ended()
        self.assertEqual(self.daemon.logins(), 10)
        out = self.srpio("login", "--channels", 5, "--passes", 5, code=1).json
        self.assertEqual(out["channels"][4]["reason_code"], f"{CHANNEL_LIMIT:#010x}")
        self.assertEqual(self.daemon.logins(), 14)

    def test_wrong_id_ext_is_refused(self):
        rej = self.reject(self.probe, UNABLE_ASSOCIATE, target=OTHER_ID[:8] + TARGET_ID[8:],
                          tag=0xA5A5A5A5DEADBEEF)
        self.assertEqual(rej.tag, 0xA5A5A5A5DEADBEEF)
        self.assertEqual(rej.buf_fmt, iu.FMT_DIRECT | iu.FMT_INDIRECT)

    def test_wrong_ioc_guid_is_refused(self):
        self.reject(self.probe, UNABLE_ASSOCIATE, target=TARGET_ID[:8] + OTHER_ID[8:])

    def test_srpio_reports_a_refusal(self):
        result = self.srpio("login", url=self.url(ids=(OTHER_EXT, OTHER_GUID)), code=1)
        self.assertEqual(result.json["channels"][0]["reason_code"], "0x00010003")

    def test_target_id_halves_in_either_order(self):
        self.accept(self.probe, target=TARGET_ID)
        self.accept(self.probe, target=TARGET_ID[8:] + TARGET_ID[:8])

    def test_zero_target_id_means_the_only_target(self):
        self.accept(self.probe, target=bytes(16))

    def test_iu_length_at_and_above_the_limit(self):
        self.accept(self.probe, it_iu_len=MAX_REQ)
        self.reject(self.probe, IU_TOO_LARGE, it_iu_len=MAX_REQ + 1)
        self.reject(self.probe, IU_TOO_LARGE, it_iu_len=0xFFFFFFFF)

    def test_iu_length_at_and_below_64(self):
        _, rsp = self.accept(self.probe, it_iu_len=64)
        self.assertEqual(rsp.max_ti, 64, "small announcements are echoed, for boot ROMs")
        for length in (63, 1, 0):
            self.reject(self.probe, IU_TOO_LARGE, it_iu_len=length)

    def test_too_many_channels(self):
        for _ in range(4):
            self.accept(self.probe, flags=iu.MULTI)
        self.reject(self.probe, CHANNEL_LIMIT, flags=iu.MULTI)
        # another initiator port has channels of its own
        self.accept(self.probe, flags=iu.MULTI, initiator=bytes(15) + b"\1")
        # an ended channel makes room
        self.probe.ask("close", 0)
        self.daemon.wait_log("channel ended")
        self.accept(self.probe, flags=iu.MULTI)

    def test_unknown_multichannel_action(self):
        for action in (2, 3):
            self.reject(self.probe, NO_MULTICHANNEL, flags=action)

    def test_unknown_buffer_format(self):
        for fmt in (0x0001, 0x0008, 0x8000, 0xFFFF):
            self.reject(self.probe, BAD_FORMAT, buf_fmt=fmt)

    def test_known_buffer_formats_also_byte_swapped(self):
        for fmt in (0, 0x0002, 0x0004, 0x0006, 0x0200, 0x0400, 0x0600):
            self.accept(self.probe, buf_fmt=fmt)

    def immediate(self, flags, offset, length):
        _, rsp = self.accept(self.probe, flags=flags, imm_offset=offset, it_iu_len=length)
        return bool(rsp.flags & iu.IMMED)

    def test_immediate_data_negotiation(self):
        self.assertTrue(self.immediate(iu.IMMED, 68, 8260))
        self.assertTrue(self.immediate(iu.IMMED, 52, 8260), "behind the fixed part and length")
        self.assertTrue(self.immediate(iu.IMMED, 4096, 8260))
        self.assertFalse(self.immediate(0, 68, 8260), "not asked for")
        self.assertFalse(self.immediate(iu.IMMED, 51, 8260), "overlaps the length")
        self.assertFalse(self.immediate(iu.IMMED, 0, 8260))
        self.assertFalse(self.immediate(iu.IMMED, 8261, 8260), "beyond the IU")

    def test_garbage_private_data(self):
        for data in (b"\xff" * 56, iu.login_req(opcode=0x02), iu.login_req(opcode=0xC0),
                     os.urandom(11) + b"\x55" + os.urandom(44)):
            with self.subTest(data=data.hex()):
                _, outcome, answer = self.probe.login_raw(data)
                self.assertEqual(outcome, "rejected")
                self.assertEqual(iu.parse_login(answer).reason, UNABLE_ESTABLISH)
        self.accept(self.probe)

    def test_refused_logins_leave_the_target_able(self):
        for _ in range(50):
            self.reject(self.probe, UNABLE_ASSOCIATE, target=OTHER_ID)
        self.assert_serves()
        refusals = self.daemon.log().count("login refused")
        self.assertLess(refusals, 50, "refusals are rate limited in the log")
        self.assertGreater(refusals, 0)


class PrivateDataTest(LoginCase):
    """The CM of InfiniBand pads private data with zeroes; that of iWARP tells its length."""

    def setUp(self):
        super().setUp()
        self.whole = iu.login_req(target=TARGET_ID)

    def start(self, profile):
        self.env = {"SIMFAB_PROFILE": profile}
        self.serve_one()
        return Probe(self)

    def test_short_private_data(self):
        probe = self.start("siw")
        for length in (0, 1, 11, 12, 36, 55):
            with self.subTest(length=length):
                _, outcome, data = probe.login_raw(self.whole[:length])
                self.assertEqual(outcome, "rejected", data.hex())
                self.assertEqual(iu.parse_login(data).reason, UNABLE_ESTABLISH)
        self.accept(probe)

    def test_private_data_padded_by_the_fabric(self):
        """What is missing is zero, so a cut login is refused for what it then says."""
        probe = self.start("hca")
        for length, reason in ((0, IU_TOO_LARGE), (12, IU_TOO_LARGE), (36, UNABLE_ASSOCIATE)):
            with self.subTest(length=length):
                _, outcome, data = probe.login_raw(self.whole[:length])
                self.assertEqual(outcome, "rejected", data.hex())
                self.assertEqual(iu.parse_login(data).reason, reason)
        self.accept(probe)

    def test_private_data_longer_than_the_login_is_accepted(self):
        probe = self.start("siw")
        _, outcome, data = probe.login_raw(self.whole.ljust(120, b"\0"))
        self.assertEqual(outcome, "accepted", data.hex())


class ReloginTest(LoginCase):
    """SINGLE and MULTI against channels that exist."""

    def setUp(self):
        super().setUp()
        self.daemon = self.serve_one(workers=2)
        self.old, self.new = Probe(self), Probe(self)

    def test_single_ends_the_old_channels(self):
        first, _ = self.accept(self.old)
        second, _ = self.accept(self.old, flags=iu.MULTI)
        self.old.clear_ua(first)
        channel, rsp = self.accept(self.new)
        self.assertEqual(rsp.flags & 3, TERMINATED)
        self.old.wait_end(first)
        self.old.wait_end(second)
        self.new.clear_ua(channel)
        self.daemon.wait_log(": channel ended", 2)

    def test_multi_adds_a_channel(self):
        first, _ = self.accept(self.old)
        self.old.clear_ua(first)
        channel, rsp = self.accept(self.new, flags=iu.MULTI)
        self.assertEqual(rsp.flags & 3, MAINTAINED)
        self.assertEqual(self.new.command(channel, iu.command(iu.TUR)).status, 0,
                         "the same I_T nexus: no unit attention again")
        self.assertEqual(self.old.command(first, iu.command(iu.TUR)).status, 0)

    def test_single_of_another_initiator_ends_nothing(self):
        first, _ = self.accept(self.old)
        self.old.clear_ua(first)
        _, rsp = self.accept(self.new, initiator=bytes(15) + b"\7")
        self.assertEqual(rsp.flags & 3, NO_CHANNEL)
        self.assertEqual(self.old.command(first, iu.command(iu.TUR)).status, 0)

    def test_many_relogins_in_a_row(self):
        self.accept(self.old)
        for _ in range(20):
            channel, rsp = self.accept(self.new)
            self.assertEqual(rsp.flags & 3, TERMINATED)
        self.new.clear_ua(channel)
        self.assertEqual(self.new.live(), [channel])

    def test_relogin_under_a_write_load(self):
        """A SINGLE login while the same nexus writes: the writer fails, the new one works."""
        ident = "00000000000000000000000000001234"
        load = self.spawn("bench", "--rw", "randwrite", "--bs", "64k", "--depth", 32,
                          "--duration", 60, "--channels", 2, "--initiator-id", ident)
        self.daemon.wait_log("login accepted", 2)
        self.srpio("verify", "--count", 2048, "--initiator-id", ident)
        result = load.finish()
        self.assertNotEqual(result.code, 0, result)


class ResourceTest(LoginCase):
    def test_receives_are_shared_out_and_then_refused(self):
        """48 receives: 3 in reserve where they are shared, 3 of each channel for IUs without credit.
        Late hosts get less, so that there are more of them; when nothing is left they are refused."""
        self.daemon = self.serve_one(workers=1, srpt_srq_size=48, req_lim=8)
        probe = Probe(self)
        limits = []
        while len(limits) < 48:
            _, outcome, data = probe.login_raw(iu.login_req(target=TARGET_ID,
                                                            initiator=bytes([*[0] * 15, len(limits)])))
            if outcome != "accepted":
                break
            limits.append(iu.parse_login(data).req_lim)
        self.assertEqual(limits, sorted(limits, reverse=True))
        self.assertEqual(limits[0], 8)
        self.assertLess(limits[-1], 8)
        reserve = 0 if "no shared receive queue" in self.daemon.log() else 3
        self.assertLessEqual(sum(limits) + harness.RX_PER_CHANNEL * len(limits), 48 - reserve)
        self.reject(probe, INSUFFICIENT, initiator=bytes(15) + b"\xff")
        for i in range(len(limits)):
            probe.ask("close", i)
        self.daemon.wait_all_ended()
        self.assertEqual(self.accept(probe, initiator=bytes(15) + b"\xfe")[1].req_lim, 8)

    def test_login_is_refused_while_stopping(self):
        """A frozen initiator keeps srptd from stopping; nobody else gets in meanwhile."""
        self.daemon = self.serve_one()
        frozen, late = Probe(self), Probe(self)
        channel, _ = self.accept(frozen)
        frozen.clear_ua(channel)
        frozen.process.send_signal(signal.SIGSTOP)
        self.addCleanup(frozen.kill)
        self.addCleanup(frozen.process.send_signal, signal.SIGCONT)
        self.daemon.terminate()
        self.daemon.wait_log("logging initiators out")
        _, outcome, data = late.login_raw(iu.login_req(target=TARGET_ID, initiator=bytes(16)))
        self.assertIn(outcome, ("rejected", "failed"))
        if outcome == "rejected":
            self.assertEqual(iu.parse_login(data).reason, INSUFFICIENT)
        self.daemon.stop()


class TwoTargetsTest(LoginCase):
    """The same initiator sees different LUNs through different targets."""

    def luns(self):
        return [{"name": name, "path": name, "size": size}
                for name, size in (("a", "8M"), ("b", "16M"), ("c", "24M"))]

    def targets(self, ports):
        first = target(group({0: "a", 1: "b"}), name="one", rdma_cm_port=ports[0])
        second = target(group({0: "c"}), name="two", id_ext=OTHER_EXT, ioc_guid=OTHER_GUID,
                        rdma_cm_port=ports[1])
        return [first, second]

    def sizes(self, port, ids):
        """{LUN: bytes}"""
        out = self.srpio("luns", "--initiator-id", "77", url=self.url(port=port, ids=ids)).json
        return {int(x["lun"]): x["bytes"] >> 20 for x in out["luns"]}

    def check_maps(self, ports):
        self.assertEqual(self.sizes(ports[0], (harness.ID_EXT, harness.IOC_GUID)), {0: 8, 1: 16})
        self.assertEqual(self.sizes(ports[1], (OTHER_EXT, OTHER_GUID)), {0: 24})

    def test_on_one_listener(self):
        self.serve(self.luns(), self.targets((PORT, PORT)))
        self.check_maps((PORT, PORT))
        self.reject(Probe(self), UNABLE_ASSOCIATE, target=bytes(16))

    def test_on_two_listeners(self):
        self.serve(self.luns(), self.targets((PORT, PORT + 1)))
        self.check_maps((PORT, PORT + 1))
        self.reject(Probe(self), UNABLE_ASSOCIATE, target=OTHER_ID)
        self.reject(Probe(self, port=PORT + 1), UNABLE_ASSOCIATE, target=TARGET_ID)

    def test_nexuses_of_two_targets_are_independent(self):
        """SINGLE at one target leaves the channels at the other alone."""
        self.serve(self.luns(), self.targets((PORT, PORT)))
        probe = Probe(self)
        first, _ = self.accept(probe, target=TARGET_ID)
        second, rsp = self.accept(probe, target=OTHER_ID)
        self.assertEqual(rsp.flags & 3, NO_CHANNEL)
        probe.clear_ua(first)
        probe.clear_ua(second)
        self.assertEqual(probe.live(), [first, second])

    def test_completion_vectors(self):
        """comp_v_mask: the workers' lanes for a target take its vectors in turn, and share none
        with a target that has another mask."""
        luns = [dict(lun, path=self.path(lun["path"])) for lun in self.luns()]
        targets = self.targets((PORT, PORT))
        targets[0]["comp_v_mask"] = 0xA
        config = self.write_config(luns, targets, workers=2)
        self.daemon = harness.Daemon(self, ["-d", "rdma", "-c", config])
        probe = Probe(self)
        for i in range(4):
            self.accept(probe, target=TARGET_ID, initiator=bytes(15) + bytes([i]))
        lanes = re.findall(r"worker \d: completion vector (\d)", self.daemon.log())
        self.assertEqual(sorted(set(lanes)), ["1", "3"])
        if not harness.QUEUE:  # otherwise a worker may need several lanes
            self.assertEqual(len(lanes), 2)
        self.accept(probe, target=OTHER_ID)
        self.assertGreater(self.daemon.log().count(": completion vector "), len(lanes))
