"""The name of the kit stands in few places, which a rename knows."""

import re
import subprocess

from app.kit.renaming import PLACES
from settings import product
from settings.reader import BASE_DIR

# In lower case it is the name of an older project, which accounts and settings come from.
KIT = "Flask-" + "Base"
GUIDES = re.compile(
    r"CHANGELOG\.md|LICENSE|docs/.*\.md|scripts/.*|(tests/)?settings/(test_)?old_names\.py"
)


def test_only_the_places_that_a_rename_knows_name_the_kit() -> None:
    command = ["git", "grep", "-IlF", "--untracked", KIT]
    found = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    places = {name for name in found.stdout.split() if not GUIDES.fullmatch(name)}
    own = set(PLACES) if product.name() == KIT else set()
    assert places <= own, (
        f"{', '.join(sorted(places - own))}: a rename leaves the name there. Read "
        "settings.product.name(), or add the file to PLACES of app/kit/renaming.py."
    )
