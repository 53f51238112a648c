# SPDX-License-Identifier: BSD-3-Clause
"""A report on a fit: one HTML page with its pictures inside."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tektite.data import Frame
from tektite.evaluation import Evaluation
from tektite.files import write_atomically
from tektite.potential import Potential
from tektite.report.dimers import dimer_curves
from tektite.report.errors import ErrorTable
from tektite.report.plots import parity_plot

_STYLE = """
body { font-family: sans-serif; max-width: 62em; margin: 2em auto; color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: 0.15em 0.8em; text-align: right; border-bottom: 1px solid #ddd; }
td:first-child, th:first-child { text-align: left; }
img { max-width: 100%; }
.warning { background: #fff3cd; padding: 0.3em 0.8em; margin: 0.3em 0; }
"""


def _figure(width: float, height: float, n_panels: int) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, n_panels, squeeze=False)[0]


def _picture(draw: Callable[[Any], None]) -> str:
    buffer = io.BytesIO()
    draw(buffer)
    return f'<img src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def _learning_curves(rows: Sequence[Any]) -> Callable[[Any], None]:
    def draw(target: Any) -> None:
        figure, panels = _figure(11, 3.4, 3)
        x = np.arange(len(rows))
        for axes, name, unit in zip(
            panels, ("loss", "energy", "force"), ("", ", meV/atom", ", eV/Å")
        ):
            columns = {"training": "loss" if name == "loss" else f"train_{name}"}
            columns["validation"] = f"validation_{name}"
            for label, column in columns.items():
                values = np.array([getattr(row, column) for row in rows])
                if np.isfinite(values).any():
                    axes.plot(x, values, ".-", markersize=3, label=label)
            for k in range(1, len(rows)):
                if rows[k].stage != rows[k - 1].stage:
                    axes.axvline(k - 0.5, color="0.7", linewidth=0.8)
            axes.set(xlabel="look", title=f"{name}{unit}", yscale="log")
        panels[0].legend(fontsize="small")
        figure.savefig(target, dpi=110, format="png")

    return draw


def _histograms(frames: Sequence[Frame], evaluation: Evaluation) -> Callable[[Any], None]:
    def draw(target: Any) -> None:
        figure, panels = _figure(9, 3.2, 2)
        energies: dict[str, list[float]] = {}
        forces: dict[str, list[np.ndarray]] = {}
        for frame, energy, force in zip(frames, evaluation.energies, evaluation.forces):
            if frame.energy is not None:
                error = 1e3 * (energy - frame.energy) / frame.n_atoms
                energies.setdefault(frame.group, []).append(error)
            if frame.forces is not None:
                forces.setdefault(frame.group, []).append((force - frame.forces).ravel())
        parts = {group: np.concatenate(values) for group, values in forces.items()}
        for axes, values, name in (
            (panels[0], {g: np.array(v) for g, v in energies.items()}, "energy error, meV/atom"),
            (panels[1], parts, "force error, eV/Å"),
        ):
            if values:
                labels = sorted(values)
                axes.hist([values[g] for g in labels], bins=60, stacked=True, label=labels)
                axes.set(yscale="log", xlabel=name)
                axes.legend(fontsize="small")
        figure.savefig(target, dpi=110, format="png")

    return draw


def _dimers(potential: Potential) -> Callable[[Any], None]:
    def draw(target: Any) -> None:
        figure, panels = _figure(10, 3.4, 2)
        distances = potential.minimum_distances
        for (first, second), (r, energies) in dimer_curves(potential).items():
            (line,) = panels[0].plot(r, energies, label=f"{first}-{second}")
            panels[1].plot(r, energies, color=line.get_color())
            i, j = potential.elements.index(first), potential.elements.index(second)
            for axes in panels:
                if distances[i, j] > 0:
                    axes.axvline(distances[i, j], color=line.get_color(), linestyle=":")
        panels[0].set(yscale="symlog", xlabel="distance, Å", ylabel="energy, eV")
        panels[1].set(ylim=(-6, 6), xlabel="distance, Å")
        panels[0].legend(fontsize="small")
        figure.savefig(target, dpi=110, format="png")

    return draw


def worst_frames(
    frames: Sequence[Frame], evaluation: Evaluation, n: int = 10
) -> list[tuple[Frame, float | None, float | None]]:
    """Frames with the largest force errors (energy errors where there are no forces).

    Each with the error of its energy (meV/atom) and its root mean square error of force components
    (eV/angstrom), None where it has no reference.
    """
    found = []
    for frame, energy, force in zip(frames, evaluation.energies, evaluation.forces):
        e = None if frame.energy is None else 1e3 * (energy - frame.energy) / frame.n_atoms
        f = None if frame.forces is None else float(np.sqrt(np.mean((force - frame.forces) ** 2)))
        found.append((frame, e, f))
    found.sort(key=lambda item: (-(item[2] or 0.0), -abs(item[1] or 0.0)))
    return found[:n]


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(text)}</th>" for text in heading)
    lines = [f"<tr>{cells}</tr>"]
    for row in rows:
        lines.append("<tr>" + "".join(f"<td>{html.escape(t)}</td>" for t in row) + "</tr>")
    return "<table>" + "\n".join(lines) + "</table>"


def _error_rows(table: ErrorTable, linear: ErrorTable | None) -> list[list[str]]:
    rows = []
    for name, errors in [*sorted(table.groups.items()), ("all", table.total)]:
        cells = [name, str(errors.n_frames)]
        others = None if linear is None else linear.groups.get(name, linear.total)
        for quantity, digits in (("energy", 2), ("force", 4), ("stress", 3)):
            for source in [errors] if others is None else [others, errors]:
                value = getattr(source, quantity).rmse
                cells.append("-" if value is None else f"{value:.{digits}f}")
        slope = errors.force_slope.slope
        cells.append("-" if slope is None else f"{slope:.4f}")
        rows.append(cells)
    return rows


def write_page(
    path: Path,
    title: str,
    potential: Potential,
    frames: Mapping[str, Sequence[Frame]],
    evaluations: Mapping[str, Evaluation],
    tables: Mapping[str, ErrorTable],
    linear_tables: Mapping[str, ErrorTable] | None = None,
    rows: Sequence[Any] = (),
    warnings: Sequence[str] = (),
) -> None:
    """Write a report as one HTML file that needs nothing else.

    Parameters
    ----------
    path : Path
        Where to.
    title : str
        Heading.
    potential : Potential
        The model, for dimer curves of every pair of elements down to 0.5 angstrom.
    frames, evaluations, tables : mapping
        By name of the set: reference frames, predictions, errors.
    linear_tables : mapping, optional
        Errors of the linear model, shown beside.
    rows : sequence of tektite.fit.trainer.Row
        Course of a training.
    warnings : sequence of str
        Shown at the top.
    """
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts += [f'<p class="warning">{html.escape(text)}</p>' for text in warnings]
    if rows:
        parts += ["<h2>Course of the training</h2>", _picture(_learning_curves(rows))]
    for name, table in tables.items():
        linear = None if linear_tables is None else linear_tables.get(name)
        heading = ["group", "frames"]
        for quantity in ("energy, meV/atom", "force, eV/Å", "stress, GPa"):
            heading += [quantity] if linear is None else [f"{quantity}: linear", "this model"]
        parts += [
            f"<h2>{html.escape(name.capitalize())}: root mean square errors</h2>",
            _table([*heading, "slope of forces"], _error_rows(table, linear)),
            _picture(_parity(frames[name], evaluations[name])),
            _picture(_histograms(frames[name], evaluations[name])),
            "<h3>Worst frames</h3>",
            _table(
                ["frame", "group", "energy error, meV/atom", "force error, eV/Å"],
                [
                    [
                        f"{Path(frame.source).name}, frame {frame.index}",
                        frame.group,
                        "-" if e is None else f"{e:.2f}",
                        "-" if f is None else f"{f:.4f}",
                    ]
                    for frame, e, f in worst_frames(frames[name], evaluations[name])
                ],
            ),
        ]
    parts += [
        "<h2>Dimers</h2><p>Energy of two atoms less that of isolated ones; dotted: the smallest "
        "distance of the training data.</p>",
        _picture(_dimers(potential)),
    ]
    body = "\n".join(parts)
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )
    write_atomically(path, page.encode())


def _parity(frames: Sequence[Frame], evaluation: Evaluation) -> Callable[[Any], None]:
    return lambda target: parity_plot(
        target, frames, evaluation.energies, evaluation.forces, evaluation.stresses
    )
