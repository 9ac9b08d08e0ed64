"""Follow docs/deploy-linux.md from its first line to its last, as root of a machine of its own.

The test beside this file makes the machine: a copy-on-write view of this one, without a network.
Then `python3 walk_the_guide.py FOLDER` runs in it, where FOLDER has the copy to deploy.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from next_release import add_a_migration
from small_systemd import CannotStart, SmallSystemd

FOLDER = Path(sys.argv[1])
GUIDE = (FOLDER / "docs" / "deploy-linux.md").read_text()
HOST = "app.example.com"
CERTIFICATE = f"/etc/letsencrypt/live/{HOST}/fullchain.pem"
BLOCK = re.compile(r"^(?:`(/[^`]+)`[^\n]*\n\n)?```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"by a script `(/[^`]+)`:\n\n  ```sh\n(.*?)^  ```", re.MULTILINE | re.DOTALL)
DOTS = "…"  # the reader's own values
MANAGER = "/run/small-systemd"
BETWEEN = 0.05  # seconds between two requests of the load

SYSTEMCTL = f"""#!/usr/bin/python3
import json, socket, sys
with socket.socket(socket.AF_UNIX) as manager:
    manager.connect({MANAGER!r})
    manager.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    sys.exit(int(manager.recv(100) or b"1"))
"""
CERTBOT = """#!/bin/sh
set -eu
folder=/etc/letsencrypt/live/app.example.com
mkdir -p /var/www/html/.well-known/acme-challenge "$folder"
echo asked > /var/www/html/.well-known/acme-challenge/asked
url=http://127.0.0.1/.well-known/acme-challenge/asked
[ "$(curl -fsS -H 'Host: app.example.com' "$url")" = asked ]
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=app.example.com \\
    -addext subjectAltName=DNS:app.example.com \\
    -keyout "$folder/privkey.pem" -out "$folder/fullchain.pem" 2>/dev/null
"""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(command: str) -> None:
    say(f"$ {command}")
    subprocess.run(["sh", "-euc", command], check=True)


def write(path: str, text: str) -> None:
    """Write a file of the guide. An existing file keeps its mode."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def stand_in(name: str, text: str) -> None:
    """Put a program in the place of one that needs another machine."""
    file = Path("/usr/local/bin") / name
    file.write_text(text)
    file.chmod(0o755)


class Manager:
    """Answer `systemctl` in a thread. Debian's own services run without units."""

    def __init__(self) -> None:
        self.systemd = SmallSystemd()
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(MANAGER)
        self.listening.listen()
        self.own: dict[str, subprocess.Popen[bytes]] = {}
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self) -> None:
        while True:
            asking, _ = self.listening.accept()
            with asking:
                arguments = json.loads(asking.makefile().readline())
                try:
                    self.call(arguments)
                except (CannotStart, subprocess.CalledProcessError, ValueError) as error:
                    say(f"systemctl {arguments}: {error!r}")
                    asking.sendall(b"1")
                else:
                    asking.sendall(b"0")

    def call(self, arguments: list[str]) -> None:
        if arguments == ["daemon-reload"]:
            return
        if arguments == ["reload", "nginx"]:
            run("nginx -s reload")
        elif arguments == ["restart", "redis-server"]:
            self.restart_redis()
        else:
            self.systemd.call(arguments)

    def restart_redis(self) -> None:
        if old := self.own.pop("redis", None):
            old.terminate()
            old.wait()
        command = ["redis-server", "/etc/redis/redis.conf", "--daemonize", "no"]
        self.own["redis"] = subprocess.Popen(command, user="redis", group="redis")
        wait_for_port(6379)


def wait_for_port(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"nothing listens on port {port}")


def boot(manager: Manager) -> None:
    """Start what Debian starts after the installation of its packages."""
    run("ip link set lo up")
    if not subprocess.run(["pg_lsclusters", "-h"], capture_output=True, check=True).stdout:
        run("pg_createcluster $(ls /usr/lib/postgresql | tail -n 1) main")
    run("pg_ctlcluster $(ls /usr/lib/postgresql | tail -n 1) main start")
    manager.restart_redis()
    run("nginx")


def get(path: str) -> int:
    trusting = ssl.create_default_context(cafile=CERTIFICATE)
    with socket.create_connection(("127.0.0.1", 443), 60) as plain:
        connection = HTTPSConnection(HOST, context=trusting)
        connection.sock = trusting.wrap_socket(plain, server_hostname=HOST)
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        response.read()
        return response.status


class Load(threading.Thread):
    """Visitors who open the sign-in page, one after the other, during an update."""

    def __init__(self) -> None:
        super().__init__()
        self.is_over = threading.Event()
        self.answers: list[tuple[int | str, float]] = []

    def run(self) -> None:
        while not self.is_over.wait(BETWEEN):
            began = time.monotonic()
            try:
                status: int | str = get("/account/login")
            except OSError as error:
                status = repr(error)
            self.answers.append((status, time.monotonic() - began))


def blocks() -> Iterator[tuple[str, str, str]]:
    for found in BLOCK.finditer(GUIDE):
        yield found[1] or "", found[2], found[3]


def own_values(text: str) -> str:
    """Fill in a secret key, and a word for what else a reader knows."""
    key = f"SECRET_KEY={secrets.token_urlsafe(48)}"
    return text.replace(f"SECRET_KEY={DOTS}", key).replace(DOTS, "x")


def follow(files: dict[str, str]) -> None:
    """Write each file, and run each command, in the order of the page."""
    for path, language, text in blocks():
        if path:
            write(path, files[path])
        elif language == "sh" and "DATABASE_DIRECT_URL" not in text:
            for line in text.replace("\\\n", "").splitlines():
                run(line)
                if truncated := re.match(r"install -m \d+ .*/dev/null (\S+)", line):
                    write(truncated[1], files[truncated[1]])


def commit_a_migration() -> None:
    add_a_migration(FOLDER)
    author = "-c user.name=Developer -c user.email=developer@example.com"
    run(f"cd {FOLDER} && git add --all && git {author} commit --quiet --message Next")


def update_under_load() -> None:
    (line,) = re.findall(r"^sudo -u app /srv/app/update && .*$", GUIDE, re.MULTILINE)
    load = Load()
    load.start()
    try:
        run(line)
    finally:
        load.is_over.set()
        load.join()
    lost = [answer for answer in load.answers if answer[0] != 200]
    slowest = max(seconds for _, seconds in load.answers)
    say(f"update under load: {len(load.answers)} requests, {len(lost)} lost, {slowest:.2f} s")
    assert not lost, lost
    assert load.answers


def main() -> None:
    files = {path: own_values(text) for path, _, text in blocks() if path}
    stand_in("systemctl", SYSTEMCTL)
    stand_in("certbot", CERTBOT)
    stand_in("apt", "#!/bin/sh\n# The test has run these lines, with a network.\n")
    manager = Manager()
    boot(manager)
    run("sed -i 's/^appendonly no/appendonly yes/' /etc/redis/redis.conf")
    run("systemctl restart redis-server")
    follow(files)
    script = INDENTED.search(GUIDE)
    assert script, "the script for commands"
    write(script[1], re.sub(r"^  ", "", script[2], flags=re.MULTILINE))
    run(f"chmod 755 {script[1]}")
    commit_a_migration()
    update_under_load()
    run("[ \"$(sudo -u postgres psql -Atc 'SELECT count(*) FROM guide' app)\" = 0 ]")
    run(f"curl -fsS --cacert {CERTIFICATE} --resolve {HOST}:443:127.0.0.1 https://{HOST}/healthz")
    for command in re.findall(r"`(sudo -u (?:app|postgres) [^`]+)`", GUIDE):
        if "/path/to/" not in command:  # a file that a reader has
            run(f"cd /tmp && {command}")
    manager.systemd.end()


if __name__ == "__main__":
    main()
