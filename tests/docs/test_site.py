"""The built site: no warning, no dead link or anchor; in a browser no error, and no page wider than a phone."""

from __future__ import annotations

import functools
import html
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from tests.docs.documents import ROOT

pytestmark = pytest.mark.slow
PHONE = 390
OUT = ROOT / "out" / "docs-lint"


@pytest.fixture(scope="module")
def site() -> Path:
    pytest.importorskip("sphinx")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "nb_execution_mode=off",
               "-d", str(ROOT / "out" / "doctrees-lint"), str(ROOT / "docs"), str(OUT)]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return OUT


class Page(HTMLParser):
    """The ids of a page, what it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = {""}
        self.targets: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.ids |= {v for k in ("id", "name") if (v := given.get(k))}
        if tag == "a" and given.get("href"):
            self.targets.append(given["href"] or "")
        for name in ("src", "href"):
            if tag in ("img", "script", "link", "source", "object") and given.get(name):
                self.loads.append(given[name] or "")


def pages_of(site: Path) -> dict[Path, Page]:
    return {f.resolve(): Page(f.read_text(encoding="utf-8")) for f in site.rglob("*.html")}


def dead_links(site: Path) -> list[tuple[str, str]]:
    pages = pages_of(site)
    dead = []
    for file, page in pages.items():
        for target in page.targets + page.loads:
            address, anchor = urldefrag(target)
            if re.match(r"[a-z]+:", address):
                continue
            there = (file.parent / unquote(address.split("?")[0])).resolve() if address else file
            is_there = there.exists() and (there not in pages or unquote(anchor) in pages[there].ids)
            dead += [] if is_there else [(file.relative_to(site.resolve()).as_posix(), target)]
    return dead


def test_no_link_is_dead(site: Path) -> None:
    assert len(pages_of(site)) > 200
    assert not dead_links(site)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    foreign = {load for page in pages_of(site).values() for load in page.loads if re.match(r"(https?:)?//", load)}
    assert not foreign
    styles = "".join(f.read_text(encoding="utf-8") for f in site.rglob("*.css"))
    assert not re.search(r"url\(\s*['\"]?(https?:)?//", styles)


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="x"></p><a href="#x"></a><a href="#y"></a><a href="b.html"></a><img src="c.png">'
    )
    assert dead_links(tmp_path) == [("a.html", "#y"), ("a.html", "b.html"), ("a.html", "c.png")]


PLANTED = """<!doctype html><body style="margin: 0"><article><div style="width: 1000px">wide</div><img src="nowhere.png">
</article><script>console.error("a planted error")</script></body>"""

HARNESS = """<!doctype html><body><iframe id="page" width="{width}" height="844" style="border: 0"></iframe>
<pre id="found">unfinished</pre><script>
const found = [];
async function look(path) {{
  const frame = document.getElementById("page");
  await new Promise(done => {{ frame.onload = done; frame.src = path; }});
  const page = frame.contentDocument;
  const wide = page.documentElement.scrollWidth;
  if (wide > {width}) {{
    const over = [...page.querySelectorAll("article *")].filter(e => e.getBoundingClientRect().right > {width} + 1
      && !e.closest("pre, .math-display, table, .table-wrapper, .output"));
    found.push([path, "is " + wide + " wide: " + over.slice(0, 3).map(e => e.outerHTML.slice(0, 80)).join(" ")]);
  }}
  for (const image of page.images) if (!image.complete || image.naturalWidth === 0) found.push([path, "no picture " + image.src]);
}}
(async () => {{
  for (const path of {paths}) await look(path);
  document.getElementById("found").textContent = JSON.stringify(found);
}})();
</script></body>"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_pages_fit_a_phone_and_say_no_error(site: Path, address: str, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    paths = [f.relative_to(site).as_posix() for f in sorted(site.rglob("*.html"))]
    errors = [p for p in paths if "/errors/PGM" in p]
    paths = [p for p in paths if p not in errors[10:]]  # pages of one form: ten of them
    harness, planted = site / "_harness.html", site / "_planted.html"
    planted.write_text(PLANTED)  # a fault of each kind, that must be seen
    harness.write_text(HARNESS.format(width=PHONE, paths=json.dumps([*paths, planted.name])))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
               "--disable-component-update", f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--dump-dom",
               "--timeout=150000", "--virtual-time-budget=600000", f"{address}/{harness.name}"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    finally:
        harness.unlink()
        planted.unlink()
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.S)
    assert found, done.stderr[-2000:]
    faults = json.loads(html.unescape(found[1]))
    seen = [what for where, what in faults if where == planted.name]
    assert [where for where, _ in faults if where != planted.name] == [], faults
    assert len(seen) == 2
    assert "is 1000 wide" in seen[0]
    assert "no picture" in seen[1]
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert any("a planted error" in line for line in said)
    assert not [line for line in said if planted.name not in line and "nowhere.png" not in line]
