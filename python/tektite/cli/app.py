# SPDX-License-Identifier: BSD-3-Clause
"""The typer application: global options, and errors as one line."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from tektite.errors import InternalError, TektiteError

# Wrong usage, which typer itself explains.
_USAGE_ERROR = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")

# What a user can cause and mend; anything else is a defect.
_EXPECTED = (TektiteError, OSError, ValueError, ImportError, MemoryError)


def output() -> Console:
    """Return the console for results."""
    return Console(highlight=False)


def _say(kind: str, style: str, message: str) -> None:
    Console(stderr=True, highlight=False).print(
        Text.assemble((f"{kind}: ", style), message), soft_wrap=True
    )


def warn(message: str) -> None:
    """Print a warning, one line on stderr."""
    _say("warning", "bold yellow", message)


class _Group(TyperGroup):
    """Shows exceptions as one line unless --debug is given."""

    def invoke(self, ctx: Any) -> Any:
        debug = bool(ctx.params.get("debug")) or bool(os.environ.get("TEKTITE_DEBUG"))
        with warnings.catch_warnings():
            if not debug:
                warnings.showwarning = lambda message, *_args, **_kwargs: warn(str(message))
            try:
                return super().invoke(ctx)
            except (typer.Exit, typer.Abort, _USAGE_ERROR):
                raise
            except BrokenPipeError:
                # The reader of a pipe has gone, as in `tektite info x.mlip | head`.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(1) from None
            except Exception as error:
                if debug:
                    raise
                message = str(error) or type(error).__name__
                if not isinstance(error, _EXPECTED) or isinstance(error, InternalError):
                    message = (
                        f"{type(error).__name__}: {message} (a defect of Tektite; "
                        "'tektite --debug ...' shows where: please report it)"
                    )
                _say("error", "bold red", message)
                raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Group,
    help="Machine-learning interatomic potentials: fit, convert, check and run them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        import tektite

        print(f"tektite {tektite.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error arose (a traceback).")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


from tektite.cli import (  # noqa: E402
    data_commands,  # noqa: F401
    doctor,  # noqa: F401
    dynamics_commands,  # noqa: F401
    model_commands,  # noqa: F401
    similarity_commands,  # noqa: F401
)
