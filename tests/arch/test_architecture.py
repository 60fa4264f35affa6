"""The house: imports run one way, no torch below the emitting stage, files stay small, tables match the grammar."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import networkx

from pgmlang.families import FAMILIES, LEARNED

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pgmlang"


def test_imports_run_one_way() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(command), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, modules: Container[str]) -> Iterator[str]:
    """What a file imports of the house: at its top, within functions, and for types alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in modules or node.module in modules:
                    yield inner if inner in modules else node.module


def circles_of(files: Mapping[str, Path]) -> list[list[str]]:
    graph = networkx.DiGraph()
    for name, path in files.items():
        graph.add_edges_from((name, other) for other in imports_of(path, files) if other != name)
    return [sorted(c) for c in networkx.strongly_connected_components(graph) if len(c) > 1]


def test_no_circles_of_files() -> None:
    """Nor within a folder, nor by imports in functions or for types: a circle of files is one file in two."""
    circles = circles_of({module_name(path): path for path in PACKAGE.rglob("*.py")})
    assert not circles, circles


def test_a_planted_circle_is_seen(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("def f():\n    from two import g\n    return g\n")
    (tmp_path / "two.py").write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import one\n")
    assert circles_of({"one": tmp_path / "one.py", "two": tmp_path / "two.py"}) == [["one", "two"]]


def test_no_two_classes_of_one_name() -> None:
    """A reader who searches for a name comes to one place."""
    places: dict[str, list[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module_name(path))
    assert not {name: modules for name, modules in places.items() if len(modules) > 1}


IMPORTS_BY_NAME = {
    "pgmlang.__init__": "names of the front door, imported when they are asked for",
    "pgmlang.cli.main": "commands, imported when they run",
    "pgmlang.infer.exponential": "records that those of families name",
    "pgmlang.infer.m_steps": "records that those of families name",
    "pgmlang.infer.checkpoint": "records of the states of methods",
    "pgmlang.kernels.by_name": "kernels of the rows of signatures, in the same room",
    "pgmlang.tables.finite": "functions that records of families name, of other packages too",
    "pgmlang.plan.registry": "rows of methods: plan names them, infer holds them",
}


def test_imports_by_name_are_declared() -> None:
    """The contracts do not see them: each says here what it is for."""
    seen = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if path.name != "_lalr_tables.py" and re.search(r"\bimport_module\(|__import__\(", path.read_text("utf-8"))
    }
    assert seen == set(IMPORTS_BY_NAME)


def test_families_are_named_in_their_records_alone() -> None:
    """What is known of a family is a property of its record: no other file asks for one by its name."""
    words = {*FAMILIES, *LEARNED}
    named = {
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value}"
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "families"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in words
    }
    assert not named, sorted(named)


def test_files_stay_small() -> None:
    """Over 450 lines a file is about more than one thing."""
    reasons = {
        "pgmlang/syntax/_lalr_tables.py": "generated",
    }
    long = {
        str(path.relative_to(ROOT)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 450
    }
    assert not set(long) - set(reasons), long


def test_nothing_unpickles() -> None:
    forbidden = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
    # machine code, in numba's form: it is run anyway, and read where this user alone can have written it (`code_files`)
    code = PACKAGE / "native" / "compiled.py"
    for path in set(PACKAGE.rglob("*.py")) - {code}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not forbidden & {n.split(".")[0] for n in names}, path
            if isinstance(node, ast.Attribute) and node.attr == "load" and isinstance(node.value, ast.Name):
                assert node.value.id != "torch", f"{path}: torch.load"


def test_modules_have_docstrings() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not text.strip() or ast.get_docstring(ast.parse(text)), path


def test_checking_a_model_stays_light() -> None:
    """`pgmc check` has 0.3 seconds: nothing that meets numbers is imported for it."""
    code = (
        "import sys\nfrom pgmlang.cli.main import run\n"
        "assert run(['check', '-q', 'examples/titanic/titanic.pgm']) == 0\n"
        "print(*sorted({'torch', 'pyro', 'numpy', 'pyarrow', 'networkx', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_questions_of_tables_load_no_torch() -> None:
    """It takes a second to import, which a first answer should not wait for."""
    code = (
        "import sys\nfrom pgmlang.cli.main import run\n"
        "assert run(['query', 'examples/asia/asia.pgm', 'P(lung | xray = yes)', 'MAP(* | smoke = no)']) == 0\n"
        "assert run(['sample', 'examples/asia/asia.pgm', '-n', '2', '--seed', '1']) == 0\n"
        "assert not {'torch', 'pyro'} & set(sys.modules), 'loaded'"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
