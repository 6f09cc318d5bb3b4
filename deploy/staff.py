"""Desk and audit: few people, each asking for much at once; threads, so that a passphrase being stretched stops nobody."""

worker_class = "gthread"
threads = 8
