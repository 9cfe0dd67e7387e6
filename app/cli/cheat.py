"""`fourfold cheat`: on a running server, trains a policy with nothing to hold it, and tells what became of it."""

import time
from typing import Annotated, Any

import httpx2
import typer

from app.errors import AppError
from app.http.listening import address
from app.kinds.show_cheating import SHOW_CHEATING
from app.kinds.train_policy import TRAIN_POLICY
from app.settings.config import Settings

ENDED = ("succeeded", "failed", "cancelled")
SECONDS = 2.0  # between two looks


def cheat(
    episodes: Annotated[int | None, typer.Option(min=64, help="Answers sampled; default: enough to see it.")] = None,
    penalty: Annotated[
        bool, typer.Option("--penalty", help="The usual training instead, which does not cheat: for comparison.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all random choices.")] = 0,
    url: Annotated[str | None, typer.Option(help="The server; default: FOURFOLD_HOST and FOURFOLD_PORT.")] = None,
) -> None:
    """See a policy cheat the active reward model: KL penalty, bounds and stop are off."""
    settings = Settings()
    base_url = url or address(settings.host, settings.port)
    authorization = {} if settings.token is None else {"Authorization": f"Bearer {settings.token}"}
    params: dict[str, Any] = {"seed": seed} | ({} if episodes is None else {"total_episodes": episodes})
    kind = TRAIN_POLICY.name if penalty else SHOW_CHEATING.name
    with httpx2.Client(base_url=base_url, timeout=60.0, headers=authorization) as client:
        try:
            queued = _answer(client.post("/api/v1/jobs", json={"kind": kind, "params": params}))
            job = _finished(client, queued["job_id"])
            if job["status"] != "succeeded":
                raise AppError(job.get("error") or f"The job was {job['status']}.")
            version = _answer(client.get(f"/api/v1/versions/{job['result']['version_id']}"))
        except httpx2.ConnectError:
            raise AppError(f"No server answers at {base_url}. Start one with `make run`, or pass --url.") from None
    typer.echo(told(version))


def told(version: dict[str, Any]) -> str:
    """The verdict, the two scorers' lines, and the answers that show it."""
    metrics = version["metrics"]
    verdict = metrics["verdict"]
    lines = [f"Version {version['id']}.", *verdict["sentences"], verdict["next_step"], ""]
    lines += ["episodes  reward model  judge    KL"]
    lines += [
        f"{each['episodes']:8,}  {each['reward_gain']:+12.2f}  {each['judge_gain']:+5.2f}  {each['kl']:4.1f}"
        for each in metrics["validations"]
    ]
    for example in verdict["examples"]:
        lines += ["", f"? {example['prompt']}", f"  SFT model: {example['before']}", f"  policy:    {example['after']}"]
    return "\n".join(lines)


def _finished(client: httpx2.Client, job_id: str) -> dict[str, Any]:
    said = ""
    while (job := _answer(client.get(f"/api/v1/jobs/{job_id}")))["status"] not in ENDED:
        if job["message"] and job["message"] != said:
            said = job["message"]
            typer.echo(said, err=True)
        time.sleep(SECONDS)
    return job


def _answer(reply: httpx2.Response) -> dict[str, Any]:
    if reply.is_error:
        raise AppError(str(reply.json().get("detail", reply.text)))
    return dict(reply.json())
