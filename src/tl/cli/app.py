"""All commands as one Typer application, and how a command ends. Commands import what is heavy inside themselves."""

from __future__ import annotations

import errno
from typing import Any

import typer

from tl.cli import answer, recipes, runs, train
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
        from tl.inputs.workers import lost

        if (said := lost(error)) is None:
            raise
        return 1, said
    return (code if isinstance(code, int) else 0), ""


def _spoken(error: Any) -> str:
    """What is wrong with the command line, in one line, and where help is; nothing where help has been shown."""
    path = error.ctx.command_path if error.ctx is not None else "tl"
    message = error.format_message()
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See {path} --help." if message else ""
