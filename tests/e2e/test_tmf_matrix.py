# SPDX-License-Identifier: BSD-2-Clause
"""Every task management function against a command in every state that it can be brought into, from
the command's own channel, from another channel of its nexus, and from another nexus.

The functions and senders of one state run side by side, each on a LUN of its own, so that the state
has to be brought about only once. States in which the initiator's device keeps the target waiting are
held by a fault there; the others by a fault of the LUN, or by one who has taken every buffer. What
cannot be forced from outside (no task free) is tests/schedule's.
"""
import os
import re
import subprocess

import harness
import iu
from harness import Probe, group, target, wait_for

COMPLETE, UNSUPPORTED = 0, 4
FUNCTIONS = (iu.TM_ABORT_TASK, iu.TM_ABORT_SET, iu.TM_CLEAR_SET, iu.TM_LUN_RESET, iu.TM_CLEAR_ACA)
SENDERS = ("same channel", "other channel", "other nexus")
OWN_NEXUS = (iu.TM_ABORT_TASK, iu.TM_ABORT_SET)
HOUR = 3600 * 1000
LENGTH = 64 << 10
HOG_LUN = len(FUNCTIONS) * len(SENDERS)
CMD, TM, UNDO = 0xC0, 0x70, 0x71  # tags, to be told apart from those that count up from 0x1000
UNMAP_LIST = bytes.fromhex("0016001000000000" "0000000000000100" "00000008" "00000000")
UNMAP = bytes.fromhex("42000000000000001800")


def immediate(lba, data, tag):
    return iu.command(iu.write10(lba, len(data) // 512), tag=tag, fmt=iu.IMMEDIATE << 4,
                      data=len(data).to_bytes(4, "big") + bytes(16) + data)


def with_lun(data, lun):
    """The IU, for another LUN."""
    return data[:20] + iu.lun_bytes(lun) + data[28:]


class Host:
    """A probe that counts: what was sent, what came back, and how often each tag was answered."""

    def __init__(self, case, name, lun):
        self.case, self.lun = case, lun
        self.probe = Probe(case)
        self.initiator = bytes(14) + name.to_bytes(2, "big")
        self.n_sent = self.n_back = 0
        self.answers = {}  # (channel, tag): [Rsp]
        self.order = []
        self.next_tag = 0x1000

    def login(self, flags=iu.SINGLE):
        return self.probe.login(initiator=self.initiator, flags=flags | iu.IMMED, imm_offset=68)

    def send(self, channel, data):
        self.n_sent += 1
        self.probe.send(channel, with_lun(data, self.lun))

    def take(self, n, ms=harness.LIMIT * 1000):
        for channel, data in self.probe.recv(n, ms):
            rsp = iu.parse_rsp(data)
            self.n_back += rsp.delta
            self.answers.setdefault((channel, rsp.tag), []).append(rsp)
            self.order.append((channel, rsp.tag))

    def answer(self, channel, tag):
        while (channel, tag) not in self.answers:
            before = len(self.order)
            self.take(1)
            self.case.assertGreater(len(self.order), before, f"no answer to {tag:#x}")
        return self.answers[channel, tag][0]

    def ask(self, channel, data):
        """With a tag of its own."""
        self.next_tag += 1
        self.send(channel, data[:8] + self.next_tag.to_bytes(8, "big") + data[16:])
        return self.answer(channel, self.next_tag)

    def clear_ua(self, channel):
        for _ in range(8):
            if self.ask(channel, iu.command(iu.TUR)).status == 0:
                return
        self.case.fail("unit attentions do not end")

    def check(self):
        """At rest: each tag at most once, and every credit is back (SRP_CRED_REQ included)."""
        for _ in range(100):
            if self.n_back + self.probe.cred_req >= self.n_sent:
                break
            self.take(1, 50)
        self.case.assertEqual(self.n_back + self.probe.cred_req, self.n_sent, "credits")
        again = {key: rsps for key, rsps in self.answers.items() if len(rsps) > 1}
        self.case.assertEqual(again, {}, "answered more than once")


class Cell:
    """One function, one sender, on one LUN."""

    def __init__(self, case, function, sender, lun):
        self.case, self.function, self.sender, self.lun = case, function, sender, lun
        self.name = f"function {function:#x} from the {sender}, LUN {lun}"
        self.host = Host(case, 0x100 + lun, lun)
        self.channel = self.host.login()
        self.host.clear_ua(self.channel)
        self.by, self.by_channel = self.host, self.channel
        if sender == "other channel":
            self.by_channel = self.host.login(iu.MULTI)
        elif sender == "other nexus":
            self.by = Host(case, 0x200 + lun, lun)
            self.by_channel = self.by.login()
            self.by.clear_ua(self.by_channel)
        self.mem = self.host.probe.mem(LENGTH)
        self.host.probe.ask("fill", self.mem["mem"], 0xAA)
        self.matches = function != iu.TM_CLEAR_ACA and not (
            sender == "other nexus" and function in OWN_NEXUS)

    def desc(self, length=LENGTH):
        return iu.desc(self.mem["va"], self.mem["rkey"], length)

    def send_tm(self):
        self.by.send(self.by_channel, iu.task_mgmt(self.function, tag=TM, task_tag=CMD))

    def tm_answer(self):
        rsp = self.by.answer(self.by_channel, TM)
        expected = UNSUPPORTED if self.function == iu.TM_CLEAR_ACA else COMPLETE
        self.case.assertEqual(rsp.code, expected, self.name)

    def answered(self):
        return (self.channel, CMD) in self.host.answers

    def check_aborted(self):
        self.case.assertFalse(self.answered(), f"{self.name}: an aborted command is answered")

    def undo(self):
        """The function had nothing to do with the command, which is still there."""
        self.host.take(1, 0)
        self.check_aborted()
        self.host.send(self.channel, iu.task_mgmt(iu.TM_ABORT_TASK, tag=UNDO, task_tag=CMD))
        self.case.assertEqual(self.host.answer(self.channel, UNDO).code, COMPLETE, self.name)
        self.check_aborted()

    def check_after(self, lba):
        """The LUN serves; a later write to the same blocks is found whole."""
        disk = f"disk{self.lun}"
        self.host.clear_ua(self.channel)
        new = bytes([0xB0 + self.lun]) * 4096
        self.case.assertEqual(self.host.ask(self.channel, immediate(lba, new, 0)).status, 0)
        self.host.take(1, 100)
        self.case.assertEqual(self.case.file_bytes(disk, lba * 512, 4096), new, self.name)
        for host in {self.host, self.by}:
            host.check()


class MatrixTest(harness.Case):
    def serve_all(self, rules=(), hog=(), **top):
        luns = [{"name": f"d{i}", "path": f"disk{i}", "size": "1M", "thin_provisioned": True,
                 "fault": [dict(r) for r in (hog if i == HOG_LUN else rules)]}
                for i in range(HOG_LUN + 1)]
        for lun in luns:
            if not lun["fault"]:
                del lun["fault"]
        self.daemon = self.serve(luns, [target(group({i: f"d{i}" for i in range(HOG_LUN + 1)}))],
                                 **{"workers": 2, **top})

    def make_cells(self, functions=FUNCTIONS):
        pairs = [(f, s) for f in functions for s in SENDERS]
        self.cells = [Cell(self, f, s, lun) for lun, (f, s) in enumerate(pairs)]

    def simfab_fault(self, text):
        tool = os.path.join(harness.build_dir(), "tests/simfab/simfab-fault")
        return subprocess.run([tool, text], check=True, timeout=harness.LIMIT, text=True,
                              env=dict(os.environ, SIMFAB_NET=self.net),
                              stdout=subprocess.PIPE).stdout

    def sync(self):
        """Every command has become a task: what follows it on its channel is answered."""
        for cell in self.cells:
            self.assertEqual(cell.host.ask(cell.channel, iu.command(iu.TUR)).status, 0)

    def n_held(self):
        """How many packets initiators hold back."""
        return sum(int(n) for n in re.findall(r"hit (\d+)", self.simfab_fault("list")))

    def check_states(self, state):
        for cell in self.cells:
            if cell.matches:
                self.daemon.wait_log(rf"on LUN {cell.lun}: command with tag {CMD:#x} aborted "
                                     rf"while {state}\n")
        n = len(re.findall(rf"command with tag {CMD:#x} aborted", self.daemon.log()))
        self.assertEqual(n, sum(c.matches for c in self.cells), "commands of others are aborted")

    # ---- states in which the store, or want of buffers, holds the command

    def run_held(self, state, lba=0):
        self.sync()
        for cell in self.cells:
            cell.send_tm()
        for cell in self.cells:
            cell.tm_answer()
        self.check_states(state)
        for cell in self.cells:
            if cell.matches:
                cell.check_aborted()
            else:
                cell.undo()
        for cell in self.cells:
            self.assertEqual(self.file_bytes(f"disk{cell.lun}", 0, LENGTH), bytes(LENGTH))
            cell.check_after(lba)

    def hold(self, op):
        return {"op": op, "delay_ms": HOUR, "cancel": True, "count": 1}

    def send_writes(self):
        for cell in self.cells:
            cell.host.send(cell.channel, iu.command(iu.write10(0, LENGTH // 512), tag=CMD,
                                                    fmt=iu.DIRECT << 4, data=cell.desc()))

    def test_executing(self):
        self.serve_all([self.hold("write")])
        self.make_cells()
        for cell in self.cells:
            cell.host.send(cell.channel, immediate(0, b"\xaa" * 4096, CMD))
        self.run_held("in the store")

    def test_streaming_write(self):
        self.serve_all([self.hold("write")])
        self.make_cells()
        self.send_writes()
        self.run_held("transferring")

    def test_streaming_read(self):
        """Nothing of the read arrives, neither before nor after."""
        self.serve_all([self.hold("read")])
        self.make_cells()
        for cell in self.cells:
            cell.host.send(cell.channel, iu.command(iu.read10(0, LENGTH // 512), tag=CMD,
                                                    fmt=iu.DIRECT, data=cell.desc()))
        self.run_held("transferring")
        for cell in self.cells:
            self.assertEqual(cell.host.probe.peek(cell.mem, 0, 32768), b"\xaa" * 32768)

    def test_need_buffer(self):
        """A host that is alone takes both buffers; who comes later waits for one."""
        self.serve_all(hog=[{"op": "read", "delay_ms": HOUR, "cancel": True}], workers=1,
                       pool_size="128K", segment_size="64K")
        hog = Host(self, 0x300, HOG_LUN)
        channel = hog.login()
        hog.clear_ua(channel)
        mem = hog.probe.mem(LENGTH)
        for tag in range(4):
            hog.send(channel, iu.command(iu.read10(0, LENGTH // 512), tag=tag, fmt=iu.DIRECT,
                                         data=iu.desc(mem["va"], mem["rkey"], LENGTH)))
        hog.ask(channel, iu.command(iu.TUR))
        self.make_cells()
        self.send_writes()
        self.run_held("waiting for a buffer")

    def test_fenced(self):
        """An older write of a nexus that is gone is with the device for an hour. The functions that
        are for the whole logical unit would have to wait for that one: test_stuck.py."""
        self.serve_all([{"op": "write", "delay_ms": HOUR, "count": 1}])
        for lun in range(HOG_LUN):
            gone = Host(self, 0x400 + lun, lun)
            channel = gone.login()
            gone.clear_ua(channel)
            gone.send(channel, immediate(0, b"\xcc" * 4096, 1))
            gone.ask(channel, iu.command(iu.TUR))
            gone.probe.kill()
        self.daemon.wait_log(": disconnected", HOG_LUN)
        self.make_cells((*OWN_NEXUS, iu.TM_CLEAR_ACA))
        for cell in self.cells:
            cell.host.send(cell.channel, immediate(0, b"\xaa" * 4096, CMD))
        self.run_held("waiting for an older write to return", lba=1024)
        self.daemon.kill()  # what the device has would keep it from a good end

    # ---- states in which the initiator's device keeps the target waiting

    def run_delayed(self, state, answered_all=False):
        wait_for(lambda: self.n_held() >= len(self.cells), "all commands are held up")
        for cell in self.cells:
            cell.send_tm()
        self.check_states(state)
        for cell in self.cells:
            if cell.matches and not answered_all:
                cell.by.take(1, 0)
                self.assertNotIn((cell.by_channel, TM), cell.by.answers,
                                 f"{cell.name}: answered while RDMA was under way")
        self.simfab_fault("clear")
        for cell in self.cells:
            cell.tm_answer()
            if answered_all or not cell.matches:
                self.assertEqual(cell.host.answer(cell.channel, CMD).status, 0, cell.name)
            if answered_all and cell.matches and cell.sender == "same channel":
                order = cell.host.order
                self.assertLess(order.index((cell.channel, CMD)), order.index((cell.channel, TM)))
            if not answered_all and cell.matches:
                cell.check_aborted()
                self.assertEqual(self.file_bytes(f"disk{cell.lun}", 0, LENGTH), bytes(LENGTH))
        for cell in self.cells:
            cell.check_after(0)
            if not answered_all and cell.matches:
                cell.check_aborted()

    def test_table(self):
        """The target's RDMA READ of a descriptor table waits at the initiator."""
        self.serve_all()
        self.make_cells()
        self.simfab_fault("srp-probe: delay by=100s kind=read")
        for cell in self.cells:
            cell.host.probe.poke(cell.mem, 0, cell.desc())
            cell.host.send(cell.channel, iu.command(
                iu.write10(0, LENGTH // 512), tag=CMD, fmt=iu.INDIRECT << 4,
                data=iu.table([], LENGTH, cell.mem["va"], cell.mem["rkey"], table_len=16)))
        self.run_delayed("fetching a descriptor table")

    def test_fetching(self):
        """... of a parameter list."""
        self.serve_all()
        self.make_cells()
        self.simfab_fault("srp-probe: delay by=100s kind=read")
        for cell in self.cells:
            cell.host.probe.poke(cell.mem, 0, UNMAP_LIST)
            cell.host.send(cell.channel, iu.command(UNMAP, tag=CMD, fmt=iu.DIRECT << 4,
                                                    data=cell.desc(len(UNMAP_LIST))))
        self.run_delayed("fetching data")

    def test_responding(self):
        """Its response is on the way: the command is over, and its answer comes first."""
        self.serve_all()
        self.make_cells()
        self.simfab_fault("srp-probe: delay by=100s kind=send")
        for cell in self.cells:
            cell.host.send(cell.channel, iu.command(iu.TUR, tag=CMD))
        self.run_delayed("responding", answered_all=True)
