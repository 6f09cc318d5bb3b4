# One image for every face and every command; what it does is chosen by its command (compose.yaml, docs/deploy.md).
# A tag moves: for a release give the base by digest, --build-arg BASE_IMAGE=debian@sha256:…
ARG BASE_IMAGE=debian:bookworm-slim

# 1. The program and its packages, with compilers of byte code and catalogues
FROM ${BASE_IMAGE} AS build
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv
WORKDIR /srv/paivand
COPY requirements/app.txt requirements/app.txt
# wheels only: nothing of a package runs while it is installed
RUN python3 -m venv .venv \
 && .venv/bin/python -m pip install -q --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/app.txt
COPY app app
COPY migrations migrations
COPY deploy/serving.py deploy/slow.py deploy/staff.py deploy/intake.conf.py deploy/desk.conf.py deploy/audit.conf.py deploy/
COPY deploy/container/ready.py deploy/container/every.py deploy/container/
COPY config.py wsgi.py ./
# unchecked: in an image that is never written, byte code needs no look at its source
RUN .venv/bin/pybabel -q compile -d app/i18n/catalogues \
 && .venv/bin/python -m pip uninstall -q -y pip setuptools \
 && rm -rf requirements \
 && find .venv/bin -mindepth 1 ! -name 'python*' ! -name gunicorn -delete \
 && python3 -m compileall -q -f --invalidation-mode unchecked-hash app migrations deploy config.py wsgi.py .venv/lib

# 2. The system below it: Python and its libraries, users by number, the four folders that may be written
FROM ${BASE_IMAGE} AS system
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 \
 && groupadd --gid 10000 paivand \
 && useradd --uid 10001 --gid paivand --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin intake \
 && useradd --uid 10002 --gid paivand --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin desk \
 && useradd --uid 10003 --gid paivand --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin audit \
 && useradd --uid 10004 --gid paivand --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin operator \
 && install -d -m 2770 -g paivand /run/paivand /srv/state /srv/data \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
# Last of all, because it takes its own tools away: no shell, no package manager, no program but Python.
# /var/lib/dpkg/status stays: it tells a scanner which versions of Debian's packages are here.
RUN find /var/lib/dpkg -mindepth 1 ! -name status -delete \
 ; rm -rf /var/lib/apt /var/cache /var/log/* /var/backups /tmp/* /root/.cache /etc/apt /etc/cron* /etc/shadow- /etc/passwd- /etc/group- /etc/gshadow- \
      /usr/lib/apt /usr/lib/dpkg /usr/lib/systemd /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /usr/share/perl5 /usr/share/perl /usr/lib/*/perl* \
 ; find /usr/bin /usr/sbin /usr/libexec /usr/local -mindepth 1 ! -type d ! -name 'python3*' -delete

FROM scratch
ARG VERSION=0
LABEL org.opencontainers.image.title="Paivand" \
      org.opencontainers.image.description="Secure intake and case tracking for reprisals against exiles and their relatives" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=system / /
COPY --from=build /srv/paivand /srv/paivand
WORKDIR /srv/paivand
ENV PATH=/srv/paivand/.venv/bin:/usr/bin HOME=/nonexistent LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# the one with the least rights; compose.yaml gives each service its own
USER 10001:10000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "app", "--help"]
