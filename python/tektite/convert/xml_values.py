# SPDX-License-Identifier: BSD-3-Clause
"""Values in XML files; what is missing or malformed raises ModelFileError and names the place."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
from numpy.typing import NDArray

from tektite.errors import ModelFileError


def xml_attribute(element: ElementTree.Element, name: str, place: str) -> str:
    """Text of an attribute."""
    value = element.get(name)
    if value is None:
        raise ModelFileError(f"{place}: <{element.tag}> lacks the attribute '{name}'")
    return value


def xml_number(element: ElementTree.Element, name: str, place: str) -> float:
    """Attribute as a finite number."""
    text = xml_attribute(element, name, place)
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise ModelFileError(f"{place}: <{element.tag}> has {name}='{text}', which is no number")
    return value


def xml_integer(element: ElementTree.Element, name: str, place: str) -> int:
    """Attribute as an integer."""
    value = xml_number(element, name, place)
    if value != int(value):
        raise ModelFileError(f"{place}: <{element.tag}> has {name}={value}, which is no integer")
    return int(value)


def xml_numbers(text: str, place: str) -> NDArray[np.float64]:
    """Text as finite numbers, (n,)."""
    try:
        values = np.array(text.split(), dtype=np.float64)
    except ValueError:
        values = np.array([np.nan])
    if not np.all(np.isfinite(values)):
        raise ModelFileError(f"{place}: not a list of finite numbers")
    return values
