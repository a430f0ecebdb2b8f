"""The options that say on which machines sites are run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from causalsig.execution.engines import Cluster


def cluster_of(
    engine: str, scheduler: str | None, ca: Path | None, certificate: Path | None, key: Path | None
) -> Cluster | None:
    """Give the scheduler that was named; None for this machine. What does not fit is a wrong option."""
    named = (scheduler, ca, certificate, key)
    if engine == "local":
        if any(one is not None for one in named):
            raise typer.BadParameter("--scheduler and --tls-... go with --engine dask.")
        return None
    if scheduler is None:
        raise typer.BadParameter("--engine dask needs the address of its --scheduler, tls://HOST:PORT.")
    if any(one is not None for one in named[1:]) and None in named[1:]:
        raise typer.BadParameter("name --tls-ca, --tls-cert and --tls-key together, or none of them.")
    for option, path in (("--tls-ca", ca), ("--tls-cert", certificate), ("--tls-key", key)):
        if path is not None and not path.is_file():
            raise typer.BadParameter(f"{option} is no file that can be read.")
    from causalsig.execution.engines import Cluster

    return Cluster(scheduler, ca, certificate, key)
