"""Manifests of features: their contents, and the errors for invalid ones."""

import re
from dataclasses import FrozenInstanceError

import pytest

import config
from settings import declarations, manifests
from settings.reader import BASE_DIR, ConfigurationError, Reader
from tests.contracts.test_recipes import recipe

IMPORTS = """
title = "Import users from CSV"
summary = "Create users from a file."
requires = ["users"]
permissions = ["MANAGE_USERS"]
tables = ["people_imports"]
events = { "import.started" = "Started an import" }
nouns = { import = "Imports" }
subjects = { peopleimport = "Import" }
searches = ["import.started"]

[settings.KEEP_IMPORTS]
type = "days"
default = 14
help = "After how many days the results of imports are deleted."

[[menu.admin]]
group = "People"
endpoint = "admin.import_users"
label = "Import"
icon = "upload"
order = 30
"""


@pytest.fixture
def feature(tmp_path):
    """Write the manifest of a feature. Title and summary come first, unless `text` has them."""

    def write(name, text="", title='title = "A"\nsummary = "B."\n'):
        (tmp_path / name).mkdir(exist_ok=True)
        whole = text if "title =" in text else title + text
        (tmp_path / name / "feature.toml").write_text(whole, encoding="utf-8")

    return write


def refused(folder, *off):
    with pytest.raises(ConfigurationError) as refusal:
        manifests.read(folder, off)
    return str(refusal.value)


def test_the_core_has_menus_and_event_names_and_nothing_else(tmp_path):
    path = tmp_path / "core.toml"
    path.write_text('[[menu.admin]]\nendpoint = "admin.index"\nlabel = "Dashboard"\ngroup = ""')
    menus = manifests.read_core(path).menu
    assert [entry.endpoint for entry in menus["admin"]] == ["admin.index"]
    assert set(menus) == set(manifests.MENUS)
    path.write_text('title = "Core"')
    with pytest.raises(ConfigurationError, match=r"core\.toml: title is not a key of a manifest"):
        manifests.read_core(path)


def test_a_manifest_holds_what_its_file_says(feature, tmp_path):
    feature("users")
    feature("imports", IMPORTS)
    manifest = manifests.read(tmp_path)["imports"]
    assert (manifest.name, manifest.title) == ("imports", "Import users from CSV")
    assert manifest.requires == ("users",)
    assert manifest.events == {"import.started": "Started an import"}
    assert manifest.nouns == {"import": "Imports"}
    assert manifest.subjects == {"peopleimport": "Import"}
    assert manifest.searches == ("import.started",)
    assert manifest.permissions == ("MANAGE_USERS",)
    assert manifest.tables == ("people_imports",)
    assert manifest.settings["KEEP_IMPORTS"].default == 14
    (entry,) = manifest.menu["admin"]
    assert (entry.group, entry.endpoint, entry.order) == ("People", "admin.import_users", 30)
    assert manifest.menu["site"] == ()
    assert not manifest.off
    with pytest.raises(FrozenInstanceError):
        manifest.title = "Other"


def test_features_come_after_those_that_they_require(feature, tmp_path):
    feature("a", 'requires = ["b"]')
    feature("b", 'requires = ["c"]')
    feature("c")
    assert list(manifests.read(tmp_path)) == ["c", "b", "a"]


def test_a_folder_without_code_or_manifest_is_no_feature(feature, tmp_path):
    (tmp_path / "removed" / "__pycache__").mkdir(parents=True)
    assert manifests.read(tmp_path) == {}
    assert manifests.read(tmp_path / "nowhere") == {}


def test_a_feature_can_be_off_with_those_that_require_it(feature, tmp_path):
    feature("users")
    feature("imports", IMPORTS)
    assert {name: one.off for name, one in manifests.read(tmp_path, ["imports"]).items()} == {
        "users": False,
        "imports": True,
    }
    assert all(one.off for one in manifests.read(tmp_path, ["users", "imports"]).values())


# Settings


@pytest.mark.parametrize(
    ("declared", "given", "value"),
    [
        ('type = "days"\ndefault = 14', "", 14),
        ('type = "days"\ndefault = 14', "3", 3),
        ('type = "number"\ndefault = 5\nleast = 1\nmost = 9', "9", 9),
        ('type = "flag"\ndefault = true', "no", False),
        ('type = "choice"\ndefault = "b"\nchoices = ["a", "b"]', "A", "a"),
        ('type = "text"\ndefault = ""', " x ", "x"),
        ('type = "line"\ndefault = "x y"', "", "x y"),
        ('type = "secret"', " x ", " x "),
        ('type = "key"', "abc", "abc"),
        ('type = "list"', "a, b", ["a", "b"]),
        ('type = "cron"\ndefault = "0 3 * * *"', "", "0 3 * * *"),
        ('type = "cron"\ndefault = "0 3 * * *"', "never", ""),
        ('type = "site"', "https://S3.example.com/", "https://s3.example.com"),
        ('type = "site"', "", ""),
        ('type = "hosts"', ".Example.com", [".example.com"]),
        ('type = "pattern"\npattern = "[0-9]+"\nrefusal = "must be digits."', "12", "12"),
        ('type = "pattern"\npattern = "[0-9]+"\nrefusal = "must be digits."', "", ""),
    ],
)
def test_a_setting_is_read_by_its_type(feature, tmp_path, declared, given, value):
    feature("shop", f'[settings.X]\nhelp = "X."\n{declared}')
    setting = manifests.read(tmp_path)["shop"].settings["X"]
    assert setting.value(Reader({"X": given})) == value


@pytest.mark.parametrize(
    ("declared", "given", "sentence"),
    [
        ('type = "days"\ndefault = 14', "99999", "X must be at most 36500, not 99999."),
        ('type = "number"\ndefault = 5\nmost = 9', "10", "X must be at most 9, not 10."),
        ('type = "pattern"\npattern = "[0-9]+"\nrefusal = "must be digits."', "a", "X must be dig"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(feature, tmp_path, declared, given, sentence):
    feature("shop", f'[settings.X]\nhelp = "X."\n{declared}')
    setting = manifests.read(tmp_path)["shop"].settings["X"]
    with pytest.raises(ConfigurationError, match=sentence):
        setting.value(Reader({"X": given}))


# Refusals

KEEP = '[settings.KEEP]\ntype = "days"\nhelp = "H."\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('title = "A"', "summary is missing."),
        ('title = ""\nsummary = "B."', "title must be a text, not ''."),
        ('title = 7\nsummary = "B."', "title must be a text, not 7."),
        ('summry = "B."', "summry is not a key of a manifest"),
        ('requires = "users"', "requires must be a list of texts, not 'users'."),
        ("requires = [1]", "requires must be a list of texts, not [1]."),
        ('requires = ["Users"]', "requires must hold names as in my_name, not 'Users'."),
        ('permissions = ["MANAGE_USERS", "x"]', "permissions must hold names as in MY_NAME"),
        ('events = { started = "S" }', "events.started must be a name as in noun.verb."),
        ('events = { "shop.sold" = 1 }', "events.shop.sold must be a text, not 1."),
        ("events = []", "events must be a table, not []."),
        ('nouns = { Shop = "S" }', "nouns.Shop must be a name as in my_name."),
        ('searches = ["sold"]', "searches must hold names as in noun.verb, not 'sold'."),
        ('searches = ["shop.sold"]', "searches names shop.sold, which is not one of its events."),
        ('menu.admin = ["x"]', "menu.admin must be a list of tables: write [[menu.admin]]"),
        ('menu.top = []', "menu.top is not a key of a manifest"),
        ('[[menu.admin]]\nendpoint = "a.b"\nlabel = "A"', "menu.admin.1.group is missing."),
        ('[[menu.site]]\nendpoint = "a.b"', "menu.site.1.label is missing."),
        (
            '[[menu.site]]\nendpoint = "a.b"\nlabel = "A"\norder = "1"',
            "menu.site.1.order must be a whole number, not '1'.",
        ),
        ('[settings.keep]\ntype = "days"', "settings.keep must be a name as in MY_NAME."),
        ('[settings]\nKEEP = 14', "settings.KEEP must be a table, not 14."),
        ('[settings.KEEP]\nhelp = "H."', "settings.KEEP.type is missing."),
        ('[settings.KEEP]\ntype = "weeks"', "settings.KEEP.type must be one of text, line"),
        (KEEP, "settings.KEEP.default is missing."),
        (f"{KEEP}default = true", "settings.KEEP.default must be a whole number, not True."),
        (f"{KEEP}default = 0", "settings.KEEP is not right: KEEP must be at least 1, not 0."),
        (f'{KEEP}default = 1\nchoices = ["a"]', "settings.KEEP.choices is not a key"),
        ('[settings.KEEP]\ntype = "choice"\ndefault = "a"', "settings.KEEP.choices is missing."),
        (
            '[settings.X]\ntype = "pattern"\npattern = "("\nrefusal = "R."\nhelp = "H."',
            "settings.X is not right: missing )",
        ),
        ("title", "is not TOML: "),
        ('requires = ["stock"]', "requires names stock, but there is no such feature."),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_refused_with_file_and_key(feature, tmp_path, text, sentence):
    feature("shop", text)
    message = refused(tmp_path)
    assert message.startswith(f"{tmp_path}/shop/feature.toml")
    assert sentence in message


def test_files_are_named_from_the_projects_folder_on(feature, tmp_path, monkeypatch):
    monkeypatch.setattr("settings.toml_table.BASE_DIR", tmp_path)
    feature("shop", 'title = "A"')
    assert refused(tmp_path) == "shop/feature.toml: summary is missing."


def test_a_feature_without_manifest_is_named(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    assert f"{tmp_path}/shop/feature.toml is missing: write one" in refused(tmp_path)


def test_a_folder_that_no_import_can_name_is_refused(feature, tmp_path):
    feature("my-shop")
    assert "a feature's folder is named in lower case, as in my_feature." in refused(tmp_path)


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        (f"{KEEP}default = 1", "setting KEEP"),
        ('events = { "shop.sold" = "S" }', "event name shop.sold"),
        ('nouns = { shop = "S" }', "noun shop"),
        ('subjects = { shop = "S" }', "subject shop"),
        ('tables = ["goods"]', "table goods"),
        ('[[menu.site]]\nendpoint = "main.shop"\nlabel = "S"', "menu endpoint main.shop"),
    ],
)
def test_two_features_with_the_same_thing_are_both_named(feature, tmp_path, text, thing):
    feature("shop", text)
    feature("store", text)
    assert refused(tmp_path).startswith(f"The features shop and store both have the {thing}.")


def test_features_that_require_each_other_are_named(feature, tmp_path):
    feature("a", 'requires = ["b"]')
    feature("b", 'requires = ["a"]')
    message = refused(tmp_path)
    assert message.startswith("Features require each other in a circle: ")
    assert {"a", "b"} <= set(message.rstrip(".").split())


def test_an_unknown_feature_cannot_be_off(feature, tmp_path):
    feature("shop")
    assert refused(tmp_path, "shp") == (
        "FEATURES_OFF names shp, but there is no such feature. The features are shop."
    )


def test_a_feature_that_another_requires_cannot_be_off(feature, tmp_path):
    feature("users")
    feature("imports", IMPORTS)
    message = refused(tmp_path, "users")
    assert message.startswith("FEATURES_OFF names users, but the feature imports requires it.")


# In the configuration


@pytest.fixture
def features(feature, tmp_path, monkeypatch):
    monkeypatch.setattr(manifests, "FEATURES", tmp_path)
    return feature


def test_the_configuration_has_the_settings_of_features(features):
    features("shop", f"{KEEP}default = 14")
    assert config.Config({}).KEEP == 14
    assert config.Config({"KEEP": "3"}).KEEP == 3
    with pytest.raises(ConfigurationError, match="KEEP must be at most 36500"):
        config.Config({"KEEP": "99999"})


def test_settings_of_a_feature_that_is_off_are_not_read(features):
    features("shop", f"{KEEP}default = 14")
    settings = config.Config({"FEATURES_OFF": " shop ,", "KEEP": "wrong"})
    assert settings.FEATURES["shop"].off
    assert not hasattr(settings, "KEEP")


def test_a_feature_that_is_unknown_stops_the_start(features):
    with pytest.raises(ConfigurationError, match="FEATURES_OFF names shop"):
        config.Config({"FEATURES_OFF": "shop"})


def test_a_feature_cannot_have_a_setting_of_the_core(features):
    features("shop", '[settings.APP_NAME]\ntype = "line"\ndefault = "A"\nhelp = "H."')
    with pytest.raises(ConfigurationError, match=r"feature shop has the setting APP_NAME, which"):
        config.Config({})


def test_a_feature_adds_a_choice_to_a_setting_of_the_core(features):
    features("shop", '[choices]\nREGISTRATION = "customers"')
    assert config.Config({"REGISTRATION": "customers"}).REGISTRATION == "customers"
    for off in ("shop", ""):
        refusal = "REGISTRATION must be one of open, closed"
        with pytest.raises(ConfigurationError, match=refusal):
            config.Config({"REGISTRATION": "customers" if off else "others", "FEATURES_OFF": off})


def test_the_tests_run_without_the_features_that_are_off(features):
    features("shop")
    assert config.TestingConfig({"FEATURES_OFF": "shop"}).FEATURES["shop"].off


# In the guide


def test_the_settings_of_the_guide_are_read(features):
    features("drafts", recipe("docs/customising.md", "## A setting of a feature", "toml"))
    key = "key-0123456789abcdef"
    settings = config.Config({"DRAFTS_KEY": key})
    assert (30, key) == (settings.KEEP_DRAFTS, settings.DRAFTS_KEY)
    with pytest.raises(ConfigurationError, match="DRAFTS_KEY must look like key-0123456789abcdef"):
        config.Config({"DRAFTS_KEY": "key"})


def test_the_guide_lists_every_type():
    section = (
        (BASE_DIR / "docs/customising.md").read_text().partition("## A setting of a feature")[2]
    )
    rows = [row for row in section.partition("\n## ")[0].splitlines() if row.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == set(declarations.TYPES), "List every type of settings in docs/customising.md."
