"""The Typer application with all commands, and the exit code and message that a command ends with."""

from __future__ import annotations

import errno
import gc
import os
import sys
import traceback
from importlib import import_module
from typing import Annotated, Any

import typer

from tl.boundary.foreign import machine_fault
from tl.cli.printing.asides import keeping_asides
from tl.cli.printing.mistakes import with_code
from tl.errors import MachineFault, TLError

# The file of each command in this folder, in the order in which `tl --help` shows the commands.
COMMAND_FILES = (
    *("finetune", "evaluate", "predict", "extract_features"),
    *("list_", "show", "check", "copy", "explain"),
    *("runs", "replay", "reproduce", "verify_resume", "cache", "doctor"),
)
# Errors of the file system that a path from the user may cause: forbidden, a name too long, links in a circle.
_PATH_ERRORS = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
_DEBUG = "--debug"
# New objects between two garbage collections, and collections between two deeper ones. Importing torch and Transformers
# makes a million objects that stay; Python's own 700, 10, 10 would look through them again and again.
_GARBAGE = (50_000, 20, 50)
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


@app.callback()
def _for_all_commands(
    debug: Annotated[bool, typer.Option(_DEBUG, help="Before an error's sentence, show what raised it.")] = False,
) -> None:
    """`--debug` may stand anywhere, so `run_command` takes it from the command line; here it is part of `--help`."""


def run_command() -> tuple[int, str]:
    """Run the command of sys.argv: its exit code, and the message for standard error ('' where there is none)."""
    gc.set_threshold(*_GARBAGE)
    debug, arguments = _without_debug(sys.argv[1:])
    try:
        os.getcwd()
    except FileNotFoundError:
        return 2, "The working folder was removed: change to another one, with cd, and call tl again."
    try:
        with keeping_asides(debug) as asides:
            code = app(arguments, standalone_mode=False)
            sys.stdout.flush()
    except TLError as error:
        return error.exit_code, _trace(error, debug) + "\n".join(map(with_code, error.mistakes))
    except UsageError as error:
        return 2, _usage_message(error)
    except BrokenPipeError:
        return 0, ""
    except (KeyboardInterrupt, typer.Abort):
        return 130, ""
    except (OSError, RuntimeError, ImportError) as error:
        found = _of_the_machine(error, asides.fault)
        if found is None:
            raise
        return found[0], _trace(error, debug) + found[1]
    except (MemoryError, SystemError) as error:
        fault = machine_fault(error)
        if fault is None:
            raise
        return fault.exit_code, f"{_trace(error, debug)}{fault}"
    return (code if isinstance(code, int) else 0), ""


def _without_debug(arguments: list[str]) -> tuple[bool, list[str]]:
    """Whether `--debug` stands among the arguments before a `--`, and the arguments without it."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    kept = [argument for argument in options if argument != _DEBUG]
    return len(kept) < len(options), kept + arguments[len(options) :]


def _trace(error: BaseException, debug: bool) -> str:
    return "".join(traceback.format_exception(error)) if debug else ""


def _of_the_machine(error: OSError | RuntimeError | ImportError, aside: MachineFault | None) -> tuple[int, str] | None:
    """The exit code and the sentence for an error that is no bug: a path, a lost worker, or a limit of the machine.

    `aside` is what the machine refused to a thread: the error may come of that.
    """
    if isinstance(error, OSError) and error.errno in _PATH_ERRORS and error.filename is not None:
        return 2, f"'{error.filename}': {error.strerror}: give a path that can be read here."
    if isinstance(error, RuntimeError):
        from tl.inputs.workers import lost_worker

        if (message := lost_worker(error)) is not None:
            return 1, message
    fault = machine_fault(error) or aside
    return None if fault is None else (fault.exit_code, str(fault))


def _usage_message(error: Any) -> str:
    """What is wrong with the command line, in one line, and where help is; '' where Typer has shown the help."""
    path = error.ctx.command_path if error.ctx is not None else "tl"
    message = error.format_message()
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See {path} --help." if message else ""
