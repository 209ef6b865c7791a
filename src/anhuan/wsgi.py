"""The site as a web server sees it: `application` for any WSGI server, `serve` with gunicorn on this machine.

Knows how many threads answer, that each has a warm connection before anybody comes, and who stops whom. Does not know any page.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError
from typing import Any

from django.core.wsgi import get_wsgi_application
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from anhuan import settings

THREADS = 8
_WARM_WITHIN = 30
"""Seconds a thread waits for the others to be warm, too."""

logger = logging.getLogger(__name__)

settings.start()
application = get_wsgi_application()


class _Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker whose threads are all there, each with a connection that knows its questions, before it answers anybody."""

    def get_thread_pool(self) -> ThreadPoolExecutor:
        pool: ThreadPoolExecutor = super().get_thread_pool()
        together = Barrier(self.cfg.threads)
        for _ in range(self.cfg.threads):
            pool.submit(_warm, together)
        return pool


def _warm(together: Barrier) -> None:
    """What a thread does first. None is done before all have begun, so that no thread does it twice; a cold one answers as well."""
    from anhuan import clock
    from anhuan.acts import worklist

    try:
        worklist.warm(at=clock.now())
    except Exception:  # the site answers all the same, and says itself what is wrong with the database
        logger.exception("a thread of the site begins with a cold connection")
    try:
        together.wait(_WARM_WITHIN)
    except BrokenBarrierError:
        logger.warning("not every thread of the site is warm")


class _Site(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn configured from Python instead of from a command line."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return application


def serve(*, host: str, port: int, ready: Callable[[int], None], workers: int = 1) -> None:
    """Serve until SIGTERM or Ctrl-C. Each worker is a fork with eight threads; every thread keeps one connection.

    `ready` is told the port once it is ours and whoever asks is answered; 0 leaves it to the system which one.
    Workers start afresh now and then, so that nothing slowly leaked lives for long.
    """
    from django.db import connections

    connections.close_all()  # a connection must not be shared with forks
    options = {
        "bind": f"{host}:{port}",
        "workers": workers,
        "worker_class": _Worker,
        "threads": THREADS,
        "timeout": 30,
        "graceful_timeout": 10,
        "max_requests": 20_000,
        "max_requests_jitter": 2_000,
        "proc_name": "anhuan",
        "loglevel": "warning",
        "control_socket_disable": True,
        "when_ready": lambda site: ready(site.LISTENERS[0].getsockname()[1]),
    }
    _Site(options).run()
