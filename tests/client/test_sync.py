"""The blocking client has all that the async one has, under the same names and signatures."""

import inspect

import pytest

from aisopod import AsyncClient, Client

ASYNC_ONLY = {"provider", "transport"}
"""What they give or take is itself for an event loop."""
METHODS = [
    name
    for name, each in inspect.getmembers(AsyncClient, inspect.isfunction)
    if not name.startswith("_") and name not in ASYNC_ONLY
]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_there_and_takes_the_same(name: str) -> None:
    mine, theirs = getattr(Client, name), getattr(AsyncClient, name)
    assert inspect.signature(mine).parameters.keys() == inspect.signature(theirs).parameters.keys()
    assert not inspect.iscoroutinefunction(mine)
    assert mine.__doc__


def test_it_is_made_as_the_async_one() -> None:
    mine, theirs = (inspect.signature(each).parameters.keys() for each in (Client, AsyncClient))
    assert set(mine) == set(theirs) - ASYNC_ONLY
