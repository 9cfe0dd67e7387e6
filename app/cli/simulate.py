"""`fourfold simulate`: a noisy labeler with a known taste ranks through the REST API of a running server."""

from typing import Annotated

import httpx2
import typer
from rich.progress import track

from app.http.listening import address
from app.settings.config import Settings
from app.simulation.families import TASTES
from app.simulation.labeler import SimulatedLabeler
from app.simulation.noise import Noise

PATIENCE_SECONDS = 60.0
TASTE_HELP = "; ".join(f"{taste.name}: {taste.describe}" for taste in TASTES.values())


def simulate(
    taste: Annotated[str, typer.Option(help=TASTE_HELP)] = "brief",
    rankings: Annotated[int, typer.Option(min=1, help="How many groups to rank.")] = 60,
    seed: Annotated[int, typer.Option(help="Seed of the labeler's noise.")] = 0,
    noise: Annotated[float, typer.Option(min=0.0, help="Scale of the Gumbel noise, nats of utility.")] = Noise.scale,
    tie_margin: Annotated[float, typer.Option(min=0.0, help="Answers closer than this tie, nats.")] = Noise.tie_margin,
    flips: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of the pairs of each ranking that are turned around.")
    ] = Noise.flips,
    url: Annotated[str | None, typer.Option(help="The server; default: FOURFOLD_HOST and FOURFOLD_PORT.")] = None,
) -> None:
    """Rank as a simulated labeler; such rankings are marked and left out wherever people are counted."""
    if taste not in TASTES:
        raise typer.BadParameter(f"unknown taste {taste!r}: choose one of {', '.join(TASTES)}")
    settings = Settings()
    base_url = url or address(settings.host, settings.port)
    authorization = {} if settings.token is None else {"Authorization": f"Bearer {settings.token}"}
    with httpx2.Client(base_url=base_url, timeout=PATIENCE_SECONDS, headers=authorization) as client:
        labeler = SimulatedLabeler(
            client, f"simulated-{taste}-{seed}", TASTES[taste], noise=Noise(noise, tie_margin, flips), seed=seed
        )
        try:
            steps = list(track(labeler.run(rankings), description=f"ranking as {taste}", total=rankings))
        except httpx2.ConnectError:
            typer.echo(f"No server answers at {base_url}. Start one with `make run`, or pass --url.", err=True)
            raise typer.Exit(1) from None
        except httpx2.TimeoutException:
            typer.echo(
                f"{base_url} did not answer within {PATIENCE_SECONDS:g} seconds; what was ranked until then is kept. "
                f"Try again when {base_url}/readyz says that it is ready.",
                err=True,
            )
            raise typer.Exit(1) from None
        except httpx2.HTTPError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
    typer.echo(f"{len(steps)} rankings given by simulated-{taste}-{seed}.")
