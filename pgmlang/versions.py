"""The versions, each in this one place: packaging, ``pgmc --version``, fits and the site read them here."""

__version__ = "0.2.0.dev0"
"""Of the package."""

LANGUAGE_VERSION = "1.1"
"""Of the language, which a text states in its first line (``pgm 1``)."""
