"""How long what is left alone: the constants, all of which can be configured per provider."""

import msgspec

__all__ = ["DAY", "Cooldowns"]

DAY = 86400.0


class Cooldowns(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds; lists are by the number of failures in a row, and the last one holds for all more.

    What a provider tells (`retry-after` and its kin) comes before these; for `auth` and `billing`,
    which no time mends, only where it is longer.

    Attributes:
        rate_limit: a profile for one model, after a rate limit without a time.
        overloaded: a model (or provider) that has no capacity, fails, or says nothing in time.
        auth: a profile whose credential was refused; short, as providers answer 401 during
            incidents, too.
        permission: a profile for one model that it may not use.
        billing: a profile that is out of credit.
        forget: after this time without a failure, counting starts anew.
        probe: how long the one request that tries something again has before another may.
        pacing: the most that a limit which headers show as used up holds a profile back; longer
            where not one request fits before.
        jitter: the most that chance adds to a window whose end nobody told, as a part of it.
        shortest: the shortest window; services say `retry-after: 0`, too.
        evidence: models that fail within this time of each other are the provider's failure…
        evidence_models: …when there are so many of them.
    """

    rate_limit: tuple[float, ...] = (30.0, 60.0, 300.0, 1500.0, 3600.0)
    overloaded: tuple[float, ...] = (0.5, 2.0, 10.0, 30.0, 60.0, 300.0)
    auth: tuple[float, ...] = (600.0, 1200.0, 2400.0, 3600.0)
    permission: tuple[float, ...] = (600.0, 1200.0, 2400.0, 3600.0)
    billing: tuple[float, ...] = (18000.0, 36000.0, 72000.0, 86400.0)
    forget: float = DAY
    probe: float = 60.0
    pacing: float = 60.0
    jitter: float = 0.2
    shortest: float = 0.1
    evidence: float = 120.0
    evidence_models: int = 2
