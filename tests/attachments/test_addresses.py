"""Who may be asked for a file."""

import pytest

from aisopod.attachments.addresses import is_public, why_not
from aisopod.normalise.media_types import shown_address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
        "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.1", "192.0.2.1", "198.18.0.1",
        "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
        "2001:db8::1", "100::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
        "2002:7f00:1::", "2002:a00:1::", "64:ff9b::a00:1", "64:ff9b::7f00:1", "2001::1",
    ],
)  # fmt: skip
def test_what_is_not_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "2002:808:808::",
        "64:ff9b::808:808",
    ],
)
def test_what_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/a", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("//example.com/a", "without a scheme"),
        ("https:///a", "no host"),
        ("https://u:p@example.com/a", "a user's name"),
        ("https://u@example.com/a", "a user's name"),
        ("https://example.com:port/a", "no valid URL"),
        ("https://[::1/a", "no valid URL"),
        ("https://example.com/a\r\nHost: b", "unprintable"),
        ("http://127.0.0.1/a", "not public"),
        ("http://[::1]/a", "not public"),
        ("http://[::ffff:10.0.0.1]/a", "not public"),
        ("http://localhost/a", "not public"),
        ("http://LOCALHOST./a", "not public"),
        ("http://x.localhost/a", "not public"),
    ],
)
def test_what_a_url_itself_tells(url: str, reason: str) -> None:
    told = why_not(url, allow_private=False)
    assert told is not None
    assert reason in told


def test_names_are_judged_when_they_are_connected_to() -> None:
    assert why_not("https://example.com:8443/a?b=c", allow_private=False) is None
    assert why_not("http://127.0.0.1/a", allow_private=True) is None
    assert why_not("http://u:p@127.0.0.1/a", allow_private=True) is not None


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://a.example/b?X-Signature=secret#f", "https://a.example/b"),
        ("https://user:secret@a.example/b", "https://a.example/b"),
        ("https://a.example?secret", "https://a.example"),
        ("https://a.example/b@c", "https://a.example/b@c"),
    ],
)
def test_what_is_shown_holds_no_secret(url: str, text: str) -> None:
    assert shown_address(url) == text
