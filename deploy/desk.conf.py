"""Settings for `gunicorn -c deploy/desk.conf.py wsgi:desk`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from serving import *  # noqa: F403 - gunicorn reads the names of this file
from staff import *  # noqa: F403 - the same
