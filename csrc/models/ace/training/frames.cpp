// SPDX-License-Identifier: BSD-3-Clause
#include "models/ace/training/frames.hpp"

#include <string>
#include <utility>

#include "tektite/error.hpp"

namespace tektite::ace::training {

Frames::Frames(std::vector<double> positions, std::vector<std::int32_t> species,
               std::vector<std::int64_t> offsets, std::span<const Box> boxes, int n_elements, double cutoff,
               int n_threads)
    : positions_(std::move(positions)),
      species_(std::move(species)),
      frame_of_(species_.size()),
      offsets_(std::move(offsets)),
      n_elements_(n_elements),
      cutoff_(cutoff) {
    if (species_.size() * 3 != positions_.size())
        throw Error(ErrorCode::invalid_argument,
                    "training frames: there must be one species for each position");
    batch_.build(positions_, offsets_, boxes, cutoff, n_threads);
    for (std::size_t f = 0; f < size(); ++f)
        for (auto i = static_cast<std::size_t>(offsets_[f]); i < static_cast<std::size_t>(offsets_[f + 1]);
             ++i) {
            frame_of_[i] = static_cast<std::int32_t>(f);
            if (species_[i] < 0 || species_[i] >= n_elements)
                throw Error(ErrorCode::invalid_argument,
                            "frame " + std::to_string(f) + ": atom " +
                                std::to_string(i - static_cast<std::size_t>(offsets_[f])) +
                                " has species index " + std::to_string(species_[i]) + "; expected 0 to " +
                                std::to_string(n_elements - 1));
        }
    cluster_.positions = positions_;
    cluster_.species = species_;
    batch_.attach(cluster_);
}

std::size_t Frames::memory() const {
    return batch_.memory() + positions_.capacity() * sizeof(double) +
           (species_.capacity() + frame_of_.capacity()) * sizeof(std::int32_t) +
           offsets_.capacity() * sizeof(std::int64_t);
}

}  // namespace tektite::ace::training
