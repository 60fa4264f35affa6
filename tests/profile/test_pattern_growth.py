"""Every pattern that reads cells goes through one a bounded number of times, however long it is."""

import importlib
import itertools
import pkgutil
import re
import time

import pgmlang.data
import pgmlang.first_model
import pgmlang.profile

REPEATED = (" ", "1", ".", ",", "'", "x", "_", "\u00a0", "1 ", "1,", ". ", "x ")
BEFORE, AFTER = ("", "1", "(1", "[1", "< ", "$ "), ("", "x y", "!")
LONG = 6_000
SECONDS = 0.06
"""One way through so many characters takes a thousandth of it; one through all pairs of places, several times as long."""


def _patterns():
    """Those that modules keep, by themselves or in tables."""
    for package in (pgmlang.data, pgmlang.profile, pgmlang.first_model):
        for about in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            for name, value in vars(importlib.import_module(about.name)).items():
                for one in value.values() if isinstance(value, dict) else [value]:
                    if isinstance(one, re.Pattern) and isinstance(one.pattern, str):
                        yield f"{about.name}.{name}", one


def _seconds(pattern, text):
    began = time.process_time()
    pattern.fullmatch(text)
    return time.process_time() - began


def test_no_pattern_grows_with_the_square_of_a_cell():
    patterns = dict(_patterns())
    assert len(patterns) > 12, "the patterns of cells are no longer where they were"
    slow = []
    for (name, pattern), (before, many, after) in itertools.product(
        patterns.items(), itertools.product(BEFORE, REPEATED, AFTER)
    ):
        # a short one first: what grows with the cube does not come to the long one
        for length in (300, LONG):
            text = before + many * (length // len(many)) + after
            if (
                min(_seconds(pattern, text) for _ in range(3 if _seconds(pattern, text) > SECONDS else 1))
                > SECONDS
            ):
                slow.append((name, before, many, after, length))
                break
    assert not slow, slow[:10]
