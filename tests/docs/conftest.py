import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))


@pytest.fixture(autouse=True)
def _page_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages show what is printed where no screen is: readline, which other tests load, says how wide theirs is."""
    for name in ("COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
