// SPDX-License-Identifier: BSD-3-Clause
// ACE functions of a chunk as features of a readout, and the way back.
#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "cuda/terms/ace/edges_stage.hpp"
#include "cuda/terms/descriptor_stage.hpp"
#include "models/ace/ace_features.hpp"
#include "models/ace/kernels/feature_views.hpp"

namespace tektite::cuda {

/// In the precision T (double or float): tables on the device and kernels.
template <typename T>
class AceFeatureStage final : public DescriptorStage<T> {
public:
    AceFeatureStage(Context& context, Tables& tables, const ace::Features& descriptor);

    [[nodiscard]] int n_features() const override { return n_features_; }
    void lay_out(Arena& arena, std::int64_t stride, int most_edges) override;
    void forward(const EdgeChunk& chunk) const override;
    void backward(const EdgeChunk& chunk) const override;

private:
    using DescriptorStage<T>::features_;
    using DescriptorStage<T>::adjoint_;
    Context* context_;
    AceEdgesStage<T> edges_;
    std::vector<ace::FeatureView<T>> views_;  // [n_elements]
    AceScratch<T> scratch_{};
    T* products_ = nullptr;
    int n_features_ = 0, n_nodes_ = 0, n_products_ = 0;
};

}  // namespace tektite::cuda
