"""Settings for `gunicorn -c deploy/intake.conf.py wsgi:intake`: thousands of slow or silent connections must not keep one source out."""

from gevent import monkey

monkey.patch_all()  # before anything else is imported, or a lock that was made earlier stops the whole process

import resource  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from serving import *  # noqa: E402, F403 - gunicorn reads the names of this file
from slow import PatientWorker  # noqa: E402

worker_class = PatientWorker
worker_connections = 10_000
backlog = 2048
keepalive = 0  # one request a connection: a connection has one deadline (`slow`)
timeout = 60

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
