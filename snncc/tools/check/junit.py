# SPDX-License-Identifier: Apache-2.0
"""Results of checks as JUnit XML for CI systems."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from snncc.tools.check.run import CheckResult

__all__ = ["junit_xml"]

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def junit_xml(results: Sequence[CheckResult], name: str) -> bytes:
    """One suite with one test case per check; `name` identifies the subject, e.g. the model's file."""
    failures = sum(not r.passed for r in results)
    counts = {"tests": str(len(results)), "failures": str(failures), "errors": "0", "skipped": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(f"snncc check {name}"), **counts})
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", {"classname": "snncc.check", "name": result.name})
        if result.passed:
            ElementTree.SubElement(case, "system-out").text = _clean(result.message)
        else:
            failure = ElementTree.SubElement(case, "failure", {"message": _clean(result.message)})
            failure.text = _clean(result.message)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
