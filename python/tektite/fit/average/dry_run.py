# SPDX-License-Identifier: BSD-3-Clause
"""`tektite fit --dry-run` of averages: sizes, memory and time, without fitting anything."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rich.progress import Progress

from tektite.data import Frame
from tektite.fit.average.config import AverageFitConfig
from tektite.fit.dry_run import AceEstimate
from tektite.fit.dry_run import estimate as estimate_member
from tektite.fit.estimate import Estimate


@dataclasses.dataclass(kw_only=True)
class AverageEstimate(Estimate):
    """What the fit of an average will need; members: what each does."""

    members: list[AceEstimate]

    def sizes(self) -> list[tuple[str, str]]:
        """See `Estimate`."""
        return [
            (f"member {k + 1}, {name}", text)
            for k, member in enumerate(self.members)
            for name, text in member.sizes()
        ]


def estimate(
    config: AverageFitConfig,
    train: Sequence[Frame],
    test: Sequence[Frame] = (),
    progress: Progress | None = None,
) -> AverageEstimate:
    """Estimate what `fit_average_frames` will need; errors as there."""
    members = [estimate_member(m, train, test, progress) for m in config.member_configs()]
    named = [(f"member {k + 1}, ", member) for k, member in enumerate(members)]
    first = members[0]
    return AverageEstimate(
        n_frames=first.n_frames,
        n_atoms=first.n_atoms,
        n_neighbors=max(m.n_neighbors for m in members),
        n_parameters=sum(m.n_parameters for m in members),
        n_rows=first.n_rows,
        threads=first.threads,
        memory={name + step: size for name, m in named for step, size in m.memory.items()},
        most_memory=max(m.most_memory for m in members),
        seconds={name + step: time for name, m in named for step, time in m.seconds.items()},
        members=members,
    )
