"""The `causalsig` command.

One module a command, named after it. A module defines either a function `command` (one command) or a
`typer.Typer` called `app` (a command with sub-commands). It is found by its name; it imports rooms inside the
function that needs them, so that `causalsig --help` stays light. Modules that start with an underscore are
helpers.
"""
