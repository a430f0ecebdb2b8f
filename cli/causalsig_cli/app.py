"""Entry point: finds the commands, and turns errors into a message and an exit code.

Exit codes: 0 done, 1 ran but a check or gate failed, 2 usage, configuration or unreadable data, 3 refused
(nothing may leave), 101 internal error, 130 interrupted with Ctrl-C.
"""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from causalsig.errors import CausalsigError
from causalsig_cli import _failures

INTERRUPTED = 130
# In the order of the work; a command that is not named here comes last, by name.
_ORDER = (
    "demo",
    "simulate",
    "power",
    "study",
    "cohort",
    "site",
    "certify",
    "keys",
    "release",
    "ledger",
    "pool",
    "masked",
    "report",
    "attack",
    "doctor",
    "explain",
)


def command_names() -> list[str]:
    """Return the commands there are, in the order of the work."""
    import causalsig_cli

    found = [module.name for module in pkgutil.iter_modules(causalsig_cli.__path__)]
    names = [name for name in found if not name.startswith("_") and name != "app"]
    return sorted(names, key=_place)


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


class _InOrder(TyperGroup):
    """Lists the commands in the order of the work; Typer itself puts those with sub-commands last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands in the order of the help."""
        return sorted(self.commands, key=_place)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a file that ends too soon is an error nobody foresaw, and no wish of the user."""
        try:
            return super().invoke(ctx)
        except EOFError as error:
            raise RuntimeError from error  # Typer would say "Aborted!" and end as a failed check does


def build_app(arguments: Sequence[str] = ()) -> typer.Typer:
    """Build the app; when `arguments` begin with a command, import that command only."""
    names = command_names()
    if arguments and arguments[0] in names:
        names = [arguments[0]]
    app = typer.Typer(
        name="causalsig",
        cls=_InOrder,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
    )
    app.callback()(_causalsig)
    for name in names:
        _register(app, name, import_module(f"causalsig_cli.{name}"))
    return app


def _register(app: typer.Typer, name: str, module: ModuleType) -> None:
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name)
    else:
        app.command(name)(module.command)


def _show_version(wanted: bool) -> None:
    if wanted:
        from causalsig import __version__

        typer.echo(__version__)
        raise typer.Exit


def _causalsig(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Estimate whether early help with payment arrears works: inside each municipality, pooled over all."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `causalsig` and exit.

    An error raised on purpose shows its message. Any other exception shows a status code only, since its text
    may hold a cell value; where it happened goes to a local file with every value masked.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    with _failures.nothing_said():
        try:
            build_app(arguments)(args=arguments, prog_name="causalsig")
        except CausalsigError as error:
            typer.echo(f"causalsig: {error.message}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except SystemExit as end:
            if end.code is not None and not isinstance(end.code, int):
                _unforeseen(end)  # a text, which Python would print
            raise
        except BaseException as error:
            _unforeseen(error)


def _unforeseen(error: BaseException) -> NoReturn:
    typer.echo(_failures.report(error), err=True)
    sys.exit(_failures.exit_code(error))


if __name__ == "__main__":
    main()
