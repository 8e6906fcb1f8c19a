# SPDX-License-Identifier: BSD-2-Clause
"""Every channel ends, in bounded time, whatever its peer and the fabric do (faults of simfab).

After each end the daemon serves as before: the whole request limit is granted again and can be
used, though there are receives for no more than one channel.
"""
import os
import re
import signal
import subprocess
import time

import harness
import iu
from harness import Daemon, Probe, group, target

REQ_LIM = 32
RECEIVES = 37  # 2 in reserve, 3 of each channel beside its limit: for one channel, not for two
ROUNDS = 3
CM_TIMEOUT_MS = "3000"
SEGMENT = 256 << 10
RDMA_TIMEOUT = 2
# Requests stay with the store for a while, so that under a load something is left to be sent.
SLOW = [{"op": op, "delay_ms": 20} for op in ("read", "write")]
NEXUS = "00000000000000000000000000001234"


class EndCase(harness.Case):
    env = {"ASAN_OPTIONS": "quarantine_size_mb=1:" + os.environ.get("ASAN_OPTIONS", "")}
    receives = RECEIVES

    def start(self, env=None, ip=None, store=(), **top):
        """srptd that has receives for one channel; env is for it alone, store has faults of its."""
        luns = [{"name": "disk", "path": self.path("disk"), "size": "64M"}]
        if store:
            luns[0]["fault"] = list(store)
        conf = self.write_config(luns, [target(group({0: "disk"}))], **dict(
            dict(workers=1, srpt_srq_size=self.receives, req_lim=REQ_LIM, pool_size="4M"), **top))
        common, self.env = self.env, dict(self.env, **(env or {}))
        try:
            self.daemon = Daemon(self, ["-d", "rdma", "-c", conf], ip=ip)
        finally:
            self.env = common
        return self.daemon

    def fault(self, *statements, code=0):
        """In effect when this returns. What simfab-fault says."""
        argv = [os.path.join(harness.build_dir(), "tests/simfab/simfab-fault"), "-n", self.net]
        done = subprocess.run([*argv, "; ".join(statements)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=harness.LIMIT, text=True)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def clear(self):
        self.fault("clear")

    def load(self, *args, rw="randwrite"):
        """srpio with I/O well under way."""
        logins = self.daemon.logins()
        job = self.spawn("bench", "--rw", rw, "--bs", "32k", "--depth", REQ_LIM - 1, "--imm", "off",
                         "--duration", 600, "--initiator-id", NEXUS, *args)
        self.daemon.wait_log("login accepted", logins + 1)
        written = os.stat(self.path("disk")).st_mtime_ns
        harness.wait_for(lambda: os.stat(self.path("disk")).st_mtime_ns != written or
                         not job.running(), "the load writes")
        self.assertTrue(job.running(), job.text())
        return job

    def login(self, **fields):
        probe = Probe(self)
        channel = probe.login(**fields)
        probe.clear_ua(channel)
        return probe, channel

    def whole_limit(self, url=None):
        """Every receive and every promise is back."""
        probe = Probe(self, url=url)
        _, outcome, data = probe.login_raw(iu.login_req(initiator=bytes(15) + b"\x99"))
        self.assertEqual(outcome, "accepted", data.hex())
        self.assertEqual(iu.parse_login(data).req_lim, REQ_LIM)
        probe.clear_ua(0)
        probe.send(0, iu.command(iu.TUR), REQ_LIM)
        got = probe.recv(REQ_LIM)
        self.assertEqual([iu.parse_rsp(x).status for _, x in got], [0] * REQ_LIM)
        probe.close()
        self.daemon.wait_all_ended()

    def ended(self):
        """All channels have; then everything works as on the first day."""
        self.daemon.wait_all_ended()
        self.clear()
        self.whole_limit()
        self.assert_serves()
        self.daemon.wait_all_ended()

    def rounds(self, event, n=ROUNDS):
        for _ in range(n):
            event()
            self.ended()
        self.daemon.stop()


class LoginTest(EndCase):
    """The peer is gone before the connection stands."""

    def setUp(self):
        super().setUp()
        self.start({"SIMFAB_CM_TIMEOUT_MS": CM_TIMEOUT_MS})

    def test_rtu_never_comes(self):
        def event():
            self.fault("srptd: drop-in kind=rtu")
            probe, logins = Probe(self), self.daemon.logins()
            probe.login()
            self.daemon.wait_log("login accepted", logins + 1)
            self.daemon.wait_all_ended()
            probe.close()

        self.rounds(event)
        self.assertEqual(self.daemon.log().count(": the connection did not come up"), ROUNDS)

    def test_commands_come_instead_of_rtu(self):
        """They are as good, even if the device does not say that they came."""
        def event():
            self.fault("srptd: drop-in kind=rtu", "srptd: mute kind=comm-est")
            probe, channel = self.login()
            time.sleep(int(CM_TIMEOUT_MS) / 1000 * 1.2)
            self.assertEqual(probe.command(channel, iu.command(iu.TUR)).status, 0)
            probe.close()

        self.rounds(event)
        self.assertNotIn("did not come up", self.daemon.log())

    def test_initiator_dies_after_its_request(self):
        def event():
            self.fault("srptd: drop-in kind=rtu")
            probe = Probe(self)
            probe.login()
            probe.kill()

        self.rounds(event)

    def test_reply_is_lost(self):
        """The initiator never hears of the channel that it has."""
        def event():
            self.fault("srptd: drop kind=rep")
            probe = Probe(self)
            logins = self.daemon.logins()
            probe.process.stdin.write(b"login " + iu.login_req().hex().encode() + b"\n")
            self.daemon.wait_log("login accepted", logins + 1)
            self.daemon.wait_all_ended()
            probe.kill()

        self.rounds(event)


class DisconnectTest(EndCase):
    def logout(self, statement):
        def event():
            probe, channel = self.login()
            self.fault(statement)
            probe.send(channel, iu.i_logout())
            self.daemon.wait_all_ended()
            probe.kill()

        self.start()
        self.rounds(event)

    def test_drep_never_comes(self):
        self.logout("srptd: drop-in kind=drep")

    def test_dreq_of_the_target_is_lost(self):
        self.logout("srptd: drop kind=dreq")

    def test_all_messages_are_lost(self):
        self.logout("srptd: drop-in kind=cm; srptd: drop kind=cm")

    def test_dreq_of_the_initiator_is_lost(self):
        """With I/O running its own failure tells, without a word of the connection manager."""
        self.start({"SIMFAB_CM_TIMEOUT_MS": CM_TIMEOUT_MS})

        def event():
            job = self.load()
            self.fault("srptd: drop-in kind=cm")
            job.process.send_signal(signal.SIGINT)
            self.daemon.wait_all_ended()
            job.kill()

        self.rounds(event)

    def test_idle_channel_whose_dreq_is_lost_is_replaced(self):
        """Nobody tells; the next login of the nexus ends it."""
        self.receives = 2 * RECEIVES
        self.start({"SIMFAB_CM_TIMEOUT_MS": CM_TIMEOUT_MS})
        for _ in range(ROUNDS):
            probe, channel = self.login()
            ended = self.daemon.channels_ended()
            self.fault("srptd: drop-in kind=dreq")
            probe.ask("close", channel)
            self.clear()
            self.login()
            self.daemon.wait_log("channel ended", ended + 1)
            self.assertEqual(self.daemon.logins(), self.daemon.channels_ended() + 1)
            for process in self.processes:
                process.kill()
            self.ended()
        self.daemon.stop()


class QueuePairTest(EndCase):
    def setUp(self):
        super().setUp()
        self.start(store=SLOW)

    def broken(self, *statements, rw="randwrite", frozen=False):
        """frozen: what is posted stays posted until the queue pair breaks."""
        def event():
            job = self.load(rw=rw)
            self.fault(*statements, f"srptd: kill-qp after={2 if frozen else 0}s")
            if frozen:
                job.process.send_signal(signal.SIGSTOP)
            self.daemon.wait_all_ended()
            job.kill()

        self.rounds(event)

    def not_flushed(self, rw):
        self.broken("srptd: no-flush", rw=rw, frozen=True)
        self.assertEqual(self.daemon.log().count("is not flushed: destroying it"), ROUNDS)

    def test_queue_pair_breaks(self):
        self.broken("seed=1")

    def test_flush_never_completes(self):
        self.not_flushed("randwrite")

    def test_flush_of_reads_never_completes(self):
        self.not_flushed("randrw")

    def test_flush_is_late(self):
        self.broken("srptd: no-flush for=700ms")

    def test_completions_are_late(self):
        self.broken("srptd: delay kind=completion by=100ms..900ms")

    def test_last_wqe_reached_never_comes(self):
        self.broken("srptd: mute kind=last-wqe")
        if os.environ.get("SIMFAB_PROFILE") not in ("nosrq", "minimal"):
            self.assertEqual(self.daemon.log().count("no LAST_WQE_REACHED"), ROUNDS)

    def test_posts_fail(self):
        def event():
            job = self.load()
            self.fault("srptd: fail-post kind=send n=20-")
            self.daemon.wait_all_ended()
            job.kill()

        self.rounds(event)
        self.assertGreaterEqual(self.daemon.log().count("cannot post work requests"), ROUNDS)


class DeviceTest(EndCase):
    """The device is gone for good, and the daemon still ends well. The next one serves."""

    def dies(self, statement, seeds):
        for seed in seeds:
            with self.subTest(seed=seed):
                self.start()
                self.daemon.allowed_errors = [r"device|simfab0"]
                job = self.load(rw="randwrite" if seed % 2 else "randrw")
                self.fault(f"seed={seed}", "srptd: " + statement)
                self.daemon.wait_all_ended()
                job.kill()
                self.daemon.stop()
        self.start()
        self.whole_limit()
        self.assert_serves()

    def test_device_fatal(self):
        self.dies("device-fatal", (1, 2))

    def test_device_fatal_slowly(self):
        self.dies("device-fatal over=300ms", (3, 4))

    def test_device_removed(self):
        self.dies("remove-device", range(1, 5))

    def test_device_removed_slowly(self):
        self.dies("remove-device over=300ms", range(1, 7))

    def test_device_removed_without_a_flush(self):
        self.dies("no-flush; srptd: mute kind=last-wqe; srptd: remove-device over=100ms", (8, 9))


class PortTest(EndCase):
    def test_port_goes_and_comes(self):
        """Retries run out; the connection manager's messages are lost as well."""
        self.start({"SIMFAB_CM_TIMEOUT_MS": CM_TIMEOUT_MS})

        def event():
            job = self.load()
            self.fault("srptd: port-down")
            self.daemon.wait_all_ended()
            self.clear()
            job.kill()

        self.rounds(event, 1)  # retries take some 20 s

    def test_short_outage_is_repaired(self):
        self.start()
        job = self.spawn("verify", "--depth", REQ_LIM - 1, "--count", 32768)
        self.daemon.wait_log("login accepted")
        self.fault("srptd: port-down for=100ms")
        result = job.finish()
        self.assertEqual(result.code, 0, result)
        self.ended()


class ReloginTest(EndCase):
    """A SINGLE login replaces a session whose peer says nothing any more."""

    receives = 2 * RECEIVES

    def replaced(self, *statements):
        self.start({"SIMFAB_CM_TIMEOUT_MS": CM_TIMEOUT_MS})
        for _ in range(ROUNDS):
            old = self.load()
            ended = self.daemon.channels_ended()
            if statements:
                self.fault(*statements)
            old.process.send_signal(signal.SIGSTOP)
            self.srpio("verify", "--count", 2048, "--initiator-id", NEXUS)
            self.daemon.wait_log("channel ended", ended + 2)
            old.kill()
            self.ended()
        self.daemon.stop()

    def test_silent_peer(self):
        self.replaced()

    def test_silent_peer_and_lost_messages(self):
        self.replaced("srptd: drop kind=dreq", "srptd: drop-in kind=drep,dreq")

    def test_silent_peer_and_a_device_that_does_not_flush(self):
        self.replaced("srptd: no-flush", "srptd: mute kind=last-wqe")


class WatchdogTest(EndCase):
    """RDMA that neither completes nor fails."""

    def setUp(self):
        super().setUp()
        self.start(rdma_timeout=RDMA_TIMEOUT, store=SLOW)

    def stuck(self, cdb, fmt, length, expected):
        """The receive's completion comes, nothing after it. The line that names what hangs."""
        self.daemon.allowed_errors = ["not completed after"]

        def event():
            probe, channel = self.login()
            mem = probe.mem(length)
            self.fault("srptd: delay kind=completion by=3600s n=2-")
            data = iu.desc(mem["va"], mem["rkey"], length) if fmt else b""
            probe.send(channel, iu.command(cdb, tag=0xABC, fmt=fmt, data=data))
            self.daemon.wait_all_ended()
            lines = re.findall(r"127\.0\.0\.1 → tgt \(QP (\d+)\): tag 0xabc: (.*) not completed "
                               r"after (\d+) s$", self.daemon.log(), re.M)
            qpn, what, seconds = lines[-1]
            self.assertEqual(what, expected.format(va=mem["va"], rkey=mem["rkey"]))
            self.assertGreater(int(seconds), RDMA_TIMEOUT)
            self.assertRegex(self.daemon.log(), rf"\(QP {qpn}\): closing the channel: .* does not "
                                                r"complete")
            probe.kill()

        self.rounds(event)
        self.assertEqual(self.daemon.log().count("not completed after"), ROUNDS)

    def test_rdma_read(self):
        self.stuck(iu.write10(0, 8), iu.DIRECT << 4, 4096,
                   "RDMA READ of 4096 bytes at {va:#x}/{rkey:#x}")

    def test_rdma_write(self):
        """The first segment of two."""
        self.stuck(iu.read10(0, 1024), iu.DIRECT, 2 * SEGMENT,
                   f"RDMA WRITE of {SEGMENT} bytes at {{va:#x}}/{{rkey:#x}}")

    def test_rdma_write_before_the_response(self):
        self.stuck(iu.read10(0, 8), iu.DIRECT, 4096,
                   "RDMA WRITE of 4096 bytes at {va:#x}/{rkey:#x}, and the response,")

    def test_response(self):
        self.stuck(iu.TUR, 0, 4096, "response")

    def test_queue_pair_breaks_and_nothing_is_said(self):
        self.daemon.allowed_errors = ["not completed after"]

        def event():
            job = self.load()
            self.fault("srptd: no-flush", "srptd: mute kind=last-wqe,qp-fatal,disconnected",
                       "srptd: kill-qp")
            self.daemon.wait_all_ended()
            job.kill()

        self.rounds(event)

    def test_peer_dies_and_nothing_is_said(self):
        self.daemon.allowed_errors = ["not completed after"]

        def event():
            job = self.load()
            self.fault("srptd: no-flush", "srptd: mute kind=last-wqe,qp-fatal,disconnected")
            job.kill()

        self.rounds(event)

    def test_frozen_initiator(self):
        """Its adapter takes nothing: no timer of the transport helps."""
        self.daemon.allowed_errors = ["not completed after"]

        def event():
            job = self.load(rw="randrw")
            job.process.send_signal(signal.SIGSTOP)
            self.daemon.wait_all_ended()
            job.kill()

        self.rounds(event)
        self.assertGreaterEqual(self.daemon.log().count("not completed after"), ROUNDS)

    def test_stalled_adapter(self):
        self.daemon.allowed_errors = ["not completed after"]

        def event():
            job = self.load()
            self.fault("srptd: stall")
            self.daemon.wait_all_ended()
            self.clear()
            job.kill()

        self.rounds(event)

    def test_idle_channel_is_left_alone(self):
        probe, channel = self.login()
        time.sleep(2 * RDMA_TIMEOUT)
        self.assertEqual(probe.command(channel, iu.command(iu.TUR)).status, 0)
        self.assertNotIn("not completed", self.daemon.log())
