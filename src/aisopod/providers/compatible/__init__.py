"""Hosts that speak OpenAI's dialect: data only."""

from aisopod.providers.compatible.hosts import HOSTS, custom_host

__all__ = ["HOSTS", "custom_host"]
