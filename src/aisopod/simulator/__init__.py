"""A loopback server that speaks the wires, for tests and for trying things out without a key.

It is written apart from the codecs, so that it can judge them, and well enough for the vendors'
own SDKs. Its answers are scripted, or plainly said to be simulated.
"""

from aisopod.simulator.keys import SimulatedKey
from aisopod.simulator.script import Fault, Reply, Script
from aisopod.simulator.server import Simulator, serve
from aisopod.simulator.transcript import Received

__all__ = ["Fault", "Received", "Reply", "Script", "SimulatedKey", "Simulator", "serve"]
