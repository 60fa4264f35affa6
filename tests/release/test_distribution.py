"""What is given out: the same archives from the same files, and a wheel that works by itself."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import pgmlang

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NAME = f"pgmlang-{pgmlang.__version__}"


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "pgmlang/versions.py"


def test_the_citation_is_of_this_version() -> None:
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == pgmlang.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_changelog_has_the_headings_of_its_kind() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    versions = [line for line in lines if line.startswith("## ")]
    assert versions[0] == "## [Unreleased]"
    released = pgmlang.__version__.partition(".dev")[0]
    assert ".dev" in pgmlang.__version__ or versions[1].startswith(f"## [{released}] - 20")
    kinds = {"### Added", "### Changed", "### Deprecated", "### Removed", "### Fixed", "### Security"}
    assert {line for line in lines if line.startswith("### ")} <= kinds


def test_workflows_take_the_versions_that_the_package_names() -> None:
    yaml = pytest.importorskip("yaml")
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    named = [c.rsplit(" ", 1)[1] for c in PROJECT["project"]["classifiers"] if ":: 3." in c]
    assert jobs["versions"]["strategy"]["matrix"]["python"] == named
    assert PROJECT["project"]["requires-python"] == f">={named[0]}"
    oldest = next(d for d in PROJECT["project"]["dependencies"] if d.startswith("torch")).removeprefix("torch>=")
    assert f"torch=={oldest}.*" in str(jobs["versions"])


def build(folder: Path) -> dict[str, str]:
    """The archives of a build, name to digest."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"})
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    return folder


@pytest.mark.slow
def test_the_same_files_make_the_same_archives(archives: Path, tmp_path: Path) -> None:
    first = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(archives.iterdir())}
    assert build(tmp_path) == first
    assert set(first) == {f"{NAME}-py3-none-any.whl", f"{NAME}.tar.gz"}


@pytest.mark.slow
def test_the_archives_hold_what_is_needed_and_no_more(archives: Path) -> None:
    wheel = zipfile.ZipFile(archives / f"{NAME}-py3-none-any.whl").namelist()
    for name in ("pgmlang/_data/grammar/pgm.lark", "pgmlang/_data/stdlib/layers.pgm", "pgmlang/py.typed"):
        assert name in wheel
    assert "pgmlang/_data/examples/titanic/titanic.csv" in wheel
    assert {name.split("/")[0] for name in wheel} == {"pgmlang", f"{NAME}.dist-info"}
    assert not [n for n in wheel if n.endswith((".pyc", ".png"))]
    with tarfile.open(archives / f"{NAME}.tar.gz") as packed:
        source = packed.getnames()
    assert f"{NAME}/LICENSE" in source
    assert not [n for n in source if "/out/" in n or "/.git/" in n]


@pytest.mark.slow
def test_the_wheel_works_by_itself(archives: Path, tmp_path: Path) -> None:
    """In an environment of its own, whose other packages are this one's, from an empty folder."""
    home = tmp_path / "env"
    venv.create(home, symlinks=os.name != "nt")
    paths = {"base": str(home), "platbase": str(home)}
    site = Path(sysconfig.get_path("purelib", "venv" if "venv" in sysconfig.get_scheme_names() else None, paths))
    scripts = Path(
        sysconfig.get_path("scripts", "venv" if "venv" in sysconfig.get_scheme_names() else None, paths)
    )
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    wheel = archives / f"{NAME}-py3-none-any.whl"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    work = tmp_path / "work"
    work.mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PGMLANG"))}

    def typed(*words: str) -> str:
        done = subprocess.run(words, cwd=work, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    pgmc = str(scripts / "pgmc")
    where = typed(str(python), "-c", "import pgmlang; print(pgmlang.__file__)").strip()
    assert Path(where).is_relative_to(site)
    assert typed(pgmc, "--version").startswith(f"pgmc {pgmlang.__version__}, language ")
    typed(pgmc, "examples", "titanic", "--copy")
    assert "good" in typed(pgmc, "check", "titanic/titanic.pgm")
    assert "converged" in typed(
        pgmc, "fit", "titanic/titanic.pgm", "titanic/titanic.csv", "--counts", "count", "-o", "t.fit"
    )
    assert "0.46" in typed(pgmc, "query", "t.fit", "P(survived | class = 3rd, sex = female)")
    (work / "layers.pgm").write_text(
        "import std.layers\ndim pixel = {a, b}\ndim unit[2]\n"
        "plate row {\n  z[unit] ~ Normal(0, 1)\n  x[pixel] ~ Bernoulli(logit = layers.affine(z, pixel))\n}\n"
    )
    assert "good" in typed(str(python), "-m", "pgmlang", "check", "layers.pgm")
    lexer = "from pygments.lexers import get_lexer_by_name; print(get_lexer_by_name('pgm').name)"
    assert typed(str(python), "-c", lexer).strip() == "pgmlang"
