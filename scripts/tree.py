"""What the checks share: the files of a tree, C without its comments and strings, and how findings are reported.

A check is a program scripts/check-NAME [ROOT [BUILD]]: it prints FILE:LINE: what is wrong, and exits 1, for the tree at
ROOT (this one, if not given). tests/checks plants violations and sees that they are found."""
import pathlib
import re
import sys

NOT_OURS = {".git", "build", "results", "linnet-data", "node_modules", "__pycache__", ".pytest_cache"}
CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def root_from(argv):
    return pathlib.Path(argv[1] if len(argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)


def files(root, *suffixes):
    """Paths of the tree relative to it, sorted; those with one of the suffixes, or all."""
    found = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if any(part in NOT_OURS or part.startswith("build-") for part in relative.parts) or not path.is_file():
            continue
        if not suffixes or path.suffix in suffixes:
            found.append(relative)
    return found


def code_only(text):
    """C with comments blanked and strings emptied; the lines stay where they were."""
    def blank(match):
        token = match.group()
        kept = "\n" * token.count("\n")
        return token[0] + token[-1] if token[0] in "\"'" else " " + kept
    return CODE.sub(blank, text)


def c_lines(root, path):
    """(number, code, line as written) of each line of a C file."""
    text = (root / path).read_text(errors="replace")
    return [(n, code, raw) for n, (code, raw) in
            enumerate(zip(code_only(text).split("\n"), text.split("\n")), 1)]


def report(findings):
    """Prints (path, line, message) and returns the exit code."""
    for path, line, message in findings:
        print("%s:%s: %s" % (path, line, message))
    return 1 if findings else 0


def main(check):
    """`check` takes the root and yields findings."""
    sys.exit(report(list(check(root_from(sys.argv)))))
