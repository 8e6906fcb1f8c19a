# SPDX-License-Identifier: BSD-2-Clause
"""Native InfiniBand logins by AF_IB: the 64-byte form, service ids, GIDs, P_Keys, local ports."""
import os
import re
import subprocess

import harness
import iu
from harness import Daemon, ID_EXT, IOC_GUID, Probe, TARGET_ID, gid, group, guid, target

SERVER, PORT2 = "10.1.0.1", "10.1.0.2"
HOST = "10.1.0.7"
SERVICE_ID = "00000000013f1388"
REFUSED = "0x00010003"
LIMIT = 4


def ib_url(ip=SERVER, lun=0, pkey=None, service_id=None, ids=(ID_EXT, IOC_GUID)):
    return (f"ib://[{gid(ip)}{'%' + pkey if pkey else ''}]{':' + service_id if service_id else ''}"
            f"/{ids[0]}/{ids[1]}/{lun}")


class IbCase(harness.Case):
    env = {"SIMFAB_PROFILE": "ib"}

    def start(self, *targets, ip=SERVER, env=None, **top):
        luns = [{"name": "a", "path": "a", "size": "8M"}, {"name": "b", "path": "b", "size": "16M"}]
        self.use(**(env or {}))
        daemon = self.serve(luns, list(targets), {"ip": ip}, **top)
        self.use()
        return daemon

    def use(self, **env):
        """The environment of what is started next."""
        self.env = dict(type(self).env, **env)

    def login(self, url, *args, ip=HOST, **env):
        """"accepted", the reason of an SRP_LOGIN_REJ, or what else happened."""
        self.use(**env)
        result = self.srpio("login", *args, url=url, ip=ip, code=None)
        self.use()
        first = result.json.get("channels", [{}])[0]
        if first.get("login") == "rejected":
            return first["reason_code"]
        return "accepted" if first.get("login") == "accepted" else result.out + result.err


class LoginTest(IbCase):
    def setUp(self):
        super().setUp()
        self.daemon = self.start(target(group({0: "a"})), max_channels=LIMIT)

    def probe(self, **more):
        return Probe(self, ip=HOST, url=ib_url(), **more)

    def test_data_beside_rdma_cm(self):
        probe = Probe(self, ip="10.1.0.8", dest=SERVER)
        channel = probe.login(target=TARGET_ID)
        self.srpio("verify", "--count", 512, "--channels", 2, url=ib_url(), ip=HOST)
        probe.clear_ua(channel)
        self.assertEqual(probe.command(channel, iu.command(iu.TUR)).status, 0)
        self.assertIn(f"{gid(HOST)} → tgt", self.daemon.log())
        self.assertIn("10.1.0.8 → tgt", self.daemon.log())

    def test_string_of_ib_srp(self):
        raw = (0xfe80 << 112 | int(guid(SERVER), 16)).to_bytes(16, "big").hex()
        url = f"id_ext={ID_EXT},ioc_guid={IOC_GUID},dgid={raw},pkey=ffff,service_id={SERVICE_ID}"
        self.srpio("inquiry", "--lun", 0, url=url, ip=HOST)

    def test_initiator_port_id_has_the_port_guid(self):
        out = self.srpio("login", url=ib_url(), ip=HOST).json
        self.assertEqual(out["initiator_port_id"][16:], guid(HOST))

    def test_reserved_bytes_are_ignored(self):
        data = iu.native_login_req(target=TARGET_ID, tag=0x1122334455667788,
                                   reserved=b"\x10\xff\xff\xff\xff\xff\xff") + b"\xff" * 28
        _, outcome, answer = self.probe().login_raw(data)
        self.assertEqual(outcome, "accepted", answer.hex())
        self.assertEqual(iu.parse_login(answer).tag, 0x1122334455667788)

    def test_reasons_of_refusals(self):
        for fields, reason in (
                (dict(opcode=1), 0x00010000), (dict(it_iu_len=1 << 20), 0x00010002),
                (dict(it_iu_len=63), 0x00010002), (dict(target=bytes(15) + b"\x01"), 0x00010003),
                (dict(buf_fmt=0x0010), 0x00010004), (dict(flags=3), 0x00010005)):
            with self.subTest(**fields):
                fields.setdefault("target", TARGET_ID)
                _, outcome, data = self.probe().login_raw(iu.native_login_req(**fields))
                self.assertEqual(outcome, "rejected", data.hex())
                self.assertEqual(hex(iu.parse_login(data).reason), hex(reason))

    def test_channel_limit(self):
        probe = self.probe()
        for i in range(LIMIT + 1):
            _, outcome, data = probe.login_raw(
                iu.native_login_req(target=TARGET_ID, flags=iu.MULTI if i else iu.SINGLE))
            self.assertEqual(outcome, "accepted" if i < LIMIT else "rejected")
        self.assertEqual(iu.parse_login(data).reason, 0x00010006)

    def test_form_of_rdma_cm_is_no_native_login(self):
        _, outcome, data = self.probe().login_raw(iu.login_req(target=TARGET_ID, tag=1 << 56))
        self.assertEqual(outcome, "rejected")
        self.assertEqual(iu.parse_login(data).reason, 0x00010000)

    def test_relogin_ends_older_channels(self):
        first, second = self.probe(), self.probe()
        old = first.login_raw(iu.native_login_req(target=TARGET_ID))[0]
        rsp = iu.parse_login(second.login_raw(iu.native_login_req(target=TARGET_ID))[2])
        self.assertEqual(rsp.flags & 3, 1)
        first.wait_end(old)

    def test_unknown_service_id(self):
        for service_id in ("00000000013f1389", "0000000001061388", "0002c90300a34270"):
            self.assertIn("nobody listens", self.login(ib_url(service_id=service_id)))

    def test_initiator_dies(self):
        probe = self.probe()
        probe.login_raw(iu.native_login_req(target=TARGET_ID))
        probe.kill()
        self.daemon.wait_all_ended()
        self.assertEqual(self.login(ib_url()), "accepted")


class AclTest(IbCase):
    """Every identity of an initiator on InfiniBand."""

    def check(self, pattern, *args, **env):
        daemon = self.start(target(group({0: "a"}, [pattern])))
        outcome = self.login(ib_url(), *args, **env)
        other = self.login(ib_url(), ip="10.1.0.8")
        daemon.stop()
        self.assertEqual(other, REFUSED)
        return outcome

    def test_gid_in_any_spelling(self):
        full = ":".join(f"{int(x or '0', 16):04x}" for x in
                        gid(HOST).replace("::", ":0:0:0:").split(":"))
        for pattern in (gid(HOST), full, gid(HOST).upper(), "*:0a01:???7"):
            self.assertEqual(self.check(pattern), "accepted", pattern)

    def test_port_guid(self):
        g = guid(HOST)
        self.assertEqual(self.check(":".join(g[i:i + 4] for i in range(0, 16, 4))), "accepted")
        self.assertEqual(self.check("0x" + g), "accepted")

    def test_ip_address_is_not_known(self):
        self.assertEqual(self.check(HOST), REFUSED)

    def test_port_id(self):
        ident = "0000000000000005" + guid(HOST)
        for pattern in ("0x" + ident, ident, ident[16:] + ident[:16], guid(SERVER) + ident[16:]):
            self.assertEqual(self.check(pattern, "--initiator-id", ident), "accepted", pattern)

    def test_rdma_cm_on_infiniband_is_known_by_both(self):
        for pattern in (HOST, gid(HOST), "0x" + guid(HOST)):
            daemon = self.start(target(group({0: "a"}, [pattern])))
            self.assertEqual(self.login(self.url(host=SERVER)), "accepted", pattern)
            daemon.stop()


class PartitionTest(IbCase):
    TABLE = "ffff,8001,8002"

    def start_two(self):
        return self.start(target(group({0: "a"}, ["pkey:8001"], "one"),
                                 group({0: "b"}, ["pkey:ffff"], "all")),
                          env={"SIMFAB_PKEYS": self.TABLE})

    def size(self, pkey, table):
        self.use(SIMFAB_PKEYS=table)
        out = self.srpio("luns", url=ib_url(pkey=pkey), ip=HOST).json
        self.use()
        return out["luns"][0]["bytes"] >> 20

    def test_group_by_partition(self):
        self.start_two()
        self.assertEqual(self.size("8001", self.TABLE), 8)
        self.assertEqual(self.size("ffff", self.TABLE), 16)
        self.assertEqual(self.login(ib_url(pkey="8002"), SIMFAB_PKEYS=self.TABLE), REFUSED)

    def test_limited_member(self):
        self.start_two()
        self.assertEqual(self.size("0001", "ffff,0001"), 8)
        self.srpio("verify", "--count", 64, url=ib_url(pkey="ffff"), ip=HOST)

    def test_partition_that_the_initiator_is_not_in(self):
        self.start_two()
        self.assertIn("No such device", self.login(ib_url(pkey="8003"), SIMFAB_PKEYS=self.TABLE))


class ListenerTest(IbCase):
    def ids(self, n):
        return f"020000000000001{n}", f"020000000000002{n}"

    def two(self, n, maps, **more):
        ext, ioc = self.ids(n)
        return target(group(maps), name=f"t{n}", id_ext=ext, ioc_guid=ioc, **more)

    def test_service_id_of_the_configuration(self):
        daemon = self.start(self.two(1, {0: "a"}, ib_service_id="00000000013f2001"),
                            self.two(2, {0: "b"}, listen=[{"type": "ib"}]),
                            ib_service_id="00000000013f2002", rdma_cm_port=0)
        self.assertEqual(self.login(ib_url(service_id="13f2001", ids=self.ids(1))), "accepted")
        self.assertEqual(self.login(ib_url(service_id="13f2002", ids=self.ids(2))), "accepted")
        self.assertEqual(self.login(ib_url(service_id="13f2001", ids=self.ids(2))), REFUSED)
        self.assertIn("nobody listens", self.login(ib_url(ids=self.ids(1))))
        self.assertIn("dgid=GID,pkey=ffff,service_id=00000000013f2001", daemon.log())

    def test_ip_only(self):
        daemon = self.start(self.two(1, {0: "a"}, listen=[{"rdma_cm_port": harness.PORT}]))
        self.assertIn("nobody listens", self.login(ib_url(ids=self.ids(1))))
        self.assertNotIn("InfiniBand", daemon.log())
        self.assertEqual(self.login(self.url(host=SERVER)), "accepted")

    def test_one_port_only(self):
        """Two HCAs; one target belongs to the second, as its name or an address says."""
        both = f"{SERVER},{PORT2}"
        self.start(self.two(1, {0: "a"}, listen=[{"type": "ib", "address": gid(PORT2)}]),
                   {"name": gid(PORT2), "groups": [group({0: "b"})]},
                   self.two(3, {0: "b"}), ip=both, env={"SIMFAB_DEVICES": "2"})
        named = (guid(PORT2), guid(PORT2))
        for ids, here, there in ((self.ids(1), REFUSED, "accepted"), (named, REFUSED, "accepted"),
                                 (self.ids(3), "accepted", "accepted")):
            self.assertEqual(self.login(ib_url(SERVER, ids=ids)), here)
            self.assertEqual(self.login(ib_url(PORT2, ids=ids)), there)

    def test_service_id_in_use(self):
        """The second srptd serves by RDMA/CM, says why, and takes over when it can."""
        first = self.start(target(group({0: "a"})))
        conf = self.write_config([{"name": "n", "type": "null", "size": "1M"}],
                                 [target(group({0: "n"}))], name="second.conf",
                                 rdma_cm_port=5001, ib_service_id=SERVICE_ID)
        second = Daemon(self, ["-c", conf], ip=SERVER)
        self.assertIn(f"warning: not listening on InfiniBand service id {SERVICE_ID}: another "
                      "program listens", second.log())
        self.assertEqual(self.login(self.url(host=SERVER, port=5001)), "accepted")
        first.stop()
        second.wait_log(r"\n\S+ listening on InfiniBand service id")
        self.assertEqual(self.login(ib_url()), "accepted")


class FaultTest(IbCase):
    def fault(self, text):
        subprocess.run([os.path.join(harness.build_dir(), "tests/simfab/simfab-fault"), text],
                       check=True, env=dict(os.environ, SIMFAB_NET=self.net),
                       timeout=harness.LIMIT)

    def test_message_before_rtu(self):
        """The RTU is lost: the first IU says that the connection stands (COMM_EST)."""
        self.start(target(group({0: "a"})),
                   env={"SIMFAB_FAULTS": "drop-in kind=rtu"}, ip=SERVER)
        probe = Probe(self, ip=HOST, url=ib_url())
        channel, outcome, _ = probe.login_raw(iu.native_login_req(target=TARGET_ID))
        self.assertEqual(outcome, "accepted")
        probe.clear_ua(channel)
        self.assertEqual(probe.command(channel, iu.command(iu.TUR)).status, 0)

    def test_one_hca_is_removed(self):
        """Its channels end; those on the other one, the listener and new logins go on."""
        daemon = self.start(target(group({0: "a"})), ip=f"{SERVER},{PORT2}",
                            env={"SIMFAB_DEVICES": "2"})
        daemon.allowed_errors.append("simfab1: the device is gone")
        stays, goes = (Probe(self, ip=f"10.1.0.{n}", url=ib_url(ip))
                       for n, ip in ((7, SERVER), (8, PORT2)))
        login = iu.native_login_req(target=TARGET_ID)
        kept = stays.login_raw(login)[0]
        login = iu.native_login_req(target=TARGET_ID, initiator=bytes(15) + b"\x08")
        goes.login_raw(login)
        self.fault("srptd: remove-device device=1")
        daemon.wait_log(r"a01:8 → tgt \(QP \d+\): channel ended")
        stays.clear_ua(kept)
        self.assertEqual(stays.command(kept, iu.command(iu.TUR)).status, 0)
        self.assertEqual(self.login(ib_url(), ip="10.1.0.9"), "accepted")
        self.assertTrue(daemon.alive())

    def test_one_hca_is_removed_under_load(self):
        """Two paths write to one disk; what the lost one leaves undone the other can do."""
        daemon = self.start(target(group({0: "a"})), ip=f"{SERVER},{PORT2}",
                            env={"SIMFAB_DEVICES": "2"})
        daemon.allowed_errors.append("simfab1: the device is gone")

        def path(host, ip, lba, passes):
            return self.spawn("verify", "--lba", lba, "--count", 4096, "--bs", "16k", "--depth", 8,
                              "--seed", host, "--passes", passes, url=ib_url(ip),
                              ip=f"10.1.0.{host}")
        stays, goes = path(7, SERVER, 0, 20), path(8, PORT2, 8192, 100000)
        harness.wait_for(lambda: any(self.blocks(8192)) and any(self.blocks(0)), "both write")
        self.fault("srptd: remove-device device=1")
        lost = goes.finish()
        self.assertNotEqual(lost.code, 0, lost)
        daemon.wait_log(r"a01:8 → tgt \(QP \d+\): channel ended")
        again = path(8, SERVER, 8192, 2).finish()
        self.assertEqual(again.code, 0, again)
        kept = stays.finish(harness.LIMIT * 4)
        self.assertEqual(kept.code, 0, kept)
        self.assertTrue(daemon.alive())

    def blocks(self, lba):
        """The first bytes of the disk's file at this block."""
        with open(self.path("a"), "rb") as disk:
            disk.seek(lba * 512)
            return disk.read(4096)


class EthernetTest(harness.Case):
    def test_listener_is_idle(self):
        """Native logins need an InfiniBand port: on RoCE the listener does no harm."""
        daemon = self.serve_one()
        self.assertIn("listening on InfiniBand service id", daemon.log())
        result = self.srpio("login", url=ib_url("127.0.0.1"), code=None)
        self.assertIn("No such device", result.out + result.err)
        self.assert_serves()


class LoginInfoTest(IbCase):
    """What --login-info prints works when an initiator takes it."""

    def info(self, ip, *options, **env):
        self.use(**env)
        out = subprocess.run([harness.binary("srptd"), "--login-info", *options], check=True,
                             env=harness.fabric_env("srptd", self, ip), timeout=harness.LIMIT,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        self.use()
        return out

    def test_strings_work(self):
        both = f"{SERVER},{PORT2}"
        env = {"SIMFAB_DEVICES": "2", "SIMFAB_PKEYS": "ffff,8001"}
        self.start(target(group({0: "a"})), ip=both, env=env)
        out = self.info(both, "-c", self.path("srptd.conf"), **env)
        strings = re.findall(r"^ +(?:ib_srp|srpio) +(\S+)$", out, re.M)
        native = [x for x in strings if "dest=" not in x and "srp://" not in x]
        self.assertEqual(len(native), 8, out)
        for url in native:
            self.assertEqual(self.login(url, SIMFAB_PKEYS="ffff,8001"), "accepted", url)
        self.assertIn(f"a       id_ext={ID_EXT},ioc_guid={IOC_GUID}\n", out)

    def test_roce_has_addresses(self):
        out = self.info(SERVER, "--lun", self.path("x"), SIMFAB_PROFILE="hca")
        self.assertIn(f"dest={SERVER}:5000\n", out)
        self.assertIn("no InfiniBand port on this host\n", out)
        self.assertFalse(os.path.exists(self.path("x")))

    def test_one_port(self):
        conf = self.write_config([], [target(listen=[{"type": "ib", "address": gid(PORT2)}])])
        out = self.info(f"{SERVER},{PORT2}", "-c", conf, SIMFAB_DEVICES="2")
        self.assertIn("simfab1", out)
        self.assertNotIn("simfab0", out)
        self.assertIn("has the GID", self.info(SERVER, "-c", conf))
