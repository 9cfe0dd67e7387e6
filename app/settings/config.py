"""Every setting of the program, read from the environment as `FOURFOLD_<NAME>`. Units are in the names.

Each has a stated range, both ends; app/settings/words.py says what is wrong with a value outside it and makes the list
of docs/settings.md.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.formats.origins import origins_of
from app.layout import SFT_MODEL, data_folder
from app.settings.database_url import FORMS, sqlite_url, usable_database_url
from app.settings.paths import usable_path

ENV_PREFIX = "FOURFOLD_"
DAY_SECONDS, YEAR_SECONDS = 86_400, 31_536_000
SHORTEST_SECONDS = 0.01
TOKEN = re.compile("[!-~]{16,256}")

UsablePath = Annotated[Path, BeforeValidator(usable_path)]


def said(values: str, *, secret: bool = False) -> dict[str, Any]:
    """What a setting that has no range may be, in words. A `secret` is never printed."""
    return {"values": values, "secret": secret}


class Settings(BaseSettings):
    """Raises ValidationError for a value out of its range. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
    )

    host: str = Field(
        "127.0.0.1",
        min_length=1,
        max_length=253,
        description="Address the web server listens on.",
        json_schema_extra=said("a name or an address of this machine"),
    )
    port: int = Field(8000, ge=0, le=65535, description="Port the web server listens on; 0 picks a free one.")
    allowed_hosts: str = Field(
        "",
        description="Host names, separated by commas, that it answers to besides localhost and IP addresses.",
        json_schema_extra=said("host names"),
    )
    token: str | None = Field(
        None,
        repr=False,
        description="What browsers sign in with, and programs send as `Authorization: Bearer`.",
        json_schema_extra=said("16 to 256 ASCII letters, digits and signs, no spaces", secret=True),
    )
    open: bool = Field(False, description="Let in everybody, even if other machines can reach it.")
    published_host: str = Field(
        "",
        description="In a container: the host that its port is published on: decides whether others can reach it.",
        json_schema_extra=said("a name or an address"),
    )
    cors_origins: str = Field(
        "",
        description="Origins, separated by commas, whose pages may call the API from a browser.",
        json_schema_extra=said("such as https://example.org"),
    )
    data_dir: UsablePath = Field(
        default_factory=data_folder, description="Folder of the database, model versions and job checkpoints."
    )
    database_url: str | None = Field(
        None,
        description="SQLAlchemy URL; default: fourfold.db in the data folder.",
        json_schema_extra=said(FORMS, secret=True),
    )
    model_dir: UsablePath = Field(SFT_MODEL, description="The SFT weights installed at first start.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe log line.")

    max_connections: int = Field(
        1_000, ge=1, le=1_000_000, description="Connections at once; the next is answered 503."
    )
    header_seconds: float = Field(
        10.0,
        ge=SHORTEST_SECONDS,
        le=DAY_SECONDS,
        description="Time a client has to send a request's headers, seconds.",
    )
    body_seconds: float = Field(
        30.0,
        ge=SHORTEST_SECONDS,
        le=DAY_SECONDS,
        description="Time a client has to send a request's body, and a second more for each 16 kB, seconds.",
    )
    keep_alive_seconds: int = Field(
        5, ge=1, le=DAY_SECONDS, description="How long a connection may idle between two requests, seconds."
    )
    write_seconds: float = Field(
        60.0,
        ge=SHORTEST_SECONDS,
        le=DAY_SECONDS,
        description="Time after which a client that reads nothing of its answer is cut off, seconds.",
    )
    database_wait_seconds: float = Field(
        5.0,
        ge=SHORTEST_SECONDS,
        le=DAY_SECONDS,
        description="How long a request waits for its turn at the database before it is answered 503, seconds.",
    )

    precision: Literal["auto", "bf16", "fp32"] = Field(
        "auto", description="Number format of matrix products; auto: chosen by this installation's first processor."
    )

    temperature: float = Field(0.8, ge=0.0, le=2.0, description="Sampling temperature of the label page.")
    top_k: int = Field(
        0, ge=0, le=1_000_000, description="Top-k of the label page; 0 is off. PPO always samples unfiltered."
    )
    top_p: float = Field(1.0, gt=0.0, le=1.0, description="Top-p of the label page; 1 is off.")
    max_answer_tokens: int = Field(96, ge=1, le=256, description="Longest sampled answer, tokens.")
    max_prompt_characters: int = Field(
        2_000, ge=1, le=1_000_000, description="Longest prompt a person may type, characters."
    )
    ready_groups: int = Field(4, ge=0, le=64, description="Groups of four answers to keep sampled ahead.")
    lease_seconds: float = Field(
        1_800.0, ge=1, le=YEAR_SECONDS, description="How long a group stays with one labeler, seconds."
    )
    sampler_weights: Literal["full", "int8", "auto"] = Field(
        "full",
        description="What the inference engine keeps weights in; int8: 8 bits; full: as the precision; auto: int8 from "
        "50 million parameters on.",
    )
    sampler_threads: int = Field(1, ge=1, le=1_024, description="CPU threads of the inference engine.")
    sampler_queue: int = Field(
        64, ge=1, le=4_096, description="Requests waiting for the inference engine before it answers 503."
    )
    sampler_rows: int = Field(64, ge=1, le=1_024, description="Answers written side by side.")
    sampler_cache_mebibytes: int = Field(
        512, ge=1, le=1_048_576, description="Keys and values of the answers being written, per version, MiB."
    )
    sampler_seconds: float = Field(
        120.0, ge=SHORTEST_SECONDS, le=DAY_SECONDS, description="Longest time from a question to its answers, seconds."
    )

    retrain_after_rankings: int = Field(
        8, ge=1, le=1_000_000_000, description="New rankings that queue a reward-model training."
    )
    auto_policy_accuracy: float = Field(
        0.70,
        ge=0.0,
        le=1_000.0,
        description="Held-out accuracy from which PPO is queued automatically; above 1 turns it off.",
    )
    auto_activate: bool = Field(False, description="Activate a candidate automatically when its evaluation passes.")
    auto_activate_win_rate: float = Field(0.60, ge=0.0, le=1.0, description="Least held-out win rate for that.")
    auto_activate_max_kl: float = Field(
        30.0, gt=0, le=1_000_000.0, description="Largest KL to the SFT model for that, nats."
    )

    worker_threads: int = Field(2, ge=1, le=1_024, description="CPU threads of a training job.")
    worker_nice: int = Field(10, ge=0, le=19, description="Niceness of a training job, so that pages stay quick.")
    worker_poll_seconds: float = Field(
        0.25, ge=SHORTEST_SECONDS, le=3_600, description="How often the worker looks for queued jobs, seconds."
    )
    worker_grace_seconds: float = Field(
        10.0, ge=SHORTEST_SECONDS, le=DAY_SECONDS, description="Time a cancelled job has to stop, seconds."
    )
    worker_stale_seconds: float = Field(
        15.0, ge=0.1, le=DAY_SECONDS, description="Age of a heartbeat from which its worker counts as dead, seconds."
    )
    worker_patience_seconds: float = Field(
        600.0,
        ge=SHORTEST_SECONDS,
        le=YEAR_SECONDS,
        description="How long a job waits for a database that is locked, full or gone, seconds.",
    )
    max_attempts: int = Field(3, ge=1, le=1_000, description="Starts of one job without progress before it fails.")
    tensorboard: bool = Field(
        False,
        description="Write curves of runs as TensorBoard event files, too (tensorboard/ in the data folder).",
    )
    kept_checkpoints: int = Field(2, ge=0, le=1_000, description="Failed jobs, newest first, whose checkpoint is kept.")

    @model_validator(mode="before")
    @classmethod
    def _tidy(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Spaces around a value mean nothing, nor does the case of one that is chosen from a list. One of spaces alone
        is empty, but for the token: who set one meant one."""
        kinds = {name: field.annotation for name, field in cls.model_fields.items()}
        tidied = {name: _tidied(kinds[name], value) for name, value in given.items() if name in kinds}
        return {name: value for name, value in tidied.items() if value != "" or name == "token" or given[name] == ""}

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, text: str | None) -> str | None:
        return None if text is None else usable_database_url(text)

    @field_validator("token")
    @classmethod
    def _check_token(cls, text: str | None) -> str | None:
        if text is not None and not TOKEN.fullmatch(text):
            raise ValueError("must be 16 to 256 ASCII letters, digits and signs, without spaces")
        return text

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, text: str) -> str:
        return ",".join(origins_of(text))

    @cached_property
    def resolved_database_url(self) -> str:
        return self.database_url or sqlite_url(self.data_dir / "fourfold.db")

    def version_directory(self, path: str) -> Path:
        """Directory of a model version from its stored, data-folder-relative `path`."""
        return self.data_dir / path

    @property
    def readings_directory(self) -> Path:
        """What may be removed at any time, and is made again when it is needed."""
        return self.data_dir / "readings"

    @property
    def tensorboard_directory(self) -> Path:
        """A folder in it for each run."""
        return self.data_dir / "tensorboard"

    def job_directory(self, job_id: str) -> Path:
        return self.data_dir / "jobs" / job_id


def _tidied(kind: Any, value: Any) -> Any:
    if not isinstance(value, str) or kind is Path:
        return value
    return value.strip().lower() if get_origin(kind) is Literal or kind is bool else value.strip()
