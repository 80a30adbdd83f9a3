"""What a browser may do with a page: nothing that the page itself does not need."""

from __future__ import annotations

__all__ = ["policy"]


def policy(*, form_action: str = "'self'", frame_ancestors: str = "'none'") -> str:
    """The content security policy of a page.

    :param form_action: where its forms may be sent.
    :param frame_ancestors: who may show it in a frame.
    """
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'; form-action {form_action}; base-uri 'none'; "
        f"frame-ancestors {frame_ancestors}"
    )
