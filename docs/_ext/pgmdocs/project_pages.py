"""Pages that are files of the repository elsewhere: the examples, benchmarks, changelog, and how to add to the house."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs" / "reference"

FILES = {
    "benchmarks.md": ROOT / "benchmarks" / "README.md",
    "changelog.md": ROOT / "CHANGELOG.md",
    "contributing.md": ROOT / "CONTRIBUTING.md",
    "security.md": ROOT / "SECURITY.md",
}


def examples() -> list[Path]:
    """The READMEs of the examples, by name."""
    return sorted((ROOT / "examples").glob("*/README.md"))


def sources() -> dict[str, Path]:
    """Page under ``reference/`` to the file it shows."""
    return FILES | {f"examples/{readme.parent.name}.md": readme for readme in examples()}


def page_of(file: Path) -> Path | None:
    """The page that shows a file or folder of the repository, where there is one."""
    if file in (ROOT / "examples", ROOT / "examples" / "README.md"):
        return REFERENCE / "examples" / "index.md"
    for page, source in sources().items():
        if file in (source, source.parent if source.name == "README.md" else source):
            return REFERENCE / page
    return None


def pages() -> dict[str, str]:
    from pgmdocs.links import rewrite_images, rewrite_links

    texts = {}
    for page, source in sources().items():
        text = rewrite_links(source.read_text(encoding="utf-8"), source, REFERENCE / page)
        text = rewrite_images(text, source, REFERENCE / page)
        if page.startswith("examples/"):
            title, rest = text.split("\n", 1)
            text = f"{title}\n\n{how_to_have(source.parent.name)}\n{rest}{models_of(source.parent)}"
        texts[page] = text
    texts["examples/index.md"] = examples_index()
    return texts


def how_to_have(name: str) -> str:
    return f"`pgmc examples {name} --copy` writes this folder, and what follows is typed in it (`cd {name}`)."


def models_of(folder: Path) -> str:
    """The models of an example, each whole."""
    parts = ["\n\n## The models\n"]
    for file in sorted(folder.glob("*.pgm")):
        parts.append(
            f"```{{code-block}} pgm\n:caption: {file.name}\n\n{file.read_text(encoding='utf-8').rstrip()}\n```\n"
        )
    return "\n".join(parts) if len(parts) > 1 else ""


def title_of(readme: Path) -> str:
    return readme.read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ").strip()


def examples_index() -> str:
    names = [readme.parent.name for readme in examples()]
    rows = "\n".join(f"- [{title_of(readme)}]({readme.parent.name}.md)" for readme in examples())
    tree = "\n".join(names)
    return (
        "# Examples\n\nA folder a story, with its data and what it prints. `pgmc` runs each as it stands here.\n\n"
        f"{rows}\n\n```{{toctree}}\n:hidden:\n:titlesonly:\n\n{tree}\n```\n"
    )
