"""``python -m pgmlang`` is ``pgmc``."""

from __future__ import annotations

from pgmlang.cli.main import main

if __name__ == "__main__":
    main()
