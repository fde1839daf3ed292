"""The command line: commands, flags and exit codes. Everything heavy is imported inside the commands."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import typer

from tl.cli import answer, recipes, runs, train
from tl.cli.terminal import say
from tl.errors import TLError

# What the file system answers to a path that a user may give: forbidden, a name too long, links in a circle.
_REFUSED = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # of the click that this typer brings or depends on

app = typer.Typer(
    name="tl",
    help="Transfer learning from YAML recipes: images and text, one laptop or many GPUs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (train, answer, recipes, runs):
    module.register(app)


def main() -> None:
    """Exit codes: 0 done, 1 a bug, 2 the user's mistake, 3 a gate that failed, 130/142/143 stopped, can go on."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may be no text, terminals may lack letters
    if "TORCHELASTIC_RUN_ID" in os.environ:
        from tl.cli import launched
        from tl.launch import elastic

        if elastic():
            launched.main()
    code, words = ended()
    if words:
        say(words, file=sys.stderr)
    sys.exit(code)


def ended() -> tuple[int, str]:
    """Run the command: its exit code, and what is to be said of it."""
    try:
        code = app(standalone_mode=False)
    except TLError as error:
        return error.exit_code, str(error)
    except UsageError as error:
        return 2, _spoken(error)
    except BrokenPipeError:
        return 0, ""
    except OSError as error:
        if error.errno not in _REFUSED or error.filename is None:
            raise
        return 2, f"'{error.filename}': {error.strerror}: give a path that can be read here."
    except (KeyboardInterrupt, typer.Abort):
        return 130, ""
    except RuntimeError as error:
        from tl.workers import lost

        if (said := lost(error)) is None:
            raise
        return 1, said
    return (code if isinstance(code, int) else 0), ""


def _spoken(error: Any) -> str:
    """What is wrong with the command line, in one line, and where help is; nothing where help has been shown."""
    path = error.ctx.command_path if error.ctx is not None else "tl"
    message = error.format_message()
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See {path} --help." if message else ""


if __name__ == "__main__":
    main()
