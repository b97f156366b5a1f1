"""Configuration: TOML files and the environment, typed. The only reader of os.environ."""

from aisopod.config.load import find_files, load_config
from aisopod.config.resolve import (
    base_url_for,
    credential_for,
    has_credential,
    options_for,
    proxy_for,
    timeouts_for,
)
from aisopod.config.schema import Config, NetworkConfig, ProviderConfig, TimeoutConfig

__all__ = [
    "Config",
    "NetworkConfig",
    "ProviderConfig",
    "TimeoutConfig",
    "base_url_for",
    "credential_for",
    "find_files",
    "has_credential",
    "load_config",
    "options_for",
    "proxy_for",
    "timeouts_for",
]
