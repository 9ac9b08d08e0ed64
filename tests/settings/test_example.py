"""The settings of features in `.env.example`."""

from settings import example, manifests

TEXT = """title = "Shop"
summary = "S."

[settings.SHOP_NAME]
type = "line"
default = "My shop"
help = "The name of the shop."

[settings.KEEP_ORDERS]
type = "days"
default = 30
help = "After how many days orders are deleted."

[settings.SHOP_KEY]
type = "key"
help = "The key."
"""
EXPECTED = f"""# APP_NAME=

{example.HEADING}

# --- Shop

# The name of the shop.
# SHOP_NAME='My shop'
# After how many days orders are deleted.
# KEEP_ORDERS=30
# The key.
# SHOP_KEY=
"""


def test_settings_are_written_below_the_heading(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "feature.toml").write_text(TEXT)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "feature.toml").write_text('title = "P"\nsummary = "P."\n')
    features = manifests.read(tmp_path)
    assert example.written("# APP_NAME=\n", features) == EXPECTED
    assert example.written(EXPECTED.replace("30", "60"), features) == EXPECTED
