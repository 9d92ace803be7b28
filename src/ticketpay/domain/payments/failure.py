"""Why a charge failed, in the provider's and the issuer's codes."""

from __future__ import annotations

import attrs

__all__ = ["Failure"]


@attrs.frozen
class Failure:
    """Why a charge failed: the provider's code, the issuer's decline code, a text for people."""

    code: str
    decline_code: str = ""
    message: str = ""
