"""Configuration: TOML files and the environment, typed. The only reader of os.environ."""

from aisopod.codecs.rules import Rule
from aisopod.config.circles import likes_for, likes_of
from aisopod.config.environment import wants_colour, wants_traceback
from aisopod.config.hosts import find_host, usable_providers
from aisopod.config.load import (
    credentials_file,
    find_files,
    load_config,
    user_file,
    with_stored,
)
from aisopod.config.network import proxy_for
from aisopod.config.profiles import (
    Profile,
    fingerprint,
    has_profile,
    profiles_for,
    strangers_in_order,
)
from aisopod.config.resolve import (
    base_url_for,
    cache_folder,
    credential_for,
    has_credential,
    logins_folder,
    options_for,
    sendable,
    sendable_headers,
    settings_for,
    state_folder,
    timeouts_for,
    usable_state,
    usable_url,
)
from aisopod.config.schema import (
    CatalogueConfig,
    Config,
    CooldownConfig,
    FailoverConfig,
    FetchConfig,
    ModelConfig,
    NetworkConfig,
    NormaliseConfig,
    PriceConfig,
    ProfileConfig,
    ProviderConfig,
    TimeoutConfig,
    UsageConfig,
)
from aisopod.config.secrets import file_stamp
from aisopod.config.show import exposed_files, secrets_of, to_toml

__all__ = [
    "CatalogueConfig",
    "Config",
    "CooldownConfig",
    "FailoverConfig",
    "FetchConfig",
    "ModelConfig",
    "NetworkConfig",
    "NormaliseConfig",
    "PriceConfig",
    "Profile",
    "ProfileConfig",
    "ProviderConfig",
    "Rule",
    "TimeoutConfig",
    "UsageConfig",
    "base_url_for",
    "cache_folder",
    "credential_for",
    "credentials_file",
    "exposed_files",
    "file_stamp",
    "find_files",
    "find_host",
    "fingerprint",
    "has_credential",
    "has_profile",
    "likes_for",
    "likes_of",
    "load_config",
    "logins_folder",
    "options_for",
    "profiles_for",
    "proxy_for",
    "secrets_of",
    "sendable",
    "sendable_headers",
    "settings_for",
    "state_folder",
    "strangers_in_order",
    "timeouts_for",
    "to_toml",
    "usable_providers",
    "usable_state",
    "usable_url",
    "user_file",
    "wants_colour",
    "wants_traceback",
    "with_stored",
]
