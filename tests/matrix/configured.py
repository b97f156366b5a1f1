"""Every provider at the simulator."""

from aisopod import Config, FailoverConfig, ProviderConfig, Secret
from aisopod.simulator import Simulator
from matrix.cases import Target

__all__ = ["AWS", "KEY", "configured"]

KEY = "matrix-key-0123456789"
AWS = {"AKIAMATRIX": "matrix-secret-0123456789"}


def configured(target: Target, simulator: Simulator) -> Config:
    url = simulator.base_url if target.wire == "azure" else simulator.url_for(target.wire)
    by_key = not target.provider.startswith("bedrock") and target.provider != "vertex"
    settings = ProviderConfig(
        base_url=url,
        api_key=Secret(KEY) if by_key else None,
        token=Secret(KEY) if target.provider == "vertex" else None,
        options=target.options,
    )
    # What one answer means is asked here; what is made of it, in tests/failover.
    return Config(providers={target.provider: settings}, failover=FailoverConfig(max_wait=0))
