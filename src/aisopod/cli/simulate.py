"""`aisopod simulate`: a local server that speaks the wires."""

import click

from aisopod import ConfigurationError

__all__ = ["simulate"]

_WIRES = ("anthropic", "openai", "gemini", "bedrock", "ollama")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port; a free one when left out.",
)
def simulate(host: str, port: int) -> None:
    """Serve simulated answers on every wire until Ctrl-C. No model is asked, no key needed."""
    from aisopod.simulator import Simulator, serve

    def ready(simulator: Simulator) -> None:
        click.echo("Every answer of this server is SIMULATED: no model is asked.")
        for wire in _WIRES:
            click.echo(f"{wire:<10} {simulator.url_for(wire)}")
        click.echo("Ctrl-C ends it.")

    try:
        serve(host, port, ready)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"cannot listen on {host}:{port}: {reason}") from error
