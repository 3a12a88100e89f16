"""`python -m tests.external.run_array_api_tests CHECKOUT [PYTEST ARGUMENTS]`: a checkout of data-apis/array-api-tests in, how many of its tests ``metal_runtime.array_api`` passes out.

The suite runs on a copy, which no longer asks for dtypes that Metal has not. CHECKOUT has its submodule ``array-api``,
and the suite's own requirements (hypothesis, ndindex, pytest-json-report) are installed. What is known to fail, and
why, stands in ``array_api_xfails.txt`` beside this file, what is not run in ``array_api_skips.txt``. A test that is
known to fail and passes counts as passed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
MISSING = "float64,complex64,complex128"

EDITS = {
    "            dtype = dh.widest_complex_dtype\n": '            pytest.skip("no complex dtype")\n',
    "for dt in complex_dtypes], key=lambda x: x[1]\n)[0]": "for dt in complex_dtypes], key=lambda x: x[1], default=(None, 0)\n)[0]",
    '{"complex64": xp.float32, "complex128": xp.float64}': "{}",
    "cmplx_name = dh.dtype_to_name[dh.widest_complex_dtype]": "cmplx_name = float_name",
}
"""What the suite asks of every namespace before it looks at the dtypes that there are."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--max-examples", type=int, default=20)
    parser.add_argument("--fresh", action="store_true", help="other examples each time")
    parser.add_argument("-n", default="1", help="processes")
    options, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "suite"
        shutil.copytree(options.checkout, suite, ignore=shutil.ignore_patterns(".git"))
        _edit(suite / "array_api_tests")
        report = Path(folder) / "report.xml"
        chosen = any(one.startswith("array_api_tests") for one in more)
        arguments = [*more, *([] if chosen else ["array_api_tests"]), "-n", options.n]
        arguments += [f"--max-examples={options.max_examples}", "--disable-deadline"]
        arguments += [] if options.fresh else ["--hypothesis-derandomize"]
        arguments += [f"--xfails-file={HERE / 'array_api_xfails.txt'}"]
        arguments += [f"--skips-file={HERE / 'array_api_skips.txt'}"]
        arguments += ["-p", "no:cacheprovider", "-q", "-rfEX", "--tb=short", f"--junitxml={report}"]
        environment = os.environ | {
            "ARRAY_API_TESTS_MODULE": "metal_runtime.array_api",
            "ARRAY_API_TESTS_SKIP_DTYPES": MISSING,
            "PYTHONPATH": str(HERE.parents[1]),
        }
        command = [sys.executable, "-m", "pytest", *arguments]
        ended = subprocess.run(command, cwd=suite, env=environment, check=False)
        if not report.exists():
            raise SystemExit(
                "pytest did not run: is the submodule array-api in the checkout, and all that it requires installed?"
            )
        print(_counts(report))
    return ended.returncode


def _edit(package: Path) -> None:
    texts = {path: path.read_text() for path in package.glob("*.py")}
    for old, new in EDITS.items():
        places = [path for path, text in texts.items() if old in text]
        if not places:
            raise SystemExit(f"this version of the suite has no place for the edit of {old!r}")
        for path in places:
            texts[path] = texts[path].replace(old, new)
            path.write_text(texts[path])


def _counts(report: Path) -> str:
    """Passed, failed, skipped and expected failures, as pytest's report has them."""
    counts: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        marks = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        kind = marks[0] if marks else "passed"
        if kind == "skipped" and case.find("skipped").get("type") == "pytest.xfail":
            kind = "expected failures"
        counts[kind] += 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
