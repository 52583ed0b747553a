"""Who visits: a name that stays the same after a reload, without anything being asked."""

import hashlib
import secrets

import streamlit as st


def name() -> str:
    """A digest of the browser's cross-site token; without one, a name for this session."""
    cookie = st.context.cookies.get("_streamlit_xsrf", "")
    token = unmasked(cookie) if isinstance(cookie, str) else b""
    if token:
        return hashlib.sha256(token).hexdigest()[:24]
    return st.session_state.setdefault("visitor", secrets.token_hex(12))


def unmasked(cookie: str) -> bytes:
    """The token of a cookie `2|mask|masked token|time`, which is masked anew whenever it is set; empty if unreadable."""
    parts = cookie.strip('"').split("|")
    try:
        mask, masked = (bytes.fromhex(part) for part in parts[1:3])
    except ValueError:
        return b""
    if parts[0] != "2" or len(mask) != 4 or len(masked) < 16:
        return b""
    return bytes(b ^ mask[i % 4] for i, b in enumerate(masked))
