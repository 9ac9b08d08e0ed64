"""Give this checkout of a release the name, the features and the permissions of a copy.

`python manage.py upgrade` runs this in a temporary checkout, with a description of the copy in JSON
on standard input. It writes a report in JSON. docs/releasing.md describes both. Each release brings
its own script, which knows its files.

The package `app` is not imported as a whole, because a release may need packages that the copy has
not installed yet.
"""

import ast
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
package = ModuleType("app")
package.__path__ = [str(ROOT / "app")]
sys.modules["app"] = package

from app.kit.features import FOLDER, checkout, pruning  # noqa: E402 - after the path
from app.kit.generator import ledger  # noqa: E402


def words_of(text: str) -> Iterator[tuple[str, str, str, bool]]:
    """Yield name, title and sentence of each permission, and whether it opens the admin area."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(value, ast.Call) and key and ast.unparse(key).startswith("Permission."):
                title, sentence = (ast.literal_eval(one) for one in value.args)
                opens = any(one.arg == "opens_admin" for one in value.keywords)
                yield ast.unparse(key).partition(".")[2], title, sentence, opens


def add_permissions(own: str) -> None:
    """Add the permissions of the copy, whose ledger is the text `own`, to that of the release."""
    text = ledger.FILE.read_text(encoding="utf-8")
    known, places = ledger.bits(text), ledger.bits(own)
    for constant, title, sentence, opens_admin in words_of(own):
        if ledger.has_bit_of_a_copy(own, constant) and constant not in known:
            text = ledger.with_permission(
                text, constant, places[constant], title, sentence, opens_admin=opens_admin
            )
    ledger.FILE.write_text(text, encoding="utf-8")


def shape(name: str, removed: list[str], features: dict[str, str], permissions: str) -> dict:
    """Change the files of this checkout. `features` are the copy's own, by name and folder.

    These lie here only while the overviews are written, which name them in the copy.
    """
    gone = pruning.prune(removed)
    if name:
        from app.kit.renaming import rename_tree

        rename_tree(ROOT, name)
    if permissions:
        add_permissions(Path(permissions).read_text(encoding="utf-8"))
    for feature, folder in features.items():
        shutil.copytree(folder, FOLDER / feature)
    try:
        checkout.write_overviews()
    finally:
        for feature in features:
            shutil.rmtree(FOLDER / feature)
    return {"gone": gone}


def main() -> None:
    told = json.load(sys.stdin)
    report = shape(
        told.get("name", ""),
        told.get("removed", []),
        told.get("features", {}),
        told.get("permissions", ""),
    )
    print(json.dumps(report))


if __name__ == "__main__":
    main()
