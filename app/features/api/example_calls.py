"""Write the code that calls an operation, for a shell and in Python."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
PREFIX = "/api/v1"
LINE = 70  # characters of a call, after which each argument has a line


@dataclass(frozen=True)
class ExampleCall:
    """A call of an operation with example values."""

    base: str
    path: str
    method: str
    parameters: list[Json]
    body: Any  # None if the operation takes none
    file: tuple[str, str] | None  # the media type of a body that is no JSON, and an example
    has_token: bool

    @property
    def url(self) -> str:
        """The path with values in the place of its parameters."""
        url = self.path
        for one in self.parameters:
            if one["in"] == "path":
                value = "1" if one.get("schema", {}).get("type") == "integer" else "ID"
                url = url.replace(f"{{{one['name']}}}", value)
        return url

    @property
    def query(self) -> dict[str, Any]:
        """The parameters that are required, or the limit of a list."""
        given = [one for one in self.parameters if one["in"] == "query"]
        needed = {one["name"]: 1 for one in given if one.get("required")}
        is_list = any(one["name"] == "limit" for one in given)
        return needed or ({"limit": 10} if is_list else {})

    @property
    def needs_tag(self) -> bool:
        """Whether the call has to send the ETag of the last state."""
        return any(one["name"] == "If-Match" and one.get("required") for one in self.parameters)

    def curl(self) -> str:
        """Return a line for a shell."""
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        method = [] if self.method == "get" else [f"-X {self.method.upper()}"]
        words = ["curl", *method, f'"{self.base}{self.url}{query and "?"}{query}"']
        if self.has_token:
            words.append('-H "Authorization: Bearer $TOKEN"')
        if self.needs_tag:
            words.append('-H "If-Match: $ETAG"')
        if self.body is not None:
            sent = json.dumps(self.body, ensure_ascii=False).replace("'", "'\\''")
            words.append(f"-H \"Content-Type: application/json\" -d '{sent}'")
        elif self.file is not None:
            words.append(f'-H "Content-Type: {self.file[0]}" --data-binary @FILE')
        return " ".join(words)

    def python(self) -> str:
        """Return lines of Python, in which `api` is a client of httpx."""
        url = f'"{self.url.removeprefix(PREFIX)}"'
        arguments, lines = [url], []
        if self.query:
            arguments.append(f"params={_literal(self.query)}")
        if self.body is not None:
            arguments.append(f"json={_literal(self.body)}")
        elif self.file is not None:
            kind, text = self.file
            arguments += [f"content={_literal(text)}", f'headers={{"Content-Type": "{kind}"}}']
        if self.needs_tag:
            lines.append(f"before = api.get({url})")
            arguments.append('headers={"If-Match": before.headers["ETag"]}')
        joined = ", ".join(arguments)
        if "\n" in joined or len(joined) > LINE:
            joined = "\n" + "".join(f"    {one},\n" for one in arguments)
        lines += [f"answer = api.{self.method}({joined})", "answer.raise_for_status()"]
        if "limit" in self.query:
            lines += ['for item in answer.json()["items"]:', "    print(item)"]
        return "\n".join(lines)


def _literal(value: Any) -> str:
    """Write a value of JSON in Python, with double quotes, and a long object on many lines."""
    if isinstance(value, dict):
        pairs = [f"{_literal(name)}: {_literal(one)}" for name, one in value.items()]
        if sum(map(len, pairs)) > LINE:
            return "{\n" + "".join(f"        {one},\n" for one in pairs) + "    }"
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
