# SPDX-License-Identifier: BSD-3-Clause
"""The configuration of a fit: every key, its default and what it means."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from ase.data import atomic_numbers
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from tektite.data import STRESS_CONVENTIONS
from tektite.fit.section import Section as _Section
from tektite.fit.training_config import TrainingConfig


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
AnyConfig = TypeVar("AnyConfig", bound="_Section")


class DataConfig(_Section):
    """Reference data: extxyz or whatever ASE reads."""

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
    def train_files(self) -> list[Path]:
        """All files to fit to."""
        return self.train if isinstance(self.train, list) else [self.train]

    @property
    def test_files(self) -> list[Path]:
        """All files to test on."""
        return self.test if isinstance(self.test, list) else [self.test] if self.test else []


class BasisConfig(_Section):
    """Which functions the model has: all invariant products within these limits."""

    cutoff: float | Pairs | Literal["automatic"] = Field(
        5.5,
        description="Cutoff, Å, or one for each pair (`{Si-O: 5, default: 5.5}`); `automatic`: the "
        "radius of a sphere that holds 33 atoms at the median number density of the periodic "
        "training frames.",
    )
    n_max: list[int] = Field(
        [14, 10, 8, 5],
        min_length=1,
        max_length=8,
        description="Number of radial functions for rank 1, 2, ... (rank: number of factors A, "
        "body order less one). Its length is the largest rank.",
    )
    l_max: list[int] = Field(
        [0, 7, 5, 4], description="Largest angular momentum for rank 1 (always 0), 2, ..."
    )
    max_degree: list[float] | None = Field(
        [20, 11, 9.6, 8],
        description="Limit of Σ (n + l_weight·l) over the factors, n from 0, for rank 1, 2, ...; "
        "null: none.",
    )
    l_weight: float = Field(0.7, ge=0, description="Weight of l against n in the degree.")

    @model_validator(mode="after")
    def _lengths(self) -> BasisConfig:
        for name in ("l_max", "max_degree"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.n_max):
                raise ValueError(
                    f"{name} has {len(value)} values but n_max has {len(self.n_max)}: give one "
                    "for each rank in both"
                )
        return self

    @property
    def n_radial(self) -> int:
        """Radial functions that the basis needs."""
        return max(self.n_max)


class RadialConfig(_Section):
    """Radial functions g_k(r)."""

    kind: Literal["Polynomial", "SBessel", "ChebExpCos", "ChebPow"] = Field(
        "Polynomial",
        description="`Polynomial`: orthogonal polynomials of a transformed distance under a smooth "
        "envelope; the others as in pacemaker.",
    )
    r_0: float | Pairs | None = Field(
        None,
        description="Polynomial: distance (Å) at which the transform resolves best, or one "
        "for each pair; null: 0.9 √(d r_c), d being the mean nearest-neighbour distance of the "
        "pair in the data and r_c its cutoff.",
    )
    p: float = Field(2.0, gt=0, description="Polynomial: the transform falls as r^-p.")
    q: float = Field(4.0, ge=1, description="Polynomial: it leaves 1 as r^q at short distance.")
    a: float | None = Field(
        None,
        gt=0,
        description="Polynomial: prefactor of the transform; null: steepest at r_0.",
    )
    envelope: float = Field(
        3.0,
        ge=2,
        description="Polynomial: exponent of the envelope at the cutoff; 3 makes the energy twice "
        "continuously differentiable there.",
    )
    lambda_: float = Field(
        5.0, alias="lambda", gt=0, description="ChebExpCos and ChebPow: decay of the distance."
    )
    inner_cutoff: float | Pairs | None = Field(
        None,
        description="Below it (Å) the radial functions are switched off, so that only the baseline "
        "acts; null: 0.9 times the smallest distance of the pair in the data; 0: never.",
    )
    inner_cutoff_width: float = Field(
        0.4, gt=0, description="Range over which they are switched off, Å."
    )


class BaselineConfig(_Section):
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


class WeightsConfig(_Section):
    """Weights of one group of frames. 0 leaves the quantity out."""

    energy: float = Field(10.0, ge=0, description="w_E of the loss.")
    forces: float = Field(1.0, ge=0, description="w_F of the loss.")
    stress: float = Field(0.3, ge=0, description="w_S of the loss.")


class GroupWeightsConfig(_Section):
    """Factors of one group on the default weights."""

    energy: float = Field(1.0, ge=0, description="Multiplies w_E.")
    forces: float = Field(1.0, ge=0, description="Multiplies w_F.")
    stress: float = Field(1.0, ge=0, description="Multiplies w_S.")


class WeightingConfig(_Section):
    """Factors of single frames on w_E, w_F and w_S."""

    kind: Literal["uniform", "frame", "hull"] = Field(
        "uniform",
        description="`uniform`: 1; `frame`: the number `key` of each frame; `hull`: scale/(scale + "
        "E), E being the energy per atom above the convex hull of the training data.",
    )
    key: str = Field("weight", description="frame: name of the factor.")
    scale: float = Field(0.5, gt=0, description="hull: in eV/atom.")


class LossConfig(_Section):
    """Loss = Σ_frames [w_E² ΔE²/n^a + w_F² |ΔF|² + w_S² |ΔW|²/n^a].

    ΔE in eV, ΔF in eV/Å, ΔW = V Δσ in eV (six components); n atoms; a = 1 (`sqrt_n`) or 2 (`n`).
    """

    weights: WeightsConfig = Field(WeightsConfig(), description="Weights of all groups.")
    groups: dict[str, GroupWeightsConfig] = Field(
        {}, description="Factors for single groups, by name (`{Surface: {energy: 2}}`)."
    )
    weighting: WeightingConfig = Field(WeightingConfig(), description="See below.")
    energy_scaling: Literal["sqrt_n", "n"] = Field(
        "sqrt_n",
        description="Energies and virials are divided by √n (errors of extensive, independent "
        "contributions) or by n (errors per atom).",
    )


class PriorConfig(_Section):
    """Coefficients are expected to be of order s^-rank (1 + Σ (n + l_weight·l))^-exponent."""

    exponent: float = Field(2.0, ge=0, description="0: plain ridge regression.")
    l_weight: float = Field(0.7, ge=0, description="Weight of l against n.")
    density: float | None = Field(
        None,
        gt=0,
        description="s, the typical size of A; null: its root mean square in the training data.",
    )


class RegressionConfig(_Section):
    """How strongly the prior acts."""

    method: Literal["evidence", "cross_validation", "fixed"] = Field(
        "evidence",
        description="`evidence`: largest marginal likelihood of Bayesian linear regression; "
        "`cross_validation`: smallest loss on left-out frames; `fixed`: `strength`.",
    )
    strength: float | None = Field(
        None, gt=0, description="λ of the penalty λ Σ (c/scale)², for `fixed`."
    )
    folds: int = Field(5, ge=2, description="Parts of the data for `cross_validation`.")
    seed: int = Field(1, ge=0, description="Decides which frame is in which part.")
    posterior: bool = Field(
        True,
        description="Keep the posterior covariance of the coefficients of a linear model in its "
        "file (4 bytes times the square of the number of functions).",
    )
    committee: int = Field(
        16,
        ge=0,
        le=256,
        description="With `posterior`: members of the committee drawn from it, whose spread is the "
        "uncertainty of each atom; 0: none. After a `training` they differ in the coefficients of "
        "the first density, whose posterior is that with all other parameters as trained.",
    )

    @field_validator("committee")
    @classmethod
    def _members(cls, value: int) -> int:
        if value == 1:
            raise ValueError("a committee has at least 2 members, or 0: none")
        return value

    @model_validator(mode="after")
    def _strength(self) -> RegressionConfig:
        if (self.method == "fixed") != (self.strength is not None):
            raise ValueError("strength is needed with method 'fixed', and only there")
        return self


class OutputConfig(_Section):
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
    report: Path | None = Field(
        None,
        description="Report on a `training`, a page with pictures; null: name of the model with "
        "`.report.html`.",
    )


class FitConfig(_Section):
    """Configuration of `tektite fit`. Relative paths are relative to the configuration file."""

    family: Literal["ace"] = Field(
        "ace", description="Family of the model; `gap` has [keys of its own](gap.md)."
    )
    elements: list[Symbol] | None = Field(
        None, description="Chemical symbols; null: those of the training data, alphabetically."
    )
    data: DataConfig = Field(description="See below.")
    isolated_energies: dict[Symbol, float] | Literal["from_data", "fit"] | None = Field(
        None,
        description="Energy (eV) of each isolated atom; `from_data`: of the frames in which no "
        "atom has a neighbour (all of these, by least squares); `fit`: fitted together with the "
        "coefficients; null: from_data if every element has such a frame, otherwise fit.",
    )
    baseline: BaselineConfig = Field(BaselineConfig(), description="See below.")
    basis: BasisConfig = Field(BasisConfig(), description="See below.")
    radial: RadialConfig = Field(RadialConfig(), description="See below.")
    loss: LossConfig = Field(LossConfig(), description="See below.")
    prior: PriorConfig = Field(PriorConfig(), description="See below.")
    regression: RegressionConfig = Field(RegressionConfig(), description="See below.")
    training: TrainingConfig | None = Field(
        None, description="Training of a non-linear model; null: the model stays linear. See below."
    )
    output: OutputConfig = Field(OutputConfig(), description="See below.")
    threads: int | None = Field(
        None, ge=1, description="Number of threads; null: as everywhere in Tektite."
    )

    @field_validator("elements")
    @classmethod
    def _distinct(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and (not value or len(set(value)) != len(value)):
            raise ValueError("elements must be a list of different symbols, at least one")
        return value


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


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that an annotation is, or is a mapping to."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    parts = getattr(annotation, "__args__", ())
    return next((s for s in map(_section_of, parts) if s is not None), None)


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
        inner = _section_of(fields[part].annotation)
        if inner is None:
            break
        section = inner
        if getattr(fields[part].annotation, "__origin__", None) is dict and parts:
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


def parse_config(content: Any, path: str | Path = "<config>") -> FitConfig:
    """Check a configuration given as a mapping.

    Raises
    ------
    ValueError
        Names `path` and every key that is unknown, missing or wrong.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{path}: a configuration is a mapping of keys to values")
    try:
        return FitConfig.model_validate(content)
    except ValidationError as error:
        raise ValueError(explain(error, Path(path), FitConfig)) from None


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


def load_config(path: str | Path) -> FitConfig:
    """Read and check a configuration file; relative paths become relative to its folder.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        Not YAML, a key occurs twice, or see `parse_config`.
    """
    path = Path(path).expanduser()
    config = parse_config(read_yaml(path), path)
    return resolve_paths(config, path)


def resolve_paths(config: AnyConfig, path: Path) -> AnyConfig:
    """Configuration with all paths relative to the folder of its file, and the outputs named."""
    folder = path.parent

    def place(value: Any) -> Any:
        if isinstance(value, list):
            return [place(v) for v in value]
        return None if value is None else folder / Path(value).expanduser()

    data = config.data.model_copy(
        update={"train": place(config.data.train), "test": place(config.data.test)}
    )
    model = place(config.output.model) or folder / f"{path.stem}.mlip"
    output = OutputConfig(
        model=model,
        errors=place(config.output.errors) or model.with_suffix(".errors.json"),
        parity=place(config.output.parity) or model.with_suffix(".parity.png"),
        metrics=place(config.output.metrics) or model.with_suffix(".metrics.csv"),
        report=place(config.output.report) or model.with_suffix(".report.html"),
    )
    files = {pair: place(file) for pair, file in (config.baseline.files or {}).items()}
    baseline = config.baseline.model_copy(update={"files": files or None})
    update: dict[str, Any] = {"data": data, "baseline": baseline, "output": output}
    training = getattr(config, "training", None)
    if training is not None:
        validation = training.validation.model_copy(
            update={"files": place(training.validation.files)}
        )
        update["training"] = training.model_copy(
            update={"validation": validation, "start": place(training.start)}
        )
    return config.model_copy(update=update)
