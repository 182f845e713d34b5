"""Reads what a run of the tests wrote (JUnit XML), so that only what passed there counts.

A document with a type declaration is refused unread: entities are all that can make this format dangerous.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # nosec B405 - what declares entities is refused before it is parsed

from steersman.model.errors import InvalidInput


def read_results(text: str) -> dict[str, bool]:
    """Return by the id of a test whether all its cases passed; a skipped case did not. Raises `InvalidInput`."""
    if "<!" in text.replace("<![CDATA[", ""):
        raise InvalidInput("these results declare a document type, and no test runner writes that")
    try:
        root = ET.fromstring(text)  # noqa: S314  # nosec B314 - see above
    except ET.ParseError as error:
        raise InvalidInput(f"these results are no XML: {error}") from error
    results: dict[str, bool] = {}
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '').partition('[')[0]}"
        passed = all(child.tag not in {"failure", "error", "skipped"} for child in case)
        results[name] = results.get(name, True) and passed
    return results


def by_test(results: dict[str, bool], tests: list[str]) -> dict[str, bool]:
    """Return the results under the ids that evidence uses, `path/of/file.py::Class::name`."""
    return {test: results[key] for test in tests if (key := _key(test)) in results}


def _key(test: str) -> str:
    file, *names = test.split("::")
    return ".".join([file.removesuffix(".py").replace("/", "."), *names])
