"""What AWS's own settings tell: whether there is a way in, the region, and the addresses."""

import os
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aisopod.errors import AisopodError, ConfigurationError, MissingSettingError
from aisopod.providers.bedrock.credentials import ChainSource, open_session
from aisopod.providers.bedrock.failures import told
from aisopod.providers.bedrock.quiet import quiet
from aisopod.providers.host import CredentialSource, Platform

__all__ = ["platform"]

_WAYS_IN = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_FILES = {
    "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials",
    "AWS_CONFIG_FILE": "~/.aws/config",
}
# https://docs.aws.amazon.com/general/latest/gr/rande.html, and botocore's `partitions`.
_AWS_DOMAINS = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
    ".api.amazonwebservices.eu",
)
# What changes an address, besides the options and the files.
_VARIABLES = (
    "AWS_CONFIG_FILE",
    "AWS_DATA_PATH",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_BEDROCK",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "HOME",
    "USERPROFILE",
)
# A call of each service and its path, to see where a client would send it.
_PROBES: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "bedrock-runtime": ("converse", {"modelId": "m", "messages": []}, "/model/m/converse"),
    "bedrock": ("list_foundation_models", {}, "/foundation-models"),
}


def _present(environ: Mapping[str, str], folder: Path) -> bool:  # noqa: ARG001 - the interface
    """Whether a variable or one of the shared files offers a way in.

    Many machines have those files for other things: they count only where the extra is installed.
    """
    if environ.get("AWS_BEARER_TOKEN_BEDROCK", "").strip():
        return True
    if find_spec("botocore") is None:
        return False
    if any(environ.get(name, "").strip() for name in _WAYS_IN):
        return True
    return any(_file(environ, name).is_file() for name in _FILES)


def _file(environ: Mapping[str, str], variable: str) -> Path:
    name = environ.get(variable, "") or _FILES[variable]
    # Unlike Path.expanduser it never raises.
    return Path(os.path.expanduser(name))  # noqa: PTH111


def _settle(options: Mapping[str, str]) -> Mapping[str, str]:
    """The options with `region`, `base_url` and `listing_url`; those given win.

    Raises:
        MissingSettingError: there is no region.
        ConfigurationError: the region is ill-formed, there is no such profile, or no
            address follows from the settings.
        MissingDependencyError: botocore is needed and not installed.
    """
    settled = {name: value for name, value in options.items() if value}
    given = settled.get("base_url")
    if given and not _of_aws(given):
        # A gateway or a test server: it serves both.
        settled.setdefault("listing_url", given)
    profile = settled.get("profile")
    region = (
        settled.get("region")
        or os.environ.get("AWS_REGION", "").strip()
        or os.environ.get("AWS_DEFAULT_REGION", "").strip()
    )
    if region and {"base_url", "listing_url"} <= settled.keys():
        # The pseudo-regions of FIPS are no regions to sign for.
        region = _well_formed(region).removeprefix("fips-").removesuffix("-fips")
        return settled | {"region": region}
    found = _addresses(
        region or None, profile, _use_fips(settled.get("use_fips", "")), _circumstances()
    )
    return {**found, **settled, "region": found["region"]}


def _of_aws(url: str) -> bool:
    return f".{urlsplit(url).hostname or ''}".endswith(_AWS_DOMAINS)


def _use_fips(text: str) -> bool | None:
    if text.lower() not in {"", "true", "false"}:
        raise ConfigurationError(f"the option use_fips is {text!r}: write true or false")
    return text.lower() == "true" if text else None


def _circumstances() -> tuple[object, ...]:
    """All that addresses hang on, so that they are worked out once."""
    files = []
    for name in _FILES:
        try:
            facts = _file(os.environ, name).stat()
        except OSError:
            files.append((name, 0, 0))
        else:
            files.append((name, facts.st_mtime_ns, facts.st_size))
    return (*(os.environ.get(name) for name in _VARIABLES), *files)


@lru_cache(maxsize=32)
def _addresses(
    region: str | None,
    profile: str | None,
    use_fips: bool | None,  # noqa: FBT001 - positional is what a cache's key is
    circumstances: tuple[object, ...],  # noqa: ARG001 - part of the key
) -> Mapping[str, str]:
    """Region and addresses as botocore's own clients have them."""
    with quiet():
        session = open_session(profile, region)
        region = region or session.get_config_variable("region")
        if not region:
            raise MissingSettingError(
                "Amazon Bedrock needs a region: set the option region (such as us-east-1), or "
                "AWS_REGION or AWS_DEFAULT_REGION, or region in the AWS profile"
                + (f" {profile!r}" if profile else " (AWS_PROFILE)")
            )
        region = _well_formed(region)
        runtime, region_used = _address(session, "bedrock-runtime", region, use_fips)
        listing, _ = _address(session, "bedrock", region, use_fips)
    return {"base_url": runtime, "listing_url": listing, "region": region_used}


def _well_formed(region: str) -> str:
    # It becomes a part of a host's name.
    parts = region.split("-")
    plain = region.isascii() and region == region.lower() and len(region) <= 63
    if not plain or not all(part.isalnum() for part in parts):
        raise ConfigurationError(f"{region!r} is no AWS region: write it as in us-east-1")
    return region


def _address(
    session: Any,  # noqa: ANN401 - botocore has no types
    service: str,
    region: str,
    use_fips: bool | None,  # noqa: FBT001
) -> tuple[str, str]:
    """Where a client of the service would send its calls, and the region it would sign for.

    `client.meta.endpoint_url` is the older rules' answer, which differs in some partitions.
    """
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    operation, params, path = _PROBES[service]
    try:
        client = session.create_client(
            service,
            region_name=region,
            # Stand-ins: without them the client would look for real ones, on the network too.
            aws_access_key_id="none",
            aws_secret_access_key="none",  # noqa: S106
            config=Config(use_fips_endpoint=use_fips, signature_version="v4"),
        )
        url = client.generate_presigned_url(operation, Params=dict(params))
    except (BotoCoreError, ValueError, OSError) as error:
        failure: AisopodError = (
            told(error)
            if isinstance(error, BotoCoreError)
            else ConfigurationError(
                f"no address for {service} follows from the AWS settings: check endpoint_url and "
                "the AWS_ENDPOINT_URL variables, and the others with `aws configure list`"
            )
        )
    else:
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(path)}"
        return base.rstrip("/"), client.meta.region_name
    raise failure


def _open(options: Mapping[str, str], folder: Path) -> CredentialSource:  # noqa: ARG001
    """The chain, for settled options."""
    return ChainSource(options.get("profile"), options["region"])


platform = Platform(present=_present, settle=_settle, open=_open, choices=("profile",), kind="aws")
