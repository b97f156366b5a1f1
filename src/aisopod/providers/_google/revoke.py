"""Taking a login back: https://developers.google.com/identity/protocols/oauth2/native-app#tokenrevoke."""

from aisopod.providers._google.store import Login, missing_extra

__all__ = ["revoke"]

_SECONDS = 10.0


def revoke(login: Login) -> str | None:
    """Tell the service to forget a login; blocks.

    Returns:
        What went wrong, in words; None when it is revoked.

    Raises:
        MissingDependencyError: the extra `google` is not installed.
    """
    try:
        import requests
    except ImportError:
        raise missing_extra() from None
    place = login.token_uri.rpartition("/")[0] + "/revoke"
    try:
        answer = requests.post(place, data={"token": login.refresh_token}, timeout=_SECONDS)
    except requests.RequestException as error:
        return type(error).__name__
    return None if answer.ok else f"HTTP {answer.status_code}"
