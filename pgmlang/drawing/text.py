"""Text without a font engine: widths from a table of advances, and characters that no drawing format may hold."""

from __future__ import annotations

import unicodedata

# Advances of DejaVu Sans for U+0020 to U+007E in hundredths of an em. It is wider than Helvetica and Arial, so
# text that fits by this table fits in those too.
_ASCII = (
    32,
    40,
    46,
    84,
    64,
    95,
    78,
    27,
    39,
    39,
    50,
    84,
    32,
    36,
    32,
    34,
    64,
    64,
    64,
    64,
    64,
    64,
    64,
    64,
    64,
    64,
    34,
    34,
    84,
    84,
    84,
    53,
    100,
    68,
    69,
    70,
    77,
    63,
    58,
    77,
    75,
    29,
    29,
    66,
    56,
    86,
    75,
    79,
    60,
    79,
    69,
    63,
    61,
    73,
    68,
    99,
    69,
    61,
    69,
    39,
    34,
    39,
    84,
    50,
    50,
    61,
    63,
    55,
    63,
    62,
    35,
    63,
    63,
    28,
    28,
    58,
    28,
    97,
    63,
    61,
    63,
    63,
    41,
    52,
    39,
    63,
    59,
    82,
    59,
    59,
    52,
    64,
    34,
    64,
    84,
)
_OTHER, _WIDE = 66, 110
LONGEST = 32


def text_width(text: str, size: float) -> float:
    """The width of one line of text in pixels; east Asian wide characters count double."""
    total = 0
    for char in text:
        code = ord(char)
        if 32 <= code < 127:
            total += _ASCII[code - 32]
        elif unicodedata.combining(char):
            continue
        else:
            total += _WIDE if unicodedata.east_asian_width(char) in "WF" or code >= 0xFFFD else _OTHER
    return total * size / 100


def visible(text: str) -> str:
    """The text on one line, with what XML forbids and other control characters as U+FFFD.

    Characters that turn the direction of writing are replaced too: a name must not disguise itself.
    """
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char in "\t\n\r":
        return " "
    if ord(char) & 0xFFFE == 0xFFFE or unicodedata.bidirectional(char) in _TURNS:
        return "\N{REPLACEMENT CHARACTER}"
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") else char


_TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def shortened(text: str, longest: int = LONGEST) -> str:
    """A label that is not too long: the middle left out, since names often differ at the end."""
    text = visible(text)
    if len(text) <= longest:
        return text
    tail = longest // 3
    return text[: longest - tail - 1] + "…" + text[-tail:]
