# SPDX-License-Identifier: BSD-2-Clause
"""InfiniBand management datagrams: discovery of targets, and IBA's connection manager over umad."""
import os
import re
import subprocess

import harness
from harness import Srpio, gid, group, target

SERVER, OTHER, HOST = "10.1.0.1", "10.1.0.2", "10.1.0.7"
GUID_ID = "0002c90300a34270"  # a service id that RDMA/CM cannot have
IDS = [("0000000000000001", "0200000000000001"), ("0000000000000002", "0200000000000001"),
       ("0000000000000003", "0200000000000003")]
CYCLES = 2000 if os.environ.get("SRPTD_LONG") else 200


class MgmtCase(harness.Case):
    env = {"SIMFAB_PROFILE": "ib"}

    def use(self, **env):
        """The environment of what is started next."""
        self.env = dict(type(self).env, **env)

    def start(self, *targets, ip=SERVER, env=None, **top):
        self.use(**(env or {}))
        daemon = self.serve([{"name": "a", "path": f"a{ip}", "size": "8M"}], list(targets),
                            {"ip": ip}, **top)
        self.use()
        return daemon

    def start_umad(self, *targets, env=None, **top):
        return self.start(*targets, env=dict(SIMFAB_IB_CM="0", **(env or {})), cm="umad",
                          rdma_cm_port=0, ib_service_id=GUID_ID, **top)

    def any_target(self, i=0, name="t1", initiators=("*",)):
        return target(group({0: "a"}, initiators), name=name, id_ext=IDS[i][0],
                      ioc_guid=IDS[i][1])

    def discover(self, *args, ip=HOST, code=0, **env):
        self.use(**env)
        result = Srpio(self, ["discover", *args, "--json"], ip).finish()
        self.use()
        self.assertEqual(result.code, code, result)
        return result

    def found(self, *args, **more):
        """[(name, id_ext, ioc_guid, pkey, how)]"""
        rows = []
        for t in self.discover(*args, **more).json["targets"]:
            ids = dict(x.split("=") for x in t["ib_srp"].split(","))
            rows.append((t.get("name"), ids["id_ext"], ids["ioc_guid"], ids["pkey"],
                         t["found_by"]))
        return sorted(rows, key=str)


DM, RECORD = "device management", "service record"


class DiscoverTest(MgmtCase):
    def test_strings(self):
        self.start(self.any_target())
        found = self.discover().json["targets"]
        self.assertEqual(len(found), 1, found)
        t = found[0]
        tail = "pkey=ffff,service_id=00000000013f1388"
        self.assertRegex(t["ib_srp"], f"^id_ext={IDS[0][0]},ioc_guid={IDS[0][1]},"
                                      f"dgid=fe80000000000000[0-9a-f]{{16}},{tail}$")
        self.assertEqual(t["srp_daemon"], "a " + t["ib_srp"])
        self.assertEqual(t["srpio"], f"ib://[{gid(SERVER)}%ffff]:00000000013f1388/"
                                     f"{IDS[0][0]}/{IDS[0][1]}/0")
        self.assertEqual((t["name"], t["found_by"], t["lid"]), ("t1", DM, 1))
        for url in (t["srpio"], t["ib_srp"]):
            self.srpio("verify", "--count", 64, "--lun", 0, url=url, ip=HOST)

    def test_several_controllers_and_targets(self):
        self.start(self.any_target(0, "one"), self.any_target(1, "two"),
                   self.any_target(2, "three"))
        self.assertEqual(self.found(), [("one", *IDS[0], "ffff", DM), ("one", *IDS[1], "ffff", DM),
                                        ("three", *IDS[2], "ffff", DM)])

    def test_several_ports(self):
        self.start(self.any_target(0, "one"))
        self.start(self.any_target(2, "two"), ip=OTHER)
        self.assertEqual(self.found("--by", "dm"), [("one", *IDS[0], "ffff", DM),
                                                    ("two", *IDS[2], "ffff", DM)])

    def test_only_what_the_partition_may_use(self):
        self.start(self.any_target(0, "one"), self.any_target(2, "two", ["pkey:8001"]),
                   env={"SIMFAB_PKEYS": "ffff,8001"})
        self.assertEqual(self.found(), [("one", *IDS[0], "ffff", DM)])
        self.assertEqual(self.found(SIMFAB_PKEYS="ffff,0001"), [
            ("one", *IDS[0], "0001", DM), ("one", *IDS[0], "ffff", DM),
            ("two", *IDS[2], "0001", DM)])

    def test_switched_off(self):
        self.start(self.any_target(), device_management=False, service_record=False)
        self.assertEqual(self.found(), [])

    def test_nobody_there(self):
        self.assertEqual(self.found(), [])

    def test_over_ip_there_is_nothing(self):
        result = self.discover(code=3, SIMFAB_PROFILE="hca")
        self.assertIn("over IP (RoCE, iWARP, IPoIB) nothing announces SRP targets", result.err)
        result = self.discover("--device", "simfab3", code=3)
        self.assertIn("simfab3 has no InfiniBand port", result.err)

    def test_lost_datagrams(self):
        self.start(self.any_target(), env={"SIMFAB_MAD": "loss=200,dup=200,seed=3"})
        for seed in range(5):
            self.assertEqual(self.found("--by", "dm", SIMFAB_MAD=f"loss=100,dup=300,seed={seed}"),
                             [("t1", *IDS[0], "ffff", DM)])


class RecordTest(MgmtCase):
    def test_registered_and_withdrawn(self):
        daemon = self.start(self.any_target(), env={"SIMFAB_PKEYS": "ffff,8001"})
        daemon.wait_log(r"service record SRP.T10:0000000000000001 in partition .*: registered", 2)
        record = (None, *IDS[0], "ffff", RECORD)
        self.assertEqual(self.found("--by", "record"), [record])
        self.assertEqual(self.found("--by", "record", SIMFAB_PKEYS="ffff,8001"),
                         [(None, *IDS[0], "8001", RECORD), record])
        daemon.stop()
        self.assertEqual(self.found("--by", "record", SIMFAB_PKEYS="ffff,8001"), [])

    def test_without_device_management(self):
        daemon = self.start(self.any_target(), device_management=False)
        daemon.wait_log("service record .*: registered")
        self.assertEqual(self.found(), [(None, *IDS[0], "ffff", RECORD)])

    def test_renewed(self):
        luns = [{"name": "a", "path": self.path("a"), "size": "8M"}]
        path = self.write_config(luns, [self.any_target()], service_lease=10)
        self.daemon = harness.Daemon(self, ["-d", "cm", "-c", path], ip=SERVER)
        self.daemon.wait_log("service record .*: asked for 10 s", 3)
        self.assertEqual(self.found("--by", "record"), [(None, *IDS[0], "ffff", RECORD)])

    def test_killed_daemon_is_forgotten(self):
        daemon = self.start(self.any_target(), service_lease=10)
        daemon.wait_log("service record .*: registered")
        daemon.kill()
        harness.wait_for(lambda: self.found("--by", "record") == [], "the lease has run out")


class StartTest(MgmtCase):
    def test_is_dm(self):
        missing = "IsDeviceManagementSupported is not set"
        self.assertIn(missing, self.start(self.any_target()).log())
        daemon = self.start(self.any_target(), ip=OTHER, env={"SIMFAB_IS_DM": "1"})
        self.assertNotIn(missing, daemon.log())

    def test_class_is_taken(self):
        self.start(self.any_target())
        second = self.start(self.any_target(), ip=SERVER + ",10.1.0.3", rdma_cm_port=5001,
                            ib_service_id="00000000013f2222")
        self.assertRegex(second.log(), "port 1: device management is taken, by the module ib_srpt")

    def test_ib_cm_has_the_class(self):
        daemon = self.start(self.any_target(), cm="umad", rdma_cm_port=0, ib_service_id=GUID_ID)
        self.assertIn("connections are the module ib_cm's", daemon.log())

    def test_auto_without_rdma_cm(self):
        daemon = self.start(self.any_target(), rdma_cm_port=0, env={"SIMFAB_IB_CM": "0"})
        self.assertIn("no RDMA/CM in the kernel: native logins are taken by umad", daemon.log())
        self.assertIn("listening on InfiniBand service id 00000000013f1388", daemon.log())


class UmadCmTest(MgmtCase):
    def cycle(self, n, mad=None, code=0):
        env = harness.fabric_env("umad-cycle", self, HOST)
        env.update(SIMFAB_IB_CM="0", **({"SIMFAB_MAD": mad} if mad else {}))
        run = subprocess.run([harness.binary("umad-cycle"), "simfab0", "1", gid(SERVER), GUID_ID,
                              *IDS[0], str(n)], env=env, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=harness.LIMIT * 8)
        self.assertEqual(run.returncode, code, run.stderr)
        self.assertNotRegex(run.stderr, harness.SANITIZER)
        return dict((k, int(v)) for k, v in re.findall(r"(\w+)=(\d+)", run.stdout)) or run.stderr

    def check(self, n, counts, daemon):
        self.assertEqual(counts["refused"], n // 4)
        self.assertEqual(counts["accepted"], n // 4 * 4)
        self.assertGreaterEqual(counts["stale"], n // 4)
        daemon.wait_all_ended()

    def test_cycles(self):
        daemon = self.start_umad(self.any_target())
        self.check(40, self.cycle(40), daemon)

    def test_cycles_with_loss_and_duplication(self):
        daemon = self.start_umad(self.any_target(), max_channels=64,
                                 env={"SIMFAB_MAD": "loss=50,dup=50,seed=7"})
        self.cycle(8, "loss=50,dup=50,seed=8")
        daemon.wait_all_ended()
        fds = daemon.n_fds()
        counts = self.cycle(CYCLES, "loss=50,dup=50,seed=9")
        self.check(CYCLES, counts, daemon)
        self.assertGreater(counts["repeats"], 0)
        harness.wait_for(lambda: daemon.n_fds() <= fds, f"no more than {fds} descriptors")

    def test_stopped_while_connected(self):
        daemon = self.start_umad(self.any_target())
        self.check(4, self.cycle(4), daemon)
        daemon.stop()

    def test_redirect(self):
        self.start_umad(self.any_target(), ib_redirect="fe80::9")
        self.assertIn("port and CM redirection", self.cycle(1, code=1))

