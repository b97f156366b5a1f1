"""Configuration: TOML files and the environment, typed. The only reader of os.environ."""

from aisopod.codecs.rules import Rule
from aisopod.config.environment import wants_colour, wants_traceback
from aisopod.config.load import find_files, load_config, user_file
from aisopod.config.network import proxy_for
from aisopod.config.resolve import (
    base_url_for,
    credential_for,
    has_credential,
    logins_folder,
    options_for,
    settings_for,
    timeouts_for,
    usable_url,
)
from aisopod.config.schema import Config, NetworkConfig, ProviderConfig, TimeoutConfig
from aisopod.config.show import exposed_files, secrets_of, to_toml

__all__ = [
    "Config",
    "NetworkConfig",
    "ProviderConfig",
    "Rule",
    "TimeoutConfig",
    "base_url_for",
    "credential_for",
    "exposed_files",
    "find_files",
    "has_credential",
    "load_config",
    "logins_folder",
    "options_for",
    "proxy_for",
    "secrets_of",
    "settings_for",
    "timeouts_for",
    "to_toml",
    "usable_url",
    "user_file",
    "wants_colour",
    "wants_traceback",
]
