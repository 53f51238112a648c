# SPDX-License-Identifier: BSD-3-Clause
"""Is what the device computes right? Device against CPU, the same bits twice, drift, averages."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field, replace
from typing import Any

from bundle import Bundle, Model
from simulation import Crystal, Run, SimulationFailed, simulate

# Largest deviation of a force from the CPU's in double, in units of the largest force.
TOLERANCE = {"double": 1e-10, "mixed": 2e-4}


@dataclass
class Check:
    """One line of the table."""

    what: str
    value: str
    passed: bool | None  # None: nothing that can fail
    data: dict[str, Any] = field(default_factory=dict)


def _columns(rows: list[list[str]], first: int) -> list[float]:
    return [float(word) for row in rows for word in row[first : first + 3]]


def _deviation(a: list[list[str]], b: list[list[str]]) -> float:
    """Largest difference of forces in units of the largest force."""
    x, y = _columns(a, 4), _columns(b, 4)
    if len(x) != len(y) or not x:
        return float("inf")
    scale = max(map(abs, y))
    return max(abs(p - q) for p, q in zip(x, y)) / scale


def equals_cpu(bundle: Bundle, model: Model, n_atoms: int, ranks: int) -> list[Check]:
    """Forces, energy and pressure of displaced crystals; tilted, ranks, newton off."""
    checks = []
    crystal = Crystal.with_atoms(n_atoms, displaced=0.25)
    tilted = Crystal(crystal.cells, displaced=0.25, tilted=True)
    cases = [
        Run(crystal, dump=True),
        Run(tilted, ranks=ranks, dump=True),
        Run(crystal, ranks=ranks, newton="off", dump=True),
    ]
    on_cpu = "device cpu precision double"
    references = [simulate(bundle, model, replace(run, settings=on_cpu)) for run in cases]
    for precision in ("double", "mixed"):
        worst, energy, pressure = 0.0, 0.0, 0.0
        for run, cpu in zip(cases, references):
            settings = f"device cuda precision {precision}"
            device = simulate(bundle, model, replace(run, settings=settings))
            worst = max(worst, _deviation(device.rows, cpu.rows))
            a, b = device.loops[-1].rows[-1], cpu.loops[-1].rows[-1]
            energy = max(energy, abs(a[2] - b[2]) / crystal.n_atoms)
            pressure = max(pressure, abs(a[4] - b[4]) / max(1.0, abs(b[4])))
        checks.append(
            Check(
                f"{model.name}, {precision}: forces of the device and of the CPU (double)",
                f"{worst:.1e} of the largest",
                worst <= TOLERANCE[precision],
                {"force": worst, "energy_per_atom": energy, "pressure": pressure},
            )
        )
    return checks


def same_bits(bundle: Bundle, model: Model, n_atoms: int, ranks: int, steps: int) -> list[Check]:
    """Two runs with `deterministic yes` end at the same bits; without, it is only said."""
    checks = []
    for precision in ("double", "mixed"):
        for deterministic in ("yes", "no"):
            which = f"deterministic {deterministic}"
            run = Run(
                Crystal.with_atoms(n_atoms, displaced=0.1),
                settings=f"device cuda precision {precision} {which}",
                ranks=ranks,
                temperature=300.0,
                steps=[steps],
                dump=True,
            )
            first, second = (simulate(bundle, model, run).rows for _ in range(2))
            same = first == second
            checks.append(
                Check(
                    f"{model.name}, {precision}: {steps} steps twice, {which}",
                    "the same bits" if same else "other bits",
                    same if deterministic == "yes" else None,
                    {"same": same},
                )
            )
    return checks


def _slope(xs: list[float], ys: list[float]) -> float:
    """Slope of a straight line through points, by least squares."""
    x0, y0 = statistics.fmean(xs), statistics.fmean(ys)
    return sum((x - x0) * (y - y0) for x, y in zip(xs, ys)) / sum((x - x0) ** 2 for x in xs)


def _mean(values: list[float]) -> tuple[float, float]:
    """Mean and its standard error from ten blocks."""
    n = len(values) // 10
    blocks = [statistics.fmean(values[k * n : (k + 1) * n]) for k in range(10)]
    return statistics.fmean(values), statistics.stdev(blocks) / 10**0.5


def drift_and_averages(
    bundle: Bundle, model: Model, n_atoms: int, picoseconds: float, cpu_ranks: int
) -> list[Check]:
    """NVE at about 600 K on CPU and device: drift of energy, mean temperature and pressure."""
    steps = max(100, round(1000 * picoseconds / model.timestep))
    every = max(1, steps // 1000)
    checks = []
    means: dict[str, dict[str, tuple[float, float]]] = {}
    for where in ("cpu double", "cuda double", "cuda mixed"):
        device, precision = where.split()
        run = Run(
            Crystal.with_atoms(n_atoms),
            settings=f"device {device} precision {precision}",
            ranks=cpu_ranks if device == "cpu" else 1,
            temperature=1200.0,
            warm=steps // 10,
            steps=[steps],
            thermo=every,
        )
        try:
            seen = simulate(bundle, model, run)
        except SimulationFailed as error:
            checks.append(Check(f"{model.name}, {where}: NVE", f"failed: {error}", False))
            continue
        rows = seen.loops[-1].rows
        times = [1e-6 * model.timestep * row[0] for row in rows]  # ns
        drift = _slope(times, [row[3] for row in rows]) / run.crystal.n_atoms
        means[where] = {
            "temperature": _mean([row[1] for row in rows]),
            "pressure": _mean([row[4] for row in rows]),
        }
        temperature, pressure = means[where]["temperature"], means[where]["pressure"]
        same = None
        if device == "cuda" and "cpu double" in means:
            # Five standard errors: averages of two different trajectories.
            same = all(
                abs(means[where][k][0] - means["cpu double"][k][0])
                <= 5 * (means[where][k][1] ** 2 + means["cpu double"][k][1] ** 2) ** 0.5 + 1e-9
                for k in ("temperature", "pressure")
            )
        checks.append(
            Check(
                f"{model.name}, {where}: NVE, {run.crystal.n_atoms} atoms, "
                f"{steps * model.timestep / 1000:g} ps",
                f"drift {drift:+.1e} eV/atom/ns, T {temperature[0]:.1f} ± {temperature[1]:.1f} K, "
                f"P {pressure[0] / 1e4:.3f} ± {pressure[1] / 1e4:.3f} GPa",
                same,
                {"drift": drift, **means[where]},
            )
        )
    return checks
