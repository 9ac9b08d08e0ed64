"""Follow docs/deploy-docker.md with a real engine, with an update under load.

It skips where no engine is, or where the images that the guide names are not at hand.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import product
from tests.deployment import guide
from tests.deployment.next_release import add_a_migration
from tests.deployment.visitors import ask, visitors
from tests.queue.support import free_port

pytestmark = pytest.mark.deployment

PAGE = (guide.ROOT / "docs" / "deploy-docker.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
IMAGE = f'image: "{product.slug(product.name())}"'


def block(beginning: str) -> str:
    (found,) = (text for text in BLOCKS if text.startswith(beginning))
    return str(found)


def docker(*arguments: str) -> bool:
    return subprocess.run(["docker", *arguments], check=False, capture_output=True).returncode == 0


def missing() -> str:
    """Return what keeps the guide from running here, or ""."""
    if not shutil.which("docker") or not docker("info"):
        return "no engine of Docker runs"
    if not docker("compose", "version"):
        return "needs Docker Compose"
    files = (guide.ROOT / "Dockerfile").read_text() + (guide.ROOT / "compose.yaml").read_text()
    images = set(re.findall(r"(?:^FROM|^ *image:) ([\w/.-]+:[\w.-]+)", files, re.MULTILINE))
    away = sorted(name for name in images if not docker("image", "inspect", name))
    return f"the images {', '.join(away)} are not at hand" if away else ""


class Site:
    """A clone of the repository, deployed under names and a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run(["git", "clone", "--quiet", str(guide.ROOT), str(folder)], check=True)
        name = f"guide-{secrets.token_hex(4)}"
        compose = folder / "compose.yaml"
        # An image of this name may be that of a site on this machine.
        compose.write_text(guide.put_in(compose.read_text(), {IMAGE: f"image: {name}"}))
        self.name, self.port = name, free_port()
        self.own = f"--filter label=com.docker.compose.project={name}"
        chosen = {"COMPOSE_PROJECT_NAME": name, "WEB_PORT": str(self.port)}
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), **chosen}
        self.environment |= {k: v for k, v in os.environ.items() if k.startswith("DOCKER_")}

    def write_settings(self) -> None:
        text = block("FLASK_CONFIG=unix").replace(
            "SECRET_KEY=…", f"SECRET_KEY={secrets.token_urlsafe(48)}"
        )
        text = re.sub(r"_PASSWORD=…", lambda _: f"_PASSWORD={secrets.token_hex(8)}", text)
        (self.folder / ".env").write_text(text.replace("…", "x"))

    def run(self, commands: str) -> str:
        """Run commands of the guide, except for what reaches beyond this site."""
        # The images are at hand, and other projects on this machine have images too.
        commands = commands.replace(" --pull", "").replace("image prune", f"image prune {self.own}")
        done = subprocess.run(
            ["sh", "-euc", commands],
            cwd=self.folder,
            env=self.environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def move_to_a_newer_database(self) -> None:
        """Give the database a new volume, as the guide says. Its version stays."""
        compose = self.folder / "compose.yaml"
        places = {
            "database:/var/lib/postgresql": "database18:/var/lib/postgresql",
            "\nvolumes:\n": "\nvolumes:\n  database18:\n",
        }
        compose.write_text(guide.put_in(compose.read_text(), places))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    if why := missing():
        pytest.skip(why)
    site = Site(tmp_path / "site")
    site.write_settings()
    try:
        yield site
    finally:
        site.run("docker compose down --volumes --remove-orphans --timeout 5")
        site.run(f"docker image rm --force {site.name} && docker image prune --force")


def test_the_guide_runs_and_an_update_loses_no_request(site: Site, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    old.chmod(0o777)
    site.run("docker compose up --detach --wait database")
    of_sqlite = "docker compose run --rm --no-deps --env DATABASE_URL=sqlite:////old/data.sqlite "
    site.run(f"{of_sqlite} --volume {old}:/old web sh -c 'python manage.py release'")
    copying = block("docker compose run --rm --no-deps --volume /srv/old")
    copied = site.run(copying.replace("/srv/old", str(old)))
    assert "are the same in both databases" in copied

    assert "checks passed" in site.run(block("docker compose up --build"))
    assert ask(site.port, "GET") == 200
    inside = "docker compose exec -T web sh -c"
    assert "CapEff:\t0000000000000000" in site.run(f"{inside} 'cat /proc/1/status'")
    assert "Read-only" in site.run(f"{inside} 'touch /srv/app/new 2>&1 || true'")

    add_a_migration(site.folder)
    with visitors(site.port) as seen:
        site.run(block("docker compose build"))
    assert seen.lost == []
    asking = "docker compose exec -T database psql -U app -Atc 'SELECT count(*) FROM guide'"
    assert site.run(asking).strip().endswith("0")

    # A service that does not start stays out, and the other one goes on.
    (site.folder / ".env").write_text((site.folder / ".env").read_text() + "WAITING_SECONDS=no\n")
    replaced = "docker compose up --detach --no-deps --wait web"
    assert "failed" in site.run(f"{replaced} 2>&1 && exit 1 || echo failed")
    for _ in range(10):
        assert ask(site.port, "GET") == 200
    site.run("sed -i '/^WAITING_SECONDS/d' .env")

    site.run(block("docker compose stop web web2 worker\ndocker compose exec"))
    site.move_to_a_newer_database()
    site.run(block("docker compose up --detach --wait database"))
    assert "checks passed" in site.run(
        "docker compose run --rm web python manage.py doctor --deploy"
    )
