"""The Typer application with all commands, and the exit code and message that a command ends with."""

from __future__ import annotations

import errno
from importlib import import_module
from typing import Any

import typer

from tl.cli.printing.mistakes import with_code
from tl.errors import TLError

# The file of each command in this folder, in the order in which `tl --help` shows the commands.
COMMAND_FILES = (
    *("finetune", "evaluate", "predict", "extract_features"),
    *("list_", "show", "check", "copy", "explain"),
    *("runs", "replay", "reproduce", "verify_resume", "cache", "doctor"),
)
# Errors of the file system that a path from the user may cause: forbidden, a name too long, links in a circle.
_PATH_ERRORS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
# Typer brings a copy of click, or depends on click: the base class is taken from whichever it uses.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="tl",
    help="Transfer learning from YAML recipes: images and text, one laptop or many GPUs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for file in COMMAND_FILES:
    import_module(f"tl.cli.{file}").register(app)


def run_command() -> tuple[int, str]:
    """Run the command of sys.argv: its exit code, and the message for standard error ('' where there is none)."""
    try:
        code = app(standalone_mode=False)
    except TLError as error:
        return error.exit_code, "\n".join(map(with_code, error.mistakes))
    except UsageError as error:
        return 2, _usage_message(error)
    except BrokenPipeError:
        return 0, ""
    except OSError as error:
        if error.errno not in _PATH_ERRORS or error.filename is None:
            raise
        return 2, f"'{error.filename}': {error.strerror}: give a path that can be read here."
    except (KeyboardInterrupt, typer.Abort):
        return 130, ""
    except RuntimeError as error:
        from tl.inputs.workers import lost_worker

        if (message := lost_worker(error)) is None:
            raise
        return 1, message
    return (code if isinstance(code, int) else 0), ""


def _usage_message(error: Any) -> str:
    """What is wrong with the command line, in one line, and where help is; '' where Typer has shown the help."""
    path = error.ctx.command_path if error.ctx is not None else "tl"
    message = error.format_message()
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See {path} --help." if message else ""
