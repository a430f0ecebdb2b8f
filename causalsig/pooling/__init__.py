"""What all sites say together: lines up released arm means and calls the meta-analysis."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from causalsig.pooling.balance import PooledBalance, pooled_balance
    from causalsig.pooling.falsification import (
        Calibrated,
        Falsification,
        SystematicError,
        negative_controls,
        systematic_error,
    )
    from causalsig.pooling.joint import JointArms, joint_arms
    from causalsig.pooling.pool import pool_arms, pool_of_others
    from causalsig.pooling.robustness import (
        PooledRobustness,
        ScaleErrors,
        pooled_robustness,
        site_robustness,
    )
    from causalsig.pooling.transport import Transported, transport_to
    from causalsig.pooling.waves import PooledWaves, pool_waves

_HOMES = {
    "Calibrated": "falsification",
    "Falsification": "falsification",
    "JointArms": "joint",
    "PooledBalance": "balance",
    "PooledRobustness": "robustness",
    "PooledWaves": "waves",
    "ScaleErrors": "robustness",
    "SystematicError": "falsification",
    "Transported": "transport",
    "joint_arms": "joint",
    "negative_controls": "falsification",
    "pool_arms": "pool",
    "pool_of_others": "pool",
    "pool_waves": "waves",
    "pooled_balance": "balance",
    "pooled_robustness": "robustness",
    "site_robustness": "robustness",
    "systematic_error": "falsification",
    "transport_to": "transport",
}

__all__ = [
    "Calibrated",
    "Falsification",
    "JointArms",
    "PooledBalance",
    "PooledRobustness",
    "PooledWaves",
    "ScaleErrors",
    "SystematicError",
    "Transported",
    "joint_arms",
    "negative_controls",
    "pool_arms",
    "pool_of_others",
    "pool_waves",
    "pooled_balance",
    "pooled_robustness",
    "site_robustness",
    "systematic_error",
    "transport_to",
]


def __getattr__(name: str) -> object:
    """Load the room's modules on first use, so that importing the package stays cheap."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
