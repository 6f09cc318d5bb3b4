"""The exact headers of each face (docs/threat-model.md); a test compares every answer with them."""

from typing import Final

from flask import Response, request

from app.web.deps import deps

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src 'none'; sandbox allow-forms allow-same-origin"
)
_FEATURES: Final = (
    "camera=(), microphone=(), geolocation=(), display-capture=(), clipboard-read=(), usb=(), serial=(), hid=(), "
    "bluetooth=(), payment=(), publickey-credentials-get=(), accelerometer=(), gyroscope=(), browsing-topics=()"
)
HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "same-origin",  # no-referrer makes a form send `Origin: null`
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": _FEATURES,
    "Cache-Control": "no-store",
    "X-DNS-Prefetch-Control": "off",
    "X-Robots-Tag": "noindex, noarchive",
}
_AUDIT: Final = "/audit/"
DOWNLOADS: Final = f"{_POLICY} allow-downloads"  # the auditor's table; nowhere else is there anything to download
HSTS: Final = "max-age=63072000; includeSubDomains; preload"
PAGE_SIZES: Final = tuple(size * 1024 for size in (16, 32, 64, 128, 256, 512, 1024))


def add_headers(response: Response) -> Response:
    """Set the headers of every answer, errors included."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    if request.path.startswith(_AUDIT):
        response.headers["Content-Security-Policy"] = DOWNLOADS
    if request.is_secure and not deps().config.onion:
        response.headers["Strict-Transport-Security"] = HSTS
    for name in ("Server", "ETag", "Last-Modified", "Vary"):
        response.headers.pop(name, None)
    return response


def pad_page(response: Response) -> Response:
    """Fill a public page up to one of a few sizes, so that its length does not tell which page it is (T2)."""
    if response.mimetype != "text/html" or response.is_streamed:
        return response
    body = response.get_data()
    room = next((size for size in PAGE_SIZES if size >= len(body) + len(_OPEN + _CLOSE)), None)
    if room is not None:
        response.set_data(body + _OPEN + b"." * (room - len(body) - len(_OPEN + _CLOSE)) + _CLOSE)
    return response


_OPEN: Final = b"<!--"
_CLOSE: Final = b"-->"
