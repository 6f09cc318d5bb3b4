"""gunicorn as it serves every face: no access log, no control socket, no Server line, no forged proxy headers (measured: M17)."""

from gunicorn.http import wsgi

worker_class = "gthread"
workers = 1
threads = 8
preload_app = True  # workers share the hourly form keys and the host's in-memory secret
accesslog = None
loglevel = "warning"
control_socket_disable = True
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
limit_request_fields = 40
limit_request_field_size = 4096
limit_request_line = 2048
timeout = 60
graceful_timeout = 10

_default_headers = wsgi.Response.default_headers


def _without_server(self: wsgi.Response) -> list[str]:
    return [line for line in _default_headers(self) if not line.lower().startswith("server:")]


wsgi.Response.default_headers = _without_server
