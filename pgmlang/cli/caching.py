"""The command about compiled programs on disk: cache."""

from __future__ import annotations

import click

from pgmlang.cli.console import print_json, print_result, say
from pgmlang.cli.options import json_option, quiet_option

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
"""Of ages, in seconds."""


@click.command()
@click.argument("action", type=click.Choice(["list", "clear"]), default="list")
@json_option
@quiet_option
def cache(action: str, as_json: bool, quiet: bool) -> None:
    """List the compiled programs on disk, or `clear` them: a program that is gone is compiled again when it is needed.

    They are in the folder `native` of PGMLANG_CACHE, or of the user's folder for what may be thrown away, and are this user's alone. Those
    that were not used for longest make room for new ones.
    """
    from pgmlang.native.code_files import MOST_BYTES, clear_programs, kept_programs, programs_folder, why_not_kept

    try:
        place: str | None = str(programs_folder())
    except RuntimeError:  # no home
        place = None
    if action == "clear":
        gone = clear_programs()
        left = len(kept_programs())
        if as_json:
            print_json({"folder": place, "cleared": gone, "left": left})
        else:
            say(
                f"threw away {gone} program{'' if gone == 1 else 's'}" + (f"; {left} cannot be" if left else ""),
                quiet,
            )
        return
    programs = kept_programs()
    reason = why_not_kept()
    size = sum(p.bytes for p in programs)
    if as_json:
        entries = [
            {"key": p.key, "model": p.name or None, "bytes": p.bytes, "seconds_since_use": round(p.used)}
            for p in programs
        ]
        print_json(
            {
                "folder": place,
                "bytes": size,
                "most_bytes": MOST_BYTES,
                "not_used_because": reason,
                "programs": entries,
            }
        )
        return
    if programs:
        from pgmlang.display import DisplayTable, column

        columns = (
            column("program", [p.key for p in programs], is_head=True),
            column("model", [p.name or "(shared functions)" for p in programs]),
            column("kB", [f"{p.bytes / 1000:,.0f}" for p in programs]),
            column("last used", [f"{_age(p.used)} ago" for p in programs]),
        )
        print_result(DisplayTable(columns))
    number = f"{len(programs)} program{'' if len(programs) == 1 else 's'}"
    click.echo(
        f"{number}, {size / 1e6:,.1f} MB of at most {MOST_BYTES / 1e6:,.0f}" + (f", in {place}" if place else "")
    )
    if reason is not None:
        say(f"note: compiled programs are not kept: {reason}", quiet)


def _age(seconds: float) -> str:
    """A time span in its largest unit."""
    return next((f"{seconds / unit:.0f} {name}" for unit, name in UNITS if seconds >= unit), "0 s")
