"""The site as a web server sees it: `application` for any WSGI server, `serve` with gunicorn on this machine.

Knows how many threads answer and who stops whom. Does not know any page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.wsgi import get_wsgi_application
from gunicorn.app.base import BaseApplication

from anhuan import settings

THREADS = 8

settings.start()
application = get_wsgi_application()


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
        "worker_class": "gthread",
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
