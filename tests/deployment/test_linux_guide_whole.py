"""Follow docs/deploy-linux.md from its first line to its last, with an update under load.

It needs root, overlayfs and a network for apt and pip. The machine itself is not changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deployment import guide

pytestmark = pytest.mark.deployment

COPY = "/srv/copy"
WHEELS = "/srv/wheels"

# Everything below happens in a mount namespace. The folder `root` shows this machine, and what is
# written there goes to memory.
MACHINE = """
set -eu
mount -t tmpfs -o size=4g tmpfs "$1"
cd "$1"
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
for folder in sys dev; do mount --rbind /$folder root/$folder; done
mount -t proc proc root/proc
cp -a "$3" root{copy}
mount -t tmpfs tmpfs root/tmp
mount -t tmpfs tmpfs root/run
cp -L /etc/resolv.conf root/etc/resolv.conf 2>/dev/null || true
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
chroot root sh -euc "$2"
chroot root unshare --net /usr/bin/python3 -u {copy}/tests/deployment/walk_the_guide.py {copy}
"""
# The packages of the guide, and the wheels that its update installs, need a network.
FETCH = """
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
mkdir -p /run/lock /run/postgresql /run/redis /run/sudo
apt-get update -qq
apt-get install -y -qq --no-install-recommends {packages} curl openssl iproute2 >/dev/null
chown postgres: /run/postgresql
chown redis: /run/redis
cd {copy}
/usr/bin/python3 -m venv /tmp/fetching
/tmp/fetching/bin/pip install -q --require-hashes -r requirements/installer.txt
cd requirements
pip="/tmp/fetching/bin/pip -q"
$pip download --require-hashes -d {wheels} -r installer.txt
$pip download --require-hashes --no-build-isolation -d {wheels} -r common.txt
printf '[global]\\nno-index = true\\nfind-links = {wheels}\\n' > /etc/pip.conf
git config --system safe.directory '*'
git config --system url.file://{copy}.insteadOf https://example.com/you/your-copy.git
"""


def packages() -> str:
    """Return the names of the packages that the guide installs."""
    (names,) = re.findall(r"^apt install (.+)$", guide.PAGE.read_text(), re.MULTILINE)
    return str(names)


def may_make_a_machine() -> bool:
    """Tell whether this user may mount, as root of a container may not."""
    if os.geteuid() != 0 or not shutil.which("apt-get") or not shutil.which("unshare"):
        return False
    mount = "mount -t tmpfs tmpfs /mnt && cd /mnt && mkdir u w r && "
    mount += "mount -t overlay overlay -o lowerdir=/,upperdir=u,workdir=w r"
    tried = ["unshare", "--mount", "--pid", "--net", "--fork", "sh", "-c", mount]
    return subprocess.run(tried, check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not may_make_a_machine(), reason="Root, mounts and apt are needed.")
def test_the_guide_runs_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    """No request is lost in an update with a migration (decision record 3)."""
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", str(guide.ROOT), str(copy)], check=True)
    machine = tmp_path / "machine"
    machine.mkdir()
    fetch = FETCH.format(packages=packages(), copy=COPY, wheels=WHEELS)
    script = MACHINE.format(copy=COPY)
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    walked = subprocess.run(
        [*unshare, "sh", "-c", script, "sh", str(machine), fetch, str(copy)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert walked.returncode == 0, walked.stdout
    assert re.search(r"update under load: \d+ requests, 0 lost", walked.stdout)
