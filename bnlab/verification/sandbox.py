"""Verifies a user's class in a separate process, see bnlab/user_class/sandbox.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnlab.user_class import confined
from bnlab.verification.checks import Verdict
from bnlab.verification.conventions import Declared


def verify_confined(target: str, scheme: str, seconds: float, kwargs: Mapping[str, Any], declared: Declared) -> Verdict:
    """Verifies `my_file.py:MyNorm` in another process; what the class prints is dropped.

    Args:
        target, scheme, kwargs, declared: see `verdict.verify_target`.
        seconds: time limit.

    Raises:
        UserError: as `verdict.verify_target`; the class takes longer than `seconds`, crashes, or ends the process.
    """
    if_slow = "; if it is only slow, raise --time-limit"
    function, said = "bnlab.verification.verdict:verify_target_plainly", (target, scheme, kwargs, declared.plain())
    return Verdict.from_plain(confined(function, *said, seconds=seconds, if_slow=if_slow))
