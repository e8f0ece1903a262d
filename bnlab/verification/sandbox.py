"""A user's class is verified in a process of its own, see bnlab/user_class/sandbox.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnlab.user_class import confined
from bnlab.verification.checks import Verdict


def verify_confined(target: str, scheme: str, seconds: float, kwargs: Mapping[str, Any]) -> Verdict:
    """Verifies `my_file.py:MyNorm`, made with `kwargs`, in another process; what it prints is dropped.

    Raises:
        UserError: as `verdict.verify_class`; it takes longer than `seconds`, crashes, or ends the process.
    """
    if_slow = "; if it is only slow, raise --time-limit"
    return Verdict.from_plain(
        confined(
            "bnlab.verification.verdict:verify_class_plainly", target, scheme, kwargs, seconds=seconds, if_slow=if_slow
        )
    )
