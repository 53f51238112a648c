# SPDX-License-Identifier: BSD-3-Clause
"""The table of all keys in docs/fitting.md, made from the configuration classes."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from tektite.fit.base_config import BaselineConfig, CrossValidationConfig, DataConfig, OutputConfig
from tektite.fit.config import (
    BasisConfig,
    CommitteeConfig,
    FitConfig,
    PriorConfig,
    RadialConfig,
    RegressionConfig,
)
from tektite.fit.config_file import section_of
from tektite.fit.loss_config import LossConfig
from tektite.fit.training_config import TrainingConfig

# At the end of the top level, after all that is special about a family.
_LAST = ("cross_validation", "output", "threads", "memory_limit")


def _type_name(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type_name(arguments[0])
    if origin in (typing.Union, types.UnionType):
        names = [_type_name(a) for a in arguments if a is not type(None)]
        return " or ".join(dict.fromkeys(names)) + (" or null" if type(None) in arguments else "")
    if origin is typing.Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin is tuple:
        return f"{len(arguments)} numbers"
    if origin is list:
        return f"list of {_type_name(arguments[0])}"
    if origin is dict:
        return f"mapping to {_type_name(arguments[1])}"
    names = {float: "number", int: "integer", str: "text", bool: "true or false"}
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)).lower())


def _default_text(field: Any) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, BaseModel):
        return ""
    value = field.default
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        return f"{len(value)}, with its defaults"
    if isinstance(value, tuple):
        return ", ".join(f"{v:g}" for v in value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _lines(
    section: type[BaseModel], name: str, elsewhere: Collection[type[BaseModel]]
) -> list[str]:
    title = f"`{name}`" if name else "Top level"
    lines = [f"### {title}", "", (section.__doc__ or "").strip().replace("\n    ", "\n"), ""]
    lines += ["| key | value | default | |", "|---|---|---|---|"]
    below: list[str] = []
    fields = sorted(section.model_fields.items(), key=lambda item: not name and item[0] in _LAST)
    for attribute, field in fields:
        key = field.alias or attribute
        inner = section_of(field.annotation)
        description = (field.description or "").replace("|", "\\|")
        if inner in elsewhere:
            said = "" if description == "See below." else f"{description} "
            description = f"{said}As for [linear ACE](fitting.md#{key})."
        lines.append(
            f"| `{key}` | {_type_name(field.annotation)} | {_default_text(field)} | {description} |"
        )
        if inner is not None and inner not in elsewhere:
            is_mapping = typing.get_origin(field.annotation) is dict
            path = f"{name}.{key}" if name else key
            below += _lines(inner, f"{path}.NAME" if is_mapping else path, elsewhere)
    return [*lines, "", *below]


def reference_markdown(root: type[BaseModel] = FitConfig) -> str:
    """Return the reference of all keys as Markdown, one table a section.

    Sections that a family shares with linear ACE are only in the latter's reference.
    """
    shared: tuple[type[BaseModel], ...] = ()
    if root is not FitConfig:
        shared = (
            CrossValidationConfig,
            DataConfig,
            BaselineConfig,
            BasisConfig,
            RadialConfig,
            CommitteeConfig,
            LossConfig,
            OutputConfig,
            PriorConfig,
            RegressionConfig,
            TrainingConfig,
        )
    return "\n".join(_lines(root, "", shared)).rstrip() + "\n"


BEGIN, END = "<!-- reference: begin -->\n", "<!-- reference: end -->"


def update(text: str, root: type[BaseModel] = FitConfig) -> str:
    """Return a document with the part between the two markers made anew."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + "\n" + reference_markdown(root) + "\n" + END + rest.split(END)[1]


def documented() -> dict[str, type[BaseModel]]:
    """Name of the page that holds each reference, without ending, and whose it is."""
    from tektite.fit.average.config import AverageFitConfig
    from tektite.fit.gap.config import GapFitConfig
    from tektite.fit.neural.config import NeuralFitConfig

    return {
        "fitting": FitConfig,
        "average": AverageFitConfig,
        "gap": GapFitConfig,
        "neural": NeuralFitConfig,
    }


if __name__ == "__main__":
    import sys
    from pathlib import Path

    for name in sys.argv[1:]:
        path = Path(name)
        text = update(path.read_text(encoding="utf-8"), documented()[path.stem])
        path.write_text(text, encoding="utf-8")
