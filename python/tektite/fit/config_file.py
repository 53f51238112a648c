# SPDX-License-Identifier: BSD-3-Clause
"""Reading of configuration files, and what is said of wrong ones."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from tektite.fit.section import Section

AnyConfig = TypeVar("AnyConfig", bound=Section)


class _Loader(yaml.SafeLoader):
    """YAML in which a key that occurs twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise ValueError(f"line {line}: the key '{key}' occurs twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that an annotation is, or is a mapping to."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    parts = getattr(annotation, "__args__", ())
    return next((s for s in map(section_of, parts) if s is not None), None)


def _locate(location: tuple[Any, ...], root: type[BaseModel]) -> tuple[str, type[BaseModel]]:
    """Key of the file, and the section that holds it, from the location of a validation error.

    Pydantic appends the alternatives of a union to the location; they are no keys.
    """
    section = root
    keys: list[str] = []
    parts = list(location)
    while parts:
        part = str(parts.pop(0))
        keys.append(part)
        fields = {f.alias or n: f for n, f in section.model_fields.items()}
        if part not in fields:
            break
        inner = section_of(fields[part].annotation)
        if inner is None:
            break
        section = inner
        if getattr(fields[part].annotation, "__origin__", None) in (dict, list) and parts:
            keys.append(str(parts.pop(0)))
    return ".".join(keys), section


def explain(error: ValidationError, path: Path, root: type[BaseModel]) -> str:
    """One sentence that names the file and every key that is unknown, missing or wrong."""
    lines = []
    for item in error.errors():
        key, section = _locate(item["loc"], root)
        if item["type"] == "extra_forbidden":
            known = [f.alias or n for n, f in section.model_fields.items()]
            close = difflib.get_close_matches(key.rsplit(".", 1)[-1], known, 1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            lines.append(f"'{key}' is not known{hint} (known here: {', '.join(known)})")
        elif item["type"] == "missing":
            lines.append(f"'{key}' is missing")
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"'{key}': {message}" if key else message)
    return f"{path}: " + "; ".join(dict.fromkeys(lines))


def parse_section(root: type[AnyConfig], content: Any, path: Path) -> AnyConfig:
    """Check a mapping.

    Raises
    ------
    ValueError
        Names `path` and every key that is unknown, missing or wrong.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a configuration is a mapping of keys to values")
    try:
        return root.model_validate(content)
    except ValidationError as error:
        raise ValueError(explain(error, path, root)) from None


def read_yaml(path: Path) -> Any:
    """Content of a YAML file in which no key occurs twice.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        Not YAML, or a key occurs twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such configuration file")
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: not valid YAML: {error}") from None


def place(value: Any, folder: Path) -> Any:
    """A path, or a list of paths, relative to a folder; None stays None."""
    if isinstance(value, list):
        return [place(v, folder) for v in value]
    return None if value is None else folder / Path(value).expanduser()
