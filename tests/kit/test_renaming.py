"""Files that show the name of the product get another one."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from app.kit.renaming import PLACES, NameRefused, checked, rename_tree
from settings import kit_record, product
from settings.reader import BASE_DIR

HOSTILE = ["", " ", "!!!", "2026", "a\ab", "<b>", "`id`", "{{ x }}", "a\\", "x" * 49, "İ" * 40]
NAMES = ["Notes", 'O\'Hara & "Sons"', "Магазин", "Café 7", "C# $1 \\g".replace("\\", "")]


GUIDES = {place for place in PLACES if place.startswith("docs/")}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for place in PLACES:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        shutil.copy(BASE_DIR / place, tmp_path / place)
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {place: (folder / place).read_text() for place in PLACES}


def test_each_place_shows_the_name(tree: Path) -> None:
    before = texts(tree)
    for name in ["First", *NAMES]:
        # A guide changes once, when it loses the parts that speak of the kit.
        guides = {place for place in GUIDES if "<!-- kit -->" in (tree / place).read_text()}
        assert {*map(str, rename_tree(tree, name))} == PLACES.keys() - GUIDES | guides
        assert rename_tree(tree, name) == [], "a second call changes nothing"
        package = tomllib.loads((tree / kit_record.FILE).read_text())
        assert product.name_in(tree) == package["tool"]["kit"]["name"] == name
        assert package["project"]["name"] == product.slug(name)
        assert json.loads((tree / "app.json").read_text())["name"] == name
        assert f'\n  image: "{product.slug(name)}"\n' in (tree / "compose.yaml").read_text()
        readme = (tree / "README.md").read_text()
        assert readme.startswith(f"# {name}\n")
        assert not any("<!-- kit -->" in text for text in texts(tree).values())
        assert f"Copyright (c) 2026 {name}\n" in (tree / "LICENSE").read_text()
        assert "contributors\n" in (tree / "LICENSE").read_text(), "the kit's licence asks for it"
    rename_tree(tree, "Last")
    last = texts(tree)
    rename_tree(tree, "First")
    assert not any("Notes" in text for text in last.values())
    assert before["LICENSE"].count("\n") <= last["LICENSE"].count("\n")


def test_a_package_without_the_table_gets_one(tmp_path: Path) -> None:
    (tmp_path / kit_record.FILE).write_text('[project]\nname = "x"\n\n[tool.other]\nname = "y"\n')
    assert rename_tree(tmp_path, "Acme Shop") == [Path(kit_record.FILE)]
    read = tomllib.loads((tmp_path / kit_record.FILE).read_text())
    assert read == {
        "project": {"name": "acme-shop"},
        "tool": {"other": {"name": "y"}, "kit": {"name": "Acme Shop"}},
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_files_would_misread_is_refused(tree: Path, name: str) -> None:
    before = texts(tree)
    with pytest.raises(NameRefused):
        rename_tree(tree, name)
    assert texts(tree) == before


@pytest.mark.parametrize("name", ["On", "No", "Null", "100%", "0x1F"])
def test_the_image_has_a_name_that_is_text(tree: Path, name: str) -> None:
    """Compose refuses an image that YAML reads as a number or as true."""
    rename_tree(tree, name)
    compose = yaml.safe_load((tree / "compose.yaml").read_text())
    assert compose["x-app"]["image"] == product.slug(name)


def test_a_product_named_like_the_holder_keeps_the_notice_of_the_kit(tree: Path) -> None:
    kit = (tree / "LICENSE").read_text().split("contributors\n")[0].splitlines()[-1]
    for name in ("the Acme contributors", "the Other contributors", "Acme"):
        rename_tree(tree, name)
        licence = (tree / "LICENSE").read_text()
        assert f" {name}\n" in licence
        assert f"{kit}contributors\n" in licence


def test_spaces_around_a_name_go() -> None:
    assert checked("  Acme   Shop ") == "Acme Shop"
