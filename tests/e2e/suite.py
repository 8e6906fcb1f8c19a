# SPDX-License-Identifier: BSD-2-Clause
"""Run end-to-end tests: suite.py [--build DIR] [--profile NAME] [NAME…]

NAME is a file ("login" for test_login.py), a test method, or file.method; * and ? match; without
one all run. Last line: N passed, N failed, N skipped. Exit 1 if one failed, 77 if all were skipped.
"""
import argparse
import fnmatch
import glob
import importlib
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Report(unittest.TestResult):
    """One line for each test as it ends."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.bad = None
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.bad = []
        self.skip = None
        self.started = time.monotonic()

    def addError(self, test, err):
        super().addError(test, err)
        self.add_bad(self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.add_bad(self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.add_bad(f"{subtest}\n{self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.skip = reason

    def add_bad(self, text):
        if self.bad is None:  # outside of any test, e.g. setUpClass
            print("FAIL:\n" + text, flush=True)
        else:
            self.bad.append(text)

    def stopTest(self, test):
        super().stopTest(test)
        name = test.id().removeprefix("test_")
        seconds = time.monotonic() - self.started
        if self.bad:
            print(f"FAIL: {name} ({seconds:.1f} s)")
            print("\n".join(self.bad) + getattr(test, "logs", ""))
        elif self.skip is not None:
            method = test.id().rsplit(".", 1)[1]
            print(f"[  SKIPPED ] {method}\nSKIP: {method}: {self.skip}")
        else:
            self.passed += 1
            print(f"ok: {name} ({seconds:.1f} s)")
        sys.stdout.flush()
        self.bad = None

    def failed_tests(self):
        """Tests with something wrong, each once; and what failed outside of tests."""
        return {getattr(t, "test_case", t).id() for t, _ in self.failures + self.errors}


def flatten(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from flatten(item)
        else:
            yield item


def wanted(test, patterns):
    """The id is test_FILE.Class.test_method."""
    module, cls, method = test.id().split(".")
    name, short = module.removeprefix("test_"), method.removeprefix("test_")
    forms = {name, module, cls, method, short, f"{name}.{cls}", f"{name}.{method}",
             f"{name}.{short}", f"{name}.{cls}.{method}", test.id()}
    return not patterns or any(fnmatch.fnmatch(f, p) for f in forms for p in patterns)


def load(patterns):
    suite = unittest.TestSuite()
    for path in sorted(glob.glob(os.path.join(HERE, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for test in flatten(unittest.defaultTestLoader.loadTestsFromModule(module)):
            if wanted(test, patterns):
                suite.addTest(test)
    return suite


def parse_args():
    parser = argparse.ArgumentParser(description="end-to-end tests over the simulated fabric")
    parser.add_argument("--build", metavar="DIR", help="build directory (SRPTD_BUILD)")
    parser.add_argument("--profile", metavar="NAME",
                        help="device profile of simfab: hca, rxe, siw, nosrq, minimal")
    parser.add_argument("--tiny", action="store_true",
                        help="a target with a send queue of 16, an SRQ of 4 and two data buffers")
    parser.add_argument("names", nargs="*", metavar="NAME", help="files or tests to run")
    return parser.parse_args()


def main():
    args = parse_args()
    sys.path.insert(0, HERE)
    if args.build:
        os.environ["SRPTD_BUILD"] = os.path.abspath(args.build)
    if args.profile:
        os.environ["SIMFAB_PROFILE"] = args.profile
    if args.tiny:
        os.environ["SRPTD_TINY"] = "1"
    if not os.path.isdir(os.environ.get("SRPTD_BUILD", "")):
        sys.exit("suite.py: no build directory: give --build or set SRPTD_BUILD")
    tests = load(args.names)
    if tests.countTestCases() == 0:
        sys.exit("suite.py: no test has such a name: " + " ".join(args.names))
    report = Report()
    tests.run(report)
    failed, skipped = len(report.failed_tests()), len(report.skipped)
    print(f"{report.passed} passed, {failed} failed, {skipped} skipped")
    if failed:
        return 1
    return 0 if report.passed else 77


if __name__ == "__main__":
    sys.exit(main())
