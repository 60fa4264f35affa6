"""Goes through the tutorial and the guides as a newcomer would: ``python tests/docs/newcomer.py [PAGE...]`` (`make walk`).

Builds the wheel, installs it with the extra ``plot`` into an environment of its own, and types in folders outside of the
checkout what the pages say, comparing what is printed with what they show. Prints the seconds of each page, and those from
the empty environment to the first answer. Blocks of a shell (``sh``) are those that need a card, a cluster or the network.
``TORCH_INDEX`` is asked first for torch, as by the Makefile.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.docs.documents import ROOT, Document, Step, first_missing, is_line, read_document

PAGES = ["docs/tutorial.md", *(p.relative_to(ROOT).as_posix() for p in sorted(ROOT.glob("docs/howto/*.md")))]
TORCH_INDEX = os.environ.get("TORCH_INDEX", "https://download.pytorch.org/whl/cpu")
RUNNER = """
import ast, sys
names = {}
for path in sys.argv[1:]:
    for statement in ast.parse(open(path, encoding="utf-8").read()).body:
        code = ast.unparse(statement)
        if isinstance(statement, ast.Expr):
            value = eval(code, names)
            if path == sys.argv[-1]:
                print(f"line {statement.end_lineno}\\t{value}")
        else:
            exec(code, names)
"""
"""Runs the blocks of a page so far; prints the values of the last one's expressions with their lines."""


def main() -> int:
    pages = [page for name in sys.argv[1:] or PAGES if (page := read_document(ROOT / name)).steps]
    with tempfile.TemporaryDirectory(prefix="newcomer-") as folder:
        place = Path(folder)
        wheel = built_wheel(place)
        begin = time.perf_counter()
        programs = installed(wheel, place / "first")
        print(f"{time.perf_counter() - begin:6.1f} s  an empty environment, torch and the wheel", flush=True)
        first, wrong = None, 0
        for page in pages:
            started = time.perf_counter()
            answered, faults = walk(page, programs, place / page.path.stem)
            if first is None and answered is not None:
                first = answered - begin
                print(f"{first:6.1f} s  from the empty environment to the first answer", flush=True)
            wrong += len(faults)
            print(f"{time.perf_counter() - started:6.1f} s  {page.name}: {len(page.steps)} steps", flush=True)
            print("".join(f"          {fault}\n" for fault in faults), end="")
        print(f"{wrong} of {sum(len(p.steps) for p in pages)} steps are not as the pages say")
    return int(wrong > 0)


def built_wheel(place: Path) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(place.glob("*.whl"))


def installed(wheel: Path, environment: Path) -> Path:
    """The folder of programs of an environment that has the wheel alone."""
    venv.create(environment, with_pip=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    small = [*pip, "--index-url", TORCH_INDEX, "--retries", "0", "--timeout", "15", "torch"]
    if subprocess.run(small, capture_output=True, check=False).returncode:
        subprocess.run([*pip, "torch"], check=True)
    subprocess.run([*pip, f"{wheel}[plot]"], check=True)
    return environment / "bin"


def walk(page: Document, programs: Path, folder: Path) -> tuple[float | None, list[str]]:
    """When the first question of a page was answered, and the steps that were not as shown."""
    folder.mkdir()
    (folder / "runner.txt").write_text(RUNNER)
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k not in ("COLUMNS", "LINES")
    }
    environment |= {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "MPLBACKEND": "agg"}
    blocks: list[Path] = []
    answered, faults = None, []
    for step in page.steps:
        if step.language == "file":
            name, _, text = step.text.partition("\n")
            if not list(folder.rglob(name)):
                (folder / name).write_text(text + "\n", encoding="utf-8")
            continue
        if step.language == "python":
            blocks.append(folder / f"block{len(blocks)}.txt")
            blocks[-1].write_text(step.text, encoding="utf-8")
            command = ["python", "runner.txt", *(b.name for b in blocks)]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            fault = done.stderr if done.returncode else wrong_value(step, done.stdout)
        else:
            done = subprocess.run(
                step.text, shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
            fault = done.stdout if done.returncode else first_missing(step.shown, done.stdout, step.within)
            if step.text.startswith("pgmc query") and answered is None and not done.returncode:
                answered = time.perf_counter()
        if fault is not None:
            faults.append(f"line {step.line}: {step.text.splitlines()[0]}: {fault.strip()[-600:]}")
    return answered, faults


def wrong_value(step: Step, output: str) -> str | None:
    """The first value of a block that is not the one in the comment behind its expression."""
    lines = step.text.split("\n")
    for line, value in re.findall(r"^line (\d+)\t(.*)$", output, re.MULTILINE):
        _, has_comment, comment = lines[int(line) - 1].partition("  # ")
        if has_comment and not is_line(comment, value, step.within):
            return f"{value}, not {comment}"
    return None


if __name__ == "__main__":
    sys.exit(main())
