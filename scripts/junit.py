"""Reads the JUnit files of a run: results/SUITE/*.xml, as cmocka, pytest and scripts/case write them."""
import collections
import pathlib
import xml.etree.ElementTree as ElementTree

# outcome: "passed", "failed" or "skipped"; id: suite/group/name, see docs/REQUIREMENTS.md.
Case = collections.namedtuple("Case", "suite group name outcome message seconds")


def case_id(case):
    """The suite without the build it ran in: unit-gcc and unit-asan are both "unit"."""
    parts = [case.suite.split("-")[0], case.group, case.name]
    return "/".join(part for part in parts if part)


def _read_case(suite, group, element):
    classname = element.get("classname")
    if classname:  # pytest: tests.cli.test_help
        group = classname.split(".")[-1]
    outcome, message = "passed", ""
    for tag, means in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        found = element.find(tag)
        if found is not None:
            outcome = means
            message = "\n".join(filter(None, [found.get("message", "").strip(), (found.text or "").strip()]))
            break
    return Case(suite, group, element.get("name", ""), outcome, message, float(element.get("time") or 0))


def _read_file(suite, path):
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        return [Case(suite, "", path.name, "failed", "the result file cannot be read: %s" % error, 0)]
    cases = [_read_case(suite, testsuite.get("name", ""), case)
             for testsuite in root.iter("testsuite") for case in testsuite.iter("testcase")]
    return cases or [Case(suite, "", path.name, "failed", "the result file holds no case", 0)]


def read_results(folder):
    """All cases below `folder`. A suite that left nothing behind is one failed case."""
    cases = []
    for suite in sorted(p for p in pathlib.Path(folder).iterdir() if p.is_dir()):
        found = [case for path in sorted(suite.glob("*.xml")) for case in _read_file(suite.name, path)]
        cases += found or [Case(suite.name, "", "results", "failed", "the suite was started but left no results", 0)]
    return cases
