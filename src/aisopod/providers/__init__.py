"""Providers: the engine, one for all, and a folder per host."""
