# SPDX-License-Identifier: BSD-3-Clause
"""What the configurations of all families of models have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from ase.data import atomic_numbers
from pydantic import AfterValidator, Field, field_validator, model_validator

from tektite.data import STRESS_CONVENTIONS
from tektite.data.sources import find_all_files
from tektite.fit.config_file import parse_section, place, read_yaml
from tektite.fit.section import Section


def _check_symbol(symbol: str) -> str:
    if symbol not in atomic_numbers or atomic_numbers[symbol] < 1:
        raise ValueError(f"'{symbol}' is not a chemical symbol")
    return symbol


def _check_convention(name: str) -> str:
    if name not in STRESS_CONVENTIONS:
        raise ValueError(f"'{name}' is not one of {', '.join(STRESS_CONVENTIONS)}")
    return name


Symbol = Annotated[str, AfterValidator(_check_symbol)]
Convention = Annotated[str, AfterValidator(_check_convention)]
Pairs = dict[str, float]


class DataConfig(Section):
    """Reference data: extxyz, databases of ASE (`.db`) or whatever else ASE reads.

    A path may also be a folder, for all its files that end in `.extxyz`, `.xyz`, `.db` or `.traj`,
    or a pattern (`run-*/frames.extxyz`; `**` stands for any folders). Files are read frame by
    frame, and only numbers, positions, cells and reference values are kept.
    """

    train: Path | list[Path] = Field(description="File or files to fit to.")
    test: Path | list[Path] | None = Field(
        None, description="File or files to test on; they do not influence the fit."
    )
    energy_key: str = Field("energy", description="Name of the energies (eV).")
    forces_key: str | None = Field(
        "forces", description="Name of the forces (eV/Å); null: not used."
    )
    stress_key: str | None = Field("stress", description="Name of the stresses; null: not used.")
    stress_convention: Convention | dict[str, Convention] = Field(
        "ase",
        description="Units, sign and order of the stresses: "
        + "; ".join(f"`{name}` ({text})" for name, text in STRESS_CONVENTIONS.items())
        + ". A mapping from group to convention (`default` for the other groups) where a file "
        "mixes several.",
    )
    group_key: str = Field("group", description="Name of the kind of frame.")
    level_of_theory: str | None = Field(
        None, description="Kept in the model file, for example `PBE, 500 eV`."
    )

    @property
    def paths(self) -> dict[str, list[Path]]:
        """Paths as given, by the name of the set ("train", "test")."""
        given = {"train": self.train, "test": self.test or []}
        return {name: p if isinstance(p, list) else [p] for name, p in given.items()}

    @property
    def train_files(self) -> list[Path]:
        """All files to fit to; raises what `tektite.data.sources.find_all_files` does."""
        return find_all_files(self.paths["train"])

    @property
    def test_files(self) -> list[Path]:
        """All files to test on; raises as `train_files`."""
        return find_all_files(self.paths["test"])


class BaselineConfig(Section):
    """Fixed pair repulsion under the fit."""

    kind: Literal["zbl", "table", "none"] = Field(
        "zbl",
        description="`zbl`: screened nuclear repulsion (Ziegler, Biersack, Littmark); `table`: "
        "pair energies of files; both switched off smoothly; `none`: no baseline.",
    )
    files: dict[str, Path] | None = Field(
        None,
        description="table: for each pair (`{Si-Si: si.txt}`) a text file of two columns, distance "
        "(Å, ascending) and energy (eV), at least 6 lines; pairs without a file have no baseline. "
        "Below the first distance the table goes on as a parabola.",
    )
    inner: float | Pairs | None = Field(
        None, description="Full up to here, Å; null: 0.6 times `outer`."
    )
    outer: float | Pairs | None = Field(
        None,
        description="Zero from here on, Å; null: the smallest distance of the pair in the data, so "
        "that the fit does not see it.",
    )

    @model_validator(mode="after")
    def _files(self) -> BaselineConfig:
        if (self.kind == "table") != bool(self.files):
            raise ValueError("files are needed with kind 'table', and only there")
        return self


class OutputConfig(Section):
    """What is written. Null: not written."""

    model: Path | None = Field(
        None, description="Model file; null: the name of the configuration with `.mlip`."
    )
    errors: Path | None = Field(
        None, description="Errors as JSON; null: name of the model with `.errors.json`."
    )
    parity: Path | None = Field(
        None,
        description="Parity plots; null: name of the model with `.parity.png`. `-train` and "
        "`-test` are added to the name.",
    )
    metrics: Path | None = Field(
        None,
        description="Course of a `training`, one line a look; null: name of the model with "
        "`.metrics.csv`.",
    )
    folds: Path | None = Field(
        None,
        description="Errors of a `cross_validation` as JSON; null: name of the model with "
        "`.folds.json`.",
    )
    report: Path | None = Field(
        None,
        description="Report on a `training`, a page with pictures; null: name of the model with "
        "`.report.html`.",
    )


class CrossValidationConfig(Section):
    """Fits to all frames but one part, for each part in turn, before the fit to all.

    Reports the errors on the frames left out, and chooses values of keys by the loss of these.
    Frames of one atom are never left out.
    """

    folds: int = Field(5, ge=2, description="Number of parts.")
    seed: int = Field(1, ge=0, description="Decides which frame is in which part.")
    grid: dict[str, list[Any]] = Field(
        {},
        description="Values to try, by key (`{training.penalty.l2: [0.1, 1, 10]}`; items of lists "
        "by number, `training.stages.0.kappa`), in all combinations. The fit to all frames "
        "uses those with the smallest loss on frames left out.",
    )

    @field_validator("grid")
    @classmethod
    def _some(cls, value: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for key, values in value.items():
            if not values:
                raise ValueError(f"no values for '{key}'")
            if key.split(".")[0] in ("family", "data", "output", "cross_validation", "loss"):
                raise ValueError(f"'{key}' cannot be chosen by the loss on frames left out")
        return value


_ENDINGS = {
    "folds": ".folds.json",
    "errors": ".errors.json",
    "parity": ".parity.png",
    "metrics": ".metrics.csv",
    "report": ".report.html",
}

AnyConfig = TypeVar("AnyConfig", bound="BaseFitConfig")


class BaseFitConfig(Section):
    """Keys that a fit of any family has. Relative paths are relative to the configuration file."""

    family: str = Field(
        description="Family of the model: `ace` (the default), [`gap`](gap.md), "
        "[`neural`](neural.md) or [`average`](average.md)."
    )
    elements: list[Symbol] | None = Field(
        None, description="Chemical symbols; null: those of the training data, alphabetically."
    )
    data: DataConfig = Field(description="See below.")
    isolated_energies: dict[Symbol, float] | Literal["from_data", "fit"] | None = Field(
        None,
        description="Energy (eV) of each isolated atom; `from_data`: of the frames in which no "
        "atom has a neighbour (all of these, by least squares); `fit`: fitted together with the "
        "coefficients (`ace`) or to the energies alone, by least squares; null: from_data if every "
        "element has such a frame, otherwise fit.",
    )
    baseline: BaselineConfig = Field(BaselineConfig(), description="See below.")
    cross_validation: CrossValidationConfig | None = Field(
        None, description="Null: none. See below."
    )
    output: OutputConfig = Field(OutputConfig(), description="See below.")
    threads: int | None = Field(
        None, ge=1, description="Number of threads; null: as everywhere in Tektite."
    )
    memory_limit: float | None = Field(
        None,
        gt=0,
        description="Largest memory that the fit may take, GiB; null: what is free when it begins. "
        "How much it will take is printed before. Where that is too much, less is done at once "
        "and neighbour lists are made anew in each step, with the same result; where even that is "
        "too much, the fit does not begin.",
    )

    @field_validator("elements")
    @classmethod
    def _distinct(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and (not value or len(set(value)) != len(value)):
            raise ValueError("elements must be a list of different symbols, at least one")
        return value

    @property
    @abstractmethod
    def group_settings(self) -> tuple[str, Collection[str]]:
        """Key of the settings of single groups of frames, and for which groups there are any."""

    @property
    def frame_keys(self) -> Collection[str]:
        """Names of numbers that frames have of their own and that are used, if there are any."""
        return ()

    def without_extras(self: AnyConfig) -> AnyConfig:
        """Return the configuration without what does not change the model, as uncertainties."""
        return self

    @classmethod
    def parse(cls: type[AnyConfig], content: Any, path: str | Path = "<config>") -> AnyConfig:
        """Check a configuration given as a mapping.

        Raises
        ------
        ValueError
            Names `path` and every key that is unknown, missing or wrong.
        """
        return parse_section(cls, content, Path(path))

    @classmethod
    def load(cls: type[AnyConfig], path: str | Path) -> AnyConfig:
        """Read and check a configuration file; relative paths become relative to its folder.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ValueError
            Not YAML, a key occurs twice, or see `parse`.
        """
        path = Path(path).expanduser()
        config = cls.parse(read_yaml(path), path)
        return config.model_copy(update=config.resolved(path))

    def resolved(self, path: Path) -> dict[str, Any]:
        """Sections with all paths relative to the folder of a file, and the outputs named."""
        folder = path.parent
        model = place(self.output.model, folder) or folder / f"{path.stem}.mlip"
        output = {name: place(value, folder) for name, value in self.output}
        for name, ending in _ENDINGS.items():
            output[name] = output[name] or model.with_suffix(ending)
        data = {name: place(getattr(self.data, name), folder) for name in ("train", "test")}
        files = {pair: place(file, folder) for pair, file in (self.baseline.files or {}).items()}
        return {
            "data": self.data.model_copy(update=data),
            "baseline": self.baseline.model_copy(update={"files": files or None}),
            "output": OutputConfig(**{**output, "model": model}),
        }
