# SPDX-License-Identifier: BSD-2-Clause
"""Block devices for tests: loop devices, and file systems on them that can be frozen.

On a frozen file system calls that change it hang until it is thawed, whoever made them: so a loop
device over a file there is a device that hangs, truly and for as long as a test likes.
"""
import os
import shutil
import subprocess
import unittest

LIMIT = 60


def run(*argv):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=LIMIT, text=True).stdout.strip()


def need():
    """Skip the test where there can be no loop devices."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("loop devices need root")
    if not shutil.which("losetup") or not os.path.exists("/dev/loop-control"):
        raise unittest.SkipTest("there are no loop devices here")


def attach(case, path, *options):
    """A loop device over the file; detached when the test ends."""
    need()
    try:
        dev = run("losetup", "--find", "--show", *options, path)
    except subprocess.CalledProcessError as e:
        raise unittest.SkipTest("no loop device: " + e.stderr.strip()) from None
    case.addCleanup(subprocess.run, ["losetup", "--detach", dev], check=False, timeout=LIMIT)
    return dev


class Frozen:
    """An ext4 that can be frozen; as a context manager it is frozen inside."""

    def __init__(self, case, size):
        need()
        image = case.make_file("fs.img", size)
        self.dir = case.path("fs")
        dev = attach(case, image)
        try:
            run("mkfs.ext4", "-q", "-O", "^has_journal", dev)
            os.mkdir(self.dir)
            run("mount", dev, self.dir)
        except (OSError, subprocess.CalledProcessError) as e:
            raise unittest.SkipTest(f"no file system on a loop device: {e}") from None
        self.frozen = False
        case.addCleanup(self.end)

    def file(self, name, size, data=None):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.truncate(size)
            f.write(data or b"")
        return path

    def __enter__(self):
        run("fsfreeze", "-f", self.dir)
        self.frozen = True
        return self

    def __exit__(self, *args):
        self.thaw()

    def thaw(self):
        if self.frozen:
            run("fsfreeze", "-u", self.dir)
            self.frozen = False

    def end(self):
        self.thaw()
        # the daemons are ended later: out of sight at once, gone with their last file
        subprocess.run(["umount", "--lazy", self.dir], check=False, timeout=LIMIT)
