"""A user's class is verified in a process of its own, see bnlab/user_class/sandbox.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bnlab.user_class import confined
from bnlab.verification.checks import Verdict
from bnlab.verification.conventions import Declared


def verify_confined(target: str, scheme: str, seconds: float, kwargs: Mapping[str, Any], declared: Declared) -> Verdict:
    """Verifies `my_file.py:MyNorm`, made with `kwargs`, in another process; what it prints is dropped.

    Raises:
        UserError: as `verdict.verify_target`; it takes longer than `seconds`, crashes, or ends the process.
    """
    if_slow = "; if it is only slow, raise --time-limit"
    function, said = "bnlab.verification.verdict:verify_target_plainly", (target, scheme, kwargs, declared.plain())
    return Verdict.from_plain(confined(function, *said, seconds=seconds, if_slow=if_slow))
