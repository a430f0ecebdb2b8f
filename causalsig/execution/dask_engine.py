"""Sites on the nodes of a dask scheduler, which carries a line of JSON each way.

What stands in it: :mod:`causalsig.execution.node`.

Only TLS is spoken: whoever a scheduler lets in can run any program as the user of its nodes.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from causalsig.errors import SourceError
from causalsig.execution.engines import Cluster, Engine, Lost, not_ready
from causalsig.execution.node import (
    ENDED,
    NOT_BEGUN,
    OTHER_FILES,
    READY,
    TOKEN,
    Answer,
    Place,
    ended_of,
    look,
    outcome_digest,
    run_site,
    told_job,
    told_place,
)
from causalsig.execution.processes import POLL_SECONDS
from causalsig.failures import keep_record, masked_record
from causalsig.release.files import write_atomic

if TYPE_CHECKING:
    from causalsig.execution.processes import Ended, NotStarted
    from causalsig.execution.run import RunRequest
    from causalsig.execution.worker import Job

CONNECT_SECONDS: Final = 30.0
NODES_SECONDS: Final = 60.0
"""Without any node for so long, what is left of a run is given up."""
LOOK_SECONDS: Final = 5.0
"""Between two looks at whether there are nodes."""
SEEN_SECONDS: Final = 90.0
"""A network file system shows a file that another machine wrote when its cache has aged: a minute."""
ANSWER_SECONDS: Final = 10.0
"""For the line of a task that ended; when its node went meanwhile, another makes it and we look again."""


@contextmanager
def dask_engine(request: RunRequest, cluster: Cluster) -> Iterator[Engine]:
    """Connect to a scheduler and see that every node is ready; both are let go after.

    Raises
    ------
    SourceError
        ``run-engine-missing`` (dask is not installed), ``run-scheduler-not-encrypted``,
        ``run-scheduler-unreachable`` (also: it does not accept our certificate), ``run-no-nodes``, or the
        code for which a node is not ready.
    """
    from causalsig.execution.site import lock_digest

    token = request.out / TOKEN
    with _client(cluster) as client:
        try:
            content = secrets.token_hex(32).encode()
            write_atomic(token, content, force=True, mode=0o600)
            seen = hashlib.sha256(content).hexdigest()
            place = Place(str(request.out.resolve()), seen, lock_digest(), request.isolate)
            threads, alone = _ready(client, place)
            workers = request.workers or threads
            yield Engine(
                lambda jobs: _work(client, place, request, jobs, workers),
                workers,
                alone,
                {"engine": "dask", "dask": _version()},
            )
        finally:
            with suppress(OSError):
                token.unlink(missing_ok=True)


@contextmanager
def _client(cluster: Cluster) -> Iterator[Any]:
    distributed = _distributed()
    names = ("tls_ca_file", "tls_client_cert", "tls_client_key")
    given = zip(names, (cluster.ca, cluster.certificate, cluster.key), strict=True)
    named = {name: str(path.resolve()) for name, path in given if path is not None}
    security = distributed.Security(require_encryption=True, **named)
    if not cluster.scheduler.startswith("tls://") or not (security.tls_ca_file and security.tls_client_cert):
        raise SourceError(
            "run-scheduler-not-encrypted",
            expected="a tls:// address, an authority and a certificate",
            found="a connection that would not be encrypted on both sides",
            mend="Start the scheduler with TLS and name --tls-ca, --tls-cert and --tls-key, or set them for "
            "dask.",
            where="--scheduler",
        )
    try:
        client = distributed.Client(
            cluster.scheduler, security=security, timeout=CONNECT_SECONDS, set_as_default=False
        )
    except Exception as error:
        raise _unreachable(error) from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=CONNECT_SECONDS)


def _distributed() -> Any:
    """Import dask's scheduler; what it would log to the terminal goes the way of all that is printed."""
    try:
        import distributed
    except ImportError:
        raise SourceError(
            "run-engine-missing",
            expected="dask.distributed, which carries sites to nodes",
            found="that it is not installed",
            mend="Install it with: pip install 'causalsig[dask]', here and on every node.",
            where="--engine dask",
        ) from None
    for name in ("distributed", "distributed.client", "tornado", "tornado.application"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    return distributed


def _version() -> str:
    from importlib.metadata import version

    return version("distributed")


def _unreachable(error: BaseException) -> SourceError:
    # An OSError of reading a key tells its path and no more, but what else may come nobody knows.
    with suppress(OSError):
        keep_record(masked_record(error))
    return SourceError(
        "run-scheduler-unreachable",
        expected="a scheduler that answers and accepts the certificate",
        found="none within half a minute",
        mend="Check its address, that it runs, that --tls-cert was made by the authority of --tls-ca, and "
        "the version of dask on both sides.",
        where="--scheduler",
    )


def _ready(client: Any, place: Place) -> tuple[int, bool]:
    """Give the threads of all nodes, and whether each runs sites in rooms of their own.

    Raises
    ------
    SourceError
        ``run-no-nodes``, or the code of the first node that is not ready.
    """
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        threads = sum(client.nthreads().values())
        said = client.run(look, told_place(place), on_error="return")
    except Exception as error:
        with suppress(OSError):
            keep_record(masked_record(error))
        threads, said = 0, {}
    if not said:
        raise SourceError(
            "run-no-nodes",
            expected="a scheduler with nodes",
            found="none within half a minute",
            mend="Start `dask worker` on the nodes, with TLS and the address of the scheduler.",
            where="--scheduler",
        )
    answers = [Answer.read(one) for one in said.values()]
    for answer in answers:
        if answer.code != READY:
            raise not_ready(answer.code)
    return threads, all(answer.isolated for answer in answers)


def _work(
    client: Any, place: Place, request: RunRequest, jobs: Sequence[Job], workers: int
) -> Iterator[Ended | NotStarted | Lost]:
    """Keep so many sites under way on the nodes; yield how each ended as it ends.

    A site whose node goes away is handed to another by the scheduler, some times; then it counts as lost.
    """
    waiting = list(jobs)
    running: dict[Any, Job] = {}
    seen = looked = time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.pop(0)
                key = f"site-{job.site}-{secrets.token_hex(8)}"
                line = told_job(place, job, request.limits)
                running[client.submit(run_site, line, key=key, pure=False)] = job
            for future in [future for future in running if future.done()]:
                ended = _ended(future, running[future])
                if ended is not None:
                    del running[future]
                    yield ended
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                seen = looked if _any_node(client) else seen
                if looked - seen > NODES_SECONDS:
                    yield from (Lost(job, "site-node-lost") for job in [*running.values(), *waiting])
                    return
            time.sleep(POLL_SECONDS)
    finally:
        with suppress(Exception):
            client.cancel(list(running), force=True)


def _any_node(client: Any) -> bool:
    try:
        return bool(client.nthreads())
    except Exception:
        return False


def _ended(future: Any, job: Job) -> Ended | NotStarted | Lost | None:
    """Say how a task that is over ended; None when its line went with its node and is made again."""
    if future.status != "finished":
        # Why is told by an exception of dask's, which is not looked at.
        return Lost(job, "site-node-lost")
    try:
        answer = Answer.read(future.result(timeout=ANSWER_SECONDS))
    except Exception:
        return None
    if answer.code not in (ENDED, NOT_BEGUN):
        return Lost(job, answer.code)
    return ended_of(job, answer) if _seen(job, answer) else Lost(job, OTHER_FILES)


def _seen(job: Job, answer: Answer) -> bool:
    """Wait until the outcome that the node wrote is the one that stands here."""
    until = time.monotonic() + SEEN_SECONDS
    while True:
        with suppress(OSError):
            if answer.code == NOT_BEGUN or outcome_digest(job) == answer.outcome:
                return True
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
