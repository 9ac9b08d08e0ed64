"""Provide the slots of pages into which the core and the features plug.

Menus are data. Everything else is registered by decorators: the core's in `app/admin`, a feature's
in its module `slots`.
"""

from app.kit.slots.banners import (
    account_row,
    account_rows,
    banner,
    banners,
    sign_out_part,
    sign_out_parts,
)
from app.kit.slots.dashboard import Card, Column, Loader, card, cards
from app.kit.slots.menus import menu
from app.kit.slots.own_data import data_of, files_of, own_data, own_files
from app.kit.slots.panels import PanelLoader, ShownPanel
from app.kit.slots.pictures import PictureFinder, pictures_of, user_pictures
from app.kit.slots.reader_times import ReaderTimesFinder, reader_times, times_of_reader
from app.kit.slots.role_page import role_panel, shown_role_panels
from app.kit.slots.sign_in_methods import (
    LastSignInMethod,
    confirm_part,
    confirm_parts,
    fresh_sign_in_part,
    fresh_sign_in_parts,
    has_other_sign_in_method,
    has_sign_in_method,
    register_part,
    register_parts,
    sign_in_method,
    sign_in_part,
    sign_in_parts,
)
from app.kit.slots.subjects import RowArguments, subject_page, subject_page_of
from app.kit.slots.table_pages import (
    shown_table_menus,
    start_of_table,
    table_menu,
    table_start,
)
from app.kit.slots.user_list import (
    IsOffered,
    UserListAction,
    UserSelection,
    selection_of_users,
    user_list_action,
    user_list_actions,
    user_selection,
)
from app.kit.slots.user_page import (
    IsAvailable,
    Place,
    UserAction,
    acts_on_user,
    check,
    shown_panels,
    user_action,
    user_action_at,
    user_actions,
    user_panel,
)
from app.kit.slots.values import Values
from settings import manifests

__all__ = [
    "Card",
    "Column",
    "IsAvailable",
    "IsOffered",
    "LastSignInMethod",
    "Loader",
    "PanelLoader",
    "PictureFinder",
    "Place",
    "ReaderTimesFinder",
    "RowArguments",
    "ShownPanel",
    "UserAction",
    "UserListAction",
    "UserSelection",
    "Values",
    "account_row",
    "account_rows",
    "acts_on_user",
    "banner",
    "banners",
    "card",
    "cards",
    "check",
    "confirm_part",
    "confirm_parts",
    "data_of",
    "files_of",
    "fresh_sign_in_part",
    "fresh_sign_in_parts",
    "has_other_sign_in_method",
    "has_sign_in_method",
    "icons",
    "menu",
    "own_data",
    "own_files",
    "pictures_of",
    "reader_times",
    "register_part",
    "register_parts",
    "role_panel",
    "selection_of_users",
    "shown_panels",
    "shown_role_panels",
    "shown_table_menus",
    "sign_in_method",
    "sign_in_part",
    "sign_in_parts",
    "sign_out_part",
    "sign_out_parts",
    "start_of_table",
    "subject_page",
    "subject_page_of",
    "table_menu",
    "table_start",
    "times_of_reader",
    "user_action",
    "user_action_at",
    "user_actions",
    "user_list_action",
    "user_list_actions",
    "user_panel",
    "user_pictures",
    "user_selection",
]


def icons() -> set[str]:
    """Return the icons of all menus and actions, for the sprite."""
    used = {entry.icon for name in manifests.MENUS for entry in menu(name)}
    used |= {one.icon for one in user_actions()} | {one.icon for one in user_list_actions()}
    return used - {""}
