"""The words of tables that are derived from names in the code."""


def humanised(name: str) -> str:
    """Return a name or a value as a label: "due_on" is "Due on"."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]
