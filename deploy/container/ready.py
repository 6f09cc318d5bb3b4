"""Whether a desk or audit process is ready: `python deploy/container/ready.py SOCKET`; exit status 0 when it is. For a health check."""

import http.client
import socket
import sys

_SECONDS = 5


class _Local(http.client.HTTPConnection):
    def connect(self) -> None:
        """Connect to the socket whose path stands where a host would."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self.host)


def main(path: str) -> int:
    """Return the exit status."""
    connection = _Local(path)
    try:
        connection.request("GET", "/-/ready", headers={"Host": "localhost"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {type(error).__name__}")
        return 1
    print(status)
    return int(status != http.client.OK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
