"""Every knob of the program, read from the environment as FOURFOLD_<NAME>. Units are in the names.

docs/settings.md lists them all; a test fails when one is missing there.
"""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED_MODEL = REPOSITORY / "models" / "sft"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="FOURFOLD_", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address the web server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the web server listens on; 0 picks a free one.")
    allowed_hosts: str = Field(
        "", description="Names, separated by commas, under which browsers may open it beside localhost and addresses."
    )
    data_dir: Path = Field(Path("data"), description="Folder of the database, model versions and job checkpoints.")
    database_url: str | None = Field(None, description="SQLAlchemy URL; default: fourfold.db in the data folder.")
    model_dir: Path = Field(SHIPPED_MODEL, description="The SFT weights installed at first start.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe log line.")

    max_connections: int = Field(1_000, ge=1, description="Connections at once; the next is answered 503.")
    header_seconds: float = Field(10.0, gt=0, description="Time a client has to send a request's headers, seconds.")
    body_seconds: float = Field(
        30.0, gt=0, description="Time a client has to send a request's body, and a second more for each 16 kB, seconds."
    )
    keep_alive_seconds: int = Field(
        5, ge=1, description="How long a connection may idle between two requests, seconds."
    )
    write_seconds: float = Field(
        60.0, gt=0, description="Time after which a client that reads nothing of its answer is cut off, seconds."
    )
    database_wait_seconds: float = Field(
        5.0,
        gt=0,
        description="How long a request waits for its turn at the database before it is answered 503, seconds.",
    )

    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="Number format of products; auto: what this installation's first processor was made for."
    )

    temperature: float = Field(0.8, ge=0.0, le=2.0, description="Sampling temperature of the label page.")
    top_k: int = Field(0, ge=0, description="Top-k of the label page; 0 is off. PPO always samples unfiltered.")
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="Top-p of the label page; 1 is off.")
    max_answer_tokens: int = Field(96, ge=1, le=256, description="Longest sampled answer, tokens.")
    max_prompt_characters: int = Field(2_000, ge=1, description="Longest prompt a person may type, characters.")
    ready_groups: int = Field(4, ge=0, le=64, description="Groups of four answers kept sampled ahead.")
    lease_seconds: float = Field(1_800.0, gt=0, description="How long a group stays with one labeler, seconds.")
    sampler_threads: int = Field(1, ge=1, description="CPU threads of the in-process sampler.")
    sampler_queue: int = Field(64, ge=1, description="Requests waiting for the sampler before it answers 503.")
    sampler_rows: int = Field(64, ge=1, le=1_024, description="Answers written side by side.")
    sampler_cache_mebibytes: int = Field(
        512, ge=1, description="Keys and values of the answers being written, per version, MiB."
    )
    sampler_seconds: float = Field(120.0, gt=0, description="Longest time from a question to its answers, seconds.")

    retrain_after_rankings: int = Field(8, ge=1, description="New rankings that queue a reward-model training.")
    auto_policy_accuracy: float = Field(
        0.70, ge=0.0, description="Held-out accuracy from which PPO queues itself; above 1 turns it off."
    )
    auto_activate: bool = Field(False, description="Activate a candidate by itself when its evaluation passes.")
    auto_activate_win_rate: float = Field(0.60, ge=0.0, le=1.0, description="Least held-out win rate of the rule.")
    auto_activate_max_kl: float = Field(30.0, gt=0, description="Largest KL to the SFT model of the rule, nats.")

    worker_threads: int = Field(2, ge=1, description="CPU threads of a training job.")
    worker_nice: int = Field(10, ge=0, le=19, description="Niceness of a training job, so that pages stay quick.")
    worker_poll_seconds: float = Field(0.25, gt=0, description="How often the worker looks for queued jobs, seconds.")
    worker_grace_seconds: float = Field(10.0, gt=0, description="Time a cancelled job has to stop, seconds.")
    worker_stale_seconds: float = Field(15.0, gt=0, description="Heartbeat age from which a worker is dead, seconds.")
    worker_patience_seconds: float = Field(
        600.0, gt=0, description="How long a job waits for a database that is locked, full or gone, seconds."
    )
    max_attempts: int = Field(3, ge=1, description="Starts of one job without progress before it fails.")
    kept_checkpoints: int = Field(2, ge=0, description="Failed jobs, newest first, whose checkpoint is kept.")

    @cached_property
    def resolved_database_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'fourfold.db'}"

    def version_directory(self, path: str) -> Path:
        """Directory of a model version from its stored, data-folder-relative `path`."""
        return self.data_dir.resolve() / path

    def job_directory(self, job_id: str) -> Path:
        return self.data_dir.resolve() / "jobs" / job_id
