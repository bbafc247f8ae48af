"""QR codes, as pictures inside a page."""

from __future__ import annotations

import io


def qr_code(text: str) -> str:
    """Return a QR code as SVG without styles, as the content security policy requires."""
    import segno  # loaded when a page shows one

    picture = io.BytesIO()
    segno.make(text, error="m").save(
        picture, kind="svg", xmldecl=False, svgns=False, scale=5, border=4, dark="#000", light="#fff", svgclass="qr"
    )
    return picture.getvalue().decode()
