# SPDX-License-Identifier: BSD-2-Clause
"""Processes of the end-to-end tests: srptd, srpio and srp-probe on a simulated fabric of their own.

Every test has its own net directory and its own files, so tests can run side by side. Everything
that waits has a limit; no test asks how long something took.
"""
import json
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import iu

PORT = 5000
LIMIT = int(os.environ.get("SRPTD_E2E_LIMIT", 120))  # seconds; generous, since sanitizers and a busy machine are slow
START_LIMIT = 60
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:"
                       r"|LeakSanitizer: detected|AddressSanitizer:|Assertion")
MIB = 1 << 20

ID_EXT = "0200aabbccddee01"
IOC_GUID = "0200aabbccddee02"
TARGET_ID = bytes.fromhex(ID_EXT + IOC_GUID)


# Everything as small as it gets: a send queue of 16, an SRQ of 4 (the target then takes receive
# queues of its own instead), two data buffers of each worker. What a test sets itself is overridden.
TINY = bool(os.environ.get("SRPTD_TINY"))
TINY_CONF = {"pool_size": "128K", "segment_size": "64K", "srpt_sq_size": 16}


# Receives of a queue on a profile whose device holds fewer than tests may ask for.
QUEUE = {"minimal": 16}.get(os.environ.get("SIMFAB_PROFILE"), 0)
RX_PER_CHANNEL = 3  # of them for IUs that cost no credit


def grant(wanted):
    """The request limit of a channel that could have this much: the device may hold less."""
    return min(wanted, QUEUE - RX_PER_CHANNEL) if QUEUE else wanted


def build_dir():
    return os.environ["SRPTD_BUILD"]


def binary(name):
    path = {"srptd": "src/srptd/srptd", "srpio": "src/srpio/srpio",
            "srptctl": "src/srptctl/srptctl",
            "srp-probe": "tests/e2e/srp-probe",
            "umad-cycle": "tests/e2e/umad-cycle", "simfab-run": "tests/simfab/simfab-run"}[name]
    return os.path.join(build_dir(), path)


_preloads = {}


def preload(name):
    """LD_PRELOAD as simfab-run would set it, asked once for each program."""
    if name not in _preloads:
        out = subprocess.run([binary("simfab-run"), "--print", "--", binary(name)], check=True,
                             stdout=subprocess.PIPE, timeout=LIMIT, text=True).stdout
        _preloads[name] = re.search(r"^LD_PRELOAD=(.*)$", out, re.M).group(1)
    return _preloads[name]


def fabric_env(name, case, ip=None):
    env = dict(os.environ, SIMFAB_NET=case.net, LD_PRELOAD=preload(name), **case.env)
    env.pop("JOURNAL_STREAM", None)
    if TINY and name == "srptd" and "SIMFAB_PROFILE" not in case.env:
        env["SIMFAB_PROFILE"] = "tiny"
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    if ip:
        env["SIMFAB_IP"] = ip
    return env


def wait_for(condition, what, limit=LIMIT):
    """Until the condition holds; its value."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what}")
        time.sleep(0.02)


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


# ---- configurations ------------------------------------------------------------------------------


def _value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, str):
        return '"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(v, dict):
        return "{ " + " ".join(f"{k} = {_value(x)};" for k, x in v.items()) + " }"
    if isinstance(v, list):
        left, right = ("( ", " )") if any(isinstance(x, dict) for x in v) else ("[ ", " ]")
        return left + ", ".join(_value(x) for x in v) + right
    return str(v)


def config_text(luns, targets, **top):
    """srptd.conf; a LUN without a serial number and a target without ids get some."""
    for i, lun in enumerate(luns):
        lun.setdefault("usn", f"E2E{i:05}")
    top.setdefault("rdma_cm_port", PORT)
    if TINY:
        top.update(TINY_CONF)
    lines = [f"{k} = {_value(v)};" for k, v in top.items()]
    for key, items in (("luns", luns), ("targets", targets)):
        rows = ",\n  ".join(_value(x) for x in items)
        lines.append(f"{key} = (\n  {rows}\n);" if items else f"{key} = ( );")
    return "\n".join(lines) + "\n"


def group(maps, initiators=("*",), name="all", read_only=()):
    """maps: {LUN number: name of a LUN}."""
    rows = [dict(lun=n, use=use, **({"read_only": True} if n in read_only else {}))
            for n, use in maps.items()]
    return {"name": name, "initiators": list(initiators), "luns": rows}


def target(*groups, name="tgt", id_ext=ID_EXT, ioc_guid=IOC_GUID, **more):
    return dict(name=name, id_ext=id_ext, ioc_guid=ioc_guid, **more, groups=list(groups))


def gid(ip):
    """The GID of the InfiniBand port of a simulated node with this IPv4 address."""
    a, b, c, d = (int(x) for x in ip.split("."))
    return f"fe80::200:5346:{a << 8 | b:x}:{c << 8 | d:x}"


def guid(ip):
    return "02005346" + "".join(f"{int(x):02x}" for x in ip.split("."))


# ---- processes -----------------------------------------------------------------------------------


class Daemon:
    """srptd -f. Its log is a file in the directory of the test.

    prefix: a command that becomes srptd, as nice does.
    """

    def __init__(self, case, args, ip=None, wait=True, prefix=()):
        self.case = case
        self.allowed_errors = []
        self.log_path = os.path.join(case.dir, f"srptd{len(case.daemons)}.log")
        case.daemons.append(self)
        argv = [*prefix, binary("srptd"), "-f", *args]
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                argv, env=fabric_env("srptd", case, ip), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT)
        if wait:
            self.wait_ready()

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        return read_text(self.log_path)

    def wait_ready(self):
        wait_for(lambda: ": ready" in self.log() or self.process.poll() is not None,
                 "srptd is ready", START_LIMIT)
        if self.process.poll() is not None:
            raise AssertionError(f"srptd exited ({self.process.returncode}):\n{self.log()}")

    def wait_log(self, pattern, count=1, limit=LIMIT):
        return wait_for(lambda: len(re.findall(pattern, self.log())) >= count,
                        f"srptd says {count} x {pattern!r}", limit)

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """SIGTERM; then everything that a good end has."""
        if self.alive():
            self.terminate()
        try:
            code = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(LIMIT)
            raise AssertionError("srptd did not end after SIGTERM:\n" + self.log()) from None
        self.check_log()
        if code != 0:
            raise AssertionError(f"srptd exit status {code}:\n{self.log()}")

    def check_log(self):
        for line in self.log().splitlines():
            if SANITIZER.search(line):
                raise AssertionError("sanitizer report of srptd:\n" + self.log())
            if " error: " in line and not any(re.search(p, line) for p in self.allowed_errors):
                raise AssertionError("unexpected error of srptd: " + line)

    # what /proc says

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss(self):
        """Resident memory in bytes."""
        status = read_text(f"/proc/{self.pid}/status")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def channels_ended(self):
        return len(re.findall(r": channel ended", self.log()))

    def logins(self):
        return len(re.findall(r": login accepted", self.log()))

    def wait_all_ended(self):
        wait_for(lambda: self.channels_ended() >= self.logins(), "all channels ended")


class Result:
    """What srpio said."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"srpio {' '.join(self.argv)}\nexit {self.code}\n{self.out}{self.err}"

    def check_sane(self):
        if SANITIZER.search(self.err):
            raise AssertionError("sanitizer report of srpio:\n" + str(self))
        return self


class Srpio:
    """srpio in the background."""

    def __init__(self, case, argv, ip=None):
        self.argv = list(argv)
        self.base = tempfile.mktemp(prefix="srpio", dir=case.dir)
        with open(self.base + ".out", "wb") as out, open(self.base + ".err", "wb") as err:
            self.process = subprocess.Popen(
                [binary("srpio"), *argv], env=fabric_env("srpio", case, ip),
                stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        case.processes.append(self.process)

    def running(self):
        return self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT)

    def finish(self, limit=LIMIT):
        """Wait for its end; a Result."""
        try:
            code = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"srpio {' '.join(self.argv)}: not done in {limit} s\n"
                                 + self.text()) from None
        return Result(self.argv, code, read_text(self.base + ".out"),
                      read_text(self.base + ".err")).check_sane()

    def text(self):
        return read_text(self.base + ".out") + read_text(self.base + ".err")


class Probe:
    """srp-probe: any login, any IU. Tests talk to it by lines, see probe.c."""

    def __init__(self, case, ip=None, dest="127.0.0.1", port=PORT, queue=256,
                 url=None):
        self.case = case
        self.cred_req = 0
        self.limit = {}  # by channel: the request limit of its login
        self.buf = b""
        self.err = open(tempfile.mktemp(prefix="probe", suffix=".err", dir=case.dir), "wb")
        self.process = subprocess.Popen(
            [binary("srp-probe"), url or f"srp://{dest}:{port}/", str(queue)],
            env=fabric_env("srp-probe", case, ip), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.err, bufsize=0)
        case.processes.append(self.process)
        case.addCleanup(self.close)

    def _line(self):
        end = time.monotonic() + LIMIT
        while b"\n" not in self.buf:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError("srp-probe does not answer")
            data = self.process.stdout.read(1 << 16)
            if not data:
                raise AssertionError("srp-probe ended: " + read_text(self.err.name))
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        return line

    def ask(self, *words):
        text = " ".join(w.hex() if isinstance(w, bytes) else str(w) for w in words)
        self.process.stdin.write(text.encode() + b"\n")
        reply = json.loads(self._line())
        if "error" in reply:
            raise AssertionError(f"srp-probe: {words[0]}: {reply['error']}")
        return reply

    def login_raw(self, data):
        """(channel, outcome, private data of the answer)."""
        reply = self.ask("login", data)
        return reply["channel"], reply["outcome"], bytes.fromhex(reply["data"])

    def login(self, **fields):
        """Log in well; the channel."""
        channel, outcome, data = self.login_raw(iu.login_req(**fields))
        self.case.assertEqual(outcome, "accepted", data.hex())
        self.limit[channel] = iu.parse_login(data).req_lim
        return channel

    def send(self, channel, data, n=1):
        reply = self.ask("send", channel, n, data)
        return reply["sent"]

    def recv(self, n=1, ms=LIMIT * 1000):
        """At least n IUs as (channel, bytes), fewer if the channels end or time runs out.

        SRP_CRED_REQ does not count: the initiator's library has answered it; what it returned is
        added to cred_req.
        """
        got = []
        while True:
            reply = self.ask("recv", ms, max(n - len(got), 0))
            ius = [(x["channel"], bytes.fromhex(x["iu"])) for x in reply["received"]]
            answers = [x for x in ius if x[1][:1] != bytes([iu.SRP_CRED_REQ])]
            self.cred_req += sum(int.from_bytes(data[4:8], "big", signed=True)
                                 for x, data in ius if (x, data) not in answers)
            got += answers
            if len(got) >= n or len(answers) == len(ius):
                return got

    def command(self, channel, data):
        """Send a request, take its SRP_RSP."""
        self.send(channel, data)
        got = self.recv(1)
        self.case.assertEqual(len(got), 1, f"no answer to {data[:64].hex()}")
        rsp = iu.parse_rsp(got[0][1])
        self.case.assertEqual(rsp.tag, int.from_bytes(data[8:16], "big"), "tag of the response")
        return rsp

    def live(self):
        return self.ask("recv", 0, 0)["live"]

    def wait_end(self, channel):
        """The target ends the channel. What the initiator was told."""
        reply = self.ask("end", LIMIT * 1000, channel)
        self.case.assertTrue(reply["ended"], f"channel {channel} is still live")
        return reply["text"]

    def mem(self, length):
        """Registered memory: {"mem", "va", "rkey", "len"}."""
        return self.ask("mem", length)

    def poke(self, mem, off, data):
        for at in range(0, len(data), 32768):
            self.ask("poke", mem["mem"], off + at, data[at:at + 32768])

    def peek(self, mem, off, length):
        return bytes.fromhex(self.ask("peek", mem["mem"], off, length)["data"])

    def clear_ua(self, channel, lun=0):
        """Take the unit attentions of a new session."""
        for _ in range(8):
            if self.command(channel, iu.command(iu.TUR, lun)).status == 0:
                return
        raise AssertionError("unit attentions do not end")

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT)

    def close(self):
        if self.process.stdin.closed:
            return
        self.process.stdin.close()
        try:
            self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(LIMIT)
        self.process.stdout.close()
        self.err.close()
        text = read_text(self.err.name)
        if SANITIZER.search(text):
            raise AssertionError("sanitizer report of srp-probe:\n" + text)


# ---- the base of all tests -----------------------------------------------------------------------


class Case(unittest.TestCase):
    """A test with a directory, a fabric, and daemons that must end well."""

    env = {}  # for all programs of the tests, e.g. SIMFAB_PROFILE

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="e2e-")
        self.net = os.path.join(self.dir, "net")
        self.daemons = []
        self.processes = []
        self.logs = ""
        self.addCleanup(self._remove)
        self.addCleanup(self._end_all)

    def _remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    def _end_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait(LIMIT)
        failures = []
        for daemon in self.daemons:
            try:
                if daemon.process.returncode is None:
                    daemon.stop()
                else:
                    daemon.check_log()
            except AssertionError as e:
                failures.append(str(e))
        self.logs = "".join(f"--- {d.log_path}\n{d.log()[-6000:]}" for d in self.daemons)
        if failures:
            self.fail("\n".join(failures))

    # files

    def path(self, name):
        return os.path.join(self.dir, name)

    def make_file(self, name, size):
        path = self.path(name)
        with open(path, "wb") as f:
            f.truncate(size)
        return path

    def file_bytes(self, name, off, length):
        with open(self.path(name), "rb") as f:
            f.seek(off)
            return f.read(length)

    def write_config(self, luns, targets, name="srptd.conf", **top):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(config_text(luns, targets, **top))
        return path

    # srptd

    def serve_lun(self, size="64M", name="disk", **more):
        """srptd --lun on a new file."""
        return Daemon(self, ["--lun", f"{self.path(name)},{size}", "--port", str(PORT)], **more)

    def serve(self, luns, targets, daemon=None, **top):
        """srptd with a configuration. Paths of LUNs are names in the test's directory."""
        for lun in luns:
            if "path" in lun:
                lun["path"] = self.path(lun["path"])
        return Daemon(self, ["-c", self.write_config(luns, targets, **top)], **(daemon or {}))

    def serve_one(self, size="64M", daemon=None, lun=None, **top):
        """One LUN 0 on the file "disk" for anybody."""
        luns = [dict({"name": "disk", "path": "disk", "size": size}, **(lun or {}))]
        return self.serve(luns, [target(group({0: "disk"}))], daemon, **top)

    @property
    def socket(self):
        """For control_socket: short, as sun_path is."""
        return self.path("ctl")

    def srptctl(self, *args, code=0, text=False):
        """What it prints: parsed JSON, or text. code: the exit status that is expected."""
        argv = [binary("srptctl"), "-s", self.socket, *(str(a) for a in args)]
        done = subprocess.run(argv if text else [*argv, "--json"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=LIMIT, text=True)
        if done.returncode != code or SANITIZER.search(done.stderr):
            self.fail(f"{argv}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
        if code:
            return done.stderr
        return done.stdout if text else json.loads(done.stdout)

    # initiators

    def url(self, lun=0, host="127.0.0.1", port=PORT, ids=None):
        return f"srp://{host}:{port}/" + (f"{ids[0]}/{ids[1]}/" if ids else "") + str(lun)

    def spawn(self, verb, *args, url=None, ip=None):
        argv = [verb, url or self.url(), *(str(a) for a in args), "--quiet", "--json"]
        return Srpio(self, argv, ip)

    def srpio(self, verb, *args, url=None, ip=None, limit=LIMIT, code=0):
        """Run srpio to its end. code: the exit status that is expected, None = any."""
        result = self.spawn(verb, *args, url=url, ip=ip).finish(limit)
        if code is not None and result.code != code:
            self.fail(f"expected exit {code}:\n{result}")
        return result

    def raw(self, cdb, *args, url=None, ip=None, code=None):
        """A CDB. The JSON object of srpio, which has "status_code" if the target answered."""
        result = self.srpio("raw", cdb.hex() if isinstance(cdb, bytes) else cdb, *args, url=url,
                            ip=ip, code=code)
        return result.json

    def assert_good(self, outcome):
        self.assertEqual(outcome.get("status_code"), 0, outcome)

    def assert_sense(self, outcome, key, asc, ascq):
        """outcome: JSON of srpio or an iu.Rsp."""
        if isinstance(outcome, dict):
            status = outcome.get("status_code")
            sense = bytes.fromhex(outcome.get("sense_data", ""))
        else:
            status, sense = outcome.status, outcome.sense
        self.assertEqual(status, 2, outcome)
        self.assertEqual(iu.sense_code(sense), (key, asc, ascq), outcome)

    def assert_serves(self, url=None, ip=None):
        """The daemon can still do its work."""
        for daemon in self.daemons:
            if not daemon.alive() and daemon is self.daemons[-1]:
                self.fail("srptd has died:\n" + daemon.log())
        self.srpio("verify", "--count", 256, url=url, ip=ip)
