"""Run a command again and again: `python deploy/container/every.py SECONDS COMMAND …`; a timer where there is neither cron nor a shell.

A run that fails says so by itself, and the next one is tried as usual. SIGTERM ends the waiting at once; a run is finished first.
"""

import select
import signal
import socket
import subprocess
import sys


def main(seconds: float, command: list[str]) -> None:
    """Run the command, wait, and so on, until somebody asks for the end."""
    asked, asking = socket.socketpair()
    asking.setblocking(False)  # noqa: FBT003 - its only argument
    signal.set_wakeup_fd(asking.fileno())  # unlike a flag, this cannot be missed between looking and waiting
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda _number, _frame: None)
    ended = False
    while not ended:
        subprocess.run(command, check=False)  # noqa: S603 - the words of compose.yaml
        ended = bool(select.select([asked], [], [], seconds)[0])


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
